//! A check: rounds of builds under varied conditions; and what explains it.

use std::path::Path;
use std::sync::Arc;

use stele_builder::realise::{Builder, CheckRecord, Checking, Event, Explaining, Failed, Request};
use stele_recipes::recipe::RecipeName;
use stele_store::Progress;

use super::prepared::{Outcome, prepared};
use super::realise::{build, built};
use super::report::Reported;
use crate::answers::Answer;
use crate::builds::Order;
use crate::engine::Engine;
use crate::failure::{Failure, Kind};
use crate::service::Sink;

/// Builds `recipe` if it is not built, and then again in so many rounds; answers the record.
///
/// # Errors
/// When a recipe is invalid, there is no plan, the sandbox cannot be set up, or the request is cancelled.
pub fn check(
    engine: &Engine,
    tree: &Path,
    recipe: &RecipeName,
    order: &Order,
    rounds: u32,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let checking = built_first(engine, (tree, recipe), order, sink, progress, |builder, request, tell| {
        builder.check(request, rounds, progress, tell)
    });
    Ok(match checking? {
        Outcome::Unready(built) => Answer::Built(built),
        Outcome::Done(Checking::Checked(record)) => Answer::Checked(Box::new(record)),
        Outcome::Done(Checking::Unready(realised)) => Answer::Built(built(&realised, tree)),
    })
}

/// Builds `recipe` if it is not built, and then again until it is known what changes its output.
///
/// # Errors
/// As of [`check`].
pub fn explain(
    engine: &Engine,
    tree: &Path,
    recipe: &RecipeName,
    order: &Order,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let explaining = built_first(engine, (tree, recipe), order, sink, progress, |builder, request, tell| {
        builder.explain(request, progress, tell)
    });
    Ok(match explaining? {
        Outcome::Unready(built) => Answer::Built(built),
        Outcome::Done(Explaining::Explained(explanation)) => Answer::Explained(Box::new(explanation)),
        Outcome::Done(Explaining::Unready(realised)) => Answer::Built(built(&realised, tree)),
    })
}

/// Builds `recipe` if it is not built, and then runs `run` with a request to prepare it.
fn built_first<T>(
    engine: &Engine,
    (tree, recipe): (&Path, &RecipeName),
    order: &Order,
    sink: &mut dyn Sink,
    progress: &Progress,
    run: impl FnOnce(&Arc<Builder>, &Request<'_>, &(dyn Fn(Event) + Sync)) -> Result<T, Failed>,
) -> Result<Outcome<T>, Failure> {
    let goals = std::slice::from_ref(recipe);
    let first = build(engine, tree, goals, order, &mut *sink, progress)?;
    match first.fetch.is_empty() && first.failed.is_empty() {
        true => prepared(engine, (tree, goals), order, sink, progress, run),
        false => Ok(Outcome::Unready(first)),
    }
}

/// The record of the last check of what `recipe` was last built from.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn last(engine: &Engine, recipe: &RecipeName) -> Result<CheckRecord, Failure> {
    let none = || {
        Failure::new(Kind::NotFound, format!("there is no check of recipe `{recipe}` as it was last built"))
            .hint(format!("`stele check {recipe}` checks it"))
    };
    let action = super::log::about(engine, recipe)?.action.ok_or_else(none)?;
    let text = engine.store().check_of(&action)?.ok_or_else(none)?;
    // A record of another version counts as missing.
    serde_json::from_slice(&text).map_err(|_| none())
}

/// What is known of recipes as they were last built.
///
/// # Errors
/// When the store cannot be read.
pub fn reported(engine: &Engine, recipes: &[RecipeName]) -> Result<Vec<Reported>, Failure> {
    let of = |recipe: &RecipeName| -> Result<Reported, Failure> {
        let mut reported = Reported { recipe: recipe.to_string(), check: None, explanation: None };
        // One that was never built is not checked, either.
        let about = match super::log::about(engine, recipe) {
            Err(failure) if failure.kind == Kind::NotFound => return Ok(reported),
            about => about?,
        };
        let Some(action) = about.action else { return Ok(reported) };
        // Records of other versions count as missing.
        let check = engine.store().check_of(&action)?;
        reported.check = check.and_then(|text| serde_json::from_slice(&text).ok());
        let explanation = engine.store().explanation_of(&action)?;
        reported.explanation = explanation.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(reported)
    };
    recipes.iter().map(of).collect()
}
