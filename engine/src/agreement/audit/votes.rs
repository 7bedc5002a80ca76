//! The votes and keys of an audit.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use stele_store::model::Digest;
use stele_trust::digest::{Digests, Sha256};
use stele_trust::dsse::IN_TOTO;
use stele_trust::policy::Policy;
use stele_trust::principal::{Material, Principal};
use stele_trust::statement::Statement;
use stele_trust::statement::rebuild::{Builder, Rebuild};
use stele_trust::time::Time;
use stele_trust::vote::Evidence;

use super::Key;
use crate::agreement::answers::Decision;

/// What a principal states.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Vote {
    /// Who.
    pub principal: String,
    /// The facts that the policy has of it.
    pub facts: BTreeMap<String, String>,
    /// The facts that it states of itself.
    pub builder: Builder,
    /// The action or request.
    pub of: Digest,
    /// How users know that.
    pub name: String,
    /// `built`, `differs`, `failed` or `revoked`.
    pub outcome: String,
    /// The outputs.
    pub outputs: BTreeMap<String, Digests>,
    /// The version of the sandbox profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<u32>,
    /// When it ended, by the builder's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Time>,
    /// The evidence: SHA-256 of the envelope in canonical encoding.
    pub evidence: Sha256,
    /// Whether it was counted, for or against.
    pub counted: bool,
    /// Of what was asked about: why it was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<Value>,
}

/// The votes in the evidence, in the order of what was made.
pub(super) fn of(policy: &Policy, evidence: &[String], decision: &Decision) -> Vec<Vote> {
    let order: HashMap<Digest, (usize, &str)> = decision
        .ancestors
        .iter()
        .enumerate()
        .map(|(number, it)| (it.ancestor.of, (number, it.ancestor.name.as_str())))
        .collect();
    let not_counted = |digest: &Sha256| {
        let all = decision.subject["not_counted"].as_array()?;
        let it = all.iter().find(|it| it["evidence"] == digest.to_string())?;
        Some(it["reason"].clone())
    };
    let mut votes = Vec::new();
    for text in evidence {
        for evidence in Evidence::parse(text.as_bytes(), policy.public_keys()) {
            let digest = evidence.digest();
            let Evidence::Envelope { envelope, .. } = evidence else { continue };
            let statement = envelope.payload_of(IN_TOTO).ok().and_then(|it| Statement::parse(it).ok());
            let Some(rebuild) = statement.and_then(|it| Rebuild::of(&it).ok()) else { continue };
            let signed_by = envelope.signed_by(policy.public_keys());
            let signers = policy.principals.values().filter(|principal| {
                let is_signer = |material: &Material| match material {
                    Material::Public(key) => signed_by.contains(&key),
                    Material::OpenPgp(_) => false,
                };
                principal.keys.iter().any(|key| is_signer(&key.material))
            });
            let of = Digest::from_bytes(rebuild.action.digest.blake3.0);
            let counted = decision.counted.contains(&digest);
            for principal in signers {
                votes.push(Vote {
                    principal: principal.name.to_string(),
                    facts: facts(principal),
                    builder: rebuild.builder.clone(),
                    of,
                    name: order.get(&of).map_or_else(|| of.to_string(), |(_, name)| (*name).to_owned()),
                    outcome: text_of(&rebuild.outcome),
                    outputs: rebuild.outputs.iter().map(|it| (it.name.to_string(), it.digest)).collect(),
                    profile: rebuild.sandbox.as_ref().map(|it| it.profile),
                    finished: rebuild.time(),
                    evidence: digest,
                    counted,
                    why_not: not_counted(&digest).filter(|_| !counted),
                });
            }
        }
    }
    votes.sort_by_key(|it| {
        (order.get(&it.of).map_or(usize::MAX, |(number, _)| *number), it.principal.clone())
    });
    votes
}

fn text_of(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

fn facts(principal: &Principal) -> BTreeMap<String, String> {
    principal.facts.iter().map(|(fact, value)| (fact.key().to_owned(), value.to_string())).collect()
}

/// The keys of a policy.
pub(super) fn keys(policy: &Policy) -> Vec<Key> {
    let mut keys = Vec::new();
    for (principal, key) in policy.keys() {
        let (text, fingerprint) = match &key.material {
            Material::Public(public) => (public.to_pem(), Some(public.fingerprint())),
            Material::OpenPgp(fingerprint) => (fingerprint.to_string(), None),
        };
        let revoked = key.revoked.as_ref().map(|it| format!("{}, {}", text_of(&it.reason), it.at));
        keys.push(Key {
            principal: principal.name.to_string(),
            facts: facts(principal),
            key: text,
            fingerprint,
            valid_from: key.valid_from,
            valid_until: key.valid_until,
            revoked,
        });
    }
    keys
}
