//! Votes: from signed evidence to who says what of which output.
//!
//! A vote is (subject, digests, *principal*). One principal has one vote, whatever number of files, envelopes,
//! signatures and keys it comes in.

mod equivocation;
mod file;
mod reading;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::{Blake3, Digests, Sha256};
use crate::dsse::Envelope;
use crate::name::{Label, OutputName};
use crate::principal::{Fact, KeyProblem, Material};
use crate::time::Time;

pub use equivocation::{Equivocation, EquivocationError};
pub use file::pieces;
pub use reading::{principals, read};

/// What a vote is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// An output of an action.
    Output {
        /// The action's digest.
        action: Blake3,
        /// The output's name.
        output: OutputName,
    },
    /// What other projects sign: an artifact by name and digest, without an action. One name has many digests over
    /// time, so another digest of the name is another subject, and nobody can dissent.
    Artifact {
        /// Its name, such as `stagex/gcc`.
        name: String,
        /// Its digest: of an image, the manifest's.
        sha256: Sha256,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output { action, output } => write!(f, "output {output} of the action {action}"),
            Self::Artifact { name, sha256 } => write!(f, "{} with sha256:{sha256}", name.escape_debug()),
        }
    }
}

/// What is said of the subject.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// It has these digests.
    States(Digests),
    /// The build failed, so there is no output.
    Failed,
    /// What was said of these digests is taken back.
    Revokes(Digests),
}

/// Something signed that may hold votes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// An envelope.
    Envelope {
        /// As it was read; not verified.
        envelope: Envelope,
        /// When a third party saw it, if a timestamp was verified.
        witnessed: Option<Time>,
    },
    /// A statement in another project's form, whose signature was verified by that project's means.
    Foreign(ForeignVote),
    /// Something offered as evidence that could not be read.
    Unreadable {
        /// SHA-256 of it.
        digest: Sha256,
        /// Why.
        reason: String,
    },
}

/// A vote in another project's form. Its signature holds; whether its key counts is the policy's business.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForeignVote {
    /// SHA-256 of the evidence.
    pub evidence: Sha256,
    /// The key that signed; of OpenPGP, the primary key of its certificate.
    pub signer: Material,
    /// What it is about; it says that there is one.
    pub name: String,
    /// With which digest.
    pub sha256: Sha256,
    /// When it was signed, as the signature says.
    pub signed: Option<Time>,
    /// When the key expired by its own certificate, if it has.
    pub key_expired: Option<Time>,
    /// Whether the key was revoked by its own certificate.
    pub key_revoked: bool,
}

impl Evidence {
    /// By what reports name it: SHA-256 of the envelope in canonical encoding, or of the file.
    pub fn digest(&self) -> Sha256 {
        match self {
            Self::Envelope { envelope, .. } => Sha256::of(&envelope.encode()),
            Self::Foreign(vote) => vote.evidence,
            Self::Unreadable { digest, .. } => *digest,
        }
    }
}

/// A vote of a principal, with what speaks against counting it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vote {
    /// Who.
    pub principal: Label,
    /// What.
    pub position: Position,
    /// In which evidence.
    pub evidence: Sha256,
    /// Why it does not count in favour, if it does not. Against, it counts unless its key does not.
    pub weakness: Option<Reason>,
}

/// Why something was not counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It could not be read.
    Unreadable(String),
    /// No key of the policy made one of its signatures.
    NoKnownKey,
    /// It is signed, and not a statement that holds votes.
    NotAStatement(String),
    /// It is about something else.
    OtherSubject,
    /// Its key does not count.
    Key(KeyProblem),
    /// It is older than the policy allows.
    Stale,
    /// It is dated after the verdict.
    Future,
    /// It has no date that the policy accepts.
    NoDate,
    /// Another sandbox profile.
    Profile(u32),
    /// Its facts contradict the policy's.
    Facts {
        /// Which.
        fact: Fact,
        /// What the statement says.
        stated: String,
    },
    /// Its principal took it back.
    Withdrawn,
    /// Its principal states two digests.
    Equivocates,
    /// A failed build, which the policy does not count.
    Failed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(reason) => write!(f, "it cannot be read: {reason}"),
            Self::NoKnownKey => f.write_str("no key of the policy signed it"),
            Self::NotAStatement(reason) => write!(f, "it holds no vote: {reason}"),
            Self::OtherSubject => f.write_str("it is about another action or output"),
            Self::Key(KeyProblem::Revoked) => f.write_str("its key was revoked"),
            Self::Key(KeyProblem::Expired) => f.write_str("its key has expired"),
            Self::Key(KeyProblem::NotYetValid) => f.write_str("its key was not valid yet"),
            Self::Stale => f.write_str("it is older than the policy allows"),
            Self::Future => f.write_str("it is dated in the future"),
            Self::NoDate => f.write_str("it has no date that the policy accepts"),
            Self::Profile(profile) => write!(f, "it was built in the sandbox profile {profile}"),
            Self::Facts { fact, stated } => {
                write!(f, "it states the {} {stated:?}, which contradicts the policy", fact.key())
            }
            Self::Withdrawn => f.write_str("its principal took it back"),
            Self::Equivocates => f.write_str("its principal states two digests"),
            Self::Failed => f.write_str("the build failed, which the policy does not count"),
        }
    }
}

/// What one piece of evidence holds for a subject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// A vote.
    Vote(Vote),
    /// Nothing that counts.
    Refused {
        /// Which evidence.
        evidence: Sha256,
        /// Whose key signed it, if that is known.
        principal: Option<Label>,
        /// Why.
        reason: Reason,
    },
}
