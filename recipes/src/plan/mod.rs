//! The plan: what has to be built for some goals, in which order, and why.
//!
//! A recipe becomes an action when all its inputs are known. [`Known`] answers what is known, so that a plan is a
//! function of the recipes and of earlier results. An unchanged output stops the effect of a change below it: actions
//! refer to their inputs by content, and equal inputs give the same action.
//!
//! Claims of other stores are kept apart. Only this store's own work decides what a source unpacks to, what a root is
//! merged to, and which actions are run. Other stores can only make the *outputs* of a recipe known: those of an
//! action, or of a [`derivation`](requests), which is a recipe with all its dependencies as written.

mod again;
mod derivations;
mod graph;
mod known;
mod memo;
mod needs;
mod requests;
mod resolve;
mod root;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use stele_store::model::{Digest, Node, TreeId};

pub use graph::{Graph, Unknown};
pub use known::{Answers, Known, OutputTrees};
pub use memo::{Change, Memo};
pub use needs::{Content, Merged as MergedInput, Needs};
pub use requests::{Part, merging, unpacking};
pub use root::{MOUNTED_ON, Root, RootError, merge};

use crate::action::{Action, ActionError, ActionId};
use crate::language::{Label, Recipes};
use crate::recipe::{Origin, OutputName, Recipe, RecipeName};

/// The output name for unpacked sources and merged roots.
pub const MADE: &str = "tree";

/// The state of a recipe in a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Its outputs exist.
    Done,
    /// Its outputs are known and missing, and no build needs them.
    Unneeded,
    /// It has to be built.
    Build(Why),
    /// Its outputs exist, and it is processed again anyway.
    Again,
}

/// Why a recipe has to be built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// It was never built.
    Never,
    /// It was built from other inputs.
    Changed(Vec<Change>),
    /// It was built, and its outputs are missing.
    Gone,
    /// No change is known, but one of its inputs is missing, or its outputs came from another store.
    Unremembered,
}

/// A recipe in a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its number in the graph.
    pub number: usize,
    /// Its state.
    pub state: State,
    /// Its action, when all of its inputs are known to this store.
    pub action: Option<(ActionId, Action)>,
    /// Its action if other stores' claims are true: to query them. Never to be run.
    pub claimed: Option<(ActionId, Action)>,
    /// Its outputs, when they are known.
    pub outputs: Option<BTreeMap<OutputName, TreeId>>,
    /// Its inputs, for the memo.
    pub memo: Memo,
    /// Sources that have to be fetched for it, by their index in its list.
    pub fetch: Vec<usize>,
    /// Sources that have to be unpacked for it, by their index in its list.
    pub unpack: Vec<usize>,
}

/// A merged root, with the canonical text of its request.
pub type Merged = (Vec<u8>, Root);

/// What has to be built, in which order, and why.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The recipes.
    pub graph: Graph,
    /// One step per recipe, in the order of the graph.
    pub steps: Vec<Step>,
    /// Merged roots that were not known before.
    pub roots: Vec<Merged>,
}

/// Why planning failed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError<E> {
    /// A goal is not a recipe.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The inputs of a recipe conflict.
    #[error("recipe `{recipe}`: {why}")]
    Root {
        /// The recipe.
        recipe: RecipeName,
        /// The locations of the recipe and of the conflicting inputs.
        labels: Vec<Label>,
        /// Why.
        why: Box<RootError<E>>,
    },
    /// A recipe is not a valid action.
    #[error("recipe `{recipe}`: {why}")]
    Action {
        /// The recipe.
        recipe: RecipeName,
        /// Its location.
        labels: Vec<Label>,
        /// Why.
        why: Box<ActionError>,
    },
    /// Earlier results cannot be read.
    #[error("what was made before cannot be read")]
    Known(#[source] E),
}

/// Plans `goals`.
///
/// # Errors
/// See [`PlanError`].
pub fn plan<K: Known>(
    recipes: &Recipes,
    goals: &[RecipeName],
    profile: u32,
    known: &K,
) -> Result<Plan, PlanError<K::Error>> {
    plan_again(recipes, goals, &[], profile, known)
}

/// Plans `goals`; those of them that are also in `again` are processed again even if their outputs exist, so that their
/// inputs have to exist, too.
///
/// # Errors
/// See [`PlanError`].
pub fn plan_again<K: Known>(
    recipes: &Recipes,
    goals: &[RecipeName],
    again: &[RecipeName],
    profile: u32,
    known: &K,
) -> Result<Plan, PlanError<K::Error>> {
    let graph = Graph::of(recipes, goals)?;
    let mut planning = Planning::new(known, profile, &graph);
    for number in 0..graph.recipes().len() {
        let step = planning.resolve(number)?;
        planning.steps.push(step);
    }
    planning.demand(goals, again)?;
    let Planning { steps, roots, .. } = planning;
    Ok(Plan { steps, roots, graph })
}

