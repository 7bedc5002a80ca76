//! Who plays: builders with keys, what they sign, and policies that know them.
//!
//! The keys are those of seeds that anybody can write down: they sign these cases and must never sign anything else.

use stele_trust::digest::{Blake3, Digests, Sha256};
use stele_trust::dsse::{Envelope, IN_TOTO};
use stele_trust::keys::{Signer as _, SigningKey};
use stele_trust::statement::rebuild::{
    Action, ActionDigest, Builder, Metadata, Outcome, Output, Rebuild, Sandbox,
};
use stele_trust::time::{DAY, Time};

/// A file of evidence: its name without the ending, and its bytes.
pub type File = (String, Vec<u8>);

/// 2026-11-30T00:00:00Z.
pub const NOW: Time = Time(1_795_996_800);

/// The builders, with the CPU vendor and organisation that a policy knows of them. Their keys have the seeds 1, 2, ….
const BUILDERS: [(&str, &str, &str); 7] = [
    ("alice", "amd", "red"),
    ("bob", "intel", "blue"),
    ("carol", "amd", "green"),
    ("dave", "amd", "red"),
    ("erin", "arm", "blue"),
    ("frank", "amd", "green"),
    ("grace", "intel", "red"),
];

/// A builder with a key on P-256.
pub const HEIDI: &str = include_str!("../../../../tests/conformance/agreement/keys/heidi.pem");

pub const TWO_OF_THREE: &str = r#"{ at_least = 2, of = ["alice", "bob", "carol"] }"#;
pub const THREE_OF_FIVE: &str = r#"{ at_least = 3, of = ["alice", "bob", "carol", "dave", "erin"] }"#;
pub const ALL_THREE: &str = r#"{ all = ["alice", "bob", "carol"] }"#;

/// The key of a builder; `NAME-2` is a second one of the same, and `stranger-N` one that no policy knows.
pub fn key(name: &str) -> SigningKey {
    let (builder, number) = name.split_once('-').unwrap_or((name, "1"));
    let place = BUILDERS.iter().position(|it| it.0 == builder).unwrap_or(BUILDERS.len());
    let number: u8 = number.parse().expect("a number");
    let seed = u8::try_from(place + 1).expect("few builders") + 16 * (number - 1);
    SigningKey::from_seed(&[seed; 32]).expect("a key")
}

pub fn heidi() -> SigningKey {
    SigningKey::parse(HEIDI).expect("a key")
}

pub fn public(name: &str) -> String {
    key(name).public().to_openssh().trim().to_owned()
}

/// The good output has the number 1.
pub fn digests(number: u8) -> Digests {
    Digests::both(Blake3([number; 32]), Sha256([number; 32]))
}

pub fn ago(days: i64) -> Time {
    Time(NOW.0 - days * DAY)
}

/// A statement about the output `out` of the action 7.
pub fn rebuild(outcome: Outcome, number: u8) -> Rebuild {
    let expected = (outcome == Outcome::Differs).then(|| digests(1));
    let output = Output { name: "out".parse().expect("a name"), digest: digests(number), expected };
    Rebuild {
        outcome,
        action: Action { digest: ActionDigest { blake3: Blake3([7; 32]) }, text: None },
        outputs: if outcome == Outcome::Failed { vec![] } else { vec![output] },
        sandbox: (outcome != Outcome::Revoked).then(|| Sandbox { profile: 1, isolation: Default::default() }),
        builder: Builder::default(),
        metadata: None,
        reason: None,
    }
}

/// That the good output was built, dated.
pub fn dated(time: Time) -> Rebuild {
    let metadata = Some(Metadata { started_on: None, finished_on: Some(time), stated_on: None });
    Rebuild { metadata, ..rebuild(Outcome::Built, 1) }
}

pub fn payload(rebuild: Rebuild) -> Vec<u8> {
    rebuild.statement().expect("a statement").encode().expect("bytes")
}

pub fn envelope(by: &SigningKey, rebuild: Rebuild) -> Envelope {
    Envelope::sign(IN_TOTO, payload(rebuild), by).expect("a signature")
}

/// The same as a file.
pub fn file(name: &str, envelope: &Envelope) -> File {
    (name.to_owned(), envelope.encode())
}

/// A file in which a builder says this of the output with this number.
pub fn says(by: &str, outcome: Outcome, number: u8) -> File {
    file(by, &envelope(&key(by), rebuild(outcome, number)))
}

/// A file in which a builder states the good digest.
pub fn states(by: &str) -> File {
    says(by, Outcome::Built, 1)
}

/// The same of any statement.
pub fn signed(by: &str, rebuild: Rebuild) -> File {
    file(by, &envelope(&key(by), rebuild))
}

/// The good statement of a builder with a change in its text, signed as it then is.
pub fn changed(by: &str, from: &str, to: &str) -> File {
    let text = String::from_utf8(payload(rebuild(Outcome::Built, 1))).expect("text");
    let other = text.replacen(from, to, 1);
    assert_ne!(other, text, "{from:?} is in the statement");
    file(by, &Envelope::sign(IN_TOTO, other.into_bytes(), &key(by)).expect("a signature"))
}

pub fn named(name: &str, file: File) -> File {
    (name.to_owned(), file.1)
}

/// A policy with this rule, of the builders that the rule names. `more` are lines behind the rule.
pub fn policy(rule: &str, more: &str) -> String {
    policy_with(rule, more, &[])
}

/// The same, with lines behind the first key of some builders.
pub fn policy_with(rule: &str, more: &str, keys: &[(&str, &str)]) -> String {
    let mut text = format!("policy = 1\nname = \"example\"\nversion = 3\nrule = {rule}\n");
    if !more.is_empty() {
        text += &format!("{more}\n");
    }
    for (name, vendor, organisation) in BUILDERS.iter().filter(|it| rule.contains(it.0)) {
        text += &format!(
            "\n[principals.{name}]\ncpu_vendor = \"{vendor}\"\norganisation = \"{organisation}\"\n\
             \n[[principals.{name}.keys]]\npublic = \"{}\"\n",
            public(name),
        );
        for (_, lines) in keys.iter().filter(|it| it.0 == *name) {
            text += &format!("{lines}\n");
        }
    }
    text
}

/// Lines of a policy that give a builder another key.
pub fn second_key(builder: &str, openssh: &str) -> String {
    format!("\n[[principals.{builder}.keys]]\npublic = \"{openssh}\"")
}
