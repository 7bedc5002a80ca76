//! What somebody tries who wants an output agreed that is not, or a verdict that hides something.

use stele_trust::bundle::Bundle;
use stele_trust::digest::Digests;
use stele_trust::dsse::{Envelope, IN_TOTO, Signature};
use stele_trust::keys::{Algorithm, Signer as _, SigningKey};
use stele_trust::policy::Policy;
use stele_trust::statement::Statement;
use stele_trust::statement::rebuild::{Outcome, REBUILD, Rebuild};
use stele_trust::verdict::Kind;
use stele_trust::vote::{Evidence, Reason};

use crate::cast::*;

/// Seven files of four people passed for seven in a published image; here three files of one are one.
#[test]
fn one_key_that_signs_many_times_is_one_vote() {
    let policy = policy(TWO_OF_THREE, "");
    let (p256, _) = SigningKey::generate(Algorithm::EcdsaP256).unwrap();
    let text = policy_text(TWO_OF_THREE, "", &|name| match name {
        "alice" => format!("[[principals.alice.keys]]\npublic = \"{}\"", p256.public().to_openssh().trim()),
        _ => String::new(),
    });
    let with_p256 = Policy::parse(&text).unwrap();
    // ECDSA signatures of one statement differ, so these are different files.
    let files: Vec<Evidence> = (0..3).map(|_| evidence(signed(rebuild(Outcome::Built, 1), &p256))).collect();
    assert_eq!(decides(&with_p256, &files, Kind::Insufficient).agreeing.len(), 1);
    // Different statements that are one vote: only their dates differ.
    let dated: Vec<Evidence> =
        (0..5).map(|it| evidence(signed(dated(1, stele_trust::time::Time(it)), &key(1)))).collect();
    assert_eq!(decides(&policy, &dated, Kind::Insufficient).agreeing.len(), 1);
}

#[test]
fn many_signatures_in_one_envelope_are_as_many_votes_as_principals() {
    let policy = policy(TWO_OF_THREE, "");
    let mut envelope = signed(rebuild(Outcome::Built, 1), &key(1));
    for _ in 0..3 {
        envelope.add_signature(&key(1)).unwrap();
    }
    decides(&policy, &[evidence(envelope.clone())], Kind::Insufficient);
    envelope.add_signature(&key(2)).unwrap();
    decides(&policy, &[evidence(envelope)], Kind::Agreed);
}

#[test]
fn one_principal_with_two_keys_is_one_vote() {
    let second = key(9).public().to_openssh();
    let text = policy_text(TWO_OF_THREE, "", &|name| match name {
        "alice" => format!("[[principals.alice.keys]]\npublic = \"{}\"", second.trim()),
        _ => String::new(),
    });
    let policy = Policy::parse(&text).unwrap();
    let verdict = decides(&policy, &[states(1, 1), states(9, 1)], Kind::Insufficient);
    assert_eq!(verdict.agreeing.len(), 1);
    assert_eq!(verdict.agreeing[0].evidence.len(), 2);
    decides(&policy, &[states(9, 1), states(2, 1)], Kind::Agreed);
}

/// The fault of GHSA-pwqf-9h7j-7mv8: a key under two ids met a threshold of two.
#[test]
fn a_key_under_two_key_ids_is_one_vote() {
    let policy = policy(TWO_OF_THREE, "");
    let mut envelope = signed(rebuild(Outcome::Built, 1), &key(1));
    let signature = envelope.signatures[0].clone();
    let borrowed = key(2).public().id().to_string();
    envelope.signatures.push(Signature { key_id: borrowed, ..signature.clone() });
    envelope.signatures.push(Signature { key_id: "bob".to_owned(), ..signature });
    decides(&policy, &[evidence(envelope)], Kind::Insufficient);
}

