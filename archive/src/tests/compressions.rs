//! Compressed archives: truncated, damaged, with trailing bytes, and nested.

use std::io::Write;

use super::*;

const SMALL: &[(&str, &str)] = &[("d/f", "= hello\n"), ("d/run", "* #!/bin/sh\n"), ("d/link", "-> f")];

const TAR: &[u8] = include_bytes!("samples/small.tar");

/// The same tar, compressed by the standard tools.
const SAMPLES: [(&str, &[u8]); 5] = [
    ("gzip", include_bytes!("samples/small.tar.gz")),
    ("bzip2", include_bytes!("samples/small.tar.bz2")),
    ("xz", include_bytes!("samples/small.tar.xz")),
    ("zstd", include_bytes!("samples/small.tar.zst")),
    ("lzip", include_bytes!("samples/small.tar.lz")),
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn a_stream_that_is_cut_short_is_refused_at_every_byte() {
    for (compression, sample) in SAMPLES {
        for length in 0..sample.len() {
            let found = try_unpack(&sample[..length], &all());
            assert!(
                found.is_err(),
                "{compression} was taken without its last {} bytes",
                sample.len() - length
            );
        }
        becomes(sample, SMALL);
    }
}

#[test]
fn a_stream_that_is_damaged_is_refused_or_gives_the_same() {
    for (compression, sample) in SAMPLES {
        for at in 0..sample.len() {
            for bit in 0..8 {
                let mut bytes = sample.to_vec();
                bytes[at] ^= 1 << bit;
                // Some fields do not affect the content, such as the time of a gzip.
                if let Ok(found) = try_unpack(&bytes, &all()) {
                    let expected = SMALL.iter().map(|(path, what)| (path.to_string(), what.to_string()));
                    assert_eq!(found, expected.collect(), "{compression}, bit {bit} of byte {at}");
                }
            }
        }
    }
}

#[test]
fn a_wrong_checksum_or_length_at_the_end_is_refused() {
    // The number of significant bytes at the end of each. bzip2's end is not at a byte, and its last may hold padding.
    for ((compression, sample), (from, to)) in SAMPLES.iter().zip([(8, 0), (5, 1), (12, 0), (4, 0), (20, 0)])
    {
        for at in sample.len() - from..sample.len() - to {
            for bit in 0..8 {
                let mut bytes = sample.to_vec();
                bytes[at] ^= 1 << bit;
                let found = try_unpack(&bytes, &all());
                assert!(
                    found.is_err(),
                    "{compression}, bit {bit} of the byte {} from the end",
                    sample.len() - at
                );
            }
        }
    }
}

#[test]
fn bytes_after_a_stream_are_refused() {
    for (compression, sample) in SAMPLES {
        for garbage in
            [&b"x"[..], b"garbage, and a good deal of it", &sample[..3], &sample[..sample.len() - 1]]
        {
            let error = try_unpack(&[sample, garbage].concat(), &all()).expect_err(compression).to_string();
            // A second stream that only lacks its last bytes is first a trailing tar.
            let wrong = format!("the {compression} data is damaged or cut short, 4096 ");
            assert!(error.starts_with(&wrong) || error.contains("its end is followed"), "{error}");
        }
    }
}

#[test]
fn zeros_after_a_stream_are_refused_except_for_the_padding_of_xz() {
    for (compression, sample) in SAMPLES {
        for zeros in [1, 4, 512] {
            let taken = try_unpack(&[sample, &vec![0; zeros]].concat(), &all()).is_ok();
            assert_eq!(taken, compression == "xz" && zeros % 4 == 0, "{zeros} zeros behind {compression}");
        }
    }
}

#[test]
fn concatenated_members_are_one_stream() {
    let (head, tail) = TAR.split_at(1000);
    becomes(&[gzip(head), gzip(b""), gzip(tail)].concat(), SMALL);
    becomes(&[bzip2(head), bzip2(tail)].concat(), SMALL);
    becomes(&[zstd(head), zstd(tail)].concat(), SMALL);
    // Two whole streams yield two whole tars, which is one too many.
    for (compression, sample) in SAMPLES {
        let error = try_unpack(&[sample, sample].concat(), &all()).expect_err(compression).to_string();
        let trailing = "its end is followed by other bytes than zeros";
        assert_eq!(error, format!("the tar, at byte 4096: {trailing}"));
    }
}

#[test]
fn frames_that_zstd_skips_are_skipped() {
    let skipped = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any"].concat();
    let frames =
        [&skipped[..], &zstd(&TAR[..700]), &skipped, &skipped, &zstd(&TAR[700..]), &skipped].concat();
    becomes(&frames, SMALL);
    for cut in 1..skipped.len() {
        assert!(try_unpack(&frames[..frames.len() - cut], &all()).is_err(), "{cut} bytes cut");
    }
}

#[test]
fn a_zstd_frame_for_a_dictionary_is_refused() {
    // The single-segment flag, and an ID of one byte; then an empty raw last block.
    let bytes = [0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 0, 1, 0, 0];
    let error = try_unpack(&bytes, &all()).expect_err("a dictionary is asked for").to_string();
    assert!(error.contains("ictionary"), "{error}");
}

#[test]
fn a_zstd_frame_must_have_the_length_that_it_states() {
    // One segment of 3 bytes, as raw last block of 2 or 3.
    let frame = |length: u8, data: &[u8]| {
        let raw = [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, length << 3 | 1, 0, 0], data].concat();
        try_unpack(&raw, &all()).expect_err("no archive").to_string()
    };
    assert_eq!(frame(3, b"abc"), "this is not an archive: inside zstd it seems to be text");
    let wrong = frame(2, b"ab");
    assert_eq!(
        wrong,
        "the zstd data is damaged or cut short, 2 bytes into its output: a frame does not have its stated length"
    );
}

