//! Sparse files, in the four encodings of GNU tar.

use super::*;

/// Pax records of version 1.0 for a file with holes, `size` long.
fn version_1(size: &str) -> Tar {
    let records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "s")];
    Tar::default().pax(&[&records[..], &[("GNU.sparse.realsize", size)]].concat())
}

fn with_map(size: &str, map: &str, data: &str) -> Vec<u8> {
    let map = padded(map.as_bytes().to_vec());
    version_1(size).entry(b"made-up", b'0', &[&map, data.as_bytes()].concat(), b"").end()
}

/// The header of the old GNU format, with these pieces; `more` blocks follow it.
fn old(size: usize, stored: usize, pieces: &[(usize, usize)], more: bool) -> Tar {
    let mut block = header(b"s", b'S', stored, b"");
    block[257..265].copy_from_slice(b"ustar  \0");
    for (n, piece) in pieces.iter().enumerate() {
        block[386 + 24 * n..410 + 24 * n].copy_from_slice(&map_entry(*piece));
    }
    block[482] = more.into();
    block[483..494].copy_from_slice(format!("{size:011o}").as_bytes());
    Tar::default().raw(&sealed(block))
}

fn map_entry((offset, length): (usize, usize)) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..11].copy_from_slice(format!("{offset:011o}").as_bytes());
    bytes[12..23].copy_from_slice(format!("{length:011o}").as_bytes());
    bytes
}

#[track_caller]
fn map_refused(bytes: &[u8], why: &str) {
    let error = try_unpack(bytes, &all()).expect_err("its map is wrong").to_string();
    let (_, found) = error.split_once("the map of this sparse file is invalid: ").unwrap_or_default();
    assert_eq!(found, why, "{error}");
}

#[test]
fn maps_that_contradict_themselves_or_the_data_are_refused() {
    map_refused(&with_map("9", "2\n3\n2\n1\n1\n", "abc"), "its pieces are not in order");
    map_refused(&with_map("9", "2\n3\n2\n4\n1\n", "abc"), "its pieces are not in order");
    map_refused(&with_map("4", "1\n3\n2\n", "ab"), "a piece ends after the end of the file");
    map_refused(&with_map("9", "1\n3\n2\n", "abc"), "its pieces are not as long as the data");
    map_refused(&with_map("9", "1\n3\n2\n", "a"), "its pieces are not as long as the data");
    map_refused(
        &with_map("9", "1\n9223372036854775807\n2\n", "ab"),
        "a piece ends after the end of the file",
    );
    map_refused(&with_map("9", "x\n", "ab"), "a number in it is malformed");
    map_refused(&with_map("9", "\n", "ab"), "a number in it is malformed");
    map_refused(&with_map("9", "1\n\n2\n", "ab"), "a number in it is malformed");
    map_refused(&with_map("9", &"1".repeat(30), "ab"), "a number in it is malformed");
    map_refused(&with_map("9", "262145\n", ""), "it has more than 262144 pieces");
    map_refused(&with_map("9", "3\n0\n1\n", "a"), "a number in it is malformed");
    map_refused(
        &version_1("9").entry(b"m", b'0', b"1\n3\n", b"").end(),
        "its pieces are not as long as the data",
    );
    map_refused(
        &old(9, 3, &[(3, 2), (1, 1)], false).raw(&padded(b"abc".to_vec())).end(),
        "its pieces are not in order",
    );
    map_refused(
        &old(3, 2, &[(2, 2)], false).raw(&padded(b"ab".to_vec())).end(),
        "a piece ends after the end of the file",
    );
}