#[test]
fn a_statement_replayed_for_another_action_or_output_is_not_counted() {
    let policy = policy(TWO_OF_THREE, "");
    let mut other_action = rebuild(Outcome::Built, 1);
    other_action.action.digest.blake3 = action(8);
    let mut other_output = rebuild(Outcome::Built, 1);
    other_output.outputs[0].name = "dev".parse().unwrap();
    let replayed =
        [states(1, 1), evidence(signed(other_action, &key(2))), evidence(signed(other_output, &key(3)))];
    let verdict = decides(&policy, &replayed, Kind::Insufficient);
    assert_eq!(verdict.not_counted.iter().filter(|it| it.reason == Reason::OtherSubject).count(), 2);
}

#[test]
fn a_payload_swapped_under_a_signature_is_not_counted() {
    let policy = policy(TWO_OF_THREE, "");
    let mut forged = signed(rebuild(Outcome::Built, 2), &key(2));
    forged.payload = signed(rebuild(Outcome::Built, 1), &key(1)).payload;
    let verdict = decides(&policy, &[states(1, 1), evidence(forged)], Kind::Insufficient);
    assert_eq!(verdict.not_counted[0].reason, Reason::NoKnownKey);
}

#[test]
fn a_statement_under_a_wrong_payload_type_is_not_counted() {
    let policy = policy(TWO_OF_THREE, "");
    let payload = signed(rebuild(Outcome::Built, 1), &key(2)).payload;
    for payload_type in ["application/json", "application/vnd.in-toto+JSON", "application/vnd.in-toto+json "]
    {
        let envelope = Envelope::sign(payload_type, payload.clone(), &key(2)).unwrap();
        decides(&policy, &[states(1, 1), evidence(envelope)], Kind::Insufficient);
    }
    // The type changed after signing, too.
    let mut retyped = Envelope::sign("application/json", payload, &key(2)).unwrap();
    retyped.payload_type = IN_TOTO.to_owned();
    decides(&policy, &[states(1, 1), evidence(retyped)], Kind::Insufficient);
}

#[test]
fn a_statement_of_another_predicate_is_not_counted() {
    let policy = policy(TWO_OF_THREE, "");
    let statement = rebuild(Outcome::Built, 1).statement().unwrap();
    let other = Statement { predicate_type: REBUILD.to_uppercase(), ..statement };
    let envelope = Envelope::sign(IN_TOTO, other.encode().unwrap(), &key(2)).unwrap();
    decides(&policy, &[states(1, 1), evidence(envelope)], Kind::Insufficient);
}

/// A document that says one thing to a reader that takes the first key, and another to one that takes the last.
#[test]
fn a_signed_statement_with_a_key_twice_or_in_two_cases_is_not_counted() {
    let policy = policy(TWO_OF_THREE, "");
    let text = String::from_utf8(signed(rebuild(Outcome::Built, 1), &key(2)).payload).unwrap();
    for (from, to) in [
        ("\"outcome\":\"built\"", "\"outcome\":\"failed\",\"outcome\":\"built\""),
        ("\"outcome\":\"built\"", "\"Outcome\":\"failed\",\"outcome\":\"built\""),
        ("\"_type\":", "\"_TYPE\":\"x\",\"_type\":"),
    ] {
        let forged = text.replacen(from, to, 1);
        assert_ne!(forged, text);
        let envelope = Envelope::sign(IN_TOTO, forged.into_bytes(), &key(2)).unwrap();
        let verdict = decides(&policy, &[states(1, 1), evidence(envelope)], Kind::Insufficient);
        assert!(matches!(verdict.not_counted[0].reason, Reason::NotAStatement(_)));
    }
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep = text.replacen("\"outcome\":", &format!("\"x\":{deep},\"outcome\":"), 1);
    let envelope = Envelope::sign(IN_TOTO, deep.into_bytes(), &key(2)).unwrap();
    decides(&policy, &[states(1, 1), evidence(envelope)], Kind::Insufficient);
}

