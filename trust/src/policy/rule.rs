//! The threshold tree.

use std::collections::BTreeSet;

use super::{MAX_RULE_DEPTH, PolicyError};
use crate::name::Label;

/// Which principals are enough.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rule {
    /// This principal.
    Principal(Label),
    /// So many of these; no principal stands below two of them.
    AtLeast {
        /// How many: from 1 to all.
        least: usize,
        /// Of these.
        of: Vec<Self>,
    },
    /// All of these. A principal may stand below several, so that one can be demanded besides a number.
    All(Vec<Self>),
    /// One of these.
    Any(Vec<Self>),
}

impl Rule {
    /// Whether these principals satisfy it.
    pub fn satisfied_by(&self, agreeing: &BTreeSet<Label>) -> bool {
        match self {
            Self::Principal(name) => agreeing.contains(name),
            Self::AtLeast { least, of } => {
                of.iter().filter(|rule| rule.satisfied_by(agreeing)).take(*least).count() == *least
            }
            Self::All(of) => of.iter().all(|rule| rule.satisfied_by(agreeing)),
            Self::Any(of) => of.iter().any(|rule| rule.satisfied_by(agreeing)),
        }
    }

    /// Everybody whom it names.
    pub fn principals(&self) -> BTreeSet<&Label> {
        match self {
            Self::Principal(name) => BTreeSet::from([name]),
            Self::AtLeast { of, .. } | Self::All(of) | Self::Any(of) => {
                of.iter().flat_map(Self::principals).collect()
            }
        }
    }

    /// Refuses what would count somebody twice, and what nobody or everybody satisfies.
    pub(super) fn check(&self, depth: usize) -> Result<(), PolicyError> {
        if depth > MAX_RULE_DEPTH {
            return Err(PolicyError::RuleDepth);
        }
        let of = match self {
            Self::Principal(_) => return Ok(()),
            Self::AtLeast { of, .. } | Self::All(of) | Self::Any(of) => of,
        };
        if of.is_empty() {
            return Err(PolicyError::RuleEmpty);
        }
        if let Self::AtLeast { least, of } = self
            && !(1..=of.len()).contains(least)
        {
            return Err(PolicyError::Number {
                field: "at_least".to_owned(),
                found: i64::try_from(*least).unwrap_or(i64::MAX),
                expected: format!("from 1 to {}, as many as the rule lists", of.len()),
            });
        }
        // A name that stands twice in one list is a mistake in every kind of rule.
        let counts = matches!(self, Self::AtLeast { .. });
        let mut seen = BTreeSet::new();
        for rule in of {
            let below = match rule {
                Self::Principal(name) => BTreeSet::from([name]),
                rule if counts => rule.principals(),
                _ => BTreeSet::new(),
            };
            for name in below {
                if !seen.insert(name) {
                    return Err(PolicyError::CountedTwice { name: name.clone() });
                }
            }
        }
        of.iter().try_for_each(|rule| rule.check(depth + 1))
    }
}
