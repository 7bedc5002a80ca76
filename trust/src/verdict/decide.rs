//! From evidence to a verdict. The order of evidence never matters: everything is a set keyed by principal.

use std::collections::{BTreeMap, BTreeSet};

use super::{Clause, Inquiry, Kind, NotCounted, Stance, Verdict};
use crate::digest::{Digests, Sha256};
use crate::name::Label;
use crate::policy::{Policy, PolicyStale, Unmet};
use crate::principal::KeyProblem;
use crate::vote::{Equivocation, Evidence, Position, Reading, Reason, Vote, read};

/// What was found of each principal.
#[derive(Default)]
struct Count {
    /// Who states what and counts in favour, with the evidence.
    stating: BTreeMap<Label, (Digests, BTreeSet<Sha256>)>,
    /// Who states what, and does not count in favour for its age or the like: it counts against.
    weak: BTreeMap<Label, (Digests, BTreeSet<Sha256>)>,
    /// Whose build failed, and states nothing else.
    failed: BTreeMap<Label, BTreeSet<Sha256>>,
    /// Who states two digests, and the first two pieces of evidence.
    equivocating: BTreeMap<Label, [Sha256; 2]>,
    /// What would count if nothing were too old.
    old: BTreeMap<Digests, BTreeSet<Label>>,
    /// What would count if nothing were revoked.
    revoked: BTreeMap<Digests, BTreeSet<Label>>,
    not_counted: Vec<NotCounted>,
}

/// Decides.
pub fn decide(inquiry: &Inquiry<'_>) -> Verdict {
    let count = count(inquiry);
    let policy = inquiry.policy;
    let (kind, clause, digest) = match policy.stale(inquiry.now, inquiry.highest_policy_seen) {
        Some(PolicyStale::RolledBack { seen }) => (Kind::Stale, Clause::PolicyRolledBack { seen }, None),
        Some(PolicyStale::Expired { until }) => (Kind::Stale, Clause::PolicyExpired { until }, None),
        None => judge(inquiry, &count),
    };
    let subject_digest = digest.or_else(|| target(inquiry, &count));
    report(inquiry, count, kind, clause, subject_digest)
}

/// The digest that dissent is measured against: among those that are asked about the one that satisfies the policy,
/// or the one that most state.
fn target(inquiry: &Inquiry<'_>, count: &Count) -> Option<Digests> {
    let groups = groups(count);
    let asked = |digests: &Digests| inquiry.digest.is_none_or(|asked| asked.matches(digests));
    let satisfied =
        groups.iter().find(|(digests, principals)| asked(digests) && inquiry.policy.satisfied_by(principals));
    let max =
        groups.iter().filter(|(digests, _)| asked(digests)).max_by_key(|(_, principals)| principals.len());
    satisfied.or(max).map(|(digests, _)| *digests).or(inquiry.digest)
}

fn groups(count: &Count) -> BTreeMap<Digests, BTreeSet<Label>> {
    let mut groups: BTreeMap<Digests, BTreeSet<Label>> = BTreeMap::new();
    for (principal, (digests, _)) in &count.stating {
        groups.entry(*digests).or_default().insert(principal.clone());
    }
    groups
}

/// How many are against a digest: they state another one, or failed where the policy counts that.
fn dissent(policy: &Policy, count: &Count, digest: &Digests) -> usize {
    let stated = count.stating.iter().chain(&count.weak);
    let others = stated.filter(|(_, (digests, _))| !digest.matches(digests)).map(|(principal, _)| principal);
    let failed = count.failed.keys().filter(|_| policy.dissent.failed_dissents);
    others.chain(failed).collect::<BTreeSet<_>>().len()
}

fn judge(inquiry: &Inquiry<'_>, count: &Count) -> (Kind, Clause, Option<Digests>) {
    let policy = inquiry.policy;
    let tolerate = policy.dissent.tolerate;
    let groups = groups(count);
    let satisfied: Vec<&Digests> = groups
        .iter()
        .filter(|(_, principals)| policy.satisfied_by(principals))
        .map(|(digests, _)| digests)
        .collect();
    if satisfied.len() > 1 {
        return (Kind::Contested, Clause::TwoDigests, None);
    }
    let equivocating = count.equivocating.len();
    let Some(target) = target(inquiry, count) else {
        // Nobody states anything, and no digest is asked about.
        if equivocating > tolerate {
            return (Kind::Equivocation, Clause::Equivocation, None);
        }
        return short(inquiry, count, None);
    };
    let found = dissent(policy, count, &target);
    // Where others contradict each other as well, the proof is the stronger fact.
    if equivocating > 0 && equivocating + found > tolerate {
        return (Kind::Equivocation, Clause::Equivocation, Some(target));
    }
    if found > tolerate {
        return (Kind::Contested, Clause::Dissent { found, tolerate }, Some(target));
    }
    if satisfied.first() == Some(&&target) {
        return (Kind::Agreed, Clause::Satisfied, Some(target));
    }
    short(inquiry, count, Some(target))
}