#[test]
fn one_builder_with_two_digests_is_an_equivocation_that_a_third_party_can_check() {
    let policy = policy(TWO_OF_THREE, "");
    let evidence = [states(1, 1), states(2, 1), states(3, 1), states(3, 2)];
    let verdict = decides(&policy, &evidence, Kind::Equivocation);
    let proof = &verdict.equivocations[0];
    assert_eq!(proof.principal.as_str(), "carol");
    // Somebody else, who has only the proof and carol's key.
    let (first, second) = proof.check(&[key(3).public().clone()]).unwrap();
    assert_ne!(first, second);
    // It proves nothing against anybody else, and cannot be made from one statement.
    assert!(proof.check(&[key(2).public().clone()]).is_err());
    let mut same = proof.clone();
    same.second = same.first.clone();
    assert!(same.check(&[key(3).public().clone()]).is_err());
    let mut forged = proof.clone();
    forged.second.payload = signed(rebuild(Outcome::Built, 9), &key(4)).payload;
    assert!(forged.check(&[key(3).public().clone()]).is_err());
}

/// The digests are compared in both algorithms: one signature must not mean two things to two readers.
#[test]
fn an_output_that_agrees_in_one_digest_and_differs_in_the_other_is_dissent() {
    let policy = policy(TWO_OF_THREE, "");
    let mut mixed = rebuild(Outcome::Built, 1);
    mixed.outputs[0].digest.sha256 = digests(2).sha256;
    let evidence = [states(1, 1), states(2, 1), evidence(signed(mixed, &key(3)))];
    decides(&policy, &evidence, Kind::Contested);
    // Also when only the digest is asked about in which they agree.
    let asked = stele_trust::verdict::Inquiry {
        policy: &policy,
        highest_policy_seen: None,
        subject: subject(),
        digest: Some(Digests { sha256: None, ..digests(1) }),
        evidence: &evidence,
        now: NOW,
    };
    assert_eq!(stele_trust::verdict::decide(&asked).kind, Kind::Contested);
}

/// Who carries evidence can leave some out. A threshold that needs everybody shows it; one that does not, cannot,
/// and its policy says so.
#[test]
fn dissent_that_is_hidden_is_missed_only_where_the_policy_can_do_without_that_builder() {
    let all = r#"{ all = ["alice", "bob", "carol"] }"#;
    let shown = [states(1, 1), states(2, 1), says(3, Outcome::Differs, 2)];
    for rule in [TWO_OF_THREE, all] {
        decides(&policy(rule, ""), &shown, Kind::Contested);
    }
    let hidden = &shown[..2];
    let verdict = decides(&policy(all, ""), hidden, Kind::Insufficient);
    assert_eq!(verdict.silent[0].as_str(), "carol");
    let verdict = decides(&policy(TWO_OF_THREE, ""), hidden, Kind::Agreed);
    assert_eq!(verdict.silent[0].as_str(), "carol");
}

#[test]
fn a_quorum_that_is_met_only_when_silence_is_ignored_is_not_met() {
    // Two of two that answered, of five: all of those who spoke, and not enough.
    let verdict = decides(&policy(THREE_OF_FIVE, ""), &[states(1, 1), states(2, 1)], Kind::Insufficient);
    assert_eq!(verdict.silent.len(), 3);
    decides(&policy(THREE_OF_FIVE, ""), &[states(1, 1), states(2, 1), states(5, 1)], Kind::Agreed);
    decides(&policy(TWO_OF_THREE, ""), &[], Kind::Insufficient);
}

#[test]
fn strangers_do_not_count_however_many_they_are() {
    let crowd: Vec<Evidence> = (10..60).map(|number| states(number, 1)).collect();
    decides(&policy(TWO_OF_THREE, ""), &crowd, Kind::Invalid);
    let with_one: Vec<Evidence> = crowd.iter().cloned().chain([states(1, 1)]).collect();
    let verdict = decides(&policy(TWO_OF_THREE, ""), &with_one, Kind::Insufficient);
    assert_eq!(verdict.agreeing.len(), 1);
    // And a stranger who dissents contests nothing.
    decides(&policy(TWO_OF_THREE, ""), &[states(1, 1), states(2, 1), states(50, 2)], Kind::Agreed);
}

#[test]
fn junk_beside_good_evidence_neither_helps_nor_harms() {
    let junk =
        Evidence::Unreadable { digest: stele_trust::digest::Sha256([0; 32]), reason: "cut off".to_owned() };
    decides(&policy(TWO_OF_THREE, ""), &[states(1, 1), junk.clone()], Kind::Insufficient);
    let verdict =
        decides(&policy(TWO_OF_THREE, ""), &[junk.clone(), states(1, 1), states(2, 1)], Kind::Agreed);
    assert_eq!(verdict.not_counted.len(), 1);
    decides(&policy(TWO_OF_THREE, ""), &[junk], Kind::Invalid);
}

