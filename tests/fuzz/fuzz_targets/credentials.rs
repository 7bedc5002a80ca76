//! A file of credentials is refused, or read: for one repository there is something in it only when the file names its
//! registry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_registry::client::has_credentials;

fuzz_target!(|text: &[u8]| {
    let named = |what: &[u8]| text.windows(what.len()).any(|it| it == what);
    // Those run programs.
    if named(b"credsStore") || named(b"credHelpers") || named(b"\\u") {
        return;
    }
    let name = "a/b".parse().expect("a name");
    if has_credentials(text, "r.example:5000", &name) == Ok(true) {
        assert!(named(b"r.example"));
    }
});