#[test]
fn a_window_that_is_too_large_is_refused() {
    let limits = Limits { window: 1 << 20, ..Limits::default() };
    let how = Unpack { limits, ..all() };
    for (compression, sample) in SAMPLES {
        let refused = try_unpack(sample, &how).is_err();
        // xz requires 8 MiB, whatever it holds; lzip and zstd knew how little it is. gzip and bzip2 have no choice.
        assert_eq!(refused, compression == "xz", "{compression}");
    }
    let mut lzip = SAMPLES[4].1.to_vec();
    lzip[5] = 27;
    refused_with(
        &lzip,
        &how,
        "the lzip data is damaged or cut short, 0 bytes into its output: \
         a member's dictionary is larger than the allowed window",
    );
    becomes(&lzip, SMALL);
    lzip[5] = 30;
    assert!(try_unpack(&lzip, &all()).is_err(), "lzip knows no dictionary of 1 GiB");
    // A window of 256 MiB; nothing of it need follow.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, (28 - 10) << 3, 1, 0, 0];
    let error = try_unpack(&zstd, &all()).expect_err("its window is too large").to_string();
    assert!(error.to_lowercase().contains("window"), "{error}");
}

#[test]
fn compressions_nest_up_to_the_limit() {
    let mut bytes = TAR.to_vec();
    for compress in [gzip, bzip2, zstd, gzip] {
        bytes = compress(&bytes);
        becomes(&bytes, SMALL);
    }
    refused(&gzip(&bytes), "more than 4 nested compressions");
    let how = Unpack { limits: Limits { nesting: 0, ..Limits::default() }, ..all() };
    becomes_with(TAR, &how, SMALL);
    refused_with(SAMPLES[0].1, &how, "more than 0 nested compressions");
}

#[test]
fn the_inner_format_is_detected_from_its_bytes() {
    refused(&gzip(&bzip2(b"hello")), "this is not an archive: inside gzip inside bzip2 it seems to be text");
    refused(&gzip(b""), "this is not an archive: inside gzip it seems to be empty");
    let zip = include_bytes!("samples/small.zip");
    becomes(zip, SMALL);
    becomes(&zstd(zip), SMALL);
}
