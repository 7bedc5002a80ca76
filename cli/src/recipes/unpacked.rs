//! Sources, unpacked and patched in the store.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use stele_recipes::content::InStore;
use stele_recipes::language::{Files as _, OnDisk};
use stele_recipes::patch::MAX_FILE;
use stele_recipes::plan::{self, MADE};
use stele_recipes::prepare::prepare;
use stele_recipes::recipe::{RecipeName, SourceInput};
use stele_store::model::{BlobId, Digest, Node, TreeId};
use stele_store::{Cancelled, CopyError, Holder, Keep, Outputs, Progress, Store, Target, WriteError};

use super::{Wanted, evaluate};
use crate::failure::{Failure, Kind};
use crate::hints;

/// A source as a build sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    /// What the file is called.
    pub file: String,
    /// The tree's digest; of a source that is not unpacked, the file's.
    pub digest: String,
    /// Where a build sees it.
    pub at: String,
    /// Whether it was unpacked before.
    pub known: bool,
}

/// Unpacks and patches the sources of a recipe that are archives. Each is kept for `keep_seconds`.
///
/// # Errors
/// When a source is not in the store, an archive is refused or a patch does not fit.
pub fn of_recipe(
    store: &Store,
    tree: &Path,
    name: &RecipeName,
    keep_seconds: u64,
    progress: &Progress,
) -> Result<Vec<Unpacked>, Failure> {
    let evaluated = evaluate(tree, &Wanted::Names(vec![name.clone()]))?;
    let recipe = evaluated.recipes.iter().find(|recipe| recipe.name == *name);
    let recipe =
        recipe.ok_or_else(|| Failure::new(Kind::NotFound, format!("there is no recipe `{name}`")))?;
    let mut unpacked = Vec::new();
    for source in &recipe.sources {
        let (target, known) = one(store, tree, name, source, keep_seconds, progress)?;
        unpacked.push(Unpacked {
            file: source.source.file.to_string(),
            digest: target.digest().to_string(),
            at: source.place.to_string(),
            known,
        });
    }
    Ok(unpacked)
}

/// One source, and whether it was unpacked before.
fn one(
    store: &Store,
    tree: &Path,
    recipe: &RecipeName,
    source: &SourceInput,
    keep_seconds: u64,
    progress: &Progress,
) -> Result<(Target, bool), Failure> {
    let file = &source.source.file;
    let lease = Holder::Until(stele_store::now().saturating_add(keep_seconds));
    let (Some(how), Some(request)) = (&source.unpack, plan::unpacking(source)) else {
        return Ok((Target::Blob(blob(store, recipe, source)?), true));
    };
    if let Some(known) = known(store, &request)? {
        store.lease(Target::Tree(known), lease)?;
        return Ok((Target::Tree(known), true));
    }
    let blob = blob(store, recipe, source)?;
    let patches = how.patches.iter().map(|patch| read_patch(tree, patch)).collect::<Result<Vec<_>, _>>()?;
    // What is in the store is looked at once more before it is taken apart.
    match store.open_blob(&blob)?.verified(|_| Ok::<(), std::convert::Infallible>(())) {
        Ok(()) => {}
        Err(CopyError::Read(error)) => return Err(error.into()),
        Err(CopyError::Sink(never)) => match never {},
    }
    let session = store.session()?;
    let made = prepare(&mut store.open_blob(&blob)?, how, &patches, &InStore::new(store, &session, progress));
    let made = made.map_err(|error| {
        if error.content().is_some_and(|it| it.inner().is::<Cancelled>()) {
            return hints::cancelled();
        }
        let of_store = error.content().and_then(|it| it.inner().downcast_ref::<WriteError>());
        let kind = if of_store.is_some_and(WriteError::is_no_space) { Kind::NoSpace } else { Kind::Failed };
        // The archive is not to blame when the store is full.
        let why =
            error.content().map_or_else(|| error.to_string(), |it| format!("it cannot be unpacked: {it}"));
        let failure = Failure::new(kind, format!("source {file} of recipe `{recipe}`: {why}"));
        match (kind, error.hint()) {
            (Kind::NoSpace, _) => failure.hint(hints::FREE_SPACE),
            (_, hint) => failure.hint(hint.unwrap_or(REFUSED)),
        }
    })?;
    session.finish(&[Target::Tree(made)], &Keep { root: None, lease: Some(lease) })?;
    let outputs = Outputs(BTreeMap::from([(MADE.to_owned(), made)]));
    store.realise(&request, &outputs, None)?;
    Ok((Target::Tree(made), false))
}

const REFUSED: &str = "docs/formats.md says what is refused of an archive; if upstream's archive is so, name another \
     form of it, or take the file as it is with `unpack = False`";

/// What the request came to before, if that is still there.
fn known(store: &Store, request: &[u8]) -> Result<Option<TreeId>, Failure> {
    let made = store.realisation(&Digest::of(request))?;
    match made.and_then(|made| made.0.get(MADE).copied()) {
        Some(tree) if store.has_tree(&tree)? => Ok(Some(tree)),
        _ => Ok(None),
    }
}

fn blob(store: &Store, recipe: &RecipeName, source: &SourceInput) -> Result<BlobId, Failure> {
    store.blob_by_sha256(&source.source.sha256)?.ok_or_else(|| {
        let message = format!("source {} of recipe `{recipe}` is not in the store", source.source.file);
        Failure::new(Kind::NotFound, message).hint(format!("`stele source fetch {recipe}` fetches it"))
    })
}

/// The bytes of a patch, which have to be those that the recipe was evaluated with.
fn read_patch(tree: &Path, patch: &stele_recipes::recipe::PatchFile) -> Result<Vec<u8>, Failure> {
    let path = || tree.join(patch.path.to_string()).display().to_string();
    let files = OnDisk::open(tree).map_err(|e| Failure::new(Kind::Failed, e.to_string()))?;
    let bytes = files.read(&patch.path, usize::try_from(MAX_FILE).unwrap_or(usize::MAX));
    let bytes =
        bytes.map_err(|e| Failure::io(&format!("{} cannot be read", path()), &e))?.unwrap_or_default();
    match &patch.node {
        Node::File { blob, .. } if blob.0 == Digest::of(&bytes) => Ok(bytes),
        _ => Err(Failure::new(Kind::Failed, format!("{} changes while it is read", path()))
            .hint("try again when nobody writes to it")),
    }
}
