//! Who plays: builders with keys, what they sign, and a policy that knows them.

use stele_trust::digest::{Blake3, Digests, Sha256};
use stele_trust::dsse::{Envelope, IN_TOTO};
use stele_trust::keys::{Signer as _, SigningKey};
use stele_trust::policy::Policy;
use stele_trust::statement::rebuild::{
    Action, ActionDigest, Builder, Metadata, Outcome, Output, Rebuild, Sandbox,
};
use stele_trust::time::Time;
use stele_trust::verdict::{Inquiry, Kind, Verdict, decide};
use stele_trust::vote::{Evidence, Subject};

/// 2026-12-01T00:00:00Z.
pub const NOW: Time = Time(1_796_083_200);

/// The builders that the policy knows, with their CPU vendor and organisation. The number is their key's.
pub const BUILDERS: [(&str, u8, &str, &str); 5] = [
    ("alice", 1, "amd", "red"),
    ("bob", 2, "intel", "blue"),
    ("carol", 3, "amd", "green"),
    ("dave", 4, "amd", "red"),
    ("erin", 5, "arm", "blue"),
];

pub fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32]).expect("a key")
}

/// The good output has the number 1.
pub fn digests(number: u8) -> Digests {
    Digests::both(Blake3([number; 32]), Sha256([number; 32]))
}

pub fn action(number: u8) -> Blake3 {
    Blake3([number; 32])
}

/// The output `out` of the action 7.
pub fn subject() -> Subject {
    Subject::Output { action: action(7), output: "out".parse().expect("a name") }
}

/// A statement about the output `out` of the action 7.
pub fn rebuild(outcome: Outcome, number: u8) -> Rebuild {
    let expected = (outcome == Outcome::Differs).then(|| digests(1));
    let output = Output { name: "out".parse().expect("a name"), digest: digests(number), expected };
    Rebuild {
        outcome,
        action: Action { digest: ActionDigest { blake3: action(7) }, text: None },
        outputs: if outcome == Outcome::Failed { vec![] } else { vec![output] },
        sandbox: (outcome != Outcome::Revoked).then(|| Sandbox { profile: 1, isolation: Default::default() }),
        builder: Builder::default(),
        metadata: None,
        reason: None,
    }
}

/// The same, dated.
pub fn dated(number: u8, time: Time) -> Rebuild {
    let metadata = Some(Metadata { started_on: None, finished_on: Some(time), stated_on: None });
    Rebuild { metadata, ..rebuild(Outcome::Built, number) }
}

pub fn signed(rebuild: Rebuild, by: &SigningKey) -> Envelope {
    let payload = rebuild.statement().expect("a statement").encode().expect("bytes");
    Envelope::sign(IN_TOTO, payload, by).expect("a signature")
}

pub fn evidence(envelope: Envelope) -> Evidence {
    Evidence::Envelope { envelope, witnessed: None }
}

/// That the builder with this key states the digest with this number.
pub fn states(by: u8, number: u8) -> Evidence {
    evidence(signed(rebuild(Outcome::Built, number), &key(by)))
}

pub fn says(by: u8, outcome: Outcome, number: u8) -> Evidence {
    evidence(signed(rebuild(outcome, number), &key(by)))
}

/// The text of a policy with this rule. `more` are lines beside it, and `keys` lines behind the key of each
/// builder.
pub fn policy_text(rule: &str, more: &str, keys: &dyn Fn(&str) -> String) -> String {
    let mut text = format!("policy = 1\nname = \"example\"\nversion = 3\nrule = {rule}\n{more}\n");
    for (name, number, vendor, organisation) in BUILDERS.iter().filter(|it| rule.contains(it.0)) {
        let public = key(*number).public().to_openssh();
        text += &format!(
            "[principals.{name}]\ncpu_vendor = \"{vendor}\"\norganisation = \"{organisation}\"\n\
             [[principals.{name}.keys]]\npublic = \"{}\"\n{}\n",
            public.trim(),
            keys(name)
        );
    }
    text
}

pub const TWO_OF_THREE: &str = r#"{ at_least = 2, of = ["alice", "bob", "carol"] }"#;
pub const THREE_OF_FIVE: &str = r#"{ at_least = 3, of = ["alice", "bob", "carol", "dave", "erin"] }"#;

pub fn policy(rule: &str, more: &str) -> Policy {
    Policy::parse(&policy_text(rule, more, &|_| String::new())).expect("a policy")
}

/// What is decided of the good output.
pub fn verdict(policy: &Policy, evidence: &[Evidence]) -> Verdict {
    decide(&Inquiry {
        policy,
        highest_policy_seen: None,
        subject: subject(),
        digest: Some(digests(1)),
        evidence,
        now: NOW,
    })
}

#[track_caller]
pub fn decides(policy: &Policy, evidence: &[Evidence], kind: Kind) -> Verdict {
    let verdict = verdict(policy, evidence);
    assert_eq!(verdict.kind, kind, "{}", verdict.explain());
    verdict
}
