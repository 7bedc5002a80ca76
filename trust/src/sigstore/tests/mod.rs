//! Bundles of a Sigstore of our own: the good one, and each way in which one is not.

mod instance;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::bundle::Bundle;
use crate::dsse::{Envelope, IN_TOTO};
use crate::keys::Signer as _;
use crate::time::Time;
use instance::{IDENTITY, ISSUER, Instance, SIGNED};

const ARTIFACT: &[u8] = b"artifact";
const NOW: Time = Time(SIGNED.0 + 1_000_000);

/// A bundle of version 0.3 with everything that there can be.
fn good(instance: &Instance) -> Value {
    let signature = instance.signer.sign(ARTIFACT).unwrap();
    let certificate = instance.certificate(instance.certificate_log());
    let stamp = instance.stamp(&signature, SIGNED, None);
    json!({
        "mediaType": crate::bundle::MEDIA_TYPE,
        "verificationMaterial": {
            "certificate": { "rawBytes": STANDARD.encode(&certificate) },
            "tlogEntries": [instance.entry(ARTIFACT, &signature, &certificate)],
            "timestampVerificationData": { "rfc3161Timestamps": [{ "signedTimestamp": STANDARD.encode(stamp) }] },
        },
        "messageSignature": { "signature": STANDARD.encode(signature) },
    })
}

fn judge(bundle: &Value, root: &Value) -> Result<Verified, String> {
    let root = TrustedRoot::parse(root.to_string().as_bytes()).map_err(|e| e.to_string())?;
    let bundle = Bundle::parse(bundle.to_string().as_bytes()).map_err(|e| e.to_string())?;
    let expected = Expected::Identity { identity: IDENTITY, issuer: ISSUER };
    verify(&bundle, ARTIFACT, &root, &expected, NOW).map_err(|e| e.to_string())
}

