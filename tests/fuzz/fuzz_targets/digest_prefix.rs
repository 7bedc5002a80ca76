//! User input is not a digest, or is a prefix of exactly the digests that match it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_store::model::{Digest, DigestPrefix, Sha256};

fuzz_target!(|text: &str| {
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
        assert_eq!(DigestPrefix::parse(text).map(|prefix| prefix.low()), Some(digest));
    }
    assert_eq!(text.parse::<Sha256>().is_ok(), text.parse::<Digest>().is_ok());
    let digest = Digest::of(text.as_bytes());
    let Some(prefix) = DigestPrefix::parse(text) else { return };
    assert_eq!(prefix.text(), text);
    assert!(prefix.matches(&prefix.low()));
    assert_eq!(prefix.matches(&digest), digest.to_string().starts_with(text));
    // The digests around the smallest: a prefix search must neither miss one nor go too far.
    let longest: Digest = format!("{text:f<64}").parse().expect("a digest");
    assert!(prefix.matches(&longest) && prefix.low() <= longest);
    let last = if text.ends_with('0') { "1" } else { "0" };
    let other: Digest =
        format!("{:0<64}", text[..text.len() - 1].to_owned() + last).parse().expect("a digest");
    assert!(!prefix.matches(&other));
});
