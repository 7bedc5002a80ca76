//! What a configuration may contain, and which mirrors follow from it.

use std::time::Duration;

use stele_store::model::Sha256;

use super::address::{self, Address};
use super::*;
use crate::source::{FileName, Mirror};

fn refused(text: &str) -> String {
    Config::parse(text).expect_err(text).to_string()
}

#[test]
fn an_invalid_configuration_is_refused_with_its_location() {
    for (text, said) in [
        ("[mirrors]\ngnu = 1", "line 2"),
        ("mirors = 1", "mirors"),
        ("\n[fetch]\njob = 3", "line 3"),
        ("[fetch]\njobs = -1", "line 2"),
        ("[fetch]\njobs = 0", "`jobs` must not be 0"),
        ("[fetch]\nstall-seconds = 0", "`stall-seconds`"),
        ("[fetch]\nmost-bytes = 0", "`most-bytes`"),
        ("[fetch]\nfirst = [\"https://cache.example/\"]", "{sha256}"),
        ("[mirrors]\nhttps = \"https://a.example/\"", "`https` cannot be an alias"),
        ("[mirrors]\ndebian = \"https://a.example/\"", "`debian` cannot be an alias"),
        ("[mirrors]\n\"a b\" = \"https://a.example/\"", "`a b` cannot be an alias"),
        ("[mirrors]\ngnu = \"ftp://a.example/\"", "is not supported"),
        ("[mirrors]\ngnu = \"other:x\"", "is not supported"),
        ("[debian]\nsuites = [\"a b\"]", "\"a b\""),
        ("[debian]\nsources = [\"http://a.example x main\"]", "not a suite or line"),
        ("[debian]\nsuite = []", "suite"),
    ] {
        let error = refused(text);
        assert!(error.contains(said), "{text:?}: {error}");
    }
}

#[test]
fn limits_have_the_values_that_are_set_and_defaults_otherwise() {
    // A limit beyond the clock's range means no limit.
    let config = Config::parse("[fetch]\ntotal-seconds = 18446744073709551615\n").unwrap();
    assert!(config.limits.total > Duration::from_secs(1 << 31));
    let config = Config::parse("[fetch]\njobs = 2\nstall-seconds = 5\n").unwrap();
    assert_eq!((config.limits.jobs, config.limits.stall), (2, Duration::from_secs(5)));
    assert_eq!(config.limits.connect, Limits::default().connect);
    assert_eq!(Config::parse("").unwrap().limits, Limits::default());
}

#[test]
fn aliases_are_addresses_in_order_after_the_first_ones_and_before_the_archive_of_past_versions() {
    let text = "[mirrors]\ngnu = [\"https://a.example/gnu\", \"file:/srv/gnu/\"]\n\
                [fetch]\nfirst = [\"http://cache.example/{sha256}/{file}\"]\n\
                [debian]\nsnapshot = \"https://past.example\"\n";
    let config = Config::parse(text).unwrap();
    let source = Source {
        file: FileName::new("make.tar.gz").unwrap(),
        sha256: Sha256::of(b""),
        sha512: None,
        size: None,
        mirrors: ["other:x", "debian:make/1-1/make_1.tar.gz", "gnu:make/make.tar.gz"]
            .map(|it| Mirror::new(it).unwrap())
            .to_vec(),
        signature: None,
    };
    let all = address::all(&source, &config);
    let shown: Vec<String> = all
        .iter()
        .map(|ask| match ask {
            Ok((shown, Address::Http(url))) => format!("{shown} -> {url}"),
            Ok((shown, address)) => format!("{shown} -> {address:?}"),
            Err(tried) => format!("{}: {}", tried.mirror, tried.failure),
        })
        .collect();
    let first = format!("http://cache.example/{}/make.tar.gz", source.sha256);
    let debian = "package: \"make\", version: \"1-1\", file: \"make_1.tar.gz\"";
    assert_eq!(
        shown,
        [
            format!("{first} -> {first}"),
            "other:x: no alias `other` is configured".to_owned(),
            format!("debian:make/1-1/make_1.tar.gz -> Debian {{ {debian} }}"),
            "gnu:make/make.tar.gz (https://a.example/gnu/make/make.tar.gz) -> \
             https://a.example/gnu/make/make.tar.gz"
                .to_owned(),
            "gnu:make/make.tar.gz (file:/srv/gnu/make/make.tar.gz) -> File(\"/srv/gnu/make/make.tar.gz\")"
                .to_owned(),
            // What no mirror has any more is there.
            format!(
                "debian:make/1-1/make_1.tar.gz (https://past.example) -> \
                 Snapshot {{ base: \"https://past.example\", {debian} }}"
            ),
        ]
    );
}
