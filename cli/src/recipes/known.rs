//! What a plan asks of the store.

use std::collections::BTreeMap;

use stele_recipes::plan::{Known, Memo};
use stele_recipes::recipe::RecipeName;
use stele_store::model::{BlobId, Digest, Sha256, Tree, TreeId, TreeSource};
use stele_store::{ReadError, Store};

/// A store, asked by a plan.
pub struct OfStore<'a>(pub &'a Store);

impl TreeSource for OfStore<'_> {
    type Error = ReadError;

    fn tree(&self, id: &TreeId) -> Result<Tree, ReadError> {
        self.0.tree(id)
    }
}

impl Known for OfStore<'_> {
    fn realised(&self, of: &Digest) -> Result<Option<BTreeMap<String, TreeId>>, ReadError> {
        Ok(self.0.realisation(of)?.map(|outputs| outputs.0))
    }

    fn has_tree(&self, tree: &TreeId) -> Result<bool, ReadError> {
        self.0.has_tree(tree)
    }

    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, ReadError> {
        let Some(blob) = self.0.blob_by_sha256(sha256)? else { return Ok(None) };
        Ok(Some((blob, self.0.blob_info(&blob)?.size)))
    }

    fn memo(&self, recipe: &RecipeName) -> Result<Option<Memo>, ReadError> {
        // A memo only explains: one that another version wrote is none.
        Ok(self.0.memo(recipe.as_str())?.and_then(|text| serde_json::from_slice(&text).ok()))
    }
}