/// Evidence comes as files that anybody may have written.
#[test]
fn files_are_read_by_their_format_and_what_is_in_none_is_named_and_not_counted() {
    let policy = policy(TWO_OF_THREE, "");
    let envelope = |by: u8| signed(rebuild(Outcome::Built, 1), &key(by));
    let bundle = Bundle::of_envelope(envelope(2), key(2).public()).encode().unwrap();
    let mut files = vec![envelope(1).encode(), bundle.clone()];
    let read = |files: &[Vec<u8>]| {
        files.iter().flat_map(|file| Evidence::parse(file, policy.public_keys())).collect::<Vec<_>>()
    };
    decides(&policy, &read(&files), Kind::Agreed);
    // Empty, cut off, of another format, and a bundle of an artifact.
    let artifact = Bundle::sign(b"artifact", &key(3)).unwrap().encode().unwrap();
    let junk = [vec![], bundle[..bundle.len() / 2].to_vec(), b"{}".to_vec(), b"[]".to_vec(), artifact];
    files.extend(junk.clone());
    assert_eq!(decides(&policy, &read(&files), Kind::Agreed).not_counted.len(), junk.len());
    decides(&policy, &read(&junk), Kind::Invalid);
}

#[test]
fn a_compromised_key_never_counts_and_cannot_silence_its_principal() {
    let text = policy_text(TWO_OF_THREE, "[keys]\nexpired = \"at-signing\"", &|name| match name {
        "bob" => format!(
            "revoked = {{ at = 2026-06-01T00:00:00Z, reason = \"compromised\" }}\n\
             [[principals.bob.keys]]\npublic = \"{}\"",
            key(9).public().to_openssh().trim()
        ),
        _ => String::new(),
    });
    let policy = Policy::parse(&text).unwrap();
    let before = "2020-01-01T00:00:00Z".parse().unwrap();
    let dated_back = evidence(signed(dated(1, before), &key(2)));
    decides(&policy, &[states(1, 1), dated_back], Kind::Revoked);
    // The thief takes back what bob says with his new key, and says something else: neither counts.
    let thief = [says(2, Outcome::Revoked, 1), states(2, 2)];
    let evidence: Vec<Evidence> = thief.into_iter().chain([states(1, 1), states(9, 1)]).collect();
    decides(&policy, &evidence, Kind::Agreed);
}

#[test]
fn a_bundle_of_the_policys_own_keys_in_another_case_or_alphabet_is_nobody() {
    for name in ["Alice", "ALICE", "аlice", "alice\u{200d}"] {
        let text = policy_text(TWO_OF_THREE, "", &|_| String::new());
        let twin = format!(
            "[principals.\"{name}\"]\n[[principals.\"{name}\".keys]]\npublic = \"{}\"\n",
            key(9).public().to_openssh().trim()
        );
        assert!(Policy::parse(&(text + &twin)).is_err(), "{name:?}");
    }
}

#[test]
fn a_builder_whose_facts_contradict_the_policys_does_not_count_in_favour() {
    let mut claims = rebuild(Outcome::Built, 1);
    claims.builder.cpu_vendor = Some("Intel".to_owned());
    let says_intel = |by: u8| evidence(signed(Rebuild { ..claims.clone() }, &key(by)));
    let policy = policy(TWO_OF_THREE, "");
    // Alice's machine is an AMD, as the policy knows; bob's is an Intel, in whatever case.
    let verdict = decides(&policy, &[says_intel(1), says_intel(2)], Kind::Insufficient);
    assert_eq!(verdict.agreeing[0].principal.as_str(), "bob");
    let accepting = crate::cast::policy(TWO_OF_THREE, "[statements]\ncontradicting_facts = \"accept\"");
    decides(&accepting, &[says_intel(1), says_intel(2)], Kind::Agreed);
}