#[test]
fn records_of_no_version_are_refused() {
    let why = "its version is unknown";
    let file = |records: &[(&str, &str)]| Tar::default().pax(records).file("f", "").end();
    map_refused(&file(&[("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0")]), why);
    map_refused(&file(&[("GNU.sparse.name", "s")]), why);
    map_refused(&file(&[("GNU.sparse.size", "0"), ("GNU.sparse.numblocks", "0")]), why);
    map_refused(&file(&[("GNU.sparse.offset", "0")]), why);
    let mixed = [("GNU.sparse.size", "0"), ("GNU.sparse.numblocks", "0"), ("GNU.sparse.map", "")];
    map_refused(
        &file(&[&mixed[..], &[("GNU.sparse.realsize", "0"), ("GNU.sparse.name", "s")]].concat()),
        why,
    );
    let count = [("GNU.sparse.size", "9"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.map", "0,0")];
    map_refused(&file(&[&count[..], &[("GNU.sparse.name", "s")]].concat()), "a number in it is malformed");
    map_refused(&version_1("0").dir("d").end(), why);
    map_refused(&version_1("0").symlink("l", "t").end(), why);
    let records = [("GNU.sparse.size", "0"), ("GNU.sparse.numblocks", "0")];
    map_refused(
        &Tar::default()
            .pax(&[&records[..], &[("GNU.sparse.map", ""), ("GNU.sparse.name", "d/")]].concat())
            .file("f", "")
            .end(),
        why,
    );
    let mut slash = header(b"s/", b'S', 0, b"");
    slash[257..265].copy_from_slice(b"ustar  \0");
    slash[483..494].copy_from_slice(b"00000000001");
    map_refused(&Tar::default().raw(&sealed(slash)).end(), why);
    // Other dialects use the place of the map for other fields.
    map_refused(&Tar::default().entry(b"s", b'S', b"", b"").end(), why);
}

#[test]
fn a_sparse_file_that_is_cut_short_is_refused() {
    let whole = with_map("9", "1\n3\n2\n", "ab");
    for length in 1536..whole.len() - 1024 {
        let error = try_unpack(&whole[..length], &all()).expect_err("cut short").to_string();
        assert!(error.contains("cut short"), "{error}");
    }
}

#[test]
fn holes_count_like_bytes() {
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let how = Unpack { limits, ..all() };
    refused_with(&with_map("1048577", "0\n", ""), &how, "it unpacks to more than 1048576 bytes");
    let huge = with_map("9223372036854775807", "0\n", "");
    refused(&huge, "it unpacks to more than 17179869184 bytes");
    let large = with_map("17179869184", "0\n", "");
    let error = try_unpack(&large, &all()).expect_err("holes of 16 GiB").to_string();
    assert!(error.ends_with("and more; at most 200 for each are allowed"), "{error}");
}

#[test]
fn all_versions_give_the_same_file() {
    let (name, text) = ("s", "= \0\0\0ab\0c\0\0");
    becomes(&with_map("9", "3\n3\n2\n6\n1\n9\n0\n", "abc"), &[(name, text)]);
    let sizes = [("GNU.sparse.size", "9"), ("GNU.sparse.numblocks", "2")];
    let map = [("GNU.sparse.name", "s"), ("GNU.sparse.map", "3,2,6,1")];
    let version_0_1 = Tar::default().pax(&[sizes, map].concat()).file("made-up", "abc").end();
    becomes(&version_0_1, &[(name, text)]);
    let piece = |offset, length| [("GNU.sparse.offset", offset), ("GNU.sparse.numbytes", length)];
    let version_0_0 =
        Tar::default().pax(&[sizes, piece("3", "2"), piece("6", "1")].concat()).file("s", "abc").end();
    becomes(&version_0_0, &[(name, text)]);
    let oldest = old(9, 3, &[(3, 2), (6, 1)], false).raw(&padded(b"abc".to_vec())).end();
    becomes(&oldest, &[(name, text)]);
    let mut block = [0; 512];
    block[..24].copy_from_slice(&map_entry((6, 1)));
    let longer =
        old(9, 3, &[(0, 0), (1, 0), (2, 0), (3, 2)], true).raw(&block).raw(&padded(b"abc".to_vec())).end();
    becomes(&longer, &[(name, text)]);
}

#[test]
fn a_file_of_nothing_but_a_hole_is_zeros() {
    becomes(&with_map("3", "0\n", ""), &[("s", "= \0\0\0")]);
    becomes(&with_map("0", "0\n", ""), &[("s", "= ")]);
    becomes(&old(3, 0, &[], false).end(), &[("s", "= \0\0\0")]);
}
