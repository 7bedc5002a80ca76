//! Policies: whose statements count, and how many are enough. `docs/policy.md` has the format.
//!
//! The number of principals is that of the policy, never of those who answered, so silence raises no share.

mod check;
mod explain;
mod file;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::digest::Sha256;
use crate::keys::{KeyError, PublicKey};
use crate::name::Label;
use crate::principal::{Expiry, Fact, Key, Material, Principal};
use crate::time::Time;

pub use check::Warning;
pub use rule::Rule;

/// The version of the format.
pub const FORMAT: i64 = 1;
/// The maximum size of a policy's text.
pub const MAX_TEXT: usize = 1 << 20;
/// The maximum number of principals.
pub const MAX_PRINCIPALS: usize = 256;
/// How deeply rules may be nested.
pub const MAX_RULE_DEPTH: usize = 16;

/// A policy that was checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    /// Its name.
    pub name: Label,
    /// Grows with each change: a lower one than the highest seen is a rollback.
    pub version: u64,
    /// After this the policy decides nothing any more.
    pub valid_until: Option<Time>,
    /// SHA-256 of its text.
    pub digest: Sha256,
    /// Everybody whose votes count.
    pub principals: BTreeMap<Label, Principal>,
    /// Which of them are enough.
    pub rule: Rule,
    /// How independent they have to be.
    pub independent: Vec<Independence>,
    /// What dissent does.
    pub dissent: Dissent,
    /// How old a statement may be.
    pub freshness: Option<Freshness>,
    /// When a key has to be valid.
    pub expiry: Expiry,
    /// The sandbox profiles that count; any if empty.
    pub profiles: BTreeSet<u32>,
    /// Whether a statement counts whose facts contradict the policy's.
    pub contradicting_facts: ContradictingFacts,
}

/// That those who agree differ in a fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Independence {
    /// The fact.
    pub fact: Fact,
    /// How many different values of it they have to have.
    pub at_least: usize,
}

/// What dissent does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dissent {
    /// How many principals may dissent, or equivocate, without making it contested.
    pub tolerate: usize,
    /// Whether a build that failed is a dissent.
    pub failed_dissents: bool,
}

/// How old a statement may be that counts in favour. Dissent does not go stale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Freshness {
    /// In days.
    pub max_age_days: u32,
    /// Whether only a third party's timestamp dates a statement.
    pub witnessed: bool,
}

/// What to do with a statement whose facts contradict the policy's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContradictingFacts {
    /// It does not count in favour.
    #[default]
    Refuse,
    /// The policy's facts hold.
    Accept,
}

