//! A user command in the sandbox of a recipe.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use stele_builder::realise::{self, ExecOutcome};
use stele_store::Progress;

use super::prepared::{Outcome, prepared};
use super::realise::{build, built};
use crate::answers::Answer;
use crate::builds::{ExecRequest, Order};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::recipes::{name, names};
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
    let fds: Vec<BorrowedFd<'_>> = streams.iter().map(OwnedFd::as_fd).collect();
    let wanted = realise::ExecRequest {
        argv: exec.argv.clone(),
        env: exec.env.clone(),
        streams: &fds,
        kept: !exec.fresh,
        itself,
    };
    let executed = prepared(engine, (tree, &goals), order, sink, progress, |builder, request, tell| {
        builder.exec(request, &wanted, progress, tell)
    });
    Ok(match executed? {
        Outcome::Unready(fetch) => Answer::Built(fetch),
        Outcome::Done(ExecOutcome::Ended(ending)) => Answer::Left(ending),
        Outcome::Done(ExecOutcome::Unready(realised)) => Answer::Built(built(&realised, tree)),
    })
}
