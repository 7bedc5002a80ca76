//! Archives that hold more than they seem to.

use std::io::Write;

use super::*;

fn with(change: impl FnOnce(&mut Limits)) -> Unpack {
    let mut limits = Limits::default();
    change(&mut limits);
    Unpack { limits, ..all() }
}

/// A tar of one file of zeros, in gzip: a thousandth of it.
fn bomb(zeros: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&header(b"f", b'0', zeros, b"")).expect("memory takes all");
    encoder.write_all(&vec![0; zeros.next_multiple_of(512) + 1024]).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

#[test]
fn bytes_are_limited() {
    let tar = Tar::default().file("a", &"x".repeat(600)).file("b", &"y".repeat(600)).end();
    refused_with(&tar, &with(|limits| limits.bytes = 1199), "it unpacks to more than 1199 bytes");
    assert!(try_unpack(&tar, &with(|limits| limits.bytes = 1200)).is_ok());
    // A file that says how large it is need not be read for that.
    let tar = Tar::default().raw(&header_with(&[(124, b"77777777777")])).end();
    refused_with(&tar, &with(|limits| limits.bytes = 1 << 30), "it unpacks to more than 1073741824 bytes");
}

#[test]
fn bytes_of_each_layer_are_limited() {
    refused_with(
        &bomb(100_000),
        &with(|limits| limits.bytes = 50_000),
        "it unpacks to more than 50000 bytes",
    );
    let endless = Tar::default().file("f", "").raw(&vec![0; 1 << 20]).0;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&endless).expect("memory takes all");
    let zeros = encoder.finish().expect("memory takes all");
    refused_with(&zeros, &with(|limits| limits.bytes = 50_000), "it unpacks to more than 50000 bytes");
}

#[test]
fn more_than_two_hundred_bytes_for_each_packed_one_are_refused() {
    let bomb = bomb(70 << 20);
    let error = try_unpack(&bomb, &all()).expect_err("a thousand for each").to_string();
    assert!(error.ends_with("and more; at most 200 for each is allowed"), "{error}");
    assert!(error.contains(" bytes unpack to 6710"), "{error}");
    assert!(try_unpack(&bomb, &with(|limits| limits.ratio = 2000)).is_ok());
    assert!(try_unpack(&bomb, &with(|limits| limits.ratio_from = 71 << 20)).is_ok());
}

#[test]
fn a_bomb_in_a_bomb_is_refused_for_what_the_outer_bytes_are() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&bomb(4 << 20)).expect("memory takes all");
    let nested = encoder.finish().expect("memory takes all");
    assert!(nested.len() < 2000, "{}", nested.len());
    let how = with(|limits| limits.ratio_from = 1 << 20);
    let error = try_unpack(&nested, &how).expect_err("thousands for each").to_string();
    assert!(error.starts_with(&format!("{} bytes unpack to ", nested.len())), "{error}");
}

#[test]
fn bzip2_streams_that_hold_next_to_nothing_are_limited() {
    let stream = |bytes: &[u8]| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    };
    let whole = stream(&Tar::default().file("f", "x").end());
    let with = |streams: usize| [&whole[..], &stream(b"").repeat(streams)].concat();
    becomes(&with(999), &[("f", "= x")]);
    let why = "it consists of too many small streams";
    let place = "the bzip2 data is damaged or cut short, 2048 bytes into what it holds";
    refused(&with(1000), &format!("{place}: {why}"));
}

#[test]
fn entries_are_limited_also_those_that_names_imply() {
    let tar = Tar::default().file("a/b/c/d", "").dir("a/b").file("e", "").end();
    refused_with(&tar, &with(|limits| limits.entries = 4), "it holds more than 4 entries");
    assert!(try_unpack(&tar, &with(|limits| limits.entries = 5)).is_ok());
}

#[test]
fn the_text_of_names_and_targets_is_limited() {
    let tar = Tar::default().file("ab/cd", "").symlink("e", "fgh").end();
    refused_with(
        &tar,
        &with(|limits| limits.text = 7),
        "the names and link targets in it have more than 7 bytes together",
    );
    assert!(try_unpack(&tar, &with(|limits| limits.text = 8)).is_ok());
}

#[test]
fn a_name_of_two_thousand_components_is_a_name_and_one_more_than_fits_is_not() {
    let max = stele_store::model::MAX_DEPTH;
    let name = vec!["a"; max].join("/");
    let tar = |name: &str| Tar::default().pax(&[("path", name)]).file("f", "x").end();
    let seen = try_unpack(&tar(&name), &all()).expect("as deep as a tree may be");
    assert_eq!(seen.into_iter().next(), Some((name, "= x".to_owned())));
    let how = with(|limits| (limits.name, limits.depth) = (5000, 1999));
    let error = try_unpack(&tar(&["a"; 2000].join("/")), &how).expect_err("too deep").to_string();
    assert!(error.ends_with("its name has 2000 components; at most 1999 are allowed"), "{error}");
}

#[test]
fn what_the_reader_says_is_said() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is on fire"))
        }
    }
    for sample in [&include_bytes!("samples/small.tar.gz")[..], include_bytes!("samples/small.zip")] {
        for length in [0, 100] {
            let mut bytes = (&sample[..length]).chain(Failing);
            let error = unpack(&mut bytes, &all(), &InMemory::default()).expect_err("it burns");
            assert!(matches!(error, UnpackError::Read(_)), "{error}");
        }
    }
}
