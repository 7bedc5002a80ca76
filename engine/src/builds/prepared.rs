//! What is done with a recipe whose inputs are there: it is traced, checked, or entered.

use std::path::Path;
use std::sync::Arc;

use stele_builder::realise::{self, Builder, Failed, Gate, Purpose, Request};
use stele_recipes::recipe::RecipeName;
use stele_store::{Origins, Progress};

use super::realise::{Telling, builder_of, options, others};
use crate::agreement::PolicyGate;
use crate::builds::{Built, Order};
use crate::engine::Engine;
use crate::failure::{self, Failure};
use crate::recipes::planned;
use crate::service::Sink;

/// The result of a [`prepared`] request.
pub(super) enum Outcome<T> {
    /// Sources have to be fetched first, or a build failed.
    Unready(Built),
    /// What was asked for.
    Done(T),
}

/// Plans `goals` of the recipe tree at `tree` and runs `run` with a request to prepare them; its events go to `sink`.
///
/// # Errors
/// When a recipe is invalid, there is no plan, or `run` fails.
pub(super) fn prepared<T>(
    engine: &Engine,
    (tree, goals): (&Path, &[RecipeName]),
    order: &Order,
    sink: &mut dyn Sink,
    progress: &Progress,
    run: impl FnOnce(&Arc<Builder>, &Request<'_>, &(dyn Fn(realise::Event) + Sync)) -> Result<T, Failed>,
) -> Result<Outcome<T>, Failure> {
    let builder = engine.builder()?;
    let (planned, recipes) = planned::plan_again(engine, Origins::Any, tree, goals)?;
    if let Some(fetch) = Built::to_fetch(&planned) {
        return Ok(Outcome::Unready(fetch));
    }
    let others = others(engine, order, progress)?;
    let options = options(order, Purpose::Prepare);
    let gate = PolicyGate::of_order(engine.store(), order)?;
    let gate = gate.as_ref().map(|gate| gate as &dyn Gate);
    let builder_of = builder_of(order, &others);
    let request =
        Request { tree, recipes: &recipes, goals, options, substituters: &others, builder: builder_of, gate };
    let telling = Telling::new(sink);
    let done = run(builder, &request, &|event| telling.tell(event));
    done.map(Outcome::Done).map_err(|error| failure::builds::failure(&error, tree))
}
