//! The plan: what has to be built for some goals, in which order, and why.
//!
//! A recipe becomes an action when all that it is made of is known. What is known is asked of [`Known`], so that a
//! plan is a function of the recipes and of what was made before. An output that came out as it was stops there what
//! changed below it: actions name their inputs by content, and what has the same inputs is the same action.

mod again;
mod graph;
mod memo;
mod requests;
mod root;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use stele_store::model::{BlobId, Digest, Node, Sha256, TreeId, TreeSource};

pub use graph::{Graph, Unknown};
pub use memo::{Change, Memo};
pub use requests::{Part, merging, unpacking};
pub use root::{MOUNTED_ON, Root, RootError, merge};

use crate::action::{Action, ActionError, ActionId, Parts};
use crate::language::{Label, Recipes};
use crate::recipe::{Origin, OutputName, Recipe, RecipeInput, RecipeName, SourceInput};

/// The output that unpacked sources and merged roots are remembered under.
pub const MADE: &str = "tree";

/// What was made before.
pub trait Known: TreeSource {
    /// What came of what has this digest: an action's outputs, or under [`MADE`] an unpacked source or a merged
    /// root. It is remembered also when the content is gone.
    ///
    /// # Errors
    /// When it cannot be read.
    fn realised(&self, of: &Digest) -> Result<Option<BTreeMap<String, TreeId>>, Self::Error>;

    /// Whether a tree is there, and so all that it names.
    ///
    /// # Errors
    /// When that cannot be read.
    fn has_tree(&self, tree: &TreeId) -> Result<bool, Self::Error>;

    /// The blob with that SHA-256, and its size, if it is there.
    ///
    /// # Errors
    /// When that cannot be read.
    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, Self::Error>;

    /// What a recipe was last built from.
    ///
    /// # Errors
    /// When it cannot be read.
    fn memo(&self, recipe: &RecipeName) -> Result<Option<Memo>, Self::Error>;
}

/// What becomes of a recipe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Its outputs are there.
    Done,
    /// Its outputs are known and not there, and nothing that is built needs them.
    Unneeded,
    /// It has to be built.
    Build(Why),
    /// Its outputs are there, and it is gone through again all the same.
    Again,
}

/// Why a recipe has to be built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// It never was.
    Never,
    /// It was, from something else.
    Changed(Vec<Change>),
    /// It was, and what came of it is gone.
    Gone,
    /// As far as can be told nothing changed, but something that it is made of is gone, or it was built elsewhere.
    Unremembered,
}

/// A recipe in a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Which, by its number in the graph.
    pub number: usize,
    /// What becomes of it.
    pub state: State,
    /// Its action, when all of its inputs are known.
    pub action: Option<(ActionId, Action)>,
    /// Its outputs, when they are known.
    pub outputs: Option<BTreeMap<OutputName, TreeId>>,
    /// What it was or will be made of.
    pub memo: Memo,
    /// Sources that have to be fetched for it, by their place in its list.
    pub fetch: Vec<usize>,
    /// Sources that have to be unpacked for it, by their place in its list.
    pub unpack: Vec<usize>,
}

/// A merged root, with the canonical text that it is remembered by.
pub type Merged = (Vec<u8>, Root);

/// What has to be built, in which order, and why.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The recipes.
    pub graph: Graph,
    /// One step a recipe, in the order of the graph.
    pub steps: Vec<Step>,
    /// Merged roots that were not known before.
    pub roots: Vec<Merged>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError<E> {
    /// A goal is no recipe.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The inputs of a recipe do not unite.
    #[error("recipe `{recipe}`: {why}")]
    Root {
        /// The recipe.
        recipe: RecipeName,
        /// Where it and the inputs that disagree are written.
        labels: Vec<Label>,
        /// Why.
        why: Box<RootError<E>>,
    },
    /// A recipe is no action.
    #[error("recipe `{recipe}`: {why}")]
    Action {
        /// The recipe.
        recipe: RecipeName,
        /// Where it is written.
        labels: Vec<Label>,
        /// Why.
        why: Box<ActionError>,
    },
    /// What is known cannot be read.
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

/// Plans `goals`; those of them that are also in `again` are gone through once more even if their outputs are there, so
/// that what they are made of has to be there, too.
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
    let mut planning = Planning { known, profile, steps: Vec::new(), roots: Vec::new(), graph: &graph };
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
}