/// Why it is not enough.
fn short(inquiry: &Inquiry<'_>, count: &Count, target: Option<Digests>) -> (Kind, Clause, Option<Digests>) {
    let policy = inquiry.policy;
    let groups = groups(count);
    // Candidates also come from what was not counted: nobody else may state anything.
    let candidates = count.old.keys().chain(count.revoked.keys()).chain(&target);
    let candidates = candidates.filter(|it| inquiry.digest.is_none_or(|asked| asked.matches(it)));
    let with = |digests: &Digests, more: &[&BTreeMap<Digests, BTreeSet<Label>>]| {
        let all = more.iter().filter_map(|it| it.get(digests)).chain(groups.get(digests));
        policy.satisfied_by(&all.flatten().cloned().collect())
    };
    let candidates: BTreeSet<&Digests> = candidates.collect();
    if candidates.iter().any(|it| with(it, &[&count.old])) {
        return (Kind::Stale, Clause::Age, target);
    }
    if candidates.iter().any(|it| with(it, &[&count.old, &count.revoked])) {
        return (Kind::Revoked, Clause::Revocation, target);
    }
    let useless = |it: &NotCounted| {
        matches!(it.reason, Reason::Unreadable(_) | Reason::NoKnownKey | Reason::NotAStatement(_))
    };
    let nothing = count.stating.is_empty() && count.weak.is_empty() && count.failed.is_empty();
    if nothing && !count.not_counted.is_empty() && count.not_counted.iter().all(useless) {
        return (Kind::Invalid, Clause::Evidence, target);
    }
    let agreeing = target.and_then(|it| groups.get(&it)).cloned().unwrap_or_default();
    let clause = match policy.first_unmet(&agreeing) {
        Some(Unmet::Independence(clause)) => Clause::Independence(clause),
        Some(Unmet::Rule) | None => Clause::Rule,
    };
    (Kind::Insufficient, clause, target)
}

fn count(inquiry: &Inquiry<'_>) -> Count {
    let mut count = Count::default();
    let mut votes: BTreeMap<Label, Vec<Vote>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for evidence in inquiry.evidence {
        // The same twice is the same evidence. A file in another project's form can hold several votes.
        let of = match evidence {
            Evidence::Foreign(vote) => Some((vote.signer.clone(), vote.name.clone(), vote.sha256)),
            _ => None,
        };
        if !seen.insert((evidence.digest(), of)) {
            continue;
        }
        for reading in read(inquiry.policy, &inquiry.subject, evidence, inquiry.now) {
            match reading {
                Reading::Vote(vote) => votes.entry(vote.principal.clone()).or_default().push(vote),
                Reading::Refused { evidence, principal, reason } => {
                    count.not_counted.push(NotCounted { evidence, principal, reason });
                }
            }
        }
    }
    for (principal, votes) in votes {
        count.principal(inquiry.policy, &principal, votes);
    }
    count.not_counted.sort_by(|a, b| (&a.principal, a.evidence).cmp(&(&b.principal, b.evidence)));
    count
}

impl Count {
    fn refuse(&mut self, vote: &Vote, reason: Reason) {
        let principal = Some(vote.principal.clone());
        self.not_counted.push(NotCounted { evidence: vote.evidence, principal, reason });
    }