struct Planning<'a, K: Known> {
    known: &'a K,
    profile: u32,
    graph: &'a Graph,
    steps: Vec<Step>,
    roots: Vec<Merged>,
    /// The digests of the derivations of the first recipes of the graph, as far as needed.
    derivations: Vec<Digest>,
}

impl<'a, K: Known> Planning<'a, K> {
    fn new(known: &'a K, profile: u32, graph: &'a Graph) -> Self {
        Self { known, profile, graph, steps: Vec::new(), roots: Vec::new(), derivations: Vec::new() }
    }

    /// Goals have to exist. What is missing is built, and a build needs its inputs.
    fn demand(&mut self, goals: &[RecipeName], again: &[RecipeName]) -> Result<(), PlanError<K::Error>> {
        let mut needed = vec![false; self.steps.len()];
        for goal in goals {
            if let Some(number) = self.graph.number(goal) {
                needed[number] = true;
            }
        }
        for number in (0..self.steps.len()).rev() {
            let there = self.is_there(number)?;
            let again = again.contains(&self.graph.recipes()[number].name);
            if there && !again {
                self.steps[number].state = State::Done;
            } else if needed[number] {
                self.steps[number].state = if there { State::Again } else { State::Build(self.why(number)?) };
                self.graph.needs(number).iter().for_each(|need| needed[*need] = true);
                self.sources_of(number)?;
            }
        }
        Ok(())
    }

    fn is_there(&self, number: usize) -> Result<bool, PlanError<K::Error>> {
        self.are_there(self.steps[number].outputs.as_ref())
    }

    fn are_there(&self, outputs: Option<&BTreeMap<OutputName, TreeId>>) -> Result<bool, PlanError<K::Error>> {
        let Some(outputs) = outputs else { return Ok(false) };
        for tree in outputs.values() {
            if !self.known.has_tree(tree).map_err(PlanError::Known)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn why(&self, number: usize) -> Result<Why, PlanError<K::Error>> {
        let step = &self.steps[number];
        if step.outputs.is_some() {
            return Ok(Why::Gone);
        }
        let Some(before) = self.known.memo(&self.graph.recipes()[number].name).map_err(PlanError::Known)?
        else {
            return Ok(Why::Never);
        };
        let changes = step.memo.since(&before);
        Ok(if changes.is_empty() { Why::Unremembered } else { Why::Changed(changes) })
    }

    /// The sources of a recipe to build that have to be fetched or unpacked first.
    fn sources_of(&mut self, number: usize) -> Result<(), PlanError<K::Error>> {
        let recipe = &self.graph.recipes()[number];
        for (at, source) in recipe.sources.iter().enumerate() {
            if let Some(Node::Directory { tree, .. }) = self.source(source)?
                && self.known.has_tree(&tree).map_err(PlanError::Known)?
            {
                continue;
            }
            if self.known.source(&source.source.sha256).map_err(PlanError::Known)?.is_none() {
                self.steps[number].fetch.push(at);
            }
            if source.unpack.is_some() {
                self.steps[number].unpack.push(at);
            }
        }
        Ok(())
    }
}

/// The locations of a recipe, and of those of its inputs that an error concerns.
fn labels<E>(recipe: &Recipe, why: &RootError<E>) -> Vec<Label> {
    let about: Vec<&str> = match why {
        RootError::Conflict(conflict) => vec![&conflict.first, &conflict.second],
        RootError::Hidden { origin, .. } | RootError::Source { origin, .. } => vec![origin],
        RootError::Deep { .. } => Vec::new(),
    };
    let sources = recipe.sources.iter().map(|it| (Origin::Source(it.source.file.to_string()), &it.at));
    let locals = recipe.locals.iter().map(|it| (Origin::Local(it.path.clone()), &it.at));
    let images = recipe.images.iter().map(|it| (Origin::Image(it.reference.clone()), &it.at));
    let inputs =
        recipe.inputs.iter().map(|it| (Origin::Recipe(it.recipe.clone(), it.output.clone()), &it.at));
    let mut labels = vec![Label { span: recipe.at.clone(), text: String::new() }];
    for (origin, at) in sources.chain(locals).chain(images).chain(inputs) {
        let text = origin.to_string();
        if about.contains(&text.as_str()) && *at != recipe.at {
            labels.push(Label { span: at.clone(), text });
        }
    }
    labels
}
