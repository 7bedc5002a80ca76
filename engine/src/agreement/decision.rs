//! Decisions: the verdict of a policy on something, and on everything that it was made from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use stele_store::Store;
use stele_store::model::Digest;
use stele_trust::digest::{Blake3, Digests, Sha256};
use stele_trust::dsse::IN_TOTO;
use stele_trust::policy::Policy;
use stele_trust::statement::Statement;
use stele_trust::statement::rebuild::Rebuild;
use stele_trust::time::Time;
use stele_trust::verdict::{self, Closure, Inquiry, Verdict, decide, decide_closure};
use stele_trust::vote::{Evidence, Subject, pieces};

use super::ancestry::{Ancestry, Labels, walk};
use super::answers::{Ancestor, Decision, Expected, JudgedAncestor, MadeKind, PinnedKind};
use super::asked::Asked;
use super::records::{MANIFEST, Records};
use crate::failure::{Failure, Kind};

/// Of what Stele itself made in this store, which needs no votes.
pub(super) const HERE: &str = "HERE";

/// By what is decided, and when.
pub(super) struct Question<'a> {
    pub policy: &'a Policy,
    pub seen: Option<u64>,
    pub now: Time,
    pub closure: bool,
}

/// Evidence, by the action that each envelope says it is about: a signature is only verified where its vote may count.
#[derive(Default)]
pub(super) struct Pool<'a> {
    /// Where there may be more.
    store: Option<&'a Store>,
    /// The actions whose evidence was read from there, and whether all was.
    loaded: BTreeSet<Digest>,
    all_loaded: bool,
    about: HashMap<Digest, Vec<Evidence>>,
    /// Everything else: other projects' forms, and what cannot be read.
    rest: Vec<Evidence>,
}

impl<'a> Pool<'a> {
    /// The evidence in `texts`, and in a store.
    pub(super) fn new(store: Option<&'a Store>, texts: &[String], policy: &Policy) -> Self {
        let mut pool = Self { store, ..Self::default() };
        texts.iter().for_each(|text| pool.add(text, policy));
        pool
    }

    fn add(&mut self, text: &str, policy: &Policy) {
        for piece in pieces(text) {
            for evidence in Evidence::parse(piece.trim().as_bytes(), policy.public_keys()) {
                let known = match action(&evidence) {
                    Some(of) => self.about.entry(of).or_default(),
                    None => &mut self.rest,
                };
                if !known.contains(&evidence) {
                    known.push(evidence);
                }
            }
        }
    }

    /// All of it, also what the store has of anything.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn everything(&mut self, policy: &Policy) -> Result<Vec<Evidence>, Failure> {
        if !self.all_loaded {
            let rows = self.store.map(|store| store.evidence(None)).transpose()?.unwrap_or_default();
            rows.iter().for_each(|row| self.add(&String::from_utf8_lossy(&row.bytes), policy));
            self.all_loaded = true;
        }
        Ok(self.about.values().flatten().chain(&self.rest).cloned().collect())
    }

    /// What there is about an action.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn about(&mut self, of: &Digest, policy: &Policy) -> Result<&[Evidence], Failure> {
        if !self.all_loaded && self.loaded.insert(*of) {
            let rows = self.store.map(|store| store.evidence(Some(of))).transpose()?.unwrap_or_default();
            rows.iter().for_each(|row| self.add(&String::from_utf8_lossy(&row.bytes), policy));
        }
        Ok(self.about.get(of).map_or(&[], Vec::as_slice))
    }
}

/// The action of a statement about a rebuild; not verified.
fn action(evidence: &Evidence) -> Option<Digest> {
    let Evidence::Envelope { envelope, .. } = evidence else { return None };
    let statement = Statement::parse(envelope.payload_of(IN_TOTO).ok()?).ok()?;
    Some(Digest::from_bytes(Rebuild::of(&statement).ok()?.action.digest.blake3.0))
}

