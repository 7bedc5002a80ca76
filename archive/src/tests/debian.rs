//! Debian packages: their framing, and what is accepted in them.

use super::*;

/// An `ar` under construction. Nothing is checked.
#[derive(Clone)]
struct Ar(Vec<u8>);

impl Ar {
    fn new() -> Self {
        Self(b"!<arch>\n".to_vec())
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn member(self, name: &str, data: &[u8]) -> Self {
        self.sized(name, &data.len().to_string(), data).raw(if data.len() % 2 == 1 { b"\n" } else { b"" })
    }

    fn sized(self, name: &str, size: &str, data: &[u8]) -> Self {
        let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644);
        self.raw(header.as_bytes()).raw(data)
    }

    /// A package up to its data, with a control member of odd length.
    fn package() -> Self {
        Self::new().member("debian-binary", b"2.0\n").member("control.tar.xz", b"not looked at")
    }
}

fn tar() -> Vec<u8> {
    Tar::default().dir("./").dir("./usr").file("./usr/f", "text").end()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn as_package() -> Unpack {
    Unpack { form: Form::DebianPackage, ..all() }
}

/// The offset of the data's header after [`Ar::package`], and of its data.
const HEADER: usize = 8 + 60 + 4 + 60 + 14;
const DATA: usize = HEADER + 60;

#[track_caller]
fn package_refused(package: &Ar, offset: usize, why: &str) {
    refused_with(&package.0, &as_package(), &format!("the Debian package, at byte {offset}: {why}"));
}

#[test]
fn an_unrequested_package_is_not_an_archive() {
    let package = Ar::package().member("data.tar", &tar());
    let seems = "an ar archive, such as a Debian package or a static library";
    refused(&package.0, &format!("this is not an archive: it seems to be {seems}"));
}

#[test]
fn anything_but_a_package_is_refused() {
    let why = "it does not begin with `!<arch>` and a line feed";
    for bytes in [&b""[..], b"!<arch>", b"!<thin>\n", &tar()] {
        package_refused(&Ar(bytes.to_vec()), 0, why);
    }
}

#[test]
fn a_package_that_is_cut_short_is_refused_at_every_byte() {
    let whole = Ar::package().member("data.tar.gz", &gzip(&tar())).0;
    for length in 0..whole.len() {
        let error = try_unpack(&whole[..length], &as_package()).expect_err("cut short").to_string();
        assert!(error.starts_with("the Debian package, at byte"), "{length}: {error}");
    }
    try_unpack(&whole, &as_package()).expect("whole");
}

#[test]
fn members_are_these_three_in_this_order() {
    let three = "a package has three members, in a fixed order";
    let first = Ar::new().member("control.tar", b"");
    package_refused(&first, 8, &format!("member control.tar is where debian-binary should be; {three}"));
    let second = Ar::new().member("debian-binary", b"2.0\n").member("data.tar", &tar());
    package_refused(&second, 72, &format!("member data.tar is where control.tar should be; {three}"));
    for name in ["_gpgorigin", "data.tar.lzma", "data.tar.zip", "control.tar", ""] {
        let why = format!("member {name} is where data.tar should be; {three}");
        package_refused(&Ar::package().member(name, &tar()), HEADER, &why);
    }
    package_refused(&Ar::package(), HEADER, "it has no member data.tar");
    let more = Ar::package().member("data.tar", &tar());
    let end = more.0.len();
    package_refused(&more.clone().member("_gpgorigin", b""), end, "something follows the data");
    package_refused(&more.raw(b"\n"), end, "something follows the data");
}

#[test]
fn an_unknown_version_is_refused() {
    for version in ["", "2.0", "2.1\n", "3.0\n", "2.0\n\n", "0.939000\n"] {
        let package = Ar::new().member("debian-binary", version.as_bytes());
        let why = "its member debian-binary does not have the version `2.0`, the only one supported";
        package_refused(&package.member("control.tar", b""), 68, why);
    }
}

#[test]
fn a_damaged_header_is_refused() {
    let why = "the header of a member is damaged";
    for size in ["", "-1", "+4", "0x4", "4 4", " 4", "9999999999"] {
        let package = Ar::package().sized("data.tar", size, &tar());
        let error = try_unpack(&package.0, &as_package()).expect_err("the size is wrong").to_string();
        // The last is a number, and more than there is.
        assert!(error.ends_with(if size.len() == 10 { "cut short" } else { why }), "{size:?}: {error}");
    }
    for (at, byte) in [(16, b'x'), (40, b'\n'), (58, b'\''), (59, b' ')] {
        let mut package = Ar::package().member("data.tar", &tar());
        package.0[HEADER + at] = byte;
        package_refused(&package, HEADER, why);
    }
    let mut package = Ar::package().member("data.tar", &tar());
    package.0[HEADER - 1] = 0;
    package_refused(&package, HEADER, "a member of odd length is not followed by a line feed");
}

#[test]
fn data_in_another_format_than_its_name_is_refused() {
    let zip = include_bytes!("samples/small.zip");
    for (name, data) in [
        ("data.tar", gzip(&tar())),
        ("data.tar.gz", tar()),
        ("data.tar.gz", gzip(&gzip(&tar()))),
        ("data.tar.xz", gzip(&tar())),
        ("data.tar", zip.to_vec()),
        ("data.tar.gz", gzip(zip)),
    ] {
        let why = format!("member {name} does not have the format in its name");
        package_refused(&Ar::package().member(name, &data), DATA, &why);
    }
    // The size determines where the data end; nothing is read beyond.
    let short = Ar::package().sized("data.tar", "512", &tar());
    let why = "the tar, at byte 512: it is cut short: the block of zeros at its end is missing";
    refused_with(&short.0, &as_package(), why);
}

#[test]
fn links_in_a_package_lead_where_they_would_at_the_root() {
    let package = |tar: Tar| Ar::package().member("data.tar", &tar.end()).0;
    let found = Tar::default()
        .symlink("usr/lib/libz.so", "/lib/libz.so.1")
        .symlink("a", "/")
        .symlink("b", "/a/a/b/../c");
    becomes_with(
        &package(found),
        &as_package(),
        &[("usr/lib/libz.so", "-> /lib/libz.so.1"), ("a", "-> /"), ("b", "-> /a/a/b/../c")],
    );
    let out = |tar: Tar, why: &str| refused_with(&package(tar), &as_package(), why);
    let why = "entry a/b/l at byte 0: it is a symbolic link to /../f, which is outside of the tree";
    out(Tar::default().symlink("a/b/l", "/../f"), why);
    let why = "the symbolic link a/l to /a/up/.. leads outside of the tree";
    out(Tar::default().symlink("a/l", "/a/up/..").symlink("a/up", "/"), why);
    let why = "the symbolic link a/b/l to ../up/../x leads outside of the tree";
    out(Tar::default().symlink("a/b/l", "../up/../x").symlink("a/up", "/"), why);
    let why = "entry a/f at byte 512: its name passes through a, which is a symbolic link";
    out(Tar::default().symlink("a", "/etc").file("a/f", ""), why);
    let why = "entry /f at byte 0: its name is absolute";
    out(Tar::default().file("/f", ""), why);
}

#[test]
fn a_package_unpacks_to_what_it_would_install() {
    for (name, data) in [("data.tar", tar()), ("data.tar.gz", gzip(&tar())), ("data.tar/", tar())] {
        let package = Ar::package().member(name, &data);
        becomes_with(&package.0, &as_package(), &[("usr/f", "= text")]);
    }
}

#[test]
fn a_flipped_bit_in_the_framing_is_detected_or_harmless() {
    let package = Ar::package().member("data.tar", &tar()).0;
    let whole = try_unpack(&package, &as_package()).expect("whole");
    for at in 0..DATA {
        for bit in 0..8 {
            let mut bytes = package.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(found) = try_unpack(&bytes, &as_package()) {
                assert_eq!(found, whole, "byte {at}, bit {bit}");
            }
        }
    }
}
