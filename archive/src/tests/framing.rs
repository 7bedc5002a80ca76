//! A tar's headers, numbers and end.

use super::*;

#[track_caller]
fn header_refused(changes: &[(usize, &[u8])], why: &str) {
    let bytes = Tar::default().raw(&header_with(changes)).end();
    refused(&bytes, &format!("the tar, at byte 0: {why}"));
}

#[test]
fn a_tar_that_is_cut_short_is_refused_at_every_byte() {
    let whole = Tar::default().file("f", "text").dir("d").pax(&[("path", "g")]).file("x", "more").end();
    // The first block of zeros is the end; what follows it may be missing.
    let end = whole.len() - 512;
    for length in 0..end {
        let error = try_unpack(&whole[..length], &all()).expect_err("cut short");
        assert!(length < 512 || error.to_string().contains("cut short"), "{length}: {error}");
    }
    for length in end..=whole.len() {
        try_unpack(&whole[..length], &all()).expect("whole");
    }
}

#[test]
fn a_tar_without_its_end_is_refused() {
    let bytes = Tar::default().file("f", "").0;
    refused(&bytes, "the tar, at byte 512: it is cut short: the block of zeros at its end is missing");
}

#[test]
fn bytes_after_the_end_are_refused() {
    let why = "its end is followed by other bytes than zeros";
    let bytes = Tar::default().file("f", "").raw(&[0; 512]).file("g", "").end();
    refused(&bytes, &format!("the tar, at byte 1024: {why}"));
    let bytes = [Tar::default().file("f", "").end(), b"x".to_vec()].concat();
    refused(&bytes, &format!("the tar, at byte 1536: {why}"));
}

#[test]
fn any_number_of_zeros_ends_a_tar() {
    let tar = Tar::default().file("f", "");
    for zeros in [512, 513, 1024, 10240, 100_000] {
        becomes(&tar.clone().raw(&vec![0; zeros]).0, &[("f", "= ")]);
    }
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut bytes = Tar::default().file("f", "").file("g", "").end();
    bytes[512] = b'h';
    refused(&bytes, "the tar, at byte 512: the header's checksum is wrong");
    // The first header is recognised as a tar by its magic.
    let mut bytes = Tar::default().file("f", "").end();
    bytes[0] = b'h';
    refused(&bytes, "the tar, at byte 0: the header's checksum is wrong");
    let mut block = header(b"f", b'0', 0, b"");
    block[148..156].copy_from_slice(b"999999\0 ");
    refused(&Tar::default().raw(&block).end(), "the tar, at byte 0: the header's checksum is wrong");
}

#[test]
fn the_checksum_of_signed_bytes_is_accepted() {
    let mut block = header(b"\xe9\xe8", b'0', 0, b"");
    let sum = u32::from_str_radix(str::from_utf8(&block[148..154]).expect("digits"), 8).expect("a number");
    block[148..154].copy_from_slice(format!("{:06o}", sum - 512).as_bytes());
    becomes(&Tar::default().raw(&block).end(), &[(r"\xe9\xe8", "= ")]);
}

#[test]
fn malformed_numbers_are_refused() {
    header_refused(&[(124, b"00000000008")], "the header's size is not a number");
    header_refused(&[(124, b"           ")], "the header's size is not a number");
    header_refused(&[(124, &[0; 12])], "the header's size is not a number");
    header_refused(&[(124, b"1 1        ")], "the header's size is not a number");
    header_refused(&[(124, b"-0000000001")], "the header's size is not a number");
    header_refused(&[(100, b"0000x44")], "the header's mode is not a number");
    header_refused(&[(124, &[0xff; 12])], "the header's size is negative");
    header_refused(&[(124, &[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])], "the header's size is too large");
    header_refused(&[(124, &[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0])], "the header's size is too large");
}

#[test]
fn numbers_in_base_256_and_with_spaces_are_read() {
    let data = padded(b"abc".to_vec());
    for size in
        [&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3][..], b"         3\0\0", b"3          \0", b"000000000003"]
    {
        becomes(&Tar::default().raw(&header_with(&[(124, size)])).raw(&data).end(), &[("f", "= abc")]);
    }
}

