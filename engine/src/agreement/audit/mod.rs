//! The auditor's one file: everything that a decision rests on, so that it can be decided again without a store, a
//! network or this machine. `docs/attestations.md` lists what is in it.

mod assemble;
mod check;
mod declarations;
mod html;
mod votes;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use stele_store::model::Digest;
use stele_trust::digest::{Digests, Sha256};
use stele_trust::time::Time;

use super::answers::{Decision, MadeKind, Pinned};

pub use assemble::Parts;
pub use check::{CheckError, check, extract};
pub use votes::Vote;

/// The version of the format.
pub const FORMAT: u32 = 1;
/// The most bytes of an audit file that are read.
pub const MAX_AUDIT: usize = 256 << 20;

/// The file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Audit {
    /// The version of the format.
    pub audit: u32,
    /// What it is about.
    pub subject: Subject,
    /// What was decided, by whom and by what.
    pub verdict: Verdict,
    /// Everything that principals of the policy state of it and of what it was made from.
    pub votes: Vec<Vote>,
    /// How each output on the way was made, dependencies first.
    pub builds: Vec<Build>,
    /// What it was made from and nobody made.
    pub dependencies: Dependencies,
    /// Where the sources come from, as far as recipes tell.
    pub sources: Vec<Source>,
    /// What kept the builds apart from the machine.
    pub isolation: Isolation,
    /// What is attached to the image: SBOMs and the like.
    pub attachments: Vec<Attachment>,
    /// Whether a transparency log was used.
    pub log: Log,
    /// What is accepted although it is not as it should be.
    pub exceptions: Vec<Exception>,
    /// The keys of the principals, with which all of it can be checked offline.
    pub keys: Vec<Key>,
    /// How long this has to be kept, and where.
    pub retention: Retention,
    /// The evidence itself: bundles and envelopes.
    pub evidence: Vec<String>,
    /// SHA-256 of the policy, of each piece of evidence and of each canonical text, by what they are.
    pub pieces: BTreeMap<String, Sha256>,
}

/// What an audit is about.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// How users know it.
    pub name: String,
    /// By what it is named without a store: the digest of an output, or `sha256:` and that of a manifest.
    pub reference: String,
    /// The action or request that made it.
    pub of: Option<Digest>,
    /// The digests of its outputs.
    pub outputs: BTreeMap<String, Digests>,
    /// Of an image: its digests, platform, size and layers, with SHA-512 of manifest and layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Value>,
}

/// What was decided.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The decision, with the closure.
    pub decision: Decision,
    /// When.
    pub time: Time,
    /// The policy.
    pub policy: PolicyText,
    /// The highest version of the policy that was seen before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_policy_seen: Option<u64>,
    /// The fewest principals that satisfy the policy; none with too many to tell.
    pub fewest: Option<usize>,
    /// How many principals there are.
    pub principals: usize,
    /// The program that decided.
    pub verifier: Verifier,
}

/// A policy, whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicyText {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// SHA-256 of its text.
    pub sha256: Sha256,
    /// Its text.
    pub text: String,
}

/// The program that decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verifier {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
}

/// How something was made.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Build {
    /// How users know it.
    pub name: String,
    /// What made it.
    pub kind: MadeKind,
    /// The digest of the action or request.
    pub of: Digest,
    /// The canonical text: of an action all parameters, environment variables and command lines.
    pub text: Value,
    /// Its outputs.
    pub outputs: BTreeMap<String, Digests>,
    /// The verdict on it.
    pub verdict: String,
    /// Who agrees.
    pub agreeing: Vec<String>,
    /// The outputs that it was made from: the action, its output, the digest.
    pub from: Vec<String>,
}

/// What nobody made.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Dependencies {
    /// Whether these and the builds are all there is: nothing is unexplained.
    pub complete: bool,
    /// Each with its role.
    pub pinned: Vec<Pinned>,
    /// What is used and not explained.
    pub unexplained: Vec<Pinned>,
    /// The bytes of prebuilt content, as far as sizes are known.
    pub opaque_bytes: u64,
    /// The bytes of the seed.
    pub seed_bytes: u64,
}

/// A source, as recipes describe it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Its file name.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// The recipe that uses it, and its version.
    pub recipe: String,
    /// Where it can be fetched.
    pub mirrors: Vec<String>,
    /// The licence, as the recipe states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Patches that are applied to it, with their digests.
    pub patches: Vec<String>,
}

/// What kept the builds apart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Isolation {
    /// The version of the sandbox profile.
    pub profile: u32,
    /// The digest of its text.
    pub profile_digest: Digest,
    /// Its text: all that a build can see and that is not in its action.
    pub profile_text: String,
    /// How the network is excluded, and how that is known.
    pub network: String,
    /// Who holds the keys.
    pub keys: String,
}

/// An attachment of the image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attachment {
    /// Its artifact type.
    pub kind: String,
    /// The digest of its manifest.
    pub digest: String,
    /// The digests of its files.
    pub files: Vec<String>,
}

/// Whether a transparency log was used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Log {
    /// Whether one was.
    pub used: bool,
    /// Why not, or which.
    pub note: String,
}

/// Something that is accepted although it is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exception {
    /// What.
    pub what: String,
    /// Who accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// A key of a principal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Key {
    /// Whose.
    pub principal: String,
    /// The facts that the policy has of its owner.
    pub facts: BTreeMap<String, String>,
    /// The key in PEM, or the fingerprint of an OpenPGP key.
    pub key: String,
    /// OpenSSH's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// From when on it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Time>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Time>,
    /// When and how it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
}

/// How long it has to be kept.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Retention {
    /// Until when what it is about is supported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_ends: Option<String>,
    /// Until when this file is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
}

impl Audit {
    /// For machines: one JSON document.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For people: a page that prints well, with the document for machines in it.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// As declarations of CycloneDX 1.6, which other audit tools read.
    pub fn to_cyclonedx(&self) -> Value {
        declarations::document(self)
    }
}
