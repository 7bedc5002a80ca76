//! An action that another store sent, run for it.

use std::path::Path;
use std::sync::Arc;

use stele_builder::realise::Failed;
use stele_builder::sandbox::{Ending, Limit, Limits};
use stele_recipes::action::Action;
use stele_store::{Holder, Progress, Target};

use super::realise::{Telling, limits};
use super::{ActionOfOther, Built, Goal};
use crate::engine::Engine;
use crate::failure::builds::failure;
use crate::failure::{Failure, Kind};
use crate::recipes::name;
use crate::service::Sink;

/// For how many seconds the outputs are kept at least: they are fetched soon.
const KEPT: u64 = 3600;

/// Runs the action, unless its outputs are there. All that it needs has been sent before. A build that fails is an
/// answer: it would fail anywhere.
///
/// # Errors
/// When it is no action, what it needs is not there, or it cannot be run here.
pub(crate) fn perform(
    engine: &Engine,
    ask: &ActionOfOther,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Built, Failure> {
    let recipe = name(&ask.recipe)?;
    let action = Action::decode(ask.action.as_bytes())
        .map_err(|error| Failure::new(Kind::Usage, format!("recipe `{recipe}`: {error}")))?;
    let own = limits(ask.timeout, None);
    let memory = ask.memory.map_or(own.memory, |memory| memory.min(own.memory));
    let telling = Telling::new(sink);
    let limits = Limits { memory, ..own };
    let performed =
        engine.builder()?.perform(&recipe, action, limits, progress, &|event| telling.tell(event));
    let performed = match performed {
        Ok(performed) => performed,
        Err(error) if would_fail_anywhere(&error) => {
            return Ok(Built { failed: vec![failure(&error, Path::new(""))], ..Built::default() });
        }
        Err(error) => return Err(failure(&error, Path::new(""))),
    };
    if performed.known {
        let until = stele_store::now().saturating_add(KEPT);
        for tree in performed.outputs.0.values() {
            engine.store().lease(Target::Tree(*tree), Holder::Until(until))?;
        }
    }
    let goal = Goal { name: recipe.to_string(), outputs: performed.outputs.0 };
    Ok(Built { goals: vec![goal], ..Built::default() })
}

fn would_fail_anywhere(error: &Arc<Failed>) -> bool {
    match &**error {
        Failed::Ended(ended) => !matches!(
            ended.ending,
            Ending::NotSetUp { .. }
                | Ending::Stopped {}
                | Ending::Limit { limit: Limit::Room { .. } | Limit::Files { .. }, .. }
        ),
        Failed::Output { .. } => true,
        _ => false,
    }
}
