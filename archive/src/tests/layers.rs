//! Layers of images are read as Go's archive/tar reads them: a name here has the content that an engine runs. The
//! expectations are the results of Go 1.22's reader.

use super::*;
use crate::tar::{Policy, TarEntry, TarKind, TarReadError, TarReader};

fn entries(bytes: &[u8]) -> Result<Vec<TarEntry>, TarReadError> {
    let mut tar = TarReader::new(bytes, Policy::Lenient);
    let mut all = Vec::new();
    while let Some(entry) = tar.next_entry()? {
        all.push(entry);
    }
    Ok(all)
}

/// Name and kind of each entry: `f` for a file, `d` for a directory.
#[track_caller]
fn reads(bytes: &[u8], expected: &[&str]) {
    let kind = |entry: &TarEntry| match &entry.kind {
        TarKind::File => "f".to_owned(),
        TarKind::Directory => "d".to_owned(),
        TarKind::Symlink(to) => format!("l {}", String::from_utf8_lossy(to)),
        TarKind::HardLink(to) => format!("h {}", String::from_utf8_lossy(to)),
        other => format!("{other:?}"),
    };
    let found = entries(bytes).unwrap_or_else(|error| panic!("{error}"));
    let found: Vec<String> =
        found.iter().map(|it| format!("{} {}", String::from_utf8_lossy(&it.name), kind(it))).collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn fails(bytes: &[u8], why: &str) {
    match entries(bytes) {
        Ok(found) => panic!("it was taken: {found:?}"),
        Err(error) => assert!(error.to_string().contains(why), "{error}"),
    }
}

#[test]
fn gnus_long_name_counts_more_than_pax_in_either_order() {
    let gnu = |tar: Tar| tar.entry(b"././@LongLink", b'L', b"gnu\0", b"");
    let pax = |tar: Tar| tar.pax(&[("path", "pax")]);
    reads(&pax(gnu(Tar::default())).file("f", "x").end(), &["gnu f"]);
    reads(&gnu(pax(Tar::default())).file("f", "x").end(), &["gnu f"]);
    let link = Tar::default().entry(b"K", b'K', b"gnu\0x", b"").pax(&[("linkpath", "pax")]);
    reads(&link.symlink("l", "t").end(), &["l l gnu"]);
}

#[test]
fn the_second_of_two_pax_headers_replaces_the_first() {
    let tar = Tar::default().pax(&[("path", "a"), ("linkpath", "b")]).pax(&[("path", "c")]);
    reads(&tar.symlink("l", "t").end(), &["c l t"]);
    let tar = Tar::default().pax(&[("path", "a")]).pax(&[("comment", "")]);
    reads(&tar.file("f", "x").end(), &["f f"]);
    // A global header uses up the headers before it.
    let tar = Tar::default().pax(&[("path", "a")]).entry(b"g", b'g', &record("path", b"g"), b"");
    reads(&tar.file("f", "x").end(), &["f f"]);
}

#[test]
fn an_empty_value_is_ignored_and_the_last_of_two_counts() {
    reads(&Tar::default().pax(&[("path", ""), ("uid", "")]).file("f", "x").end(), &["f f"]);
    reads(&Tar::default().pax(&[("path", "a"), ("path", "b")]).file("f", "x").end(), &["b f"]);
    reads(&Tar::default().pax(&[("path", "a"), ("path", "")]).file("f", "x").end(), &["f f"]);
    reads(&Tar::default().entry(b"L", b'L', b"\0", b"").file("f", "x").end(), &["f f"]);
}

#[test]
fn only_without_a_type_a_slash_means_a_directory() {
    reads(&Tar::default().entry(b"a/", 0, b"", b"").end(), &["a/ d"]);
    reads(&Tar::default().entry(b"a/", b'0', b"text", b"").file("b", "").end(), &["a/ f", "b f"]);
    reads(&Tar::default().entry(b"a/", b'7', b"", b"").end(), &["a/ f"]);
    let tar = Tar::default().pax(&[("path", "long/")]);
    reads(&tar.entry(b"a", 0, b"", b"").end(), &["long/ d"]);
}

#[test]
fn no_data_follows_a_non_file_whatever_its_header_states() {
    for flag in b"123456" {
        let tar = Tar::default().raw(&header(b"a", *flag, 1000, b"t")).file("b", "x");
        assert_eq!(entries(&tar.end()).unwrap().len(), 2, "{}", char::from(*flag));
    }
}

#[test]
fn the_end_may_be_missing_and_the_last_files_padding_too() {
    let tar = Tar::default().file("f", "text");
    for length in [512 + 4, 512 + 5, 1023, 1024] {
        reads(&tar.0[..length], &["f f"]);
    }
    fails(&tar.0[..515], "it is cut short");
    fails(&tar.0[..511], "it is cut short");
    reads(&tar.clone().raw(&[0; 512]).0, &["f f"]);
    // One block of zeros and something else is an error in Go, and anything after two of them is ignored.
    fails(&tar.clone().raw(&[0; 512]).file("g", "x").end(), "other bytes than zeros");
    reads(&tar.raw(&[0; 1024]).file("g", "x").end(), &["f f"]);
    fails(&Tar::default().pax(&[("path", "a")]).end(), "an extended header is the last thing");
}

#[test]
fn a_stars_prefix_ends_where_its_times_begin() {
    let mut block = header(b"f", b'0', 0, b"");
    block[345..350].copy_from_slice(b"above");
    block[476..488].copy_from_slice(b"00000000001 ");
    block[508..].copy_from_slice(b"tar\0");
    reads(&Tar::default().raw(&sealed(block)).end(), &["above/f f"]);
    // In the place of GNU's times, a prefix of Go's old writers is a guess.
    let mut block = header(b"f", b'0', 0, b"");
    block[257..265].copy_from_slice(b"ustar  \0");
    block[345..350].copy_from_slice(b"above");
    fails(&Tar::default().raw(&sealed(block)).end(), "time of access or change is not a number");
}

#[test]
fn owners_that_no_file_can_have_are_refused() {
    let owner = |tar: Tar| entries(&tar.file("f", "").end()).unwrap()[0].owner();
    assert_eq!(owner(Tar::default().pax(&[("uid", "4294967294"), ("gid", "5")])), Ok((4_294_967_294, 5)));
    for (key, field) in [("uid", "user"), ("gid", "group")] {
        for id in ["4294967295", "4294967296"] {
            let error = owner(Tar::default().pax(&[(key, id)])).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }
    fails(&Tar::default().pax(&[("uid", "-1")]).file("f", "").end(), "the pax key uid");
}

#[test]
fn layers_have_no_sparse_files() {
    fails(&Tar::default().entry(b"f", b'S', b"", b"").end(), "a sparse file");
    fails(&Tar::default().pax(&[("GNU.sparse.major", "1")]).file("f", "").end(), "a sparse file");
}
