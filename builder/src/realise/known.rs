//! A plan's queries to the store.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use stele_recipes::language::{OnDisk, Recipes};
use stele_recipes::paths::TreePath;
use stele_recipes::plan::{Known, Memo, OutputTrees};
use stele_recipes::recipe::RecipeName;
use stele_store::model::{BlobId, Digest, Node, Sha256, Tree, TreeId, TreeSource};
use stele_store::{Origins, ReadError, Store, Target};

use super::error::SourceError;

/// A store, and the local folders of recipes, as queried by a plan.
pub struct OfStore<'a> {
    store: &'a Store,
    /// Which realisations of actions count. Unpacked sources and merged roots are always the store's own.
    origins: Origins,
    /// The trees of those folders, which are stored when a build needs them.
    local: HashMap<TreeId, Tree>,
}

impl<'a> OfStore<'a> {
    /// `store`, and the folders of `recipes` in the recipe tree at `tree`. With [`Origins::Own`], only what
    /// this store built itself counts as built.
    ///
    /// # Errors
    /// When a folder cannot be read, or has changed.
    pub fn new(
        store: &'a Store,
        origins: Origins,
        tree: &Path,
        recipes: &Recipes,
    ) -> Result<Self, SourceError> {
        let mut local = HashMap::new();
        let folders = recipes.by_name.values().flat_map(|recipe| &recipe.locals);
        let mut folders = folders.filter(|it| matches!(it.node, Node::Directory { .. })).peekable();
        if folders.peek().is_some() {
            let failed = |path: PathBuf| move |source| SourceError::Local { path, source };
            let files = OnDisk::open(tree).map_err(|e| failed(tree.to_owned())(io::Error::other(e)))?;
            for folder in folders {
                let path = on_disk(tree, &folder.path);
                match files.walk(&folder.path).map_err(failed(path.clone()))? {
                    Some((node, trees)) if node == folder.node => {
                        local.extend(trees.into_iter().map(|tree| (tree.id(), tree)));
                    }
                    _ => return Err(SourceError::Changes { path }),
                }
            }
        }
        Ok(Self { store, origins, local })
    }
}

/// The path on disk of something in a recipe tree.
pub(super) fn on_disk(tree: &Path, path: &TreePath) -> PathBuf {
    tree.join(OsStr::from_bytes(&path.to_bytes()))
}

impl TreeSource for OfStore<'_> {
    type Error = ReadError;

    fn tree(&self, id: &TreeId) -> Result<Tree, ReadError> {
        self.local.get(id).map_or_else(|| self.store.tree(id), |tree| Ok(tree.clone()))
    }
}

impl Known for OfStore<'_> {
    fn realised(&self, of: &Digest) -> Result<Option<OutputTrees>, ReadError> {
        Ok(self.store.realisation(of, Origins::Own)?.map(|it| it.outputs.0))
    }

    fn reported(&self, of: &Digest) -> Result<Option<OutputTrees>, ReadError> {
        Ok(self.store.realisation(of, self.origins)?.map(|it| it.outputs.0))
    }

    fn has_tree(&self, tree: &TreeId) -> Result<bool, ReadError> {
        Ok(self.local.contains_key(tree) || self.store.has_closure(Target::Tree(*tree))?)
    }

    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, ReadError> {
        sound_source(self.store, sha256)
    }

    fn memo(&self, recipe: &RecipeName) -> Result<Option<Memo>, ReadError> {
        // A memo only explains: one that another version wrote counts as missing.
        Ok(self.store.memo(recipe.as_str())?.and_then(|text| serde_json::from_slice(&text).ok()))
    }
}

/// The blob with that SHA-256, and its size, if it can be read. A damaged one is fetched again.
pub(super) fn sound_source(store: &Store, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, ReadError> {
    let Some(blob) = store.blob_by_sha256(sha256)? else { return Ok(None) };
    match store.presence(Target::Blob(blob))?.is_sound() {
        true => Ok(Some((blob, store.blob_info(&blob)?.size))),
        false => Ok(None),
    }
}