    /// Counts what one principal says.
    fn principal(&mut self, policy: &Policy, principal: &Label, votes: Vec<Vote>) {
        let key_problem = |vote: &Vote| matches!(vote.weakness, Some(Reason::Key(_)));
        // A revocation by a key that does not count would let a thief silence its principal.
        let revoking = |vote: &Vote| match vote.position {
            Position::Revokes(digests) if !key_problem(vote) => Some(digests),
            _ => None,
        };
        let withdrawn: BTreeSet<Digests> = votes.iter().filter_map(revoking).collect();
        let mut stating: BTreeMap<Digests, Vec<&Vote>> = BTreeMap::new();
        for vote in &votes {
            match (vote.position, &vote.weakness) {
                (Position::States(digests), Some(Reason::Key(problem))) => {
                    let not_counted = match problem {
                        KeyProblem::Revoked => &mut self.revoked,
                        KeyProblem::Expired | KeyProblem::NotYetValid => &mut self.old,
                    };
                    not_counted.entry(digests).or_default().insert(principal.clone());
                    self.refuse(vote, Reason::Key(*problem));
                }
                (_, Some(reason @ Reason::Key(_))) => self.refuse(vote, reason.clone()),
                (Position::States(digests), _) if withdrawn.contains(&digests) => {
                    self.revoked.entry(digests).or_default().insert(principal.clone());
                    self.refuse(vote, Reason::Withdrawn);
                }
                (Position::States(digests), _) => stating.entry(digests).or_default().push(vote),
                (Position::Failed | Position::Revokes(_), _) => {}
            }
        }
        if stating.len() > 1 {
            let mut one_each = stating.values().filter_map(|votes| votes.iter().map(|it| it.evidence).min());
            if let (Some(first), Some(second)) = (one_each.next(), one_each.next()) {
                self.equivocating.insert(principal.clone(), [first, second]);
            }
            for vote in stating.values().flatten() {
                self.refuse(vote, Reason::Equivocates);
            }
        } else if let Some((digests, votes)) = stating.first_key_value() {
            self.statement(principal, *digests, votes);
        } else {
            let failed = votes.iter().filter(|it| it.position == Position::Failed && !key_problem(it));
            let failed: BTreeSet<Sha256> = failed.map(|it| it.evidence).collect();
            for vote in
                votes.iter().filter(|it| failed.contains(&it.evidence) && !policy.dissent.failed_dissents)
            {
                self.refuse(vote, Reason::Failed);
            }
            if !failed.is_empty() {
                self.failed.insert(principal.clone(), failed);
            }
        }
    }

    /// Counts the one digest that a principal states: in favour if one of its statements is good enough for that.
    fn statement(&mut self, principal: &Label, digests: Digests, votes: &[&Vote]) {
        let good: BTreeSet<Sha256> =
            votes.iter().filter(|it| it.weakness.is_none()).map(|it| it.evidence).collect();
        for vote in votes {
            if let Some(reason) = &vote.weakness {
                self.refuse(vote, reason.clone());
            }
        }
        if !good.is_empty() {
            self.stating.insert(principal.clone(), (digests, good));
            return;
        }
        let old = |it: &&Vote| matches!(it.weakness, Some(Reason::Stale | Reason::NoDate | Reason::Future));
        if votes.iter().any(old) {
            self.old.entry(digests).or_default().insert(principal.clone());
        }
        let evidence = votes.iter().map(|it| it.evidence).collect();
        self.weak.insert(principal.clone(), (digests, evidence));
    }
}

fn report(
    inquiry: &Inquiry<'_>,
    count: Count,
    kind: Kind,
    clause: Clause,
    target: Option<Digests>,
) -> Verdict {
    let policy = inquiry.policy;
    let states = |(principal, (digests, evidence)): (&Label, &(Digests, BTreeSet<Sha256>))| Stance {
        principal: principal.clone(),
        position: Position::States(*digests),
        evidence: evidence.iter().copied().collect(),
    };
    let of_target = |digests: &Digests| target.is_some_and(|target| target.matches(digests));
    let agrees = |it: &(&Label, &(Digests, BTreeSet<Sha256>))| of_target(&it.1.0);
    let against = |it: &(&Label, &(Digests, BTreeSet<Sha256>))| !of_target(&it.1.0);
    let agreeing: Vec<Stance> = count.stating.iter().filter(agrees).map(states).collect();
    let mut dissenting: Vec<Stance> =
        count.stating.iter().chain(&count.weak).filter(against).map(states).collect();
    if policy.dissent.failed_dissents {
        dissenting.extend(count.failed.iter().map(|(principal, evidence)| Stance {
            principal: principal.clone(),
            position: Position::Failed,
            evidence: evidence.iter().copied().collect(),
        }));
    }
    dissenting.sort_by(|a, b| a.principal.cmp(&b.principal));
    let heard: BTreeSet<&Label> = agreeing.iter().chain(&dissenting).map(|it| &it.principal).collect();
    let silent =
        policy.principals.keys().filter(|it| !heard.contains(it) && !count.equivocating.contains_key(it));
    let silent = silent.cloned().collect();
    let envelope = |digest: Sha256| {
        inquiry.evidence.iter().find_map(|it| match it {
            Evidence::Envelope { envelope, .. } if it.digest() == digest => Some(envelope.clone()),
            _ => None,
        })
    };
    let proof = |(principal, [first, second]): (&Label, &[Sha256; 2])| {
        let subject = inquiry.subject.clone();
        Some(Equivocation {
            principal: principal.clone(),
            subject,
            first: envelope(*first)?,
            second: envelope(*second)?,
        })
    };
    Verdict {
        kind,
        clause,
        subject: inquiry.subject.clone(),
        asked: inquiry.digest,
        agreed: target.filter(|_| kind == Kind::Agreed),
        policy: (policy.name.clone(), policy.version, policy.digest),
        equivocations: count.equivocating.iter().filter_map(proof).collect(),
        agreeing,
        dissenting,
        silent,
        not_counted: count.not_counted,
    }
}
