//! Answers requests about agreement.

use std::path::PathBuf;

use stele_store::Store;
use stele_trust::policy::Policy;
use stele_trust::time::Time;

use super::ancestry::walk;
use super::answers::AgreementAnswer;
use super::decision::{Pool, Question, decide_asked};
use super::records::Records;
use super::requests::AgreementRequest;
use super::statements::{Manner, state};
use super::{asked, evidence};
use crate::engine::Engine;
use crate::failure::{Failure, Kind};
use crate::reference::from_wire;

/// Answers a request about agreement.
///
/// # Errors
/// With a failure for the user.
pub(crate) fn run(engine: &Engine, request: AgreementRequest) -> Result<AgreementAnswer, Failure> {
    let store: &Store = engine.store();
    let path = |tree: Option<String>| -> Result<Option<PathBuf>, Failure> {
        tree.map(|tree| from_wire(&tree)).transpose()
    };
    match request {
        AgreementRequest::State { reference, tree, closure, expected, revoke } => {
            let (records, tree) = (Records::of(store)?, path(tree)?);
            let asked = asked::find(engine, &records, &reference, tree.as_deref())?;
            let manner = Manner { closure, expected, revoke };
            Ok(AgreementAnswer::Stated(state(store, &records, &asked, &manner)?))
        }
        AgreementRequest::Add { evidence } => Ok(AgreementAnswer::Evidence(evidence::add(store, &evidence)?)),
        AgreementRequest::About { of } => {
            Ok(AgreementAnswer::Evidence(evidence::list(store, Some(&[(of, of.to_string())]), true)?))
        }
        AgreementRequest::Remove { digest } => {
            Ok(AgreementAnswer::Evidence(evidence::remove(store, &digest)?))
        }
        AgreementRequest::List { reference: None, content, .. } => {
            Ok(AgreementAnswer::Evidence(evidence::list(store, None, content)?))
        }
        AgreementRequest::List { reference: Some(reference), tree, content } => {
            let (records, tree) = (Records::of(store)?, path(tree)?);
            let asked = asked::find(engine, &records, &reference, tree.as_deref())?;
            let mut about = Vec::new();
            for expected in &asked.candidates {
                let ancestry = walk(&records, &asked.labels, expected, &asked.name, true)?;
                about.extend(ancestry.made.into_iter().map(|it| (it.of, it.name)));
            }
            about.dedup();
            Ok(AgreementAnswer::Evidence(evidence::list(store, Some(&about), content)?))
        }
        AgreementRequest::Decide { reference, tree, policy, closure, evidence } => {
            let tree = path(tree)?;
            let policy = Policy::parse(&policy)
                .map_err(|e| Failure::new(Kind::Usage, format!("the policy is not valid: {e}")))?;
            let now = Time::from_seconds(stele_store::now());
            let seen = store.policy_seen(policy.name.as_str())?;
            let question = Question { policy: &policy, seen, now, closure };
            let mut records = Records::of(store)?;
            let mut pool = Pool::new(Some(store), &evidence, &policy);
            let find = |records: &Records<'_>| asked::find(engine, records, &reference, tree.as_deref());
            let decision = decide_asked(&mut records, &mut pool, &find, &question)?;
            if !store.is_read_only() {
                store.saw_policy(policy.name.as_str(), policy.version)?;
            }
            Ok(AgreementAnswer::Decided(Box::new(decision)))
        }
    }
}
