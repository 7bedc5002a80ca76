//! What somebody asks about: the action or request behind a REF or a name.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use stele_oci::record::ROOT_PREFIX;
use stele_oci::{Record, Spec, record};
use stele_recipes::plan;
use stele_recipes::recipe::{LocalInput, Recipe, RecipeName};
use stele_store::model::{Digest, Node, TreeId};
use stele_store::{Maker, Origins, Store};
use stele_trust::digest::{Blake3, Digests, Sha256};

use super::ancestry::{ImageText, Label, Labels};
use super::answers::{Expected, PinnedKind};
use super::records::{MANIFEST, Records};
use crate::builds::Attempt;
use crate::engine::Engine;
use crate::failure::{Failure, Kind};
use crate::recipes::{Selection, planned};
use crate::reference::{Named, Reference, Start};

/// The prefix of the roots of outputs.
const BUILD: &str = "build-";

/// What is asked about. Of an image that came from elsewhere there may be several requests that could have made it.
pub(super) struct Asked {
    pub name: String,
    pub candidates: Vec<Expected>,
    pub labels: Labels,
    /// Of a recipe or an image, with its recipe tree: the actions of all recipes that it needs. Several may have one
    /// output, and a walk by content meets one of them.
    pub steps: Vec<Digest>,
    /// Why there is no output, if its last build failed: its action.
    pub failed: Option<(Digest, String)>,
}

/// The canonical text of the request for an image.
pub(crate) fn image_request(images: &[Spec], index: Option<&BTreeMap<String, String>>) -> Vec<u8> {
    let text = ImageText { image: 1, images: images.to_vec(), index: index.cloned() };
    stele_trust::json::canonical(&text).unwrap_or_default()
}

/// Finds what `reference` refers to.
///
/// # Errors
/// When there is no such thing, or it was not made by an action or request.
pub(super) fn find(
    engine: &Engine,
    records: &Records<'_>,
    reference: &str,
    tree: Option<&Path>,
) -> Result<Asked, Failure> {
    let store: &Store = engine.store();
    let mut labels = Labels { recipes: names(store)?, ..Labels::default() };
    let mut steps = Vec::new();
    if let Some(tree) = tree {
        // Recipes only explain: where they cannot be evaluated, records still can be read.
        let name = reference.strip_prefix(BUILD).unwrap_or(reference);
        if let Ok(name) = RecipeName::new(name)
            && let Some(asked) = of_recipe(engine, records, tree, &name, &mut labels)?
        {
            return Ok(Asked { labels, ..asked });
        }
        if let Some(name) = reference.strip_prefix(ROOT_PREFIX)
            && let Ok(name) = RecipeName::new(name)
        {
            steps = label_image(engine, tree, &name, &mut labels)?;
        }
    }
    let asked = of_store(store, records, reference)?;
    Ok(Asked { labels, steps, ..asked })
}

