//! From a piece of evidence to the votes in it, for one subject. Signatures first: nothing is parsed that no key of
//! the policy signed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evidence, ForeignVote, Position, Reading, Reason, Subject, Vote};
use crate::digest::{Digests, Sha256};
use crate::dsse::{Envelope, IN_TOTO};
use crate::name::Label;
use crate::policy::{ContradictingFacts, Policy};
use crate::principal::{Fact, Key, KeyProblem, Material, Principal, SigningTime};
use crate::statement::Statement;
use crate::statement::rebuild::{Outcome, Rebuild};
use crate::time::{DAY, Time};

/// By how much clocks may disagree before a statement is dated in the future.
const CLOCK_SKEW: i64 = 300;

/// What `evidence` holds for `subject`.
pub fn read(policy: &Policy, subject: &Subject, evidence: &Evidence, now: Time) -> Vec<Reading> {
    let digest = evidence.digest();
    match evidence {
        Evidence::Unreadable { reason, .. } => {
            vec![refused(digest, None, Reason::Unreadable(reason.clone()))]
        }
        Evidence::Foreign(vote) => vec![foreign(policy, subject, vote, now)],
        Evidence::Envelope { envelope, witnessed } => {
            read_envelope(policy, subject, envelope, digest, *witnessed, now)
        }
    }
}

fn refused(evidence: Sha256, principal: Option<&Label>, reason: Reason) -> Reading {
    Reading::Refused { evidence, principal: principal.cloned(), reason }
}

fn read_envelope(
    policy: &Policy,
    subject: &Subject,
    envelope: &Envelope,
    evidence: Sha256,
    witnessed: Option<Time>,
    now: Time,
) -> Vec<Reading> {
    let signers = signers(policy, envelope);
    if signers.is_empty() {
        return vec![refused(evidence, None, Reason::NoKnownKey)];
    }
    let rebuild = envelope
        .payload_of(IN_TOTO)
        .map_err(|e| e.to_string())
        .and_then(|payload| Statement::parse(payload).map_err(|e| e.to_string()))
        .and_then(|statement| Rebuild::of(&statement).map_err(|e| e.to_string()));
    let read = |principal: &Label, keys: &[&Key]| {
        let rebuild = match &rebuild {
            Ok(rebuild) => rebuild,
            Err(reason) => return refused(evidence, Some(principal), Reason::NotAStatement(reason.clone())),
        };
        let Some(position) = position(rebuild, subject) else {
            return refused(evidence, Some(principal), Reason::OtherSubject);
        };
        let signed = SigningTime { claimed: rebuild.time(), witnessed };
        // Any of its keys speaks for a principal, so one that counts is enough.
        let problems = keys.iter().map(|key| key.problem(signed, now, policy.expiry));
        let weakness = match problems.min_by_key(Option::is_some).flatten() {
            Some(problem) => Some(Reason::Key(problem)),
            None => weakness(policy, &policy.principals[principal], rebuild, signed, now),
        };
        Reading::Vote(Vote { principal: principal.clone(), position, evidence, weakness })
    };
    signers.iter().map(|(principal, keys)| read(principal, keys)).collect()
}

/// The principals with a key that signed the envelope and counts at that moment.
pub fn principals(policy: &Policy, envelope: &Envelope, signed: SigningTime, now: Time) -> BTreeSet<Label> {
    let counts = |key: &&Key| key.problem(signed, now, policy.expiry).is_none();
    let signers = signers(policy, envelope).into_iter();
    signers.filter(|(_, keys)| keys.iter().any(counts)).map(|(principal, _)| principal.clone()).collect()
}

/// The principals whose keys signed, each with those keys.
fn signers<'p>(policy: &'p Policy, envelope: &Envelope) -> BTreeMap<&'p Label, Vec<&'p Key>> {
    let signed_by = envelope.signed_by(policy.public_keys());
    let mut signers: BTreeMap<&Label, Vec<&Key>> = BTreeMap::new();
    for (principal, key) in policy.keys() {
        if matches!(&key.material, Material::Public(public) if signed_by.contains(&public)) {
            signers.entry(&principal.name).or_default().push(key);
        }
    }
    signers
}