/// Decides from a store's records and evidence, and from what came with the question.
///
/// # Errors
/// When there is no such thing, or the store cannot be read.
pub(super) fn decide_asked(
    records: &mut Records<'_>,
    pool: &mut Pool<'_>,
    find: &dyn Fn(&Records<'_>) -> Result<Asked, Failure>,
    question: &Question<'_>,
) -> Result<Decision, Failure> {
    let policy = question.policy;
    // The records of a store come first. What principals signed is read where those do not say how something was made.
    let mut asked = match find(records) {
        Ok(asked) if asked.candidates.iter().any(|it| it.of.is_some()) => asked,
        _ => {
            records.learn(policy, &pool.everything(policy)?, question.now);
            find(records)?
        }
    };
    let (mut subject, mut expected) = best(pool, &asked, question)?;
    let mut ancestry = Ancestry::default();
    if question.closure {
        ancestry = walk(records, &asked.labels, &expected, &asked.name, true)?;
        if !ancestry.unexplained.is_empty() || expected.of.is_none() {
            records.learn(policy, &pool.everything(policy)?, question.now);
            asked = find(records)?;
            (subject, expected) = best(pool, &asked, question)?;
            ancestry = walk(records, &asked.labels, &expected, &asked.name, true)?;
        }
    }
    let mut counted = counted(&subject);
    let mut decision = Decision {
        name: asked.name.clone(),
        asked: expected,
        verdict: subject.kind.to_string(),
        exit_code: subject.kind.exit_code(),
        explanation: subject.explain(),
        subject: subject.to_json(),
        closure: None,
        ancestors: Vec::new(),
        pinned: Vec::new(),
        unexplained: Vec::new(),
        counted: Vec::new(),
    };
    if question.closure {
        let (closure, judged) = judge(pool, &ancestry, question, &mut counted)?;
        let weakest = closure.kind.max(subject.kind);
        decision.verdict = weakest.to_string();
        decision.exit_code = weakest.exit_code();
        decision.explanation += &explained(&closure, &judged);
        decision.closure = Some(closure.to_json());
        decision.ancestors = judged;
        decision.pinned = ancestry.pinned;
        decision.unexplained = ancestry.unexplained;
    }
    decision.counted = counted.into_iter().collect();
    Ok(decision)
}

/// The verdict on what is asked about: among several ways in which it could have been made, the strongest.
fn best(pool: &mut Pool<'_>, asked: &Asked, question: &Question<'_>) -> Result<(Verdict, Expected), Failure> {
    let mut best: Option<(Verdict, Expected)> = None;
    for expected in &asked.candidates {
        let verdict = verdict_of(pool, &asked.name, expected, question)?;
        if best.as_ref().is_none_or(|(known, _)| verdict.kind < known.kind) {
            best = Some((verdict, expected.clone()));
        }
    }
    best.ok_or_else(|| {
        let message = format!("`{}` has no output: its last build failed", asked.name);
        Failure::new(Kind::NotFound, message).hint("`stele log` shows why")
    })
}

/// The weakest verdict on the outputs of something.
pub(super) fn verdict_of(
    pool: &mut Pool<'_>,
    name: &str,
    expected: &Expected,
    question: &Question<'_>,
) -> Result<Verdict, Failure> {
    let mut weakest: Option<Verdict> = None;
    for (output, digests) in &expected.outputs {
        let verdict = match &expected.of {
            Some(of) => {
                let wrong = |_| Failure::new(Kind::Failed, format!("{output:?} names no output"));
                let output = output.parse().map_err(wrong)?;
                let subject = Subject::Output { action: Blake3(*of.as_bytes()), output };
                decide(&inquiry(question, subject, *digests, pool.about(of, question.policy)?))
            }
            // What other projects sign names no action.
            None => {
                let sha256 = digests.sha256.unwrap_or(Sha256([0; 32]));
                let subject = Subject::Artifact { name: name.to_owned(), sha256 };
                let all = pool.everything(question.policy)?;
                decide(&inquiry(question, subject, *digests, &all))
            }
        };
        if weakest.as_ref().is_none_or(|known| known.kind < verdict.kind) {
            weakest = Some(verdict);
        }
    }
    weakest.ok_or_else(|| Failure::new(Kind::Failed, format!("`{name}` has no outputs")))
}

fn inquiry<'q>(
    question: &'q Question<'_>,
    subject: Subject,
    digests: Digests,
    evidence: &'q [Evidence],
) -> Inquiry<'q> {
    Inquiry {
        policy: question.policy,
        highest_policy_seen: question.seen,
        subject,
        digest: Some(digests),
        evidence,
        now: question.now,
    }
}

fn counted(verdict: &Verdict) -> BTreeSet<Sha256> {
    let stances = verdict.agreeing.iter().chain(&verdict.dissenting);
    stances.flat_map(|it| it.evidence.iter().copied()).collect()
}