#[track_caller]
fn refused(bundle: &Value, root: &Value, said: &str) {
    let error = judge(bundle, root).expect_err(said);
    assert!(error.contains(said), "{said:?} in {error:?}");
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";
const STAMP: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";

#[test]
fn what_holds_is_verified_with_the_moments_that_others_saw_it_at() {
    let instance = Instance::new();
    assert_eq!(judge(&good(&instance), &instance.root()).unwrap().times, [SIGNED, SIGNED]);
}

#[test]
fn another_artifact_identity_issuer_or_root_is_refused() {
    let instance = Instance::new();
    let (bundle, root) = (good(&instance), instance.root());
    assert!(judge(&bundle, &Instance::new().root()).is_err());
    let root = TrustedRoot::parse(root.to_string().as_bytes()).unwrap();
    let bundle = Bundle::parse(bundle.to_string().as_bytes()).unwrap();
    let expects = |artifact: &[u8], identity: &str, issuer: &str| {
        verify(&bundle, artifact, &root, &Expected::Identity { identity, issuer }, NOW)
    };
    assert!(matches!(expects(b"other", IDENTITY, ISSUER), Err(SigstoreError::Log(_))));
    for (identity, issuer) in
        [("Builder@example.org", ISSUER), ("", ISSUER), (IDENTITY, ""), (ISSUER, IDENTITY)]
    {
        assert!(
            matches!(expects(ARTIFACT, identity, issuer), Err(SigstoreError::Identity { .. })),
            "{identity}"
        );
    }
    let key = Expected::Key(instance.signer.public());
    assert!(matches!(verify(&bundle, ARTIFACT, &root, &key, NOW), Err(SigstoreError::Material { .. })));
    let expected = Expected::Identity { identity: IDENTITY, issuer: ISSUER };
    assert!(verify(&bundle, ARTIFACT, &root, &expected, Time(SIGNED.0 - 1)).is_err());
}

#[test]
fn a_certificate_that_no_log_saw_is_refused() {
    let instance = Instance::new();
    let signature = instance.signer.sign(ARTIFACT).unwrap();
    let certificate = instance.certificate(&instance.signer);
    let mut bundle = good(&instance);
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = json!(STANDARD.encode(&certificate));
    bundle["verificationMaterial"]["tlogEntries"] =
        json!([instance.entry(ARTIFACT, &signature, &certificate)]);
    bundle["messageSignature"]["signature"] = json!(STANDARD.encode(&signature));
    let stamp = instance.stamp(&signature, SIGNED, None);
    *bundle.pointer_mut(STAMP).unwrap() = json!(STANDARD.encode(stamp));
    refused(&bundle, &instance.root(), "no trusted log signed it");
}

#[test]
fn a_timestamp_of_another_signature_or_moment_or_by_another_key_is_refused() {
    let instance = Instance::new();
    let bundle = good(&instance);
    let signature = bytes(&bundle["messageSignature"]["signature"]);
    let hour = Time(SIGNED.0 + 3600);
    let week = Time(SIGNED.0 + 7 * 86_400);
    for (stamp, said) in [
        (instance.stamp(b"other", SIGNED, None), "of another signature"),
        (instance.stamp(&signature, SIGNED, Some(&instance.signer)), "not by the authority"),
        (instance.stamp(&signature, hour, None), "Expired"),
        (instance.stamp(&signature, week, None), "was not valid at that time"),
        (vec![], "not a granted"),
    ] {
        let mut changed = bundle.clone();
        *changed.pointer_mut(STAMP).unwrap() = json!(STANDARD.encode(stamp));
        refused(&changed, &instance.root(), said);
    }
}

#[test]
fn a_log_entry_that_is_missing_or_of_something_else_is_refused() {
    let instance = Instance::new();
    let (bundle, root) = (good(&instance), instance.root());
    let mut without = bundle.clone();
    without["verificationMaterial"]["tlogEntries"] = json!([]);
    refused(&without, &root, "has to be logged");
    let signature = bytes(&bundle["messageSignature"]["signature"]);
    let certificate = bytes(&bundle["verificationMaterial"]["certificate"]["rawBytes"]);
    // Another signature by the same key, of the same artifact.
    let again = instance.signer.sign(ARTIFACT).unwrap();
    for entry in [
        instance.entry(b"other", &signature, &certificate),
        instance.entry(ARTIFACT, &again, &certificate),
        instance.entry(ARTIFACT, &signature, &instance.certificate(instance.certificate_log())),
    ] {
        let mut changed = bundle.clone();
        changed["verificationMaterial"]["tlogEntries"] = json!([entry]);
        refused(&changed, &root, "another artifact, signature or signer");
    }
}

#[test]
fn nothing_but_a_third_party_shows_when_it_was_signed() {
    let instance = Instance::new();
    let mut bundle = good(&instance);
    bundle["verificationMaterial"]["timestampVerificationData"] = json!(null);
    assert_eq!(judge(&bundle, &instance.root()).unwrap().times, [SIGNED]);
    bundle.pointer_mut(ENTRY).unwrap()["inclusionPromise"] = json!(null);
    refused(&bundle, &instance.root(), "nothing that can be trusted");
}

#[test]
fn an_envelope_by_a_key_is_dated_by_a_third_party_and_by_nobody_else() {
    let instance = Instance::new();
    let envelope = Envelope::sign(IN_TOTO, b"{}".to_vec(), &instance.signer).unwrap();
    let signature = envelope.signatures[0].bytes.clone();
    let mut bundle = Bundle::of_envelope(envelope, instance.signer.public());
    let root = TrustedRoot::parse(instance.root().to_string().as_bytes()).unwrap();
    let key = instance.signer.public();
    assert_eq!(witnessed(&bundle, key, &root, NOW).unwrap().times, []);
    bundle.timestamps = vec![instance.stamp(&signature, SIGNED, None)];
    assert_eq!(witnessed(&bundle, key, &root, NOW).unwrap().times, [SIGNED]);
    let other = instance.certificate_log().public();
    assert!(matches!(witnessed(&bundle, other, &root, NOW), Err(SigstoreError::Signature)));
    assert!(witnessed(&bundle, key, &root, Time(SIGNED.0 - 1)).is_err());
    bundle.timestamps = vec![instance.stamp(&signature, SIGNED, Some(&instance.signer))];
    assert!(matches!(witnessed(&bundle, key, &root, NOW), Err(SigstoreError::Timestamp(_))));
}

#[test]
fn a_validity_without_a_start_and_moments_outside_of_one_are_refused() {
    let instance = Instance::new();
    let bundle = good(&instance);
    for (place, said) in [
        ("/tlogs/0/publicKey/validFor", "log was not trusted"),
        ("/ctlogs/0/publicKey/validFor", "no trusted log signed it"),
        ("/certificateAuthorities/0/validFor", "no authority was trusted"),
        ("/timestampAuthorities/0/validFor", "was not valid at that time"),
    ] {
        let with = |validity: Value| {
            let mut root = instance.root();
            *root.pointer_mut(place).unwrap() = validity;
            root
        };
        refused(&bundle, &with(json!({ "end": SIGNED })), "no start");
        refused(&bundle, &with(json!({ "start": Time(SIGNED.0 + 1) })), said);
        refused(&bundle, &with(json!({ "start": Time(0), "end": Time(SIGNED.0 - 1) })), said);
        // The last second is in it.
        judge(&bundle, &with(json!({ "start": SIGNED, "end": SIGNED }))).unwrap();
    }
}

/// Every byte of what a bundle brings is covered by a signature, or by what has to be the same. A timestamp has a
/// few around what is signed, such as its status and version numbers: they change nothing that is found.
#[test]
fn a_bundle_with_a_bit_changed_in_any_byte_is_refused() {
    let instance = Instance::new();
    let (bundle, root) = (good(&instance), instance.root());
    let entry = bundle.pointer(ENTRY).unwrap();
    for pointer in [
        "/messageSignature/signature".to_owned(),
        "/verificationMaterial/certificate/rawBytes".to_owned(),
        format!("{ENTRY}/logId/keyId"),
        format!("{ENTRY}/inclusionPromise/signedEntryTimestamp"),
        format!("{ENTRY}/inclusionProof/rootHash"),
        format!("{ENTRY}/inclusionProof/hashes/0"),
        format!("{ENTRY}/inclusionProof/hashes/1"),
        format!("{ENTRY}/canonicalizedBody"),
        STAMP.to_owned(),
    ] {
        let good = bytes(bundle.pointer(&pointer).unwrap());
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1 << (at % 8);
            let mut bundle = bundle.clone();
            *bundle.pointer_mut(&pointer).unwrap() = json!(STANDARD.encode(changed));
            match judge(&bundle, &root) {
                Ok(verified) if pointer == STAMP => assert_eq!(verified.times, [SIGNED, SIGNED]),
                other => assert!(other.is_err(), "byte {at} of {pointer}"),
            }
        }
    }
    let checkpoint = entry["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap();
    for at in 0..checkpoint.len() - 1 {
        let mut changed = checkpoint.as_bytes().to_vec();
        changed[at] ^= 1;
        if let Ok(text) = String::from_utf8(changed) {
            let mut bundle = bundle.clone();
            bundle.pointer_mut(ENTRY).unwrap()["inclusionProof"]["checkpoint"]["envelope"] = json!(text);
            assert!(judge(&bundle, &root).is_err(), "byte {at} of the checkpoint");
        }
    }
    for (field, value) in [("logIndex", "1002"), ("integratedTime", "1796000001")] {
        let mut bundle = bundle.clone();
        bundle.pointer_mut(ENTRY).unwrap()[field] = json!(value);
        assert!(judge(&bundle, &root).is_err(), "{field}");
    }
}