/// What a statement says of the subject; `None` if it is about something else.
fn position(rebuild: &Rebuild, subject: &Subject) -> Option<Position> {
    let Subject::Output { action, output } = subject else { return None };
    if rebuild.action.digest.blake3 != *action {
        return None;
    }
    let stated = rebuild.outputs.iter().find(|it| it.name == *output).map(|it| it.digest);
    match rebuild.outcome {
        Outcome::Built | Outcome::Differs => stated.map(Position::States),
        Outcome::Revoked => stated.map(Position::Revokes),
        Outcome::Failed => Some(Position::Failed),
    }
}

/// Why a statement does not count in favour although its key does.
fn weakness(
    policy: &Policy,
    principal: &Principal,
    rebuild: &Rebuild,
    signed: SigningTime,
    now: Time,
) -> Option<Reason> {
    if rebuild.outcome == Outcome::Revoked {
        return None;
    }
    if let Some(profile) = rebuild.sandbox.as_ref().map(|it| it.profile)
        && !policy.profiles.is_empty()
        && !policy.profiles.contains(&profile)
    {
        return Some(Reason::Profile(profile));
    }
    if policy.contradicting_facts == ContradictingFacts::Refuse
        && let Some(reason) = contradiction(principal, rebuild)
    {
        return Some(reason);
    }
    age(policy, signed, now)
}

fn contradiction(principal: &Principal, rebuild: &Rebuild) -> Option<Reason> {
    let stated = [
        (Fact::CpuVendor, &rebuild.builder.cpu_vendor),
        (Fact::Kernel, &rebuild.builder.kernel),
        (Fact::Builder, &rebuild.builder.implementation),
    ];
    let contradicting = stated.into_iter().find_map(|(fact, stated)| {
        let (stated, known) = (stated.as_ref()?, principal.facts.get(&fact)?);
        (!stated.eq_ignore_ascii_case(known.as_str())).then_some((fact, stated))
    });
    contradicting.map(|(fact, stated)| Reason::Facts { fact, stated: stated.clone() })
}

fn age(policy: &Policy, signed: SigningTime, now: Time) -> Option<Reason> {
    let freshness = policy.freshness?;
    let dated = if freshness.witnessed { signed.witnessed } else { signed.best() };
    let Some(dated) = dated else { return Some(Reason::NoDate) };
    if dated.0 > now.0.saturating_add(CLOCK_SKEW) {
        return Some(Reason::Future);
    }
    let oldest = now.0.saturating_sub(i64::from(freshness.max_age_days) * DAY);
    (dated.0 < oldest).then_some(Reason::Stale)
}

fn foreign(policy: &Policy, subject: &Subject, vote: &ForeignVote, now: Time) -> Reading {
    let known = policy.keys().find(|(_, key)| key.material == vote.signer);
    let Some((principal, key)) = known else { return refused(vote.evidence, None, Reason::NoKnownKey) };
    let of = Subject::Artifact { name: vote.name.clone(), sha256: vote.sha256 };
    if of != *subject {
        return refused(vote.evidence, Some(&principal.name), Reason::OtherSubject);
    }
    // The certificate's own expiry counts as much as the policy's.
    let valid_until = [key.valid_until, vote.key_expired].into_iter().flatten().min();
    let key = Key { valid_until, ..key.clone() };
    let signed = SigningTime { claimed: vote.signed, witnessed: None };
    let revoked = vote.key_revoked.then_some(KeyProblem::Revoked);
    let problem = revoked.or_else(|| key.problem(signed, now, policy.expiry)).map(Reason::Key);
    Reading::Vote(Vote {
        principal: principal.name.clone(),
        position: Position::States(Digests { blake3: None, sha256: Some(vote.sha256) }),
        evidence: vote.evidence,
        weakness: problem.or_else(|| age(policy, signed, now)),
    })
}
