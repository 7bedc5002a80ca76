//! A traced build.

use std::path::Path;

use stele_builder::realise::{Tracing, Used};
use stele_recipes::recipe::RecipeName;
use stele_store::Progress;

use super::prepared::{Outcome, prepared};
use super::realise::built;
use crate::answers::Answer;
use crate::builds::{Order, Traced, TracedInput};
use crate::engine::Engine;
use crate::failure::{self, Failure};
use crate::reference::to_wire;
use crate::service::Sink;

/// Rebuilds `recipe`, and answers what it used.
///
/// # Errors
/// When a recipe is invalid, there is no plan, the sandbox cannot be set up, or the request is cancelled.
pub fn trace(
    engine: &Engine,
    tree: &Path,
    recipe: &RecipeName,
    order: &Order,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let goals = std::slice::from_ref(recipe);
    let tracing = prepared(engine, (tree, goals), order, sink, progress, |builder, request, tell| {
        builder.trace(request, progress, tell)
    });
    let traced = match tracing? {
        Outcome::Unready(fetch) => return Ok(Answer::Built(fetch)),
        Outcome::Done(Tracing::Unready(realised)) => return Ok(Answer::Built(built(&realised, tree))),
        Outcome::Done(Tracing::Traced(traced)) => traced,
    };
    let input = |used: &Used| TracedInput {
        input: used.origin.to_string(),
        at: used.place.as_str().to_owned(),
        files: used.files,
        bytes: used.bytes,
        opened: used.opened,
    };
    let path = |path: &Vec<u8>| to_wire(std::os::unix::ffi::OsStrExt::from_bytes(path.as_slice()));
    Ok(Answer::Traced(Traced {
        recipe: recipe.to_string(),
        inputs: traced.inputs.iter().map(input).collect(),
        missing: traced.missing.iter().map(path).collect(),
        unnoted: traced.unnoted,
        compared: traced.compared,
        failed: traced.outcome.err().map(|error| failure::builds::failure(&error, tree)),
    }))
}
