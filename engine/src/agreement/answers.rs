//! Answers about agreement. `docs/formats.md` has their JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use stele_store::model::Digest;
use stele_trust::digest::{Digests, Sha256};

/// An answer about agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgreementAnswer {
    /// Statements to be signed.
    Stated(Stated),
    /// Evidence that was kept, listed or removed.
    Evidence(Vec<Evidence>),
    /// A decision.
    Decided(Box<Decision>),
}

/// What this store can state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Stated {
    /// The statements.
    pub statements: Vec<Statement>,
    /// Names of what it has and did not make itself, of which it states nothing.
    pub left_out: Vec<String>,
}

/// A statement that nobody signed yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// How users know what it is about.
    pub name: String,
    /// The digest of the action or request.
    pub about: Digest,
    /// The type of its predicate.
    pub predicate_type: String,
    /// The outcome, of a rebuild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The bytes to be signed: canonical JSON.
    pub payload: String,
}

/// A piece of evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// SHA-256 of its bytes in the store.
    pub sha256: String,
    /// SHA-256 of the envelope in it, in canonical encoding: by which verdicts and summaries name it.
    pub envelope: String,
    /// The digest of what it is about.
    pub about: Digest,
    /// How users know that, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The type of its predicate.
    pub predicate_type: String,
    /// The outcome, of a rebuild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The ids of the keys that it says signed it: hints.
    pub key_hints: Vec<String>,
    /// Whether it is new to the store; only of what was just added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<bool>,
    /// Its bytes, when they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// A decision by a policy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// How users know what was asked about.
    pub name: String,
    /// What was asked about: the action or request, and the digests of its outputs.
    pub asked: Expected,
    /// The verdict, in upper case: of a closure, the weakest.
    pub verdict: String,
    /// The exit code that belongs to it.
    pub exit_code: u8,
    /// What decided, in words.
    pub explanation: String,
    /// The verdict on what was asked about, as `docs/policy.md` describes it.
    pub subject: Value,
    /// Of a closure: the verdict over all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closure: Option<Value>,
    /// Of a closure: everything that was made on the way, dependencies first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<JudgedAncestor>,
    /// Of a closure: what nobody makes, such as sources and the seed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pinned: Vec<Pinned>,
    /// Of a closure: what is used and of which it is not known how it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexplained: Vec<Pinned>,
    /// Every piece of evidence that was counted.
    pub counted: Vec<Sha256>,
}

/// An action or request, and what it is expected to have made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Expected {
    /// Its digest; none if it is not known how this was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Digest>,
    /// The digests of its outputs.
    pub outputs: BTreeMap<String, Digests>,
    /// Whether this store made them itself.
    pub own: bool,
}

/// What was made on the way from the seed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ancestor {
    /// How users know it.
    pub name: String,
    /// What made it.
    pub kind: MadeKind,
    /// The digest of the action or request.
    pub of: Digest,
    /// Its canonical text.
    pub text: String,
    /// The outputs that are used, or asked about.
    pub outputs: BTreeMap<String, Digests>,
    /// Whether this store made it itself.
    pub own: bool,
    /// The outputs of others that it was made from.
    pub from: Vec<Used>,
    /// What nobody made that it was made from.
    pub pinned: Vec<Pinned>,
}

/// An output that is an input.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Used {
    /// The action or request that made it.
    pub of: Digest,
    /// The name of the output.
    pub output: String,
    /// Its digests.
    pub digests: Digests,
}

/// What made something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MadeKind {
    /// A build in a sandbox.
    Action,
    /// Stele: it unpacked and patched a source.
    Unpacked,
    /// Stele: it merged inputs into a build's root.
    Merged,
    /// Stele: it made an image.
    Image,
}

/// An ancestor, with the verdict on it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JudgedAncestor {
    /// The ancestor.
    #[serde(flatten)]
    pub ancestor: Ancestor,
    /// The verdict, in upper case; `HERE` if Stele itself made it in this store, so that nobody else is asked.
    pub verdict: String,
    /// The principals who agree.
    pub agreeing: Vec<String>,
}

/// Something that is used and was not made by an action or request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Pinned {
    /// How users know it.
    pub name: String,
    /// What it is.
    pub kind: PinnedKind,
    /// Its digests.
    pub digests: Digests,
    /// Its size in bytes, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// What is pinned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinnedKind {
    /// A source, by its SHA-256.
    Source,
    /// Bytes that somebody wrote in hexadecimal digits: the seed.
    Seed,
    /// A file or folder of the recipe tree.
    Local,
    /// A file whose role no recipe told.
    File,
    /// Prebuilt: nobody can build it again from here.
    Opaque,
    /// A directory of which nothing is known.
    Unknown,
}
