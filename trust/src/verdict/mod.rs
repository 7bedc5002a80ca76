//! Verdicts: whether a digest is agreed, who said what, what was not counted, and the clause that decided.

mod closure;
mod decide;
mod report;

use std::fmt;

use serde::Serialize;

use crate::digest::{Digests, Sha256};
use crate::name::Label;
use crate::policy::{Independence, Policy};
use crate::time::Time;
use crate::vote::{Equivocation, Evidence, Position, Reason, Subject};

pub use closure::{Ancestor, Closure, decide_closure};
pub use decide::decide;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Inquiry<'a> {
    /// By which policy.
    pub policy: &'a Policy,
    /// The highest version of this policy that was ever used, which the caller keeps.
    pub highest_policy_seen: Option<u64>,
    /// Of what.
    pub subject: Subject,
    /// The digest that is to be agreed; `None` asks which one is.
    pub digest: Option<Digests>,
    /// Everything that was found.
    pub evidence: &'a [Evidence],
    /// The moment.
    pub now: Time,
}

/// The kinds of verdicts, the strongest first. Each has an exit code of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// The policy is satisfied.
    Agreed,
    /// Too few state the digest.
    Insufficient,
    /// It would be enough if statements or keys were not too old, or the policy itself is.
    Stale,
    /// It would be enough without revocations.
    Revoked,
    /// Nothing of the evidence holds: it cannot be read, or no key of the policy signed it.
    Invalid,
    /// Principals state different digests.
    Contested,
    /// A principal states two digests.
    Equivocation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Agreed,
        Self::Insufficient,
        Self::Stale,
        Self::Revoked,
        Self::Invalid,
        Self::Contested,
        Self::Equivocation,
    ];

    /// The exit code of a command that ends with it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Agreed => 0,
            Self::Insufficient => 10,
            Self::Contested => 11,
            Self::Equivocation => 12,
            Self::Stale => 13,
            Self::Revoked => 14,
            Self::Invalid => 15,
        }
    }

    /// Its name, as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agreed => "AGREED",
            Self::Insufficient => "INSUFFICIENT",
            Self::Contested => "CONTESTED",
            Self::Equivocation => "EQUIVOCATION",
            Self::Stale => "STALE",
            Self::Revoked => "REVOKED",
            Self::Invalid => "INVALID",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// Its kind.
    pub kind: Kind,
    /// What decided.
    pub clause: Clause,
    /// Of what.
    pub subject: Subject,
    /// The digest that was asked about, if one was.
    pub asked: Option<Digests>,
    /// The digest that is agreed.
    pub agreed: Option<Digests>,
    /// The policy: its name, version and digest.
    pub policy: (Label, u64, Sha256),
    /// Who states the digest, each once.
    pub agreeing: Vec<Stance>,
    /// Who states another one, or failed where that counts.
    pub dissenting: Vec<Stance>,
    /// Proofs against principals.
    pub equivocations: Vec<Equivocation>,
    /// Principals of the policy of whom nothing was counted.
    pub silent: Vec<Label>,
    /// What was not counted, and why.
    pub not_counted: Vec<NotCounted>,
}

/// What a principal says, and in which evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Stance {
    /// Who.
    pub principal: Label,
    /// What.
    pub position: Position,
    /// SHA-256 of each envelope or file that says so.
    pub evidence: Vec<Sha256>,
}

/// Something that was not counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NotCounted {
    /// SHA-256 of the envelope or file.
    pub evidence: Sha256,
    /// Whose key signed it, if that is known.
    pub principal: Option<Label>,
    /// Why.
    pub reason: Reason,
}

/// The clause that decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clause {
    /// The rule and every independence clause are satisfied, and dissent is within what is tolerated.
    Satisfied,
    /// The rule is not satisfied.
    Rule,
    /// An independence clause is not satisfied.
    Independence(Independence),
    /// More dissent than is tolerated.
    Dissent {
        /// How many dissent.
        found: usize,
        /// How many are tolerated.
        tolerate: usize,
    },
    /// Two digests satisfy the policy.
    TwoDigests,
    /// Principals state two digests.
    Equivocation,
    /// Age of statements or keys.
    Age,
    /// Revocations of statements or keys.
    Revocation,
    /// None of the evidence could be used.
    Evidence,
    /// The policy has expired.
    PolicyExpired {
        /// When.
        until: Time,
    },
    /// A higher version of the policy was seen.
    PolicyRolledBack {
        /// The highest version seen.
        seen: u64,
    },
}
