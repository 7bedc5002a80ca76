//! What a recipe has from outside and from beside it, in the store as a build sees it.

use std::collections::BTreeMap;
use std::path::Path;

use stele_recipes::content::InStore;
use stele_recipes::hex0;
use stele_recipes::language::{Files as _, OnDisk};
use stele_recipes::patch::MAX_FILE;
use stele_recipes::plan::{self, MADE};
use stele_recipes::prepare::{PrepareError, prepare};
use stele_recipes::recipe::{LocalInput, PatchFile, Recipe, RecipeName, SourceInput};
use stele_store::model::{BlobId, Digest, Node, TreeId};
use stele_store::{
    Cancelled, Holder, Keep, Origin, Origins, Outputs, Progress, Realisation, Realised, Store, Target,
};

use super::error::SourceError;

/// The most bytes of one file beside a recipe.
const LOCAL_MOST: usize = 1 << 30;

/// A source as a build sees it, and whether it was there before. If not, it is kept until `until`.
///
/// # Errors
/// See [`SourceError`].
pub fn source(
    store: &Store,
    tree: &Path,
    recipe: &RecipeName,
    source: &SourceInput,
    until: Holder,
    progress: &Progress,
) -> Result<(Target, bool), SourceError> {
    let (Some(how), Some(request)) = (&source.unpack, plan::unpacking(source)) else {
        return Ok((Target::Blob(blob(store, recipe, source)?), true));
    };
    if let Some(known) = known(store, &request)? {
        return Ok((Target::Tree(known), true));
    }
    let blob = blob(store, recipe, source)?;
    let patches = how.patches.iter().map(|patch| read_patch(tree, patch)).collect::<Result<Vec<_>, _>>()?;
    // What is in the store is looked at once more before it is taken apart.
    store.open_blob(&blob)?.verified_by(|_| {})?;
    let session = store.session()?;
    let made = prepare(&mut store.open_blob(&blob)?, how, &patches, &InStore::new(store, &session, progress));
    let made = made.map_err(|why| match is_cancelled(&why) {
        true => SourceError::Cancelled(Cancelled),
        false => SourceError::Refused {
            recipe: recipe.clone(),
            file: source.source.file.to_string(),
            why: Box::new(why),
        },
    })?;
    let outputs = Outputs(BTreeMap::from([(MADE.to_owned(), made)]));
    let realisation = Realisation { outputs, log: None, origin: Origin::Built };
    let realised = Realised { of: Some((request, realisation)), ..Realised::default() };
    session.finish(&[Target::Tree(made)], &Keep { lease: Some(until), realised, root: None })?;
    Ok((Target::Tree(made), false))
}

fn is_cancelled(error: &PrepareError) -> bool {
    error.content().is_some_and(|it| it.inner().is::<Cancelled>())
}

/// What the request came to before, if that is still there.
fn known(store: &Store, request: &[u8]) -> Result<Option<TreeId>, SourceError> {
    let made = store.realisation(&Digest::of(request), Origins::Any)?;
    match made.and_then(|made| made.outputs.0.get(MADE).copied()) {
        Some(tree) if store.has_tree(&tree)? => Ok(Some(tree)),
        _ => Ok(None),
    }
}

fn blob(store: &Store, recipe: &RecipeName, source: &SourceInput) -> Result<BlobId, SourceError> {
    let missing = || SourceError::Missing { recipe: recipe.clone(), file: source.source.file.to_string() };
    store.blob_by_sha256(&source.source.sha256)?.ok_or_else(missing)
}

/// The bytes of a patch, which have to be those that the recipe was evaluated with.
fn read_patch(tree: &Path, patch: &PatchFile) -> Result<Vec<u8>, SourceError> {
    let most = usize::try_from(MAX_FILE).unwrap_or(usize::MAX);
    let bytes = read(tree, &patch.path, most)?;
    match &patch.node {
        Node::File { blob, .. } if blob.0 == Digest::of(&bytes) => Ok(bytes),
        _ => Err(SourceError::Changes { path: tree.join(patch.path.to_string()) }),
    }
}

fn read(tree: &Path, path: &stele_recipes::paths::TreePath, most: usize) -> Result<Vec<u8>, SourceError> {
    let shown = tree.join(path.to_string());
    let failed = |source| SourceError::Local { path: shown.clone(), source };
    let files = OnDisk::open(tree).map_err(|e| failed(std::io::Error::other(e)))?;
    Ok(files.read(path, most).map_err(failed)?.unwrap_or_default())
}

/// Stores what lies beside a recipe and a build of it sees; what was not there before is kept until `until`. It has to
/// be what the recipe was evaluated with.
///
/// # Errors
/// See [`SourceError`].
pub fn locals(
    store: &Store,
    tree: &Path,
    recipe: &Recipe,
    until: Holder,
    progress: &Progress,
) -> Result<(), SourceError> {
    for local in &recipe.locals {
        let Some(target) = Target::of(&local.node) else { continue };
        let there = match target {
            Target::Tree(tree) => store.has_tree(&tree)?,
            Target::Blob(blob) => {
                matches!(store.blob_info(&blob), Ok(info) if info.size == local.node.size())
            }
        };
        if !there {
            import(store, tree, local, target, until, progress)?;
        }
    }
    Ok(())
}

/// Looks whether the images of a recipe are in the store, and as large as it says. Their trees.
///
/// # Errors
/// See [`SourceError`].
pub fn images(store: &Store, recipe: &Recipe) -> Result<Vec<TreeId>, SourceError> {
    for image in &recipe.images {
        let reference = || (recipe.name.clone(), image.reference.clone());
        if !store.has_tree(&image.rootfs)? {
            let (recipe, image) = reference();
            return Err(SourceError::NoImage { recipe, image });
        }
        let found = store.closure(&image.rootfs)?.bytes;
        if found != image.size {
            let (recipe, reference) = reference();
            return Err(SourceError::ImageSize { recipe, image: reference, found, said: image.size });
        }
    }
    Ok(recipe.images.iter().map(|image| image.rootfs).collect())
}

fn import(
    store: &Store,
    tree: &Path,
    local: &LocalInput,
    target: Target,
    until: Holder,
    progress: &Progress,
) -> Result<(), SourceError> {
    let session = store.session()?;
    let path = tree.join(local.path.to_string());
    let stored = match &local.node {
        Node::File { executable, .. } => {
            let bytes = read(tree, &local.path, LOCAL_MOST)?;
            // What is no hex0 any more is not what was evaluated either.
            let changes = |_| SourceError::Changes { path: path.clone() };
            let bytes = if local.hex0 { hex0::decode(&bytes).map_err(changes)? } else { bytes };
            Target::Blob(session.add_blob(&bytes, *executable)?)
        }
        // What a link on the way leads to is compared, as everything is, with what was evaluated.
        _ => session.import(&path, progress)?,
    };
    if stored != target {
        return Err(SourceError::Changes { path });
    }
    session.finish(&[target], &Keep { lease: Some(until), ..Keep::default() })?;
    Ok(())
}
