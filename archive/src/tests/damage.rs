//! Random trees come out as they went in, and bytes that were changed do no harm.

use proptest::prelude::*;

use super::*;

fn trees() -> impl Strategy<Value = Summary> {
    let name = "[a-c]{1,2}(/[a-c]{1,2}){0,3}";
    let what = prop_oneof!["= [a-z]{0,3}", "\\* [x]{500,1100}", "-> [a-c]{1,3}"];
    prop::collection::btree_map(name, what, 1..12).prop_map(|entries| {
        // No entry may pass through another one.
        let mut kept = Summary::new();
        for (path, what) in entries {
            let clash = |one: &str, other: &str| one.starts_with(&format!("{other}/"));
            if !kept.keys().any(|before| clash(before, &path) || clash(&path, before)) {
                kept.insert(path, what);
            }
        }
        kept
    })
}

fn tar_of(seen: &Summary) -> Vec<u8> {
    let mut tar = Tar::default();
    for (path, what) in seen {
        let (sign, text) = what.split_at(what.find(' ').expect("a sign") + 1);
        tar = match sign {
            "-> " => tar.symlink(path, text),
            sign => {
                let mut block = header(path.as_bytes(), b'0', text.len(), b"");
                block[100..107].copy_from_slice(if sign == "* " { b"0000755" } else { b"0000644" });
                tar.raw(&sealed(block)).raw(&padded(text.as_bytes().to_vec()))
            }
        };
    }
    tar.end()
}

proptest! {
    #[test]
    fn a_tree_comes_out_as_it_went_in(seen in trees()) {
        prop_assert_eq!(try_unpack(&tar_of(&seen), &all()).expect("a tree"), seen);
    }

    #[test]
    fn any_bytes_behind_a_header_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = try_unpack(&Tar::default().file("f", "").raw(&bytes).end(), &all());
    }
}

/// What the bytes `0..512` of a header are that the checksum guards.
#[test]
fn a_bit_that_flips_in_a_header_is_noticed_or_means_nothing() {
    let tar = Tar::default().file("d/f", "text").symlink("l", "d").end();
    let whole = try_unpack(&tar, &all()).expect("whole");
    for at in 0..tar.len() {
        for bit in 0..8 {
            let mut bytes = tar.clone();
            bytes[at] ^= 1 << bit;
            let Ok(found) = try_unpack(&bytes, &all()) else { continue };
            let in_content = (512..516).contains(&at);
            assert!(found == whole || in_content, "bit {bit} of byte {at}: {found:?}");
        }
    }
}

#[test]
fn no_bit_that_flips_in_extended_headers_and_maps_does_harm() {
    let map = padded(b"1\n3\n2\n".to_vec());
    let records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "s")];
    let mut old = header(b"o", b'S', 0, b"");
    old[257..265].copy_from_slice(b"ustar  \0");
    old[386..397].copy_from_slice(b"00000000003");
    old[398..409].copy_from_slice(b"00000000000");
    old[483..494].copy_from_slice(b"00000000007");
    let tar = Tar::default().pax(&[&records[..], &[("GNU.sparse.realsize", "9")]].concat());
    let tar = tar.entry(b"x", b'0', &[&map[..], b"ab"].concat(), b"").raw(&sealed(old));
    let tar = tar
        .entry(b"L", b'L', b"long\0", b"")
        .symlink("l", "t")
        .pax(&[("path", "p"), ("size", "1")])
        .file("x", "1");
    let bytes = tar.end();
    let expected = [("s", "= \0\0\0ab\0\0\0\0"), ("o", "= \0\0\0\0\0\0\0"), ("long", "-> t"), ("p", "= 1")];
    becomes(&bytes, &expected);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            // Names and numbers in the data of extended headers have no checksum, so that other trees come of it.
            let _ = try_unpack(&bytes, &all());
        }
        if at < bytes.len() - 1024 {
            assert!(try_unpack(&bytes[..at], &all()).is_err(), "{at} bytes");
        }
    }
}

#[test]
fn a_zip_with_a_byte_changed_is_refused_or_differs_only_in_its_modes() {
    let zip = include_bytes!("samples/small.zip");
    let without_modes = |seen: Summary| -> Vec<(String, String)> {
        seen.into_iter()
            .map(|(path, what)| (path, what.trim_start_matches(['*', '=', '-', '>', ' ']).to_owned()))
            .collect()
    };
    let whole = without_modes(try_unpack(zip, &all()).expect("whole"));
    for at in 0..zip.len() {
        for bit in 0..8 {
            let mut bytes = zip.to_vec();
            bytes[at] ^= 1 << bit;
            // Attributes, and the system that says what they mean, stand once and no checksum guards them.
            if let Ok(found) = try_unpack(&bytes, &all()) {
                assert_eq!(without_modes(found), whole, "bit {bit} of byte {at}");
            }
        }
    }
    for length in 0..zip.len() {
        assert!(try_unpack(&zip[..length], &all()).is_err(), "{length} bytes");
    }
}
