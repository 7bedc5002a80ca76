//! What other stores say: which outputs it may make known, and what it must not reach.

use std::cell::Cell;

use super::*;

/// A store that has things from elsewhere, or can ask another one.
#[derive(Default)]
struct Store {
    own: OutputTrees,
    reported: HashMap<Digest, super::super::OutputTrees>,
    says: Option<Says>,
}

/// Another store, which says of everything the same.
struct Says {
    tree: TreeId,
    asked: Cell<usize>,
}

impl Answers for Says {
    fn realised(&self, _: &Digest) -> Option<super::super::OutputTrees> {
        self.asked.set(self.asked.get() + 1);
        Some(BTreeMap::from([(MADE.to_owned(), self.tree), ("out".to_owned(), self.tree)]))
    }

    fn source(&self, _: &Sha256) -> Option<(BlobId, u64)> {
        Some((BlobId(self.tree.0), 1))
    }
}

impl TreeSource for Store {
    type Error = Infallible;

    fn tree(&self, id: &TreeId) -> Result<Tree, Infallible> {
        self.own.tree(id)
    }
}

impl Known for Store {
    fn realised(&self, of: &Digest) -> Result<Option<super::super::OutputTrees>, Infallible> {
        self.own.realised(of)
    }
    fn reported(&self, of: &Digest) -> Result<Option<super::super::OutputTrees>, Infallible> {
        Ok(self.reported.get(of).cloned())
    }
    fn substituters(&self) -> Option<&dyn Answers> {
        self.says.as_ref().map(|says| says as &dyn Answers)
    }
    fn has_tree(&self, tree: &TreeId) -> Result<bool, Infallible> {
        self.own.has_tree(tree)
    }
    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, Infallible> {
        self.own.source(sha256)
    }
    fn memo(&self, recipe: &RecipeName) -> Result<Option<Memo>, Infallible> {
        self.own.memo(recipe)
    }
}

const PIN: &str = "7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4";

/// A recipe `a` with an archive, and `b` that needs it.
fn with_source(script: &str) -> Recipes {
    let mut files = InMemoryFiles::default();
    files.put(
        "pkgs/a/recipe.star",
        format!(
            "a = recipe(name = 'a', version = '1', script = '{script}', \
             sources = [source(sha256 = '{PIN}', name = 'x.tar')])"
        ),
    );
    files.put(
        "pkgs/b/recipe.star",
        "load('//pkgs/a/recipe.star', 'a')\nrecipe(name = 'b', version = '1', script = 'b', inputs = [a])",
    );
    evaluate_all(&files).unwrap()
}

fn step<'a>(plan: &'a Plan, recipe: &str) -> &'a Step {
    &plan.steps[plan.graph.number(&name(recipe)).unwrap()]
}

#[test]
fn what_another_store_says_of_a_source_and_a_root_is_no_action_of_this_one() {
    let mut store = Store::default();
    let evil = store.own.tree_of("evil", "x");
    store.says = Some(Says { tree: evil, asked: Cell::new(0) });
    let plan = plan(&with_source("x"), &[name("b")], 1, &store).unwrap();
    // Enough to ask it for outputs; not an action that could be run.
    assert!(step(&plan, "a").claimed.is_some() && step(&plan, "a").action.is_none());
    // Who does not ask sees nothing of it.
    store.says = None;
    let plan = super::plan(&with_source("x"), &[name("b")], 1, &store).unwrap();
    assert!(step(&plan, "a").outputs.is_none() && step(&plan, "a").claimed.is_none());
    assert_eq!(step(&plan, "a").fetch, [0]);
}