/// A recipe: by its plan, so that every ancestor is the one that the recipes name.
fn of_recipe(
    engine: &Engine,
    records: &Records<'_>,
    tree: &Path,
    name: &RecipeName,
    labels: &mut Labels,
) -> Result<Option<Asked>, Failure> {
    let recipes = match engine.evaluator().evaluate(tree, &Selection::Names(vec![name.clone()])) {
        Ok(evaluated) => evaluated.by_name(),
        Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
    };
    if !recipes.by_name.contains_key(name) {
        return Ok(None);
    }
    let plan =
        planned::steps(engine.store(), Origins::Any, tree, &recipes, (std::slice::from_ref(name), &[]))?;
    label(&plan, labels);
    let Some(number) = plan.graph.number(name) else { return Ok(None) };
    let step = &plan.steps[number];
    let action = step.action.as_ref().map(|(id, _)| id.0);
    let failed = engine.store().last(name.as_str())?.and_then(|last| {
        let last = Attempt::of(&last);
        Some((last.action.filter(|of| Some(*of) == action)?, last.failed?))
    });
    let expected = |of: Digest| -> Result<Option<Expected>, Failure> {
        let realised = engine.store().realisation(&of, Origins::Any)?;
        let own = engine.store().realisation(&of, Origins::Own)?.is_some();
        Ok(realised.map(|it| {
            let outputs = it.outputs.0.iter().map(|(name, tree)| (name.clone(), records.tree_digests(tree)));
            Expected { of: Some(of), outputs: outputs.collect(), own }
        }))
    };
    let mut candidates = action.map(expected).transpose()?.flatten().into_iter().collect::<Vec<_>>();
    if candidates.is_empty() {
        // Of what another store gave, the inputs may not be here, and then only that store knew the action.
        let trees = step.outputs.iter().flat_map(|outputs| outputs.values());
        candidates.extend(trees.flat_map(|tree| of_tree(records, tree)));
    }
    if candidates.is_empty() && failed.is_none() {
        let hint = format!("`stele build {name}` builds it");
        return Err(
            Failure::new(Kind::NotFound, format!("recipe `{name}` is not built in this store")).hint(hint)
        );
    }
    let steps = actions(&plan);
    Ok(Some(Asked { name: name.to_string(), candidates, labels: Labels::default(), steps, failed }))
}

/// Learns the names of what an image's inputs were made from.
fn label_image(
    engine: &Engine,
    tree: &Path,
    name: &RecipeName,
    labels: &mut Labels,
) -> Result<Vec<Digest>, Failure> {
    let Ok(evaluated) = engine.evaluator().evaluate(tree, &Selection::Images(vec![name.clone()])) else {
        return Ok(Vec::new());
    };
    let recipes = evaluated.by_name();
    let goals: Vec<RecipeName> = recipes.by_name.keys().cloned().collect();
    let plan = planned::steps(engine.store(), Origins::Any, tree, &recipes, (&goals, &[]))?;
    label(&plan, labels);
    Ok(actions(&plan))
}

/// The actions of a plan that are known, dependencies first.
fn actions(plan: &plan::Plan) -> Vec<Digest> {
    plan.steps.iter().filter_map(|step| step.action.as_ref().map(|(id, _)| id.0)).collect()
}

fn label(plan: &plan::Plan, labels: &mut Labels) {
    for step in &plan.steps {
        let recipe = &plan.graph.recipes()[step.number];
        if let Some((id, _)) = &step.action {
            labels.recipes.insert(id.0, recipe.name.to_string());
            labels.steps.insert(id.0);
        }
        label_inputs(recipe, labels);
    }
}

fn label_inputs(recipe: &Recipe, labels: &mut Labels) {
    for it in &recipe.sources {
        let kind = if it.opaque { PinnedKind::Opaque } else { PinnedKind::Source };
        let label = Label { name: it.source.file.to_string(), kind, size: it.source.size };
        labels.sources.insert(Sha256(*it.source.sha256.as_bytes()), label);
    }
    for it in &recipe.images {
        let label = Label { name: it.reference.clone(), kind: PinnedKind::Opaque, size: Some(it.size) };
        labels.contents.insert(it.rootfs.0, label);
    }
    let patches = recipe.sources.iter().filter_map(|it| it.unpack.as_ref()).flat_map(|it| &it.patches);
    for it in patches {
        if let Node::File { blob, size, .. } = it.node {
            let label = Label { name: it.path.to_string(), kind: PinnedKind::Local, size: Some(size) };
            labels.contents.insert(blob.0, label);
        }
    }
    for it in &recipe.locals {
        let LocalInput { path, node, hex0, .. } = it;
        let kind = if *hex0 { PinnedKind::Seed } else { PinnedKind::Local };
        let (digest, size) = match node {
            Node::Directory { tree, .. } => (tree.0, None),
            Node::File { blob, size, .. } => (blob.0, Some(*size)),
            Node::Symlink { .. } => continue,
        };
        labels.contents.insert(digest, Label { name: path.to_string(), kind, size });
    }
}

