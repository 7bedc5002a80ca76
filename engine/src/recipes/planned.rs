//! A plan, as it is answered; and the cached last plan, valid as long as nothing changed.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use stele_builder::profile;
use stele_builder::realise::OfStore;
use stele_recipes::language::{OnDisk, Problem, Recipes, Stamps};
use stele_recipes::plan::{self, Change, PlanError, State, Step, Why};
use stele_recipes::recipe::{RecipeName, Version};
use stele_store::{Origins, ReadError, Store};

use super::{Selection, failure};
use crate::builds::Goal;
use crate::engine::Engine;
use crate::failure::builds;
use crate::failure::{Failure, Kind};

/// A plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Sources that have to be fetched first.
    pub fetch: Vec<Fetch>,
    /// What has to be built, in dependency order.
    pub build: Vec<Build>,
    /// The goals that are already built.
    pub there: Vec<Goal>,
    /// The number of recipes that are already built.
    pub done: usize,
    /// The number of recipes that are neither built nor needed.
    pub unneeded: usize,
}

/// A source that has to be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// The first recipe that uses it.
    pub recipe: RecipeName,
    /// Its file name.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
}

/// A recipe that has to be built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Its name.
    pub name: RecipeName,
    /// Its version.
    pub version: Version,
    /// The digest of its action, when all of its inputs are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The reason.
    pub why: Reason,
    /// Sources that have to be unpacked first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unpack: Vec<String>,
    /// Recipes that are built first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<RecipeName>,
}

/// Why a recipe has to be built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Reason {
    /// It was never built.
    Never,
    /// Its inputs changed.
    Changed {
        /// The differences.
        changes: Vec<Change>,
    },
    /// Its output was garbage-collected.
    Gone,
    /// No change is known, but one of its inputs was garbage-collected.
    Unremembered,
}

/// The last plan of an engine, valid as long as nothing that it was made from has changed.
#[derive(Default)]
pub struct Plans(Mutex<Option<Last>>);

/// The last plan, and its key.
struct Last {
    /// The device and inode of the recipe tree: its path may be one of a descriptor.
    tree: (u64, u64),
    goals: Vec<RecipeName>,
    stamps: Stamps,
    change_number: u64,
    planned: Arc<Planned>,
}

/// Plans `goals` of the recipe tree at `tree`, or all recipes when the list is empty.
///
/// # Errors
/// When a recipe is invalid, or its inputs conflict.
pub fn plan(engine: &Engine, tree: &Path, goals: &[RecipeName]) -> Result<Arc<Planned>, Failure> {
    plan_for_build(engine, tree, goals).map(|(planned, _)| planned)
}

/// Like [`plan`]; also returns the recipes, when they had to be evaluated.
///
/// # Errors
/// As of [`plan`].
pub fn plan_for_build(
    engine: &Engine,
    tree: &Path,
    goals: &[RecipeName],
) -> Result<(Arc<Planned>, Option<Recipes>), Failure> {
    let store: &Store = engine.store();
    let change_number = store.change_number();
    if let Some(planned) = engine.plans().same_as_last(tree, goals, change_number) {
        return Ok((planned, None));
    }
    let evaluated = engine.evaluator().evaluate(tree, &Selection::of(goals))?;
    let recipes = evaluated.by_name();
    let planned = Arc::new(of(store, Origins::Any, tree, &recipes, (goals, &[]))?);
    if evaluated.stamps.are_settled() {
        let (tree, goals) = (identity(tree), goals.to_vec());
        let last =
            Last { tree, goals, stamps: evaluated.stamps, change_number, planned: Arc::clone(&planned) };
        *engine.plans().lock() = Some(last);
    }
    Ok((planned, Some(recipes)))
}

/// The device and inode of a directory, if it exists.
fn identity(tree: &Path) -> (u64, u64) {
    std::fs::metadata(tree).map_or((0, 0), |meta| (meta.dev(), meta.ino()))
}

impl Plans {
    fn lock(&self) -> MutexGuard<'_, Option<Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn same_as_last(&self, tree: &Path, goals: &[RecipeName], change_number: u64) -> Option<Arc<Planned>> {
        let last = self.lock();
        let last = last.as_ref()?;
        let same = last.tree == identity(tree) && last.goals == goals && last.change_number == change_number;
        (same && OnDisk::open(tree).ok()?.holds(&last.stamps)).then(|| Arc::clone(&last.planned))
    }
}

