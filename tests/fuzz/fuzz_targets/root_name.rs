//! An accepted root name can stand in a path, in a line and beside digests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_store::model::{DigestPrefix, Name, RootName, escape};

fuzz_target!(|text: &str| {
    let Ok(name) = text.parse::<RootName>() else { return };
    assert_eq!(name.as_str(), text);
    assert!(text.len() <= 200 && Name::new(text.as_bytes()).is_ok());
    assert!(!text.starts_with(['-', '.']), "an option, or a hidden file");
    let mut escaped = String::new();
    escape(text.as_bytes(), &mut escaped);
    assert_eq!(escaped, text, "it would be shown otherwise than it is typed");
    let head = text.split('-').next().unwrap_or(text);
    assert!(DigestPrefix::parse(text).is_none() && DigestPrefix::parse(head).is_none());
    assert!(!text.contains(':'), "it could be taken for sha256:…");
});
