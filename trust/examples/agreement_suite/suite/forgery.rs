//! Signatures that do not say what they seem to say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};
use stele_trust::bundle::Bundle;
use stele_trust::digest::Blake3;
use stele_trust::dsse::{Envelope, IN_TOTO, Signature};
use stele_trust::keys::Signer as _;
use stele_trust::statement::rebuild::{Outcome, REBUILD};

use super::cast::*;
use super::{Case, case};

/// One good vote, and something that must not be a second one.
fn beside(name: &'static str, story: &'static str, evidence: File) -> Case {
    case(name, story).evidence([states("alice"), evidence]).decided("INSUFFICIENT", "rule", &["alice"])
}

fn bob() -> Envelope {
    envelope(&key("bob"), rebuild(Outcome::Built, 1))
}

fn json_file(name: &str, value: &Value) -> File {
    (name.to_owned(), value.to_string().into_bytes())
}

pub fn cases() -> Vec<Case> {
    [payloads(), signatures(), algorithms(), bundles()].into_iter().flatten().collect()
}

fn payloads() -> Vec<Case> {
    let mut swapped = envelope(&key("bob"), rebuild(Outcome::Built, 2));
    swapped.payload = bob().payload;
    let mut other_action = rebuild(Outcome::Built, 1);
    other_action.action.digest.blake3 = Blake3([8; 32]);
    let mut other_output = rebuild(Outcome::Built, 1);
    other_output.outputs[0].name = "dev".parse().expect("a name");
    vec![
        beside(
            "payload_swapped_under_a_signature_fail",
            "Bob signed another digest. Somebody put the payload of the good one under his signature.",
            file("bob", &swapped),
        ),
        beside(
            "replayed_for_another_action_fail",
            "Bob states this digest of another action's output. It says nothing of the action that is \
             asked about.",
            signed("bob", other_action),
        ),
        beside(
            "replayed_for_another_output_fail",
            "Bob states this digest of the output `dev` of the same action. The output `out` is asked about.",
            signed("bob", other_output),
        ),
        beside(
            "another_predicate_fail",
            "Bob's statement is whole, but its predicate has another type: the same in upper case.",
            changed("bob", REBUILD, &REBUILD.to_uppercase()),
        ),
    ]
}

fn signatures() -> Vec<Case> {
    let with_type =
        |it: &str| file("bob", &Envelope::sign(it, bob().payload, &key("bob")).expect("a signature"));
    let mut retyped = Envelope::sign("application/json", bob().payload, &key("bob")).expect("a signature");
    retyped.payload_type = IN_TOTO.to_owned();
    let mut flipped = bob();
    flipped.signatures[0].bytes[40] ^= 1;
    let mut empty = bob();
    empty.signatures[0].bytes.clear();
    let mut none = bob().to_json();
    none["signatures"] = json!([]);
    let mut many = bob();
    let good = many.signatures[0].clone();
    many.signatures = vec![Signature { key_id: String::new(), bytes: vec![0; 64] }; 64];
    many.signatures.push(good);
    vec![
        beside(
            "payload_of_another_type_fail",
            "Bob signed the good statement as `application/json`. A signature covers the type, so that \
             one kind of document cannot pass for another.",
            with_type("application/json"),
        ),
        beside(
            "payload_type_in_another_case_fail",
            "Bob signed the good statement under the payload type of in-toto with its last letters in \
             upper case. Payload types are compared byte by byte.",
            with_type("application/vnd.in-toto+JSON"),
        ),
        beside(
            "payload_type_changed_after_signing_fail",
            "Bob signed the good statement as `application/json`, and somebody corrected the type in the \
             envelope. The signature does not match any more.",
            file("bob", &retyped),
        ),
        beside(
            "signature_with_one_bit_changed_fail",
            "One bit of Bob's signature is changed.",
            file("bob", &flipped),
        ),
        beside("signature_of_no_bytes_fail", "Bob's signature is empty.", file("bob", &empty)),
        beside(
            "envelope_without_signatures_fail",
            "The list of signatures is empty.",
            json_file("bob", &none),
        ),
        beside(
            "more_signatures_than_are_read_fail",
            "An envelope has 65 signatures, the last of which is Bob's. At most 64 are read, for each is \
             tried with every key; an envelope with more is refused as a whole.",
            file("bob", &many),
        ),
    ]
}

