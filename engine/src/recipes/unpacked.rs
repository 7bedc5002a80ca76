//! Unpacked and patched sources in the store.

use std::path::Path;

use serde::{Deserialize, Serialize};

use stele_builder::realise::sources::Preparing;
use stele_recipes::recipe::{RecipeName, SourceInput};
use stele_store::{Holder, Progress, Store, Target};

use super::Selection;
use crate::engine::Engine;
use crate::failure::builds;
use crate::failure::{Failure, Kind};

/// A source as a build sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    /// Its file name.
    pub file: String,
    /// The digest of the tree, or of the file if it is not unpacked.
    pub digest: String,
    /// Its path in the sandbox.
    pub at: String,
    /// Whether it was already unpacked.
    pub known: bool,
}

/// Unpacks and patches the archives among a recipe's sources. A lease keeps each for `keep_seconds`.
///
/// # Errors
/// When a source is not in the store, an archive is rejected, or a patch does not apply.
pub fn of_recipe(
    engine: &Engine,
    tree: &Path,
    name: &RecipeName,
    keep_seconds: u64,
    progress: &Progress,
) -> Result<Vec<Unpacked>, Failure> {
    Ok(with_targets(engine, tree, name, keep_seconds, progress)?.into_iter().map(|(_, it)| it).collect())
}

/// As [`of_recipe`], with the trees.
pub(super) fn with_targets(
    engine: &Engine,
    tree: &Path,
    name: &RecipeName,
    keep_seconds: u64,
    progress: &Progress,
) -> Result<Vec<(Target, Unpacked)>, Failure> {
    let store: &Store = engine.store();
    let evaluated = engine.evaluator().evaluate(tree, &Selection::Names(vec![name.clone()]))?;
    let recipe = evaluated.recipes.iter().find(|recipe| recipe.name == *name);
    let recipe =
        recipe.ok_or_else(|| Failure::new(Kind::NotFound, format!("there is no recipe `{name}`")))?;
    recipe.sources.iter().map(|source| one(store, tree, name, source, keep_seconds, progress)).collect()
}

/// Unpacks the archive of a module of a recipe tree. A lease keeps it for `keep_seconds`.
///
/// # Errors
/// When there is no such module, its archive is not in the store, or it is rejected.
pub fn module(
    engine: &Engine,
    tree: &Path,
    name: &RecipeName,
    keep_seconds: u64,
    progress: &Progress,
) -> Result<Unpacked, Failure> {
    let pins = engine.evaluator().evaluate(tree, &Selection::Modules)?.modules;
    let pin = pins.iter().find(|pin| pin.name == *name);
    let pin = pin.ok_or_else(|| Failure::new(Kind::NotFound, format!("there is no module `{name}`")))?;
    Ok(one(engine.store(), tree, name, &pin.archive, keep_seconds, progress)?.1)
}

fn one(
    store: &Store,
    tree: &Path,
    name: &RecipeName,
    source: &SourceInput,
    keep_seconds: u64,
    progress: &Progress,
) -> Result<(Target, Unpacked), Failure> {
    let until = Holder::Until(stele_store::now().saturating_add(keep_seconds));
    let preparing = Preparing { store, tree, until, holding: None, progress };
    let (target, known) = preparing.source(name, source).map_err(|error| builds::source(&error))?;
    if known && source.unpack.is_some() {
        store.lease(target, until)?;
    }
    let (file, at) = (source.source.file.to_string(), source.place.to_string());
    Ok((target, Unpacked { file, digest: target.digest().to_string(), at, known }))
}
