//! Bundles that are refused, above all changed ones.

use super::*;
use crate::dsse::IN_TOTO;
use crate::keys::SigningKey;

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32]).unwrap()
}

fn of_envelope() -> Bundle {
    let envelope = Envelope::sign(IN_TOTO, b"{\"a\":1}".to_vec(), &key()).unwrap();
    Bundle::of_envelope(envelope, key().public())
}

#[test]
fn a_bundle_with_one_bit_changed_anywhere_says_the_same_or_nothing() {
    let good = of_envelope();
    let bytes = good.encode().unwrap();
    let mut same = 0;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let Ok(bundle) = Bundle::parse(&changed) else { continue };
            let Ok(envelope) = bundle.envelope() else { continue };
            if !envelope.signed_by([key().public()]).is_empty() {
                same += 1;
                let expected = good.envelope().unwrap();
                assert_eq!(envelope.payload, expected.payload, "bit {bit} of byte {at}");
                assert_eq!(envelope.payload_type, expected.payload_type, "bit {bit} of byte {at}");
            }
        }
    }
    // Only the two hints are not signed: 44 characters of base64, and 64 of hexadecimal.
    assert!(same <= (44 + 64) * 8, "{same} changes were not noticed");
}

#[test]
fn an_artifacts_bundle_with_one_bit_changed_is_of_that_artifact_or_refused() {
    let artifact = b"artifact";
    let bytes = Bundle::sign(artifact, &key()).unwrap().encode().unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            if let Ok(bundle) = Bundle::parse(&changed) {
                assert!(bundle.verify_artifact(b"artefact", key().public()).is_err());
            }
        }
    }
    for length in 0..bytes.len() {
        assert!(Bundle::parse(&bytes[..length]).is_err(), "cut off after {length}");
    }
}

#[test]
fn an_artifacts_bundle_is_of_no_other_artifact_and_by_no_other_key() {
    let bundle = Bundle::sign(b"artifact", &key()).unwrap();
    let other = SigningKey::from_seed(&[2; 32]).unwrap();
    bundle.verify_artifact(b"artifact", key().public()).unwrap();
    assert!(matches!(bundle.verify_artifact(b"other", key().public()), Err(BundleError::OtherArtifact)));
    assert!(matches!(bundle.verify_artifact(b"artifact", other.public()), Err(BundleError::Signature)));
    let mut without = bundle.clone();
    without.content = match without.content {
        Content::Message { signature, .. } => Content::Message { digest: None, signature },
        other => other,
    };
    assert!(matches!(without.verify_artifact(b"other", key().public()), Err(BundleError::Signature)));
    assert!(of_envelope().verify_artifact(b"artifact", key().public()).is_err());
    assert!(bundle.envelope().is_err());
}

#[test]
fn what_is_not_exactly_a_bundle_is_refused() {
    let good = of_envelope().to_json().unwrap();
    let set = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[key] = value;
        Bundle::parse(changed.to_string().as_bytes())
    };
    for (pointer, value) in [
        ("/mediaType", json!("application/vnd.dev.sigstore.bundle+json;version=99.9")),
        ("/mediaType", json!("")),
        ("/more", json!(1)),
        ("/DsseEnvelope", json!({})),
        ("/dsseEnvelope", json!(null)),
        ("/dsseEnvelope/signatures", json!([])),
        ("/messageSignature", json!({ "signature": "" })),
        ("/verificationMaterial/publicKey", json!(null)),
        ("/verificationMaterial/certificate", json!({ "rawBytes": "" })),
        ("/verificationMaterial/x509CertificateChain", json!({ "certificates": [] })),
        ("/verificationMaterial/tlogEntries", json!([{}])),
    ] {
        assert!(set(pointer, value.clone()).is_err(), "{pointer}: {value}");
    }
    let two = [good["dsseEnvelope"]["signatures"][0].clone(), good["dsseEnvelope"]["signatures"][0].clone()];
    assert!(set("/dsseEnvelope/signatures", json!(two)).is_err());
    assert_eq!(Bundle::parse(good.to_string().as_bytes()).unwrap(), of_envelope());
}