#[test]
fn what_is_reported_of_an_unpacking_or_a_merge_is_not_even_looked_at() {
    let mut store = Store::default();
    let evil = store.own.tree_of("evil", "x");
    let recipes = with_source("x");
    let unpacking = unpacking(&recipes.by_name[&name("a")].sources[0]).unwrap();
    let says = BTreeMap::from([(MADE.to_owned(), evil)]);
    store.reported.insert(Digest::of(&unpacking), says.clone());
    let plan = plan(&recipes, &[name("a")], 1, &store).unwrap();
    assert!(step(&plan, "a").action.is_none());
    // The control: what this store unpacked is.
    store.own.realised.borrow_mut().insert(Digest::of(&unpacking), says);
    let plan = super::plan(&recipes, &[name("a")], 1, &store).unwrap();
    assert!(step(&plan, "a").action.is_some());
}

#[test]
fn outputs_from_elsewhere_are_there_for_the_recipe_as_it_is_written_and_for_no_other() {
    let mut store = Store::default();
    let output = store.own.tree_of("usr/a", "x");
    let recipes = with_source("x");
    let blank = plan(&recipes, &[name("b")], 1, &store).unwrap();
    let derivation = blank.derivation(blank.graph.number(&name("a")).unwrap(), 1);
    store.reported.insert(Digest::of(&derivation), BTreeMap::from([("out".to_owned(), output)]));
    let known = plan(&recipes, &[name("b")], 1, &store).unwrap();
    assert_eq!(step(&known, "a").state, State::Done);
    // It can be built upon: what it is merged to is this store's own work.
    assert!(step(&known, "b").action.is_some());
    assert_eq!(known.roots.len(), 1);
    // Another script, and another profile, are other derivations.
    assert_eq!(step(&plan(&with_source("y"), &[name("a")], 1, &store).unwrap(), "a").outputs, None);
    assert_eq!(step(&plan(&recipes, &[name("a")], 2, &store).unwrap(), "a").outputs, None);
}

#[test]
fn what_this_store_found_out_itself_is_not_overruled() {
    let mut store = Store::default();
    let (own, theirs) = (store.own.tree_of("usr/a", "own"), store.own.tree_of("usr/a", "theirs"));
    let recipes = with_source("x");
    let made = |tree| BTreeMap::from([(MADE.to_owned(), tree), ("out".to_owned(), tree)]);
    let unpacking = unpacking(&recipes.by_name[&name("a")].sources[0]).unwrap();
    store.own.realised.borrow_mut().insert(Digest::of(&unpacking), made(own));
    let blank = plan(&recipes, &[name("a")], 1, &store).unwrap();
    let derivation = blank.derivation(0, 1);
    let (id, _) = step(&blank, "a").action.clone().unwrap();
    // Which action it is, is known: the derivation does not count any more.
    store.reported.insert(Digest::of(&derivation), made(theirs));
    assert_eq!(step(&plan(&recipes, &[name("a")], 1, &store).unwrap(), "a").outputs, None);
    // Nor does what others say of the action, once it was run here.
    store.reported.insert(id.0, made(theirs));
    let there = |tree| Some(BTreeMap::from([(OutputName::new("out").unwrap(), tree)]));
    assert_eq!(step(&plan(&recipes, &[name("a")], 1, &store).unwrap(), "a").outputs, there(theirs));
    store.own.realised.borrow_mut().insert(id.0, made(own));
    store.says = Some(Says { tree: theirs, asked: Cell::new(0) });
    let known = plan(&recipes, &[name("a")], 1, &store).unwrap();
    assert_eq!(step(&known, "a").outputs, there(own));
    assert_eq!(store.says.unwrap().asked.get(), 0, "there was nothing to ask");
}

#[test]
fn a_long_chain_of_derivations_needs_no_stack() {
    let names: Vec<String> = (0..3000).map(|at| format!("r{at}")).collect();
    let chain: Vec<(&str, &str, &str)> = (0..names.len())
        .map(|at| (names[at].as_str(), "x", if at == 0 { "" } else { names[at - 1].as_str() }))
        .collect();
    let plan = plan(&recipes(&chain), &[name("r2999")], 1, &OutputTrees::default()).unwrap();
    assert_ne!(plan.derivation(2999, 1), plan.derivation(2998, 1));
}
