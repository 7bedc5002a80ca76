//! What is planned, and why.

mod early;
mod elsewhere;
mod graphs;
mod roots;
mod vectors;

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use stele_store::model::{BlobId, Name, Sha256, Tree, TreeSource};

use super::*;
use crate::language::{InMemoryFiles, evaluate_all};

/// What was made, in memory. A tree that is not there is a defect of the test.
#[derive(Default)]
struct OutputTrees {
    trees: RefCell<HashMap<TreeId, Tree>>,
    realised: RefCell<HashMap<Digest, BTreeMap<String, TreeId>>>,
    sources: HashMap<Sha256, (BlobId, u64)>,
    memos: RefCell<HashMap<RecipeName, Memo>>,
}

impl TreeSource for OutputTrees {
    type Error = Infallible;

    fn tree(&self, id: &TreeId) -> Result<Tree, Infallible> {
        Ok(self.trees.borrow()[id].clone())
    }
}

impl Known for OutputTrees {
    fn realised(&self, of: &Digest) -> Result<Option<BTreeMap<String, TreeId>>, Infallible> {
        Ok(self.realised.borrow().get(of).cloned())
    }
    fn has_tree(&self, tree: &TreeId) -> Result<bool, Infallible> {
        Ok(self.trees.borrow().contains_key(tree))
    }
    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, Infallible> {
        Ok(self.sources.get(sha256).copied())
    }
    fn memo(&self, recipe: &RecipeName) -> Result<Option<Memo>, Infallible> {
        Ok(self.memos.borrow().get(recipe).cloned())
    }
}

impl OutputTrees {
    /// Keeps a tree with one file of that path and text.
    fn tree_of(&self, path: &str, text: &str) -> TreeId {
        let mut node = Node::File {
            blob: BlobId(Digest::of(text.as_bytes())),
            size: text.len() as u64,
            executable: false,
        };
        for name in path.rsplit('/') {
            let tree = Tree::new(vec![(Name::new(name.as_bytes()).unwrap(), node)]).unwrap();
            node = Node::Directory { tree: tree.id(), size: tree.encode().len() as u64 };
            self.trees.borrow_mut().insert(tree.id(), tree);
        }
        let Node::Directory { tree, .. } = node else { unreachable!("a path has a name") };
        tree
    }

    /// Builds what a plan says, until nothing is left; `output` gives what comes of a recipe. The names, in order.
    fn build(&self, recipes: &Recipes, goal: &str, output: impl Fn(&Recipe) -> TreeId) -> Vec<String> {
        let mut built = Vec::new();
        loop {
            let plan = plan(recipes, &[name(goal)], 1, self).unwrap();
            for (request, root) in &plan.roots {
                let mut trees = self.trees.borrow_mut();
                trees.extend(root.new.iter().map(|tree| (tree.id(), tree.clone())));
                self.realised
                    .borrow_mut()
                    .insert(Digest::of(request), BTreeMap::from([(MADE.to_owned(), root.tree)]));
            }
            let next =
                plan.steps.iter().find(|step| matches!(step.state, State::Build(_)) && step.action.is_some());
            let Some(step) = next else {
                assert!(
                    plan.steps.iter().all(|step| !matches!(step.state, State::Build(_))),
                    "it stands still"
                );
                return built;
            };
            let recipe = &plan.graph.recipes()[step.number];
            let outputs = recipe.outputs.keys().map(|it| (it.as_str().to_owned(), output(recipe))).collect();
            let (id, _) = step.action.as_ref().unwrap();
            self.realised.borrow_mut().insert(id.0, outputs);
            self.memos.borrow_mut().insert(recipe.name.clone(), step.memo.clone());
            built.push(recipe.name.to_string());
        }
    }
}

fn name(text: &str) -> RecipeName {
    RecipeName::new(text).unwrap()
}

/// Recipes: each a name, its script, and what it needs.
fn recipes(all: &[(&str, &str, &str)]) -> Recipes {
    let mut files = InMemoryFiles::default();
    for (name, script, needs) in all {
        let loads = needs.split_whitespace().map(|it| format!("load('//pkgs/{it}/recipe.star', '{it}')\n"));
        let inputs = needs.split_whitespace().collect::<Vec<_>>().join(", ");
        let call = format!(
            "{name} = recipe(name = '{name}', version = '1', script = '''{script}''', inputs = [{inputs}])"
        );
        files.put(&format!("pkgs/{name}/recipe.star"), loads.collect::<String>() + &call);
    }
    evaluate_all(&files).unwrap()
}

/// What a plan builds, as `name` or `name*` when its action is known, in order.
fn to_build(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().filter(|step| matches!(step.state, State::Build(_)));
    let mark = |step: &Step| if step.action.is_some() { "*" } else { "" };
    steps.map(|step| format!("{}{}", plan.graph.recipes()[step.number].name, mark(step))).collect()
}
