//! What a plan asks of the store.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use stele_recipes::language::{OnDisk, Recipes};
use stele_recipes::plan::{Known, Memo};
use stele_recipes::recipe::RecipeName;
use stele_store::model::{BlobId, Digest, Node, Sha256, Tree, TreeId, TreeSource};
use stele_store::{Origins, ReadError, Store};

use super::error::SourceError;

/// A store, and the folders beside recipes, asked by a plan.
pub struct OfStore<'a> {
    store: &'a Store,
    /// The trees of those folders, which are stored when a build needs them.
    local: HashMap<TreeId, Tree>,
}

impl<'a> OfStore<'a> {
    /// `store`, and the folders of `recipes` in the recipe tree at `tree`.
    ///
    /// # Errors
    /// When one cannot be read, or is not what it was any more.
    pub fn new(store: &'a Store, tree: &Path, recipes: &Recipes) -> Result<Self, SourceError> {
        let mut local = HashMap::new();
        let folders = recipes.by_name.values().flat_map(|recipe| &recipe.locals);
        let mut folders = folders.filter(|it| matches!(it.node, Node::Directory { .. })).peekable();
        if folders.peek().is_some() {
            let failed = |path: PathBuf| move |source| SourceError::Local { path, source };
            let files = OnDisk::open(tree).map_err(|e| failed(tree.to_owned())(io::Error::other(e)))?;
            for folder in folders {
                let path = tree.join(folder.path.to_string());
                match files.walk(&folder.path).map_err(failed(path.clone()))? {
                    Some((node, trees)) if node == folder.node => {
                        local.extend(trees.into_iter().map(|tree| (tree.id(), tree)));
                    }
                    _ => return Err(SourceError::Changes { path }),
                }
            }
        }
        Ok(Self { store, local })
    }
}

impl TreeSource for OfStore<'_> {
    type Error = ReadError;

    fn tree(&self, id: &TreeId) -> Result<Tree, ReadError> {
        self.local.get(id).map_or_else(|| self.store.tree(id), |tree| Ok(tree.clone()))
    }
}

impl Known for OfStore<'_> {
    fn realised(&self, of: &Digest) -> Result<Option<BTreeMap<String, TreeId>>, ReadError> {
        Ok(self.store.realisation(of, Origins::Any)?.map(|row| row.outputs.0))
    }

    fn has_tree(&self, tree: &TreeId) -> Result<bool, ReadError> {
        Ok(self.local.contains_key(tree) || self.store.has_tree(tree)?)
    }

    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, ReadError> {
        let Some(blob) = self.store.blob_by_sha256(sha256)? else { return Ok(None) };
        Ok(Some((blob, self.store.blob_info(&blob)?.size)))
    }

    fn memo(&self, recipe: &RecipeName) -> Result<Option<Memo>, ReadError> {
        // A memo only explains: one that another version wrote is none.
        Ok(self.store.memo(recipe.as_str())?.and_then(|text| serde_json::from_slice(&text).ok()))
    }
}
