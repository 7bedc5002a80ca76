//! pax headers, and GNU tar's long names.

use super::*;

#[track_caller]
fn records_refused(records: &[u8], why: &str) {
    let bytes = Tar::default().entry(b"x", b'x', records, b"").file("f", "").end();
    refused(&bytes, &format!("the tar, at byte 0: {why}"));
}

#[test]
fn records_that_are_malformed_are_refused() {
    let malformed = "a pax record is malformed";
    let records: [&[u8]; 12] = [
        b"x",
        b"9 path=a\nx",
        b"11 path=a\n",
        b"8 path=a\n",
        b"path=a\n",
        b"0 \n",
        b"3 \n",
        b"5 a=b",
        b"6 ab=\0",
        b"4 =\n",
        b"-1 a=b\n",
        b"99999999999999999999999 a=b\n",
    ];
    for bytes in records {
        records_refused(bytes, malformed);
    }
}

#[test]
fn a_significant_key_occurs_once() {
    for (key, value) in [("path", "a"), ("linkpath", "a"), ("size", "0"), ("GNU.sparse.major", "1")] {
        records_refused(
            &records_of(&[(key, value), (key, value)]),
            &format!("the pax key {key} occurs twice"),
        );
    }
}

#[test]
fn an_invalid_value_is_refused() {
    for (key, value) in [
        ("path", ""),
        ("linkpath", ""),
        ("size", ""),
        ("size", "-1"),
        ("size", "1.5"),
        ("size", "9223372036854775808"),
        ("size", "99999999999999999999"),
        ("GNU.sparse.map", "1"),
        ("GNU.sparse.map", "1,2,"),
        ("GNU.sparse.numbytes", "1"),
        ("GNU.sparse.new", "1"),
    ] {
        records_refused(&record(key, value.as_bytes()), &format!("the pax key {key} has an invalid value"));
    }
}

#[test]
fn a_global_header_sets_no_name_target_or_size() {
    for key in ["path", "linkpath", "size", "GNU.sparse.size"] {
        let bytes = Tar::default().entry(b"g", b'g', &record(key, b"1"), b"").file("f", "").end();
        refused(&bytes, &format!("the tar, at byte 0: a global pax header sets {key} for every entry"));
    }
    let bytes = Tar::default().entry(b"g", b'g', b"garbage", b"").file("f", "").end();
    refused(&bytes, "the tar, at byte 0: a pax record is malformed");
    let bytes = Tar::default().entry(b"g", b'g', &record("comment", b"a commit"), b"").file("f", "").end();
    becomes(&bytes, &[("f", "= ")]);
}

#[test]
fn two_headers_that_name_one_entry_are_refused() {
    let why = "one entry has two extended headers of a kind, or two long names";
    let (path, long) = (record("path", b"a"), b"b\0");
    let two = |one: (u8, &[u8]), other: (u8, &[u8])| {
        Tar::default()
            .entry(b"x", one.0, one.1, b"")
            .entry(b"x", other.0, other.1, b"")
            .symlink("l", "t")
            .end()
    };
    refused(&two((b'x', &path), (b'x', &path)), &format!("the tar, at byte 1024: {why}"));
    refused(&two((b'L', long), (b'L', long)), &format!("the tar, at byte 1024: {why}"));
    refused(&two((b'K', long), (b'K', long)), &format!("the tar, at byte 1024: {why}"));
    refused(&two((b'x', &path), (b'L', long)), &format!("the tar, at byte 2048: {why}"));
    refused(&two((b'L', long), (b'x', &path)), &format!("the tar, at byte 2048: {why}"));
    refused(&two((b'K', long), (b'x', &record("linkpath", b"c"))), &format!("the tar, at byte 2048: {why}"));
}

#[test]
fn an_extended_header_without_an_entry_is_refused() {
    for kind in [b'x', b'L', b'K'] {
        let bytes = Tar::default().file("f", "").entry(b"x", kind, &record("path", b"a"), b"").end();
        refused(&bytes, "the tar, at byte 1536: an extended header is the last thing before the end");
    }
}

#[test]
fn a_header_that_is_too_long_is_refused() {
    for kind in [b'x', b'g', b'L', b'K'] {
        let bytes = Tar::default().raw(&header(b"x", kind, (8 << 20) + 1, b"")).end();
        refused(
            &bytes,
            "the tar, at byte 0: an extended header has 8388609 bytes; at most 8388608 are allowed",
        );
    }
    let comment = "c".repeat(1 << 20);
    becomes(&Tar::default().pax(&[("comment", &comment)]).file("f", "").end(), &[("f", "= ")]);
}

#[test]
fn pax_headers_name_and_size_their_entry_alone() {
    let long = format!("{}/f", "d".repeat(200));
    let tar = Tar::default().pax(&[("mtime", "1.5"), ("mtime", "2"), ("path", &long), ("size", "3")]);
    let tar = tar.raw(&header(b"cut", b'0', 0, b"")).raw(&padded(b"abc".to_vec()));
    let tar = tar.pax(&[("linkpath", &long)]).symlink("l", "cut").file("cut", "x");
    let target = format!("-> {long}");
    becomes(&tar.end(), &[(&long, "= abc"), ("l", &target), ("cut", "= x")]);
}

#[test]
fn long_names_of_gnu_name_their_entry_alone() {
    let (name, target) = ("n".repeat(250), "t".repeat(300));
    let tar = Tar::default().entry(b"././@LongLink", b'K', format!("{target}\0").as_bytes(), b"");
    let tar = tar.entry(b"././@LongLink", b'L', format!("{name}\0").as_bytes(), b"").symlink("cut", "cut");
    becomes(&tar.file("f", "").end(), &[(&name, &format!("-> {target}")), ("f", "= ")]);
}
