//! The policy of a build: which outputs of other stores it takes.

use stele_builder::realise::{Gate, Substituter};
use stele_store::model::{Digest, TreeId};
use stele_store::{Outputs, Progress, Store};
use stele_trust::digest::{Blake3, Digests};
use stele_trust::policy::Policy;
use stele_trust::time::Time;
use stele_trust::verdict::Kind as VerdictKind;

use super::answers::Expected;
use super::decision::{Pool, Question, verdict_of};
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
        let offered = from.evidence(of, progress).map_err(|e| e.to_string())?;
        let mut pool = Pool::new(Some(self.store), &offered, &self.policy);
        let digests = |tree: &TreeId| Digests { blake3: Some(Blake3(*tree.0.as_bytes())), sha256: None };
        let outputs = outputs.0.iter().map(|(name, tree)| (name.clone(), digests(tree)));
        let expected = Expected { of: Some(*of), outputs: outputs.collect(), own: false };
        let now = Time::from_seconds(stele_store::now());
        let question = Question { policy: &self.policy, seen: self.seen, now, closure: false };
        let verdict = verdict_of(&mut pool, &of.to_string(), &expected, &question).map_err(|e| e.message)?;
        match verdict.kind {
            VerdictKind::Agreed => Ok(()),
            kind => Err(format!("{kind}: {} principals state it", verdict.agreeing.len())),
        }
    }
}
