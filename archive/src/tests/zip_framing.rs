//! A zip's end, its directory, and that every byte belongs to one entry.

use super::zips::{Item, end, file, item, of_bytes, parts, zip};
use super::*;

#[track_caller]
fn zip_refused(bytes: &[u8], at: usize, why: &str) {
    refused(bytes, &format!("the zip, at byte {at}: {why}"));
}

const GAP: &str = "bytes here belong to two entries, or to none";
const CONTRADICTION: &str = "its records contradict each other";
const NO_END: &str = "its end record is not at its end: it is cut short, or something follows it";

#[test]
fn an_end_that_is_not_at_the_end_is_refused() {
    let bytes = zip(&[file("f", "x")]);
    zip_refused(&[&bytes[..], b"x"].concat(), bytes.len() + 1, NO_END);
    zip_refused(&bytes[..bytes.len() - 1], bytes.len() - 1, NO_END);
    let mut comment = bytes;
    let at = comment.len() - 2;
    comment[at] = 3;
    zip_refused(&[&comment[..], b"ab"].concat(), comment.len() + 2, NO_END);
    becomes(&[&comment[..], b"abc"].concat(), &[("f", "= x")]);
}

#[test]
fn two_ends_are_refused() {
    let (bytes, directory) = parts(&[file("f", "x")]);
    let inner = end(0, 0, 0, b"");
    let outer = end(1, directory.len(), bytes.len(), &inner);
    let at = bytes.len() + directory.len() + 22;
    zip_refused(&[bytes, directory, outer].concat(), at, "it has two end records");
}

#[test]
fn the_longest_comment_is_read() {
    let (bytes, directory) = parts(&[file("f", "x")]);
    let end = end(1, directory.len(), bytes.len(), &[b'c'; 65535]);
    becomes(&[bytes, directory, end].concat(), &[("f", "= x")]);
}

#[test]
fn bytes_that_belong_to_no_entry_are_refused() {
    let whole = zip(&[file("f", "x")]);
    // With a prefix, as in a self-extracting program, offsets shift and nothing matches.
    let (bytes, directory) = parts(&[file("f", "x")]);
    let shifted = end(1, directory.len(), bytes.len() + 4, b"");
    let mut in_front = [b"PK\x03\x04", &bytes[..], &directory, &shifted].concat();
    zip_refused(&in_front, 0, CONTRADICTION);
    let offset = 4 + bytes.len() + 42;
    in_front[offset] = 4;
    zip_refused(&in_front, 0, GAP);
    zip_refused(&[b"PK\x03\x04", &whole[..]].concat(), whole.len() + 4 - 22, CONTRADICTION);
    // Between entries, and before the directory.
    let gap = Item { gap: b"PK".to_vec(), ..file("f", "x") };
    zip_refused(&zip(&[gap.clone(), file("g", "")]), 32, GAP);
    zip_refused(&zip(&[gap]), 32, GAP);
    // Between the directory and the end.
    let end = end(1, directory.len(), bytes.len(), b"");
    let at = bytes.len() + directory.len() + 3;
    zip_refused(&[&bytes[..], &directory, b"xyz", &end].concat(), at, CONTRADICTION);
}

#[test]
fn entries_that_overlap_are_refused() {
    // The bomb whose entries share their data: the second begins inside the first.
    let inner = zip(&[file("g", "x")]);
    let (local, _) = inner.split_at(32);
    let (bytes, mut directory) = parts(&[of_bytes("f", 0o100_644, local), file("g", "x")]);
    let second = 46 + 1;
    directory[second + 42..second + 46].copy_from_slice(&31_u32.to_le_bytes());
    let bytes = &bytes[..63];
    zip_refused(&[bytes, &directory, &end(2, directory.len(), 63, b"")].concat(), 0, GAP);
    // Two entries of the directory for one place.
    let (bytes, one) = parts(&[file("f", "x")]);
    let directory = [&one[..], &one].concat();
    let end = end(2, directory.len(), bytes.len(), b"");
    zip_refused(&[bytes, directory, end].concat(), 0, GAP);
}

