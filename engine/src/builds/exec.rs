//! A user command in the sandbox of a recipe.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use stele_builder::realise::{self, ExecOutcome, Purpose, Request};
use stele_store::{Origins, Progress};

use super::realise::{Telling, build, built, options, substituters};
use crate::answers::Answer;
use crate::builds::{Built, ExecRequest, Order};
use crate::engine::Engine;
use crate::failure::{self, Failure};
use crate::recipes::{name, names, planned};
use crate::reference::from_wire;
use crate::service::Sink;

/// Runs a program in the sandbox of a recipe, given by its recipe tree and its name; `streams` are its terminal, or
/// its stdin, stdout and stderr.
///
/// # Errors
/// When a recipe is invalid, there is no plan, the sandbox cannot be set up, or the request is cancelled.
pub fn exec(
    engine: &Engine,
    (tree, recipe): (&str, &str),
    order: &Order,
    exec: &ExecRequest,
    streams: Vec<OwnedFd>,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let builder = engine.builder()?;
    let (tree, recipe) = (&*from_wire(tree)?, &name(recipe)?);
    let with = names(&exec.with)?;
    // First, and not together with the recipe's inputs: they may depend on the recipe, which itself is not built.
    if !with.is_empty() {
        let others = build(engine, tree, &with, order, &mut *sink, progress)?;
        if others.goals.len() < with.len() {
            return Ok(Answer::Built(others));
        }
    }
    let itself = with.contains(recipe);
    let mut goals = vec![recipe.clone()];
    goals.extend(with.into_iter().filter(|name| name != recipe));
    let (planned, recipes) = planned::plan_again(engine, Origins::Any, tree, &goals)?;
    if let Some(fetch) = Built::to_fetch(&planned) {
        return Ok(Answer::Built(fetch));
    }
    let substituters = substituters(engine, order, progress)?;
    let options = options(order, Purpose::Prepare);
    let request = Request { tree, recipes: &recipes, goals: &goals, options, substituters: &substituters };
    let fds: Vec<BorrowedFd<'_>> = streams.iter().map(OwnedFd::as_fd).collect();
    let wanted = realise::ExecRequest {
        argv: exec.argv.clone(),
        env: exec.env.clone(),
        streams: &fds,
        kept: !exec.fresh,
        itself,
    };
    let telling = Telling::new(sink);
    let executed = builder.exec(&request, &wanted, progress, &|event| telling.tell(event));
    match executed.map_err(|error| failure::builds::failure(&error, tree))? {
        ExecOutcome::Ended(ending) => Ok(Answer::Left(ending)),
        ExecOutcome::Unready(realised) => Ok(Answer::Built(built(&realised, tree))),
    }
}
