//! A Sigstore bundle holds an envelope or a signature that no key here made, and verifies against no root.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_trust::bundle::Bundle;
use stele_trust::keys::{Signer as _, SigningKey};
use stele_trust::sigstore::{Expected, TrustedRoot, verify};
use stele_trust::time::Time;

fuzz_target!(|bytes: &[u8]| {
    // A root and a bundle, split at the first line break.
    let (first, rest) =
        bytes.iter().position(|byte| *byte == b'\n').map_or((bytes, &[][..]), |at| bytes.split_at(at));
    let Ok(bundle) = Bundle::parse(first) else { return };
    if let Ok(written) = bundle.encode() {
        assert_eq!(Bundle::parse(&written).expect("what was written is read").content, bundle.content);
    }
    let key = SigningKey::from_seed(&[1; 32]).expect("a key");
    assert!(bundle.verify_artifact(b"artifact", key.public()).is_err());
    if let Ok(root) = TrustedRoot::parse(rest) {
        let expected = Expected::Identity { identity: "a@example.org", issuer: "https://issuer.example" };
        assert!(verify(&bundle, b"artifact", &root, &expected, Time(i64::MAX)).is_err());
    }
});