/// The verdicts on all ancestors. What Stele itself made in this store is what it is: the same program that decides
/// made it, from content with the same digests.
fn judge(
    pool: &mut Pool<'_>,
    ancestry: &Ancestry,
    question: &Question<'_>,
    all_counted: &mut BTreeSet<Sha256>,
) -> Result<(Closure, Vec<JudgedAncestor>), Failure> {
    let mut ancestors = Vec::new();
    let mut judged = Vec::new();
    for ancestor in &ancestry.made {
        let here = ancestor.own && matches!(ancestor.kind, MadeKind::Unpacked | MadeKind::Merged);
        if here {
            judged.push(JudgedAncestor {
                ancestor: ancestor.clone(),
                verdict: HERE.to_owned(),
                agreeing: Vec::new(),
            });
            continue;
        }
        let Ancestor { of, outputs, own, .. } = ancestor.clone();
        let expected = Expected { of: Some(of), outputs, own };
        let verdict = verdict_of(pool, &ancestor.name, &expected, question)?;
        all_counted.extend(counted(&verdict));
        judged.push(JudgedAncestor {
            ancestor: ancestor.clone(),
            verdict: verdict.kind.to_string(),
            agreeing: verdict.agreeing.iter().map(|it| it.principal.to_string()).collect(),
        });
        ancestors.push(verdict::Ancestor::Built { name: ancestor.name.clone(), verdict: Box::new(verdict) });
    }
    for it in &ancestry.pinned {
        let name = it.name.clone();
        ancestors.push(match it.kind {
            PinnedKind::Opaque => verdict::Ancestor::Opaque { name },
            _ => verdict::Ancestor::Pinned { name },
        });
    }
    ancestors
        .extend(ancestry.unexplained.iter().map(|it| verdict::Ancestor::Unknown { name: it.name.clone() }));
    Ok((decide_closure(&ancestors), judged))
}

/// A closure in words, after the verdict on what was asked about.
fn explained(closure: &Closure, judged: &[JudgedAncestor]) -> String {
    let mut text = format!(
        "closure: {}, of {} outputs; {} sources and other inputs are pinned by their digests\n",
        closure.kind, closure.judged, closure.pinned
    );
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for it in judged {
        *counts.entry(it.verdict.as_str()).or_default() += 1;
    }
    for (verdict, count) in counts {
        let what = if verdict == HERE { "unpacked or merged in this store" } else { "outputs" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {verdict}: {count} {what}");
    }
    if let Some((name, verdict)) = &closure.weakest {
        let _ = writeln!(text, "  the weakest is {name}: {}, {} agree", verdict.kind, verdict.agreeing.len());
    }
    for name in &closure.opaque {
        let _ = writeln!(text, "  opaque, prebuilt: {name}");
    }
    for name in &closure.unknown {
        let _ = writeln!(text, "  not explained: {name}");
    }
    text
}

/// Decides without a store, from evidence alone. `reference` is the digest of an output, or `sha256:` and that of an
/// image's manifest.
///
/// # Errors
/// When it is no digest.
pub fn offline(
    reference: &str,
    policy: &Policy,
    evidence: &[String],
    closure: bool,
    seen: Option<u64>,
    now: Time,
) -> Result<Decision, Failure> {
    let question = Question { policy, seen, now, closure };
    let mut pool = Pool::new(None, evidence, policy);
    let mut records = Records::default();
    decide_asked(&mut records, &mut pool, &|records| signed(records, reference), &question)
}

/// What signed statements say of a digest.
fn signed(records: &Records<'_>, reference: &str) -> Result<Asked, Failure> {
    let (mut candidates, outputs): (Vec<Expected>, _) = match reference.strip_prefix("sha256:") {
        Some(text) => {
            let sha256: Sha256 = text.parse().map_err(|e| no_digest(reference, &e))?;
            let digests = Digests { blake3: None, sha256: Some(sha256) };
            let outputs = BTreeMap::from([(MANIFEST.to_owned(), digests)]);
            let requests = records.image_requests(&sha256)?;
            let expected = |(of, own)| Expected { of: Some(of), outputs: outputs.clone(), own };
            (requests.into_iter().map(expected).collect(), outputs)
        }
        None => {
            let digest: Digest = reference.parse().map_err(|e| no_digest(reference, &e))?;
            let digests = Digests { blake3: Some(Blake3(*digest.as_bytes())), sha256: None };
            let outputs = BTreeMap::from([("out".to_owned(), digests)]);
            (super::asked::of_tree(records, &stele_store::model::TreeId(digest)), outputs)
        }
    };
    if candidates.is_empty() {
        // No principal says how it was made: that decides, too.
        candidates.push(Expected { of: None, outputs, own: false });
    }
    Ok(Asked {
        name: reference.to_owned(),
        candidates,
        labels: Labels::default(),
        steps: Vec::new(),
        failed: None,
    })
}

fn no_digest(text: &str, error: &dyn std::fmt::Display) -> Failure {
    let hint = "without a store, name an output by its digest, or an image by `sha256:` and its manifest's";
    Failure::new(Kind::Usage, format!("`{text}` is not a digest: {error}")).hint(hint)
}
