//! Envelopes that are refused, the specification's example, and round trips.

use proptest::prelude::*;

use super::*;
use crate::keys::{Algorithm, Signer as _, SigningKey};

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32]).unwrap()
}

fn envelope() -> Envelope {
    Envelope::sign(IN_TOTO, b"{}".to_vec(), &key(1)).unwrap()
}

#[test]
fn a_payload_swapped_under_a_signature_is_refused() {
    let mut forged = envelope();
    forged.payload = b"{ }".to_vec();
    assert!(forged.signed_by([key(1).public()]).is_empty());
}

#[test]
fn the_same_payload_under_another_type_is_refused() {
    let mut forged = envelope();
    forged.payload_type = "application/json".to_owned();
    assert!(forged.signed_by([key(1).public()]).is_empty());
    assert!(matches!(forged.payload_of(IN_TOTO), Err(EnvelopeError::PayloadType { .. })));
}

#[test]
fn moving_bytes_between_type_and_payload_changes_what_is_signed() {
    assert_ne!(pae("a", b"b c"), pae("a b", b"c"));
    assert_ne!(pae("a 1 b", b""), pae("a", b"1 b"));
}

#[test]
fn one_key_signing_many_times_is_one_signer() {
    let mut many = envelope();
    for _ in 0..5 {
        many.add_signature(&key(1)).unwrap();
    }
    let p256 = SigningKey::generate(Algorithm::EcdsaP256).unwrap().0;
    many.add_signature(&p256).unwrap();
    many.add_signature(&p256).unwrap();
    assert_eq!(many.signatures.len(), 8);
    assert_eq!(many.signed_by([key(1).public(), p256.public(), key(1).public()]).len(), 2);
}

#[test]
fn a_key_under_two_key_ids_is_one_signer_and_a_wrong_hint_is_no_obstacle() {
    let mut twice = envelope();
    let again = Signature { key_id: "someone-else".to_owned(), ..twice.signatures[0].clone() };
    twice.signatures.push(again);
    assert_eq!(twice.signed_by([key(1).public()]), [key(1).public()]);
    twice.signatures.remove(0);
    assert_eq!(twice.signed_by([key(1).public()]), [key(1).public()]);
    // And a hint that names a key does not make its signature.
    let mut borrowed = envelope();
    borrowed.signatures[0].key_id = key(2).public().fingerprint();
    assert!(borrowed.signed_by([key(2).public()]).is_empty());
}

#[test]
fn what_is_not_exactly_an_envelope_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"payload":"","payloadType":"t","signatures":[]}"#,
        r#"{"payload":"","payloadType":"","signatures":[{"sig":""}]}"#,
        r#"{"payload":"*","payloadType":"t","signatures":[{"sig":""}]}"#,
        r#"{"payload":"YR==","payloadType":"t","signatures":[{"sig":""}]}"#,
        r#"{"payload":"YQ","payloadType":"t","signatures":[{"sig":""}]}"#,
        r#"{"payload":"YQ==","payload":"Yg==","payloadType":"t","signatures":[{"sig":""}]}"#,
        r#"{"payload":"YQ==","Payload":"Yg==","payloadType":"t","signatures":[{"sig":""}]}"#,
        r#"{"payload":"YQ==","payloadType":"t","signatures":[{"sig":"","alg":"none"}]}"#,
        r#"{"payload":"YQ==","payloadType":"t","signatures":[{"sig":"","keyid":1}]}"#,
        r#"{"payload":"YQ==","payloadType":"t","signatures":[{}]}"#,
        r#"{"payload":"YQ==","payloadType":"t","signatures":{"sig":""}}"#,
    ] {
        assert!(Envelope::parse(text.as_bytes()).is_err(), "{text}");
    }
    let mut many = envelope();
    many.signatures = vec![many.signatures[0].clone(); 65];
    assert!(matches!(Envelope::parse(&many.encode()), Err(EnvelopeError::Signatures { count: 65 })));
}

#[test]
fn the_specifications_example_of_the_encoding_holds() {
    let encoded = pae("http://example.com/HelloWorld", b"hello world");
    assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

proptest! {
    #[test]
    fn an_envelope_is_read_as_it_was_written(
        payload in any::<Vec<u8>>(), payload_type in "[ -~é]{1,20}", key_id in ".{0,10}", sig in any::<Vec<u8>>(),
    ) {
        let signatures = vec![Signature { key_id, bytes: sig }];
        let envelope = Envelope { payload_type, payload, signatures };
        prop_assert_eq!(Envelope::parse(&envelope.encode()).unwrap(), envelope);
    }

    #[test]
    fn the_encoding_of_two_different_pairs_is_never_the_same(
        a in "[ 0-9a]{0,6}", b in "[ 0-9a]{0,6}", c in "[ 0-9a]{0,6}", d in "[ 0-9a]{0,6}",
    ) {
        prop_assert_eq!(pae(&a, b.as_bytes()) == pae(&c, d.as_bytes()), (a, b) == (c, d));
    }
}
