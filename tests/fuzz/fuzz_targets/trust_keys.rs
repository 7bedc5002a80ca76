//! A key that is read has one id, whatever format it is written in again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_trust::keys::{PublicKey, Signer as _, SigningKey};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PublicKey::from_spki(bytes) {
        assert_eq!(key.spki(), bytes, "two encodings of one key");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = PublicKey::parse(text) {
        assert_eq!(PublicKey::parse(&key.to_pem()).expect("PEM"), key);
        assert_eq!(PublicKey::parse(&key.to_openssh()).expect("OpenSSH"), key);
    }
    if let Ok(key) = SigningKey::parse(text) {
        let signature = key.sign(bytes).expect("a signature");
        assert!(key.public().verifies(bytes, &signature));
    }
});
