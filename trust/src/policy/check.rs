//! What is wrong with a policy as a whole, and what is allowed but probably not meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Policy, PolicyError};
use crate::name::Label;
use crate::principal::{Fact, Material};

/// Up to so many principals every set of them is looked at.
const MAX_ENUMERATED: usize = 14;

/// What is allowed, and worth a look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// Two groups without a common member can each satisfy the policy: who can withhold evidence can have two
    /// digests agreed, each before other eyes.
    TwoQuorums {
        /// One group.
        first: Vec<Label>,
        /// The other.
        second: Vec<Label>,
    },
    /// Principals that share a fact satisfy the policy alone.
    OneOf {
        /// The fact.
        fact: Fact,
        /// Its value.
        value: Label,
    },
    /// One principal satisfies the policy alone.
    Alone {
        /// The principal.
        name: Label,
    },
    /// Signatures count that were made with expired keys and dated by those who made them.
    BackDating,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[Label]| names.iter().map(Label::as_str).collect::<Vec<_>>().join(", ");
        match self {
            Self::TwoQuorums { first, second } => write!(
                f,
                "{} are enough, and so are {}: by withholding evidence, two digests can be agreed",
                list(first),
                list(second)
            ),
            Self::OneOf { fact, value } => {
                write!(f, "those whose {} is {value} are enough alone", fact.key())
            }
            Self::Alone { name } => write!(f, "{name} is enough alone"),
            Self::BackDating => f.write_str(
                "signatures by expired keys count by the date that they give themselves: \
                 a stolen old key can date back",
            ),
        }
    }
}

impl Policy {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let named = self.rule.principals();
        if let Some(name) = named.iter().find(|name| !self.principals.contains_key(**name)) {
            return Err(PolicyError::UnknownPrincipal { name: (*name).clone() });
        }
        if let Some(name) = self.principals.keys().find(|name| !named.contains(name)) {
            return Err(PolicyError::UnusedPrincipal { name: name.clone() });
        }
        let mut owners: BTreeMap<&Material, &Label> = BTreeMap::new();
        for (principal, key) in self.keys() {
            if let Some(first) = owners.insert(&key.material, &principal.name) {
                return Err(PolicyError::SharedKey { first: first.clone(), second: principal.name.clone() });
            }
        }
        let all: BTreeSet<Label> = self.principals.keys().cloned().collect();
        let mut facts = BTreeSet::new();
        for clause in &self.independent {
            let found = self.values(clause.fact, &all).len();
            if found < clause.at_least {
                return Err(PolicyError::Unreachable { fact: clause.fact, at_least: clause.at_least, found });
            }
            if !facts.insert(clause.fact) {
                return Err(PolicyError::FactTwice { fact: clause.fact });
            }
        }
        if self.dissent.tolerate >= all.len() {
            return Err(PolicyError::Number {
                field: "dissent.tolerate".to_owned(),
                found: i64::try_from(self.dissent.tolerate).unwrap_or(i64::MAX),
                expected: format!("less than {}, the number of principals", all.len()),
            });
        }
        self.satisfied_by(&all).then_some(()).ok_or(PolicyError::NeverSatisfied)
    }

    /// The smallest number of principals that satisfies the policy; `None` with too many to try all sets.
    pub fn fewest(&self) -> Option<usize> {
        self.quorums()?.map(|set| set.len()).min()
    }

    /// What is allowed, and worth a look.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let all: BTreeSet<Label> = self.principals.keys().cloned().collect();
        for fact in [Fact::Owner, Fact::Organisation] {
            for value in self.values(fact, &all) {
                let sharing = |name: &&Label| self.principals[*name].facts.get(&fact) == Some(value);
                let group: BTreeSet<Label> = all.iter().filter(sharing).cloned().collect();
                if group.len() > 1 && self.satisfied_by(&group) {
                    warnings.push(Warning::OneOf { fact, value: value.clone() });
                }
            }
        }
        for name in &all {
            if self.satisfied_by(&BTreeSet::from([name.clone()])) {
                warnings.push(Warning::Alone { name: name.clone() });
            }
        }
        let rest = |set: &BTreeSet<Label>| all.difference(set).cloned().collect::<BTreeSet<_>>();
        let split = self.quorums().and_then(|mut sets| sets.find(|set| self.satisfied_by(&rest(set))));
        if let Some(first) = split {
            let second = rest(&first).into_iter().collect();
            warnings.push(Warning::TwoQuorums { first: first.into_iter().collect(), second });
        }
        if self.expiry == crate::principal::Expiry::AtSigning {
            warnings.push(Warning::BackDating);
        }
        warnings
    }

    /// Every set of principals that satisfies the policy, small ones first.
    fn quorums(&self) -> Option<impl Iterator<Item = BTreeSet<Label>>> {
        let names: Vec<&Label> = self.principals.keys().collect();
        if names.len() > MAX_ENUMERATED {
            return None;
        }
        let mut sets: Vec<u32> = (1..1_u32 << names.len()).collect();
        sets.sort_by_key(|set| set.count_ones());
        let members = move |set: u32| {
            let chosen = names.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
            chosen.map(|(_, name)| (*name).clone()).collect::<BTreeSet<Label>>()
        };
        Some(sets.into_iter().map(members).filter(|set| self.satisfied_by(set)))
    }
}