/// What a store's records say of a REF.
fn of_store(store: &Store, records: &Records<'_>, text: &str) -> Result<Asked, Failure> {
    let asked = |candidates| Asked {
        name: text.to_owned(),
        candidates,
        labels: Labels::default(),
        steps: Vec::new(),
        failed: None,
    };
    // An action by its digest.
    if let Ok(of) = text.parse::<Digest>()
        && let Some(realised) = store.realisation(&of, Origins::Any)?
    {
        let own = records.own(&of)?;
        let outputs =
            realised.outputs.0.iter().map(|(name, tree)| (name.clone(), records.tree_digests(tree)));
        return Ok(asked(vec![Expected { of: Some(of), outputs: outputs.collect(), own }]));
    }
    if text.starts_with("sha256:")
        && let Ok((name, _, record)) = record::find(store, text)
    {
        return Ok(Asked { name: format!("{ROOT_PREFIX}{name}"), ..asked(of_image(records, &record)?) });
    }
    let mut reference = Reference::parse(text.as_bytes())?;
    if let Start::Root(name) = &reference.start {
        let exists =
            |name: &str| name.parse().is_ok_and(|root| store.root(&root).is_ok_and(|it| it.is_some()));
        let longer = [BUILD, ROOT_PREFIX].map(|prefix| format!("{prefix}{name}"));
        let found = std::iter::once(name.to_string()).chain(longer).find(|name| exists(name));
        let found = found.ok_or_else(|| {
            let message = format!("there is no root, built recipe or image named {name}");
            let hint = "`stele build` builds a recipe; `stele store root ls` lists the roots";
            Failure::new(Kind::NotFound, message).hint(hint)
        })?;
        if let Some(image) = found.strip_prefix(ROOT_PREFIX).filter(|_| reference.path.is_empty())
            && let Ok((_, record)) = record::named(store, image)
        {
            return Ok(Asked { name: found.clone(), ..asked(of_image(records, &record)?) });
        }
        reference.start = Start::Root(found.parse().map_err(|_| unmade(text))?);
    }
    let Named::Tree(tree) = reference.resolve(store)? else { return Err(unmade(text)) };
    let candidates = of_tree(records, &tree);
    if candidates.is_empty() { Err(unmade(text)) } else { Ok(asked(candidates)) }
}

pub(super) fn of_tree(records: &Records<'_>, tree: &TreeId) -> Vec<Expected> {
    let mut makers: Vec<&Maker> = records.makers(tree).iter().collect();
    makers.sort_by_key(|maker| (!maker.own, maker.of));
    let expected = |maker: &Maker| Expected {
        of: Some(maker.of),
        outputs: BTreeMap::from([(maker.output.clone(), records.tree_digests(tree))]),
        own: maker.own,
    };
    makers.into_iter().map(expected).collect()
}

fn of_image(records: &Records<'_>, record: &Record) -> Result<Vec<Expected>, Failure> {
    let manifest = record.document();
    let digests = Digests::both(Blake3(*Digest::of(manifest).as_bytes()), Sha256::of(manifest));
    let outputs = BTreeMap::from([(MANIFEST.to_owned(), digests)]);
    let requests = records.image_requests(&Sha256::of(manifest))?;
    let mut candidates: Vec<Expected> = requests
        .into_iter()
        .map(|(of, own)| Expected { of: Some(of), outputs: outputs.clone(), own })
        .collect();
    if candidates.is_empty() {
        candidates.push(Expected { of: None, outputs, own: false });
    }
    Ok(candidates)
}

fn unmade(text: &str) -> Failure {
    let message = format!("it is not known which action or request made `{text}`");
    Failure::new(Kind::NotFound, message).hint(
        "name a recipe, an image, or the output of a build; evidence about it may tell: `stele evidence add`",
    )
}

/// The names of recipes, by the action of their last attempt.
pub(super) fn names(store: &Store) -> Result<HashMap<Digest, String>, Failure> {
    let mut names = HashMap::new();
    for (name, last) in store.lasts()? {
        if let Some(action) = Attempt::of(&last).action {
            names.insert(action, name);
        }
    }
    Ok(names)
}
