//! What is read as an envelope is written and read again as the same, and no key signed it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_trust::dsse::Envelope;
use stele_trust::keys::{Signer as _, SigningKey};

fuzz_target!(|bytes: &[u8]| {
    let Ok(envelope) = Envelope::parse(bytes) else { return };
    assert!(!envelope.signatures.is_empty() && !envelope.payload_type.is_empty());
    assert_eq!(Envelope::parse(&envelope.encode()).expect("what was written is read"), envelope);
    let key = SigningKey::from_seed(&[1; 32]).expect("a key");
    assert!(envelope.signed_by([key.public()]).is_empty(), "a forged signature");
});
