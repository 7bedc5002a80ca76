//! The policy of a build: which outputs of other stores it takes.

use stele_builder::realise::{Gate, Substituter};
use stele_store::model::Digest;
use stele_store::{Outputs, Progress, Store};
use stele_trust::digest::{Blake3, Digests};
use stele_trust::policy::Policy;
use stele_trust::time::Time;
use stele_trust::verdict::{Inquiry, Kind as VerdictKind, decide};
use stele_trust::vote::{Evidence, Subject, pieces};

use crate::builds::Order;
use crate::failure::{Failure, Kind};

/// Accepts an output if the policy agrees to it, by the evidence of this store and of the one that offers the output.
pub(crate) struct PolicyGate<'a> {
    store: &'a Store,
    policy: Policy,
    seen: Option<u64>,
}

impl<'a> PolicyGate<'a> {
    /// The gate of an order, if it has a policy.
    ///
    /// # Errors
    /// When the policy is not valid, or the store cannot be read.
    pub(crate) fn of_order(store: &'a Store, order: &Order) -> Result<Option<Self>, Failure> {
        let Some(text) = &order.policy else { return Ok(None) };
        let policy = Policy::parse(text)
            .map_err(|e| Failure::new(Kind::Usage, format!("the policy is not valid: {e}")))?;
        let seen = store.policy_seen(policy.name.as_str())?;
        store.saw_policy(policy.name.as_str(), policy.version)?;
        Ok(Some(Self { store, policy, seen }))
    }
}

impl Gate for PolicyGate<'_> {
    fn accept(
        &self,
        of: &Digest,
        outputs: &Outputs,
        from: &dyn Substituter,
        progress: &Progress,
    ) -> Result<(), String> {
        let mut texts = from.evidence(of, progress).map_err(|e| e.to_string())?;
        let own = self.store.evidence(Some(of)).map_err(|e| e.to_string())?;
        texts.extend(own.iter().map(|it| String::from_utf8_lossy(&it.bytes).into_owned()));
        let parse = |piece: &str| Evidence::parse(piece.trim().as_bytes(), self.policy.public_keys());
        let evidence: Vec<Evidence> = texts.iter().flat_map(|text| pieces(text)).flat_map(parse).collect();
        for (output, tree) in &outputs.0 {
            let name = output.parse().map_err(|_| format!("{output:?} names no output"))?;
            let verdict = decide(&Inquiry {
                policy: &self.policy,
                highest_policy_seen: self.seen,
                subject: Subject::Output { action: Blake3(*of.as_bytes()), output: name },
                digest: Some(Digests { blake3: Some(Blake3(*tree.0.as_bytes())), sha256: None }),
                evidence: &evidence,
                now: Time(i64::try_from(stele_store::now()).unwrap_or(i64::MAX)),
            });
            if verdict.kind != VerdictKind::Agreed {
                let agree = verdict.agreeing.len();
                return Err(format!("{}: {agree} principals state it", verdict.kind));
            }
        }
        Ok(())
    }
}