#[test]
fn a_directory_that_is_cut_short_or_too_long_is_refused() {
    let (bytes, directory) = parts(&[file("f", "x"), file("g", "y")]);
    let made = |entries, size: usize| {
        [&bytes[..], &directory[..size], &end(entries, size, bytes.len(), b"")].concat()
    };
    becomes(&made(2, directory.len()), &[("f", "= x"), ("g", "= y")]);
    zip_refused(&made(1, directory.len()), bytes.len() + 47, CONTRADICTION);
    zip_refused(&made(3, directory.len()), bytes.len(), CONTRADICTION);
    for size in 48..directory.len() {
        let error = try_unpack(&made(2, size), &all()).expect_err("cut short");
        assert!(matches!(error, UnpackError::Zip { .. }), "{error}");
    }
    // The second entry exists, and is not in the directory.
    zip_refused(&made(1, 47), 32, GAP);
}

#[test]
fn volumes_are_refused() {
    let mut bytes = zip(&[file("f", "x")]);
    let at = bytes.len() - 22;
    bytes[at + 4] = 1;
    zip_refused(&bytes, at, "it is one of several volumes");
}

#[test]
fn a_local_header_that_differs_is_refused() {
    let truth = file("f", "x");
    let lies = [
        Item { local_name: Some(b"g".to_vec()), ..truth.clone() },
        Item { local: Some([truth.crc, 1, 2]), ..truth.clone() },
        Item { local: Some([truth.crc, 2, 1]), ..truth.clone() },
        Item { local: Some([1, 1, 1]), ..truth.clone() },
        Item { local: Some([0, 0, 0]), ..truth.clone() },
    ];
    for lie in lies {
        zip_refused(&zip(&[lie]), 0, CONTRADICTION);
    }
    for at in [6, 7, 8] {
        let mut bytes = zip(std::slice::from_ref(&truth));
        bytes[at] ^= 8;
        zip_refused(&bytes, 0, CONTRADICTION);
    }
    let mut bytes = zip(&[file("a", ""), truth]);
    bytes[31] = b'Q';
    zip_refused(&bytes, 31, "a record is damaged or cut short");
}

#[test]
fn a_name_that_reaches_into_the_next_entry_is_refused() {
    let mut bytes = zip(&[file("f", "x"), file("g", "")]);
    bytes[26] = 3;
    zip_refused(&bytes, 0, GAP);
}

#[test]
fn a_descriptor_follows_its_data_and_agrees() {
    let truth = Item { flags: 8, local: Some([0, 0, 0]), ..file("f", "xyz") };
    let short = [truth.crc, 3, 3].map(u32::to_le_bytes).concat();
    let long = [&truth.crc.to_le_bytes()[..], &3_u64.to_le_bytes(), &3_u64.to_le_bytes()].concat();
    let signed = |bytes: &[u8]| [b"PK\x07\x08", bytes].concat();
    for descriptor in [short.clone(), signed(&short), long.clone(), signed(&long)] {
        let one = Item { descriptor: descriptor.clone(), ..truth.clone() };
        becomes(&zip(&[one.clone(), file("g", "")]), &[("f", "= xyz"), ("g", "= ")]);
        becomes(&zip(&[Item { local: None, ..one.clone() }]), &[("f", "= xyz")]);
        for at in 0..descriptor.len() {
            let mut wrong = descriptor.clone();
            wrong[at] ^= 1;
            let error =
                try_unpack(&zip(&[Item { descriptor: wrong, ..one.clone() }]), &all()).expect_err("a lie");
            assert!(error.to_string().starts_with("the zip, at byte 34: "), "{error}");
        }
    }
    zip_refused(&zip(std::slice::from_ref(&truth)), 34, GAP);
    zip_refused(&zip(&[Item { descriptor: short[..11].to_vec(), ..truth.clone() }]), 34, GAP);
    let unannounced = Item { flags: 0, local: None, descriptor: short, ..truth };
    zip_refused(&zip(&[unannounced]), 34, GAP);
}