impl<K: Known> Planning<'_, K> {
    /// What is known of a recipe, whether or not it has to be built.
    fn resolve(&mut self, number: usize) -> Result<Step, PlanError<K::Error>> {
        let recipe = &self.graph.recipes()[number];
        let inputs = inputs(self.graph, &self.steps, recipe);
        let memo = Memo::of(recipe, &inputs, self.profile);
        let mut step = Step {
            number,
            state: State::Unneeded,
            action: None,
            outputs: None,
            memo,
            fetch: Vec::new(),
            unpack: Vec::new(),
        };
        let Some(parts) = self.parts(recipe, inputs)? else { return Ok(step) };
        let Some(root) = self.root(recipe, &parts)? else { return Ok(step) };
        let outputs = recipe.outputs.iter().map(|(name, place)| (name.as_str().to_owned(), place.clone()));
        let action = Action::new(Parts {
            env: recipe.env.clone(),
            outputs: outputs.collect(),
            platform: recipe.platform,
            profile: self.profile,
            root,
            steps: recipe.steps.clone(),
            workdir: recipe.workdir.clone(),
        });
        let id = action.and_then(|action| Ok((ActionId(Digest::of(&action.encode()?)), action)));
        let (id, action) = id.map_err(|why| {
            let labels = vec![Label { span: recipe.at.clone(), text: String::new() }];
            PlanError::Action { recipe: recipe.name.clone(), labels, why: Box::new(why) }
        })?;
        if let Some(realised) = self.known.realised(&id.0).map_err(PlanError::Known)? {
            let output = |name: &OutputName| Some((name.clone(), *realised.get(name.as_str())?));
            step.outputs = recipe.outputs.keys().map(output).collect();
        }
        step.action = Some((id, action));
        Ok(step)
    }

    /// All inputs of a recipe, if all are known.
    fn parts(
        &self,
        recipe: &Recipe,
        inputs: Vec<Option<Node>>,
    ) -> Result<Option<Vec<Part>>, PlanError<K::Error>> {
        let mut parts = Vec::with_capacity(inputs.len() + recipe.sources.len() + recipe.locals.len());
        for (input, node) in recipe.inputs.iter().zip(inputs) {
            let Some(node) = node else { return Ok(None) };
            let origin = Origin::Recipe(input.recipe.clone(), input.output.clone());
            parts.push(Part { origin, place: input.place.clone(), node });
        }
        for source in &recipe.sources {
            let Some(node) = self.source(source)? else { return Ok(None) };
            let origin = Origin::Source(source.source.file.to_string());
            parts.push(Part { origin, place: source.place.clone(), node });
        }
        for local in &recipe.locals {
            let (origin, node) = (Origin::Local(local.path.clone()), local.node.clone());
            parts.push(Part { origin, place: local.place.clone(), node });
        }
        for image in &recipe.images {
            let origin = Origin::Image(image.reference.clone());
            parts.push(Part { origin, place: image.place.clone(), node: image.node() });
        }
        Ok(Some(parts))
    }

    /// What a source is, if that is known: the tree that it was unpacked to, or the file.
    fn source(&self, source: &SourceInput) -> Result<Option<Node>, PlanError<K::Error>> {
        let Some(text) = unpacking(source) else {
            let blob = self.known.source(&source.source.sha256).map_err(PlanError::Known)?;
            return Ok(blob.map(|(blob, size)| Node::File { blob, size, executable: source.executable }));
        };
        let made = self.known.realised(&Digest::of(&text)).map_err(PlanError::Known)?;
        Ok(made.and_then(|made| made.get(MADE).map(|tree| Node::Directory { tree: *tree, size: 0 })))
    }

    /// The merged root, remembered or made now; nothing when a tree that it is made of is gone.
    fn root(&mut self, recipe: &Recipe, parts: &[Part]) -> Result<Option<TreeId>, PlanError<K::Error>> {
        let request = merging(parts, &recipe.prefer);
        let made = self.known.realised(&Digest::of(&request)).map_err(PlanError::Known)?;
        if let Some(tree) = made.and_then(|made| made.get(MADE).copied()) {
            return Ok(Some(tree));
        }
        let Some(root) = self.merged(recipe, parts)? else { return Ok(None) };
        let tree = root.tree;
        self.roots.push((request, root));
        Ok(Some(tree))
    }

    /// The root merged now, whether or not that was ever done; nothing when a tree that it is made of is gone.
    fn merged(&self, recipe: &Recipe, parts: &[Part]) -> Result<Option<Root>, PlanError<K::Error>> {
        for part in parts {
            if let Node::Directory { tree, .. } = &part.node
                && !self.known.has_tree(tree).map_err(PlanError::Known)?
            {
                return Ok(None);
            }
        }
        let root = merge(parts, &recipe.prefer, self.known).map_err(|why| {
            let labels = labels(recipe, &why);
            PlanError::Root { recipe: recipe.name.clone(), labels, why: Box::new(why) }
        })?;
        Ok(Some(root))
    }

    /// Goals have to be there. What is not there is built, and what is built needs its inputs.
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
        let Some(outputs) = &self.steps[number].outputs else { return Ok(false) };
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

    /// Which sources of a recipe that is built have to be fetched or unpacked first.
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

/// What the outputs of other recipes are that a recipe has for inputs, as far as that is known. Their sizes are not:
/// nothing that is planned says them.
fn inputs(graph: &Graph, steps: &[Step], recipe: &Recipe) -> Vec<Option<Node>> {
    let input = |it: &RecipeInput| {
        let step = &steps[graph.number(&it.recipe)?];
        let tree = *step.outputs.as_ref()?.get(&it.output)?;
        Some(Node::Directory { tree, size: 0 })
    };
    recipe.inputs.iter().map(input).collect()
}

/// Where a recipe is written, and those of its inputs that an error is about.
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
