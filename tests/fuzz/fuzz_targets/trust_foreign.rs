//! Links, payloads of image signatures and the status lines of `gpgv` are refused or taken for what they spell.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_trust::foreign::intoto_link::Link;
use stele_trust::foreign::{gpgv, stagex};
use stele_trust::keys::{Signer as _, SigningKey};
use stele_trust::simple_signing::{Kind, Payload};
use stele_trust::vote::Evidence;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(link) = Link::parse(bytes) {
        let key = SigningKey::from_seed(&[1; 32]).expect("a key");
        assert!(link.signed_by([key.public()]).is_empty(), "a forged signature");
    }
    if let Ok(payload) = Payload::parse(bytes) {
        let written = payload.encode();
        assert!(
            written.is_err() || written.is_ok_and(|it| Payload::parse(&it).is_ok_and(|it| it == payload))
        );
    }
    let _ = stagex::Image::of_payload(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = stagex::Image::of_folder(text);
    let valid = gpgv::read(text).iter().filter(|it| it.is_ok()).count();
    let folder = format!("gcc@sha256={}", "ab".repeat(32));
    let payload = Payload {
        kind: Kind::Atomic,
        reference: "stagex/gcc".to_owned(),
        manifest: "ab".repeat(32).parse().expect("a digest"),
        optional: Default::default(),
    };
    let payload = payload.encode().expect("a payload");
    let votes = stagex::evidence(b"file", &folder, &payload, text);
    assert_eq!(votes.iter().filter(|it| matches!(it, Evidence::Foreign(_))).count(), valid);
});