#[test]
fn an_unknown_magic_is_refused() {
    header_refused(&[(257, b"ustar 00")], "the header's magic is unknown");
    header_refused(&[(257, b"ustarx")], "the header's magic is unknown");
}

#[test]
fn a_prefix_belongs_to_the_name_in_ustar_alone() {
    let name = |magic: &[u8]| {
        let bytes = Tar::default().raw(&header_with(&[(257, magic), (345, b"p/q\0garbage")])).end();
        try_unpack(&bytes, &all()).expect("a tar").into_keys().next().expect("a file")
    };
    assert_eq!(name(b"ustar\x0000"), "p/q/f");
    assert_eq!(name(b"ustar  \0"), "f");
    assert_eq!(name(&[0; 8]), "f");
}

#[test]
fn a_name_may_fill_its_field() {
    let name = "n".repeat(100);
    becomes(&Tar::default().file(&name, "").end(), &[(&name, "= ")]);
    let prefix = "p".repeat(155);
    let bytes = Tar::default().raw(&header_with(&[(345, prefix.as_bytes())])).end();
    becomes(&bytes, &[(&format!("{prefix}/f"), "= ")]);
}

#[test]
fn entries_that_trees_do_not_support_are_refused() {
    let kinds = [
        (b'3', "it is a device"),
        (b'4', "it is a device"),
        (b'6', "it is a fifo"),
        (b'X', "entries of kind 0x58 cannot be unpacked"),
        (b'8', "entries of kind 0x38 cannot be unpacked"),
    ];
    for (kind, why) in kinds {
        refused(&Tar::default().entry(b"f", kind, b"", b"").end(), &format!("entry f at byte 0: {why}"));
    }
    let gnu = "and belongs to GNU tar's incremental or multi-volume archives, which are not read";
    for (kind, what) in [
        (b'V', "the label of a volume"),
        (b'M', "the rest of a file that began in another volume"),
        (b'D', "the list of a directory in an incremental archive"),
        (b'N', "an old list of long names"),
    ] {
        let bytes = Tar::default().entry(b"f", kind, b"", b"").end();
        refused(&bytes, &format!("entry f at byte 0: it is {what}, {gnu}"));
    }
}

#[test]
fn a_link_or_directory_with_a_size_is_refused() {
    for kind in [b'1', b'2', b'5'] {
        let bytes = Tar::default().entry(b"x", kind, b"data", b"y").end();
        refused(&bytes, "entry x at byte 0: it is not a file, and its size is 4");
    }
    let bytes = Tar::default().file("d/", "data").end();
    refused(&bytes, "entry d/ at byte 0: it is not a file, and its size is 4");
}

#[test]
fn files_of_all_flags_and_old_directories_are_read() {
    let tar = Tar::default().entry(b"a", 0, b"1", b"").entry(b"b", b'7', b"2", b"").entry(b"c/", 0, b"", b"");
    becomes(&tar.dir("d/").end(), &[("a", "= 1"), ("b", "= 2"), ("c/", "/"), ("d/", "/")]);
}

#[test]
fn of_the_mode_only_the_owners_execute_bit_counts() {
    for (mode, what) in
        [("0000644", "= "), ("0000755", "* "), ("0000100", "* "), ("0000011", "= "), ("0007644", "= ")]
    {
        let bytes = Tar::default().raw(&header_with(&[(100, mode.as_bytes())])).end();
        becomes(&bytes, &[("f", what)]);
    }
}

#[test]
fn padding_is_ignored() {
    let mut bytes = Tar::default().file("f", "x").end();
    bytes[1000] = b'!';
    becomes(&bytes, &[("f", "= x")]);
}

#[test]
fn other_bytes_are_not_an_archive() {
    refused(b"", "this is not an archive: it seems to be empty");
    refused(b"hello\n", "this is not an archive: it seems to be text");
    refused(b"\n <!DOCTYPE HTML>", "this is not an archive: it seems to be a web page");
    refused(b"#!/bin/sh\n", "this is not an archive: it seems to be a script");
    refused(b"\x7fELF\x02", "this is not an archive: it seems to be an ELF program or library");
    let ar = "an ar archive, such as a Debian package or a static library";
    refused(b"!<arch>\ndebian", &format!("this is not an archive: it seems to be {ar}"));
    refused(&[1; 600], "this is not an archive: it seems to be one plain file of unknown kind");
}
