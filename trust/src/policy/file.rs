//! The text of a policy: TOML, in which every unknown field is an error.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::value::Datetime;

use super::{
    ContradictingFacts, Dissent, FORMAT, Freshness, Independence, MAX_PRINCIPALS, MAX_RULE_DEPTH, MAX_TEXT,
    Policy, PolicyError, Rule,
};
use crate::digest::Sha256;
use crate::keys::PublicKey;
use crate::name::Label;
use crate::principal::{Expiry, Fact, Fingerprint, Key, Material, Principal, Revocation, RevocationReason};
use crate::time::Time;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    policy: i64,
    name: Label,
    version: i64,
    valid_until: Option<Datetime>,
    rule: RuleText,
    #[serde(default)]
    independent: Vec<IndependentText>,
    #[serde(default)]
    dissent: DissentText,
    freshness: Option<FreshnessText>,
    #[serde(default)]
    keys: KeysText,
    #[serde(default)]
    statements: StatementsText,
    principals: BTreeMap<Label, PrincipalText>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RuleText {
    Principal(Label),
    Node(NodeText),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeText {
    at_least: Option<i64>,
    of: Option<Vec<RuleText>>,
    all: Option<Vec<RuleText>>,
    any: Option<Vec<RuleText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndependentText {
    fact: Fact,
    at_least: i64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DissentText {
    #[serde(default)]
    tolerate: i64,
    #[serde(default)]
    failed: Failed,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Failed {
    #[default]
    Ignore,
    Dissent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FreshnessText {
    max_age_days: i64,
    #[serde(default)]
    time: Dated,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Dated {
    #[default]
    Claimed,
    Witnessed,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct KeysText {
    #[serde(default)]
    expired: Expiry,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct StatementsText {
    #[serde(default)]
    profiles: BTreeSet<u32>,
    #[serde(default)]
    contradicting_facts: ContradictingFacts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalText {
    owner: Option<Label>,
    organisation: Option<Label>,
    country: Option<Label>,
    cpu_vendor: Option<Label>,
    kernel: Option<Label>,
    builder: Option<Label>,
    #[serde(default)]
    keys: Vec<KeyText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    public: Option<String>,
    openpgp: Option<Fingerprint>,
    valid_from: Option<Datetime>,
    valid_until: Option<Datetime>,
    revoked: Option<RevokedText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokedText {
    at: Datetime,
    reason: RevocationReason,
}

pub(super) fn parse(text: &str) -> Result<Policy, PolicyError> {
    if text.len() > MAX_TEXT {
        return Err(PolicyError::TooLarge { size: text.len() });
    }
    let file: File = toml::from_str(text).map_err(|e| PolicyError::Syntax(Box::new(e)))?;
    if file.policy != FORMAT {
        return Err(PolicyError::Format { found: file.policy });
    }
    let count = file.principals.len();
    if !(1..=MAX_PRINCIPALS).contains(&count) {
        return Err(PolicyError::Principals { count });
    }
    let version = number("version", file.version, 1, i64::MAX)?;
    let tolerate = number("dissent.tolerate", file.dissent.tolerate, 0, i64::MAX)?;
    let freshness = file.freshness.map(freshness).transpose()?;
    let rule = rule(file.rule, 0)?;
    rule.check(0)?;
    let principals = file.principals.into_iter().map(|(name, it)| Ok((name.clone(), principal(name, it)?)));
    let policy = Policy {
        name: file.name,
        version,
        valid_until: file.valid_until.map(|it| moment("valid_until", it)).transpose()?,
        digest: Sha256::of(text.as_bytes()),
        principals: principals.collect::<Result<_, PolicyError>>()?,
        rule,
        independent: file.independent.into_iter().map(independent).collect::<Result<_, _>>()?,
        dissent: Dissent {
            tolerate: usize::try_from(tolerate).unwrap_or(usize::MAX),
            failed_dissents: file.dissent.failed == Failed::Dissent,
        },
        freshness,
        expiry: file.keys.expired,
        profiles: file.statements.profiles,
        contradicting_facts: file.statements.contradicting_facts,
    };
    policy.check()?;
    Ok(policy)
}

fn number(field: &str, found: i64, least: i64, max: i64) -> Result<u64, PolicyError> {
    let valid = u64::try_from(found).ok().filter(|_| (least..=max).contains(&found));
    valid.ok_or_else(|| PolicyError::Number {
        field: field.to_owned(),
        found,
        expected: if max == i64::MAX {
            format!("at least {least}")
        } else {
            format!("from {least} to {max}")
        },
    })
}

fn small(field: &str, found: i64, max: usize) -> Result<usize, PolicyError> {
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    number(field, found, 1, max).map(|it| usize::try_from(it).unwrap_or(usize::MAX))
}

fn freshness(text: FreshnessText) -> Result<Freshness, PolicyError> {
    let days = number("freshness.max_age_days", text.max_age_days, 1, i64::from(u32::MAX))?;
    Ok(Freshness {
        max_age_days: u32::try_from(days).unwrap_or(u32::MAX),
        witnessed: text.time == Dated::Witnessed,
    })
}

fn independent(text: IndependentText) -> Result<Independence, PolicyError> {
    let at_least = small("independent.at_least", text.at_least, MAX_PRINCIPALS)?;
    Ok(Independence { fact: text.fact, at_least })
}

fn rule(text: RuleText, depth: usize) -> Result<Rule, PolicyError> {
    if depth > MAX_RULE_DEPTH {
        return Err(PolicyError::RuleDepth);
    }
    let node = match text {
        RuleText::Principal(name) => return Ok(Rule::Principal(name)),
        RuleText::Node(node) => node,
    };
    let rules =
        |list: Vec<RuleText>| list.into_iter().map(|it| rule(it, depth + 1)).collect::<Result<Vec<_>, _>>();
    match (node.at_least, node.of, node.all, node.any) {
        (Some(_), Some(list), None, None)
        | (None, None, Some(list), None)
        | (None, None, None, Some(list))
            if list.is_empty() =>
        {
            Err(PolicyError::RuleEmpty)
        }
        (Some(least), Some(of), None, None) => {
            let least = small("at_least", least, of.len())?;
            Ok(Rule::AtLeast { least, of: rules(of)? })
        }
        (None, None, Some(all), None) => Ok(Rule::All(rules(all)?)),
        (None, None, None, Some(any)) => Ok(Rule::Any(rules(any)?)),
        _ => Err(PolicyError::RuleForm),
    }
}

fn principal(name: Label, text: PrincipalText) -> Result<Principal, PolicyError> {
    let facts = [
        (Fact::Owner, text.owner),
        (Fact::Organisation, text.organisation),
        (Fact::Country, text.country),
        (Fact::CpuVendor, text.cpu_vendor),
        (Fact::Kernel, text.kernel),
        (Fact::Builder, text.builder),
    ];
    let facts = facts.into_iter().filter_map(|(fact, value)| Some((fact, value?))).collect();
    let keys = text.keys.into_iter().map(|it| key(&name, it)).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() {
        return Err(PolicyError::NoKey { name });
    }
    Ok(Principal { name, facts, keys })
}

fn key(name: &Label, text: KeyText) -> Result<Key, PolicyError> {
    let material = match (text.public, text.openpgp) {
        (Some(public), None) => {
            let public = PublicKey::parse(&public);
            Material::Public(public.map_err(|reason| PolicyError::Key { name: name.clone(), reason })?)
        }
        (None, Some(fingerprint)) => Material::OpenPgp(fingerprint),
        _ => return Err(PolicyError::KeyForm { name: name.clone() }),
    };
    let valid_from = text.valid_from.map(|it| moment("valid_from", it)).transpose()?;
    let valid_until = text.valid_until.map(|it| moment("valid_until", it)).transpose()?;
    if valid_from.zip(valid_until).is_some_and(|(from, until)| from >= until) {
        return Err(PolicyError::NeverValid { name: name.clone() });
    }
    let revoked =
        text.revoked.map(|it| Ok(Revocation { at: moment("revoked.at", it.at)?, reason: it.reason }));
    Ok(Key { material, valid_from, valid_until, revoked: revoked.transpose()? })
}

/// TOML's offset date-time is RFC 3339; its local times and dates are not moments.
fn moment(field: &str, datetime: Datetime) -> Result<Time, PolicyError> {
    datetime.to_string().parse().map_err(|_| PolicyError::Moment { field: field.to_owned() })
}
