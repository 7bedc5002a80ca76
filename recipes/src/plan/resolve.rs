//! Resolving one recipe: its inputs, its root, its action and its outputs.

use std::collections::BTreeMap;

use stele_store::model::{Digest, Node, TreeId};

use super::{
    Answers, Graph, Known, MADE, Memo, OutputTrees, Part, PlanError, Planning, Root, State, Step, labels,
    merge, merging, unpacking,
};
use crate::action::{Action, ActionId, Parts};
use crate::language::Label;
use crate::recipe::{Origin, OutputName, Recipe, RecipeInput, SourceInput};

impl<K: Known> Planning<'_, K> {
    /// Resolves a recipe, whether or not it has to be built.
    pub(super) fn resolve(&mut self, number: usize) -> Result<Step, PlanError<K::Error>> {
        let recipe = &self.graph.recipes()[number];
        let inputs = inputs(self.graph, &self.steps, recipe);
        let memo = Memo::of(recipe, &inputs, self.profile);
        let mut step = Step {
            number,
            state: State::Unneeded,
            action: None,
            claimed: None,
            outputs: None,
            memo,
            fetch: Vec::new(),
            unpack: Vec::new(),
        };
        if let Some(parts) = self.parts(recipe, &inputs, None)?
            && let Some(root) = self.root(recipe, &parts)?
        {
            let (id, action) = self.action(recipe, root)?;
            step.outputs = self.outputs(recipe, &id.0)?;
            step.action = Some((id, action));
        } else {
            // Only while this store cannot determine the action itself.
            let derivation = self.derivation(number);
            let reported = self.known.reported(&derivation).map_err(PlanError::Known)?;
            step.outputs = reported.and_then(|made| named(recipe, &made));
        }
        if let Some(others) = self.known.substituters()
            && !self.are_there(step.outputs.as_ref())?
        {
            step.claimed = match &step.action {
                Some(own) => Some(own.clone()),
                None => self.claimed(recipe, &inputs, others)?,
            };
            if let Some((id, _)) = &step.claimed {
                let own = self.known.realised(&id.0).map_err(PlanError::Known)?;
                let made = own.or_else(|| others.realised(&id.0));
                step.outputs = made.and_then(|made| named(recipe, &made)).or(step.outputs);
            }
        }
        Ok(step)
    }

    /// The outputs of an action: this store's own, or else those it received from another.
    fn outputs(
        &self,
        recipe: &Recipe,
        action: &Digest,
    ) -> Result<Option<BTreeMap<OutputName, TreeId>>, PlanError<K::Error>> {
        let made = match self.known.realised(action).map_err(PlanError::Known)? {
            Some(made) => Some(made),
            None => self.known.reported(action).map_err(PlanError::Known)?,
        };
        Ok(made.and_then(|made| named(recipe, &made)))
    }

    /// The action of a recipe with that root.
    fn action(&self, recipe: &Recipe, root: TreeId) -> Result<(ActionId, Action), PlanError<K::Error>> {
        let outputs = recipe.outputs.iter().map(|(name, place)| (name.as_str().to_owned(), place.clone()));
        let action = Action::new(Parts {
            env: recipe.env.clone(),
            outputs: outputs.collect(),
            platform: recipe.platform,
            profile: self.profile,
            special: recipe.special.clone(),
            root,
            steps: recipe.steps.clone(),
            workdir: recipe.workdir.clone(),
        });
        let id = action.and_then(|action| Ok((ActionId(Digest::of(&action.encode()?)), action)));
        id.map_err(|why| {
            let labels = vec![Label { span: recipe.at.clone(), text: String::new() }];
            PlanError::Action { recipe: recipe.name.clone(), labels, why: Box::new(why) }
        })
    }

    /// The action of a recipe if the claims of `others` about its sources and its root are true.
    fn claimed(
        &self,
        recipe: &Recipe,
        inputs: &[Option<Node>],
        others: &dyn Answers,
    ) -> Result<Option<(ActionId, Action)>, PlanError<K::Error>> {
        let Some(parts) = self.parts(recipe, inputs, Some(others))? else { return Ok(None) };
        let request = Digest::of(&merging(&parts, &recipe.prefer));
        let root = match self.known.realised(&request).map_err(PlanError::Known)? {
            Some(made) => Some(made),
            None => others.realised(&request),
        };
        let Some(root) = root.and_then(|made| made.get(MADE).copied()) else { return Ok(None) };
        self.action(recipe, root).map(Some)
    }

    /// All inputs of a recipe, if all are known: to this store, or else to `others`.
    pub(super) fn parts(
        &self,
        recipe: &Recipe,
        inputs: &[Option<Node>],
        others: Option<&dyn Answers>,
    ) -> Result<Option<Vec<Part>>, PlanError<K::Error>> {
        let mut parts = Vec::with_capacity(inputs.len() + recipe.sources.len() + recipe.locals.len());
        for (input, node) in recipe.inputs.iter().zip(inputs) {
            let Some(node) = node.clone() else { return Ok(None) };
            let origin = Origin::Recipe(input.recipe.clone(), input.output.clone());
            parts.push(Part { origin, place: input.place.clone(), node });
        }
        for source in &recipe.sources {
            let own = self.source(source)?;
            let node = own.or_else(|| others.and_then(|others| claimed_source(source, others)));
            let Some(node) = node else { return Ok(None) };
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

    /// The node of a source, if this store determined it: the tree that it was unpacked to, or the file.
    pub(super) fn source(&self, source: &SourceInput) -> Result<Option<Node>, PlanError<K::Error>> {
        let Some(text) = unpacking(source) else {
            let blob = self.known.source(&source.source.sha256).map_err(PlanError::Known)?;
            return Ok(blob.map(|(blob, size)| Node::File { blob, size, executable: source.executable }));
        };
        let made = self.known.realised(&Digest::of(&text)).map_err(PlanError::Known)?;
        Ok(made.as_ref().and_then(unpacked))
    }

    /// The merged root, remembered or made now; `None` when one of its trees is missing.
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

    /// The root merged now, even if it was merged before; `None` when one of its trees is missing.
    pub(super) fn merged(
        &self,
        recipe: &Recipe,
        parts: &[Part],
    ) -> Result<Option<Root>, PlanError<K::Error>> {
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
}

/// The node of a source as other stores claim it.
fn claimed_source(source: &SourceInput, others: &dyn Answers) -> Option<Node> {
    let Some(text) = unpacking(source) else {
        let (blob, size) = others.source(&source.source.sha256)?;
        return Some(Node::File { blob, size, executable: source.executable });
    };
    unpacked(&others.realised(&Digest::of(&text))?)
}

/// The tree that a source was unpacked to.
fn unpacked(made: &OutputTrees) -> Option<Node> {
    made.get(MADE).map(|tree| Node::Directory { tree: *tree, size: 0 })
}

/// The outputs of a recipe, if all of them are in `made`.
fn named(recipe: &Recipe, made: &OutputTrees) -> Option<BTreeMap<OutputName, TreeId>> {
    recipe.outputs.keys().map(|name| Some((name.clone(), *made.get(name.as_str())?))).collect()
}

/// The outputs of other recipes that are a recipe's inputs, as far as known. Their sizes are not: a plan does not have
/// them.
pub(super) fn inputs(graph: &Graph, steps: &[Step], recipe: &Recipe) -> Vec<Option<Node>> {
    let input = |it: &RecipeInput| {
        let step = &steps[graph.number(&it.recipe)?];
        let tree = *step.outputs.as_ref()?.get(&it.output)?;
        Some(Node::Directory { tree, size: 0 })
    };
    recipe.inputs.iter().map(input).collect()
}