/// A key belongs to one algorithm, and nothing that is signed can choose another one.
fn algorithms() -> Vec<Case> {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key("bob").public().to_pem().as_bytes());
    let tag = hmac::sign(&secret, &bob().signed_bytes());
    let mut by_hmac = bob();
    by_hmac.signatures[0].bytes = tag.as_ref().to_vec();
    let mut named = bob().to_json();
    named["signatures"][0]["alg"] = "none".into();
    named["signatures"][0]["sig"] = "".into();
    let mut carried = envelope(&key("stranger-2"), rebuild(Outcome::Built, 1)).to_json();
    carried["signatures"][0]["publicKey"] = key("stranger-2").public().to_pem().into();
    carried["signatures"][0]["keyid"] = key("bob").public().id().to_string().into();
    vec![
        beside(
            "public_key_as_the_secret_of_a_mac_fail",
            "The signature is an HMAC whose secret is Bob's public key, which anybody has. A verifier \
             that lets the signature choose its algorithm accepts it.",
            file("bob", &by_hmac),
        ),
        beside(
            "signature_that_names_its_algorithm_fail",
            "The signature is empty and says that its algorithm is `none`. The format has no such field, \
             so the envelope is refused.",
            json_file("bob", &named),
        ),
        beside(
            "signature_that_brings_its_key_fail",
            "A stranger signed, gives Bob's key id, and puts the stranger's own key into the envelope. \
             Keys come from the policy alone.",
            json_file("bob", &carried),
        ),
    ]
}

fn bundles() -> Vec<Case> {
    let bundle = Bundle::of_envelope(bob(), key("bob").public()).encode().expect("a bundle");
    let mut flipped: Value = serde_json::from_slice(&bundle).expect("JSON");
    let payload = flipped["dsseEnvelope"]["payload"].as_str().expect("a payload");
    let mut bytes = STANDARD.decode(payload).expect("base64");
    let place = bytes.iter().rposition(|it| *it == b'1').expect("a digit");
    bytes[place] ^= 1;
    flipped["dsseEnvelope"]["payload"] = STANDARD.encode(bytes).into();
    let artifact = Bundle::sign(b"out", &key("bob")).map(|it| it.encode().expect("a bundle"));
    let cut = bundle[..bundle.len() / 2].to_vec();
    let file = |bytes: Vec<u8>| ("bob".to_owned(), bytes);
    vec![
        case(
            "bundle_of_an_envelope",
            "Bob's envelope is in a Sigstore bundle of version 0.3 with a key. It counts like a bare one.",
        )
        .evidence([states("alice"), file(bundle)])
        .agreed(&["alice", "bob"]),
        beside(
            "bundle_with_one_bit_changed_fail",
            "One bit of the statement in Bob's bundle is changed, in a digit of a digest.",
            json_file("bob", &flipped),
        ),
        beside(
            "bundle_of_an_artifact_fail",
            "Bob's bundle is whole and his signature good, but it is of an artifact's bytes: it states \
             nothing of an action.",
            file(artifact.expect("a signature")),
        ),
        beside("file_that_is_empty_fail", "Bob's file has no bytes.", file(Vec::new())),
        beside("file_that_is_cut_off_fail", "Bob's file ends in the middle.", file(cut.clone())),
        case(
            "nothing_but_malformed_files_fail",
            "Three files are there, and none of them can be read: an empty one, one that is cut off, and \
             one of another format.",
        )
        .evidence([
            ("empty".to_owned(), Vec::new()),
            ("cut-off".to_owned(), cut),
            ("other".to_owned(), b"[]".to_vec()),
        ])
        .decided("INVALID", "evidence", &[]),
        case(
            "malformed_file_beside_good_ones",
            "Two builders agree, and a file beside theirs is empty. It neither helps nor harms.",
        )
        .evidence([states("alice"), states("bob"), ("carol".to_owned(), Vec::new())])
        .agreed(&["alice", "bob"]),
    ]
}