/// A plan that includes the goals even if they are already built; and the recipes. Only realisations of one of
/// `origins` count as built.
///
/// # Errors
/// As of [`plan`].
pub fn plan_again(
    engine: &Engine,
    origins: Origins,
    tree: &Path,
    goals: &[RecipeName],
) -> Result<(Planned, Recipes), Failure> {
    let recipes = engine.evaluator().evaluate(tree, &Selection::of(goals))?.by_name();
    let all: Vec<_> = recipes.by_name.keys().cloned().collect();
    let goals = if goals.is_empty() { &all } else { goals };
    Ok((of(engine.store(), origins, tree, &recipes, (goals, goals))?, recipes))
}

/// A plan of evaluated recipes: of `goals`, and including `again` even if they are already built.
///
/// # Errors
/// When the inputs of a recipe conflict.
pub fn of(
    store: &Store,
    origins: Origins,
    tree: &Path,
    recipes: &Recipes,
    (goals, again): (&[RecipeName], &[RecipeName]),
) -> Result<Planned, Failure> {
    let all: Vec<_> = recipes.by_name.keys().cloned().collect();
    let goals = if goals.is_empty() { &all } else { goals };
    let plan = steps(store, origins, tree, recipes, (goals, again))?;
    let mut planned = Planned { there: there(&plan, goals), ..Planned::default() };
    let mut fetched = HashSet::new();
    for step in &plan.steps {
        match &step.state {
            State::Done | State::Again => planned.done += 1,
            State::Unneeded => planned.unneeded += 1,
            State::Build(why) => planned.build.push(build(&plan, step, why)),
        }
        let recipe = &plan.graph.recipes()[step.number];
        for at in &step.fetch {
            let source = &recipe.sources[*at].source;
            if fetched.insert(source.sha256) {
                let (recipe, file, sha256) =
                    (recipe.name.clone(), source.file.to_string(), source.sha256.to_string());
                planned.fetch.push(Fetch { recipe, file, sha256 });
            }
        }
    }
    Ok(planned)
}

/// The plan that [`of`] sums up.
///
/// # Errors
/// As of [`of`].
pub(crate) fn steps(
    store: &Store,
    origins: Origins,
    tree: &Path,
    recipes: &Recipes,
    (goals, again): (&[RecipeName], &[RecipeName]),
) -> Result<plan::Plan, Failure> {
    let known = OfStore::new(store, origins, tree, recipes).map_err(|error| builds::source(&error))?;
    plan::plan_again(recipes, goals, again, profile::VERSION, &known)
        .map_err(|error| plan_failure(&error, tree))
}

/// Those of `goals` that are already built, with their outputs.
fn there(plan: &plan::Plan, goals: &[RecipeName]) -> Vec<Goal> {
    let goal = |name: &RecipeName| {
        let step = &plan.steps[plan.graph.number(name)?];
        let outputs = step.outputs.as_ref().filter(|_| matches!(step.state, State::Done | State::Again))?;
        let outputs = outputs.iter().map(|(name, tree)| (name.as_str().to_owned(), *tree));
        Some(Goal { name: name.to_string(), outputs: outputs.collect() })
    };
    goals.iter().filter_map(goal).collect()
}

fn build(plan: &plan::Plan, step: &Step, why: &Why) -> Build {
    let recipe = &plan.graph.recipes()[step.number];
    let is_built = |number: &&usize| matches!(plan.steps[**number].state, State::Build(_));
    let after = plan.graph.needs(step.number).iter().filter(is_built);
    Build {
        name: recipe.name.clone(),
        version: recipe.version.clone(),
        action: step.action.as_ref().map(|(id, _)| id.to_string()),
        why: match why {
            Why::Never => Reason::Never,
            Why::Changed(changes) => Reason::Changed { changes: changes.clone() },
            Why::Gone => Reason::Gone,
            Why::Unremembered => Reason::Unremembered,
        },
        unpack: step.unpack.iter().map(|at| recipe.sources[*at].source.file.to_string()).collect(),
        after: after.map(|number| plan.graph.recipes()[*number].name.clone()).collect(),
    }
}

/// A planning error as a message for the user.
pub fn plan_failure(error: &PlanError<ReadError>, tree: &Path) -> Failure {
    let message = error.to_string();
    let (recipe, labels) = match error {
        PlanError::Known(error) => return Failure::new(Kind::Failed, format!("{message}: {error}")),
        PlanError::Unknown(_) => return Failure::new(Kind::NotFound, message),
        PlanError::Root { recipe, labels, .. } | PlanError::Action { recipe, labels, .. } => (recipe, labels),
    };
    let Ok(files) = OnDisk::open(tree) else { return Failure::new(Kind::Failed, message) };
    let failure = failure(&Problem::about(message, Some(recipe.to_string()), labels, &files), tree);
    failure.hint("choose the winner with `prefer`, or put one of them at another path")
}