/// The extra field of zip64, with these numbers.
fn zip64(numbers: &[u64]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    [&[1, 0, u8::try_from(numbers.len()).expect("few"), 0], &numbers[..]].concat()
}

#[test]
fn numbers_of_64_bits_are_read_and_have_to_be_needed() {
    let wide = Item {
        local: Some([file("f", "x").crc, u32::MAX, u32::MAX]),
        local_extra: zip64(&[1, 1]),
        ..file("f", "x")
    };
    becomes(&zip(std::slice::from_ref(&wide)), &[("f", "= x")]);
    let lie = Item { local_extra: zip64(&[1, 2]), ..wide.clone() };
    zip_refused(&zip(&[lie]), 0, CONTRADICTION);
    let missing = Item { local_extra: Vec::new(), ..wide };
    zip_refused(&zip(&[missing]), 0, "a record is damaged or cut short");
    let needless = Item { extra: zip64(&[1]), ..file("f", "x") };
    zip_refused(&zip(&[needless]), 32, CONTRADICTION);
    let twice = Item { local_extra: [zip64(&[1, 1]), zip64(&[1, 1])].concat(), ..file("f", "x") };
    zip_refused(&zip(&[twice]), 0, CONTRADICTION);
    // In the directory.
    let (bytes, mut directory) = parts(&[Item { extra: zip64(&[1, 1, 0]), ..file("f", "x") }]);
    directory[20..28].fill(0xff);
    directory[42..46].fill(0xff);
    let whole =
        |directory: &[u8]| [&bytes[..], directory, &end(1, directory.len(), bytes.len(), b"")].concat();
    becomes(&whole(&directory), &[("f", "= x")]);
    directory[42..46].fill(0);
    zip_refused(&whole(&directory), bytes.len(), CONTRADICTION);
}

#[test]
fn an_end_of_64_bits_is_read_and_has_to_agree() {
    let (bytes, directory) = parts(&[file("f", "x"), item("d/", 0o040_755, "")]);
    let numbers = |entries: u64| {
        let numbers = [44, 0x2d_001e, 0, entries, entries, directory.len() as u64, bytes.len() as u64];
        let mut record = b"PK\x06\x06".to_vec();
        record.extend_from_slice(&numbers[0].to_le_bytes());
        record.extend_from_slice(&0x2d_001e_u32.to_le_bytes());
        record.extend_from_slice(&[0; 8]);
        record.extend(numbers[3..].iter().flat_map(|number| number.to_le_bytes()));
        record
    };
    let at = (bytes.len() + directory.len()) as u64;
    let whole = |record: &[u8], at: u64, short: &[u8]| {
        let locator = [b"PK\x06\x07\0\0\0\0", &at.to_le_bytes()[..], &[1, 0, 0, 0]].concat();
        [&bytes[..], &directory, record, &locator, short].concat()
    };
    let mut saturated = end(0xffff, 0, 0, b"");
    saturated[12..20].fill(0xff);
    let expected = [("f", "= x"), ("d/", "/")];
    becomes(&whole(&numbers(2), at, &saturated), &expected);
    becomes(&whole(&numbers(2), at, &end(2, directory.len(), bytes.len(), b"")), &expected);
    let start = usize::try_from(at).expect("small");
    zip_refused(&whole(&numbers(2), at, &end(1, directory.len(), bytes.len(), b"")), start, CONTRADICTION);
    zip_refused(&whole(&numbers(2), at - 1, &saturated), start + 56, CONTRADICTION);
    zip_refused(&whole(&numbers(3), at, &saturated), bytes.len(), CONTRADICTION);
    let mut wrong = numbers(2);
    wrong[0] = b'Q';
    zip_refused(&whole(&wrong, at, &saturated), start, "a record is damaged or cut short");
}

#[test]
fn an_empty_zip_has_nothing() {
    refused(&end(0, 0, 0, b""), "nothing is left of it: the tree would be empty");
}