/// Why a text is not a policy. Each names what to change.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Too large.
    #[error("the policy has {size} bytes, and at most {MAX_TEXT} are read")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// Not TOML, a field that does not exist, or one of another type.
    #[error("{0}")]
    Syntax(Box<toml::de::Error>),
    /// A later format.
    #[error("the policy is of format {found}, and {FORMAT} is known")]
    Format {
        /// Its format.
        found: i64,
    },
    /// A number that makes no sense where it stands.
    #[error("`{field}` is {found}; it is {expected}")]
    Number {
        /// The field.
        field: String,
        /// The number.
        found: i64,
        /// What it may be.
        expected: String,
    },
    /// A rule of an unclear form.
    #[error("a rule has `at_least` with `of`, or `all`, or `any`, and nothing else")]
    RuleForm,
    /// A rule of nobody.
    #[error("a rule has an empty list: nobody satisfies it, or everybody")]
    RuleEmpty,
    /// Rules in rules without end.
    #[error("rules are nested more than {MAX_RULE_DEPTH} deep")]
    RuleDepth,
    /// A principal who would count twice.
    #[error("`{name}` stands twice below one rule, and would count twice")]
    CountedTwice {
        /// The principal.
        name: Label,
    },
    /// A principal who is not there.
    #[error("the rule names `{name}`, and there is no `[principals.{name}]`")]
    UnknownPrincipal {
        /// The principal.
        name: Label,
    },
    /// A principal whose votes would be silently left out.
    #[error("`{name}` is a principal, and the rule does not name it")]
    UnusedPrincipal {
        /// The principal.
        name: Label,
    },
    /// Too many principals.
    #[error("the policy has {count} principals; 1 to {MAX_PRINCIPALS} are read")]
    Principals {
        /// How many.
        count: usize,
    },
    /// A principal without a key.
    #[error("the principal `{name}` has no key")]
    NoKey {
        /// The principal.
        name: Label,
    },
    /// A key that is not one.
    #[error("a key of `{name}` cannot be read: {reason}")]
    Key {
        /// The principal.
        name: Label,
        /// Why.
        reason: KeyError,
    },
    /// A key with neither or both kinds of material.
    #[error("a key of `{name}` has to have one of `public` and `openpgp`")]
    KeyForm {
        /// The principal.
        name: Label,
    },
    /// One key that would speak for two, or twice for one.
    #[error("`{first}` and `{second}` have the same key")]
    SharedKey {
        /// The first.
        first: Label,
        /// The other, or the same.
        second: Label,
    },
    /// A date that TOML has and that is not a moment.
    #[error("`{field}` is not a moment with date, time and offset, such as 2027-01-01T00:00:00Z")]
    Moment {
        /// The field.
        field: String,
    },
    /// A key that is never valid.
    #[error("a key of `{name}` is valid until before it is valid from")]
    NeverValid {
        /// The principal.
        name: Label,
    },
    /// An independence clause that cannot be met.
    #[error("{at_least} different {} are demanded, and the principals have {found}", fact.plural())]
    Unreachable {
        /// The fact.
        fact: Fact,
        /// What is demanded.
        at_least: usize,
        /// What there is.
        found: usize,
    },
    /// Two clauses about one fact.
    #[error("two clauses demand different {}", fact.plural())]
    FactTwice {
        /// The fact.
        fact: Fact,
    },
    /// All principals together do not satisfy the policy.
    #[error("no set of the principals can satisfy the policy")]
    NeverSatisfied,
}

impl Policy {
    /// Reads and checks a policy.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        file::parse(text)
    }

    /// Whether these principals satisfy the rule and every independence clause.
    pub fn satisfied_by(&self, agreeing: &BTreeSet<Label>) -> bool {
        self.first_unmet(agreeing).is_none()
    }

    /// The clause that these principals do not satisfy.
    pub fn first_unmet(&self, agreeing: &BTreeSet<Label>) -> Option<Unmet> {
        if !self.rule.satisfied_by(agreeing) {
            return Some(Unmet::Rule);
        }
        let short = |clause: &&Independence| self.values(clause.fact, agreeing).len() < clause.at_least;
        self.independent.iter().find(short).map(|clause| Unmet::Independence(*clause))
    }

    /// The different values of a fact that these principals have. Who has none adds none.
    pub fn values<'a>(&'a self, fact: Fact, of: &BTreeSet<Label>) -> BTreeSet<&'a Label> {
        let facts = |name: &Label| self.principals.get(name)?.facts.get(&fact);
        of.iter().filter_map(facts).collect()
    }

    /// Every key with whose it is.
    pub fn keys(&self) -> impl Iterator<Item = (&Principal, &Key)> {
        self.principals.values().flat_map(|principal| principal.keys.iter().map(move |key| (principal, key)))
    }

    /// Every key that this crate verifies with.
    pub fn public_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys().filter_map(|(_, key)| match &key.material {
            Material::Public(public) => Some(public),
            Material::OpenPgp(_) => None,
        })
    }

    /// Whether it may decide at this moment: it has not expired, and none with a higher version was seen.
    pub fn stale(&self, now: Time, highest_seen: Option<u64>) -> Option<PolicyStale> {
        if let Some(seen) = highest_seen.filter(|seen| *seen > self.version) {
            return Some(PolicyStale::RolledBack { seen });
        }
        self.valid_until.filter(|until| now >= *until).map(|until| PolicyStale::Expired { until })
    }
}

/// What is not satisfied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unmet {
    /// The rule.
    Rule,
    /// An independence clause.
    Independence(Independence),
}

/// Why a policy must not decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PolicyStale {
    /// A higher version was seen before.
    RolledBack {
        /// The highest.
        seen: u64,
    },
    /// It has expired.
    Expired {
        /// When.
        until: Time,
    },
}
