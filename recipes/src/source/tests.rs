//! Names of sources' files, and mirrors.

use super::*;

#[test]
fn an_invalid_mirror_is_refused() {
    for (text, said) in [
        ("", "scheme"),
        ("zlib.tar.gz", "scheme"),
        ("/src/zlib.tar.gz", "scheme"),
        ("HTTPS://example.org/a", "scheme"),
        ("https:/example.org/a", "no host"),
        ("https:///a", "no host"),
        ("https://user:secret@example.org/a", "\"example.org\" has a user"),
        ("https://example.org/a b", "percent-encoded"),
        ("https://example.org/\u{e4}", "percent-encoded"),
        ("file:zlib.tar.gz", "not absolute"),
        ("debian:zlib/1.3", "debian:PACKAGE/VERSION/FILE"),
        ("debian:zlib/1.3/a/b", "debian:PACKAGE/VERSION/FILE"),
        ("debian:zlib//a", "debian:PACKAGE/VERSION/FILE"),
        ("debian:zl$ib/1/a", "debian:PACKAGE/VERSION/FILE"),
        ("debian:-o/1/a", "debian:PACKAGE/VERSION/FILE"),
        ("debian:zlib/1/..", "debian:PACKAGE/VERSION/FILE"),
        ("gnu:", "no path"),
        ("gnu:make/../../etc/passwd", "`..`"),
        ("gnu:make//make", "empty component"),
    ] {
        let error = Mirror::new(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text:?}: {error}");
    }
}

#[test]
fn a_mirror_is_parsed() {
    let kind = |text| format!("{:?}", Mirror::new(text).unwrap().kind());
    assert_eq!(kind("https://example.org/a?b"), "Http(\"https://example.org/a?b\")");
    assert_eq!(kind("file:/srv/a"), "File(\"/srv/a\")");
    assert_eq!(
        kind("debian:tcc/0.9.27+git20200814.62c30a4a-2/tcc_0.9.27.orig.tar.bz2"),
        "Debian { package: \"tcc\", version: \"0.9.27+git20200814.62c30a4a-2\", file: \"tcc_0.9.27.orig.tar.bz2\" }"
    );
    assert_eq!(
        kind("gnu:make/make-4.4.1.tar.gz"),
        "Alias { name: \"gnu\", rest: \"make/make-4.4.1.tar.gz\" }"
    );
}

#[test]
fn an_invalid_file_name_is_refused() {
    for text in ["", ".hidden", "-o", "a/b", "a b", "a\0", "\u{e4}", &"a".repeat(129)] {
        assert!(FileName::new(text).is_err(), "{text:?}");
    }
    assert!(FileName::new("linux_6.1~rc1+dfsg@2_x-y.orig.tar.xz").is_ok());
}

#[test]
fn a_sha512_is_128_lower_case_digits() {
    let text = "0123456789abcdef".repeat(8);
    assert_eq!(text.parse::<Sha512>().unwrap().to_string(), text);
    assert!(text.to_uppercase().parse::<Sha512>().is_err());
    assert!(text[1..].parse::<Sha512>().is_err());
    assert!(format!("{}\u{e4}", &text[2..]).parse::<Sha512>().is_err());
}
