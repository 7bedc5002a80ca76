//! Puts an audit together from a decision.

use std::collections::BTreeMap;

use serde_json::Value;

use stele_builder::profile;
use stele_trust::digest::{Digests, Sha256};
use stele_trust::policy::Policy;
use stele_trust::time::Time;

use super::{
    Attachment, Audit, Build, Dependencies, Exception, FORMAT, Isolation, Log, PolicyText, Retention, Source,
    Subject, Verdict, Verifier, votes,
};
use crate::agreement::answers::{Decision, JudgedAncestor, PinnedKind};
use crate::agreement::records::MANIFEST;

/// What an audit is made of.
pub struct Parts {
    /// The decision, with the closure.
    pub decision: Decision,
    /// The policy's text.
    pub policy_text: String,
    /// When it was decided.
    pub time: Time,
    /// The evidence about it and what it was made from.
    pub evidence: Vec<String>,
    /// Of an image, what is known of it.
    pub image: Option<Value>,
    /// Its attachments.
    pub attachments: Vec<Attachment>,
    /// The sources, as recipes describe them.
    pub sources: Vec<Source>,
    /// What is accepted all the same.
    pub exceptions: Vec<Exception>,
    /// How long it is kept.
    pub retention: Retention,
    /// The program that decided.
    pub verifier: Verifier,
}

impl Audit {
    /// Puts the file together. The policy is the valid one whose text is among the parts.
    pub fn new(policy: &Policy, parts: Parts) -> Self {
        let Parts {
            decision, policy_text, time, evidence, image, attachments, mut sources, exceptions, ..
        } = parts;
        sources.sort();
        sources.dedup();
        let reference =
            decision.asked.outputs.iter().find_map(|(name, digests)| match (name.as_str(), digests) {
                (MANIFEST, Digests { sha256: Some(sha256), .. }) => Some(format!("sha256:{sha256}")),
                (_, Digests { blake3: Some(blake3), .. }) => Some(blake3.to_string()),
                _ => None,
            });
        let subject = Subject {
            name: decision.name.clone(),
            reference: reference.unwrap_or_default(),
            of: decision.asked.of,
            outputs: decision.asked.outputs.clone(),
            image,
        };
        let builds: Vec<Build> = decision.ancestors.iter().map(build).collect();
        let mut pieces = BTreeMap::from([("policy".to_owned(), policy.digest)]);
        for (number, text) in evidence.iter().enumerate() {
            pieces.insert(format!("evidence {number}"), Sha256::of(text.as_bytes()));
        }
        for it in &decision.ancestors {
            pieces.insert(format!("text of {}", it.ancestor.of), Sha256::of(it.ancestor.text.as_bytes()));
        }
        let pinned = &decision.pinned;
        let bytes = |kind| pinned.iter().filter(|it| it.kind == kind).filter_map(|it| it.size).sum();
        let policy_part = PolicyText {
            name: policy.name.to_string(),
            version: policy.version,
            sha256: policy.digest,
            text: policy_text,
        };
        Self {
            audit: FORMAT,
            subject,
            votes: votes::of(policy, &evidence, &decision),
            builds,
            dependencies: Dependencies {
                complete: decision.unexplained.is_empty() && decision.closure.is_some(),
                pinned: pinned.clone(),
                unexplained: decision.unexplained.clone(),
                opaque_bytes: bytes(PinnedKind::Opaque),
                seed_bytes: bytes(PinnedKind::Seed),
            },
            sources,
            isolation: isolation(),
            attachments,
            log: Log {
                used: false,
                note: "none: who counts are the keys of the policy, and the evidence is in this file"
                    .to_owned(),
            },
            exceptions,
            keys: votes::keys(policy),
            retention: parts.retention,
            evidence,
            pieces,
            verdict: Verdict {
                decision,
                time,
                policy: policy_part,
                highest_policy_seen: None,
                fewest: policy.fewest(),
                principals: policy.principals.len(),
                verifier: parts.verifier,
            },
        }
    }
}

fn build(it: &JudgedAncestor) -> Build {
    let from = it.ancestor.from.iter().map(|used| format!("{} {} {}", used.of, used.output, used.digests));
    Build {
        name: it.ancestor.name.clone(),
        kind: it.ancestor.kind,
        of: it.ancestor.of,
        text: serde_json::from_str(&it.ancestor.text).unwrap_or_default(),
        outputs: it.ancestor.outputs.clone(),
        verdict: it.verdict.clone(),
        agreeing: it.agreeing.clone(),
        from: from.collect(),
    }
}

fn isolation() -> Isolation {
    Isolation {
        profile: profile::VERSION,
        profile_digest: profile::digest(),
        profile_text: String::from_utf8_lossy(&profile::text()).into_owned(),
        network: "none: a build runs in a network namespace without devices; each statement repeats it under \
                  `sandbox.isolation`, signed"
            .to_owned(),
        keys: "a key signs in the process of the command that its owner runs; neither a build nor the process that \
               builds can reach it"
            .to_owned(),
    }
}
