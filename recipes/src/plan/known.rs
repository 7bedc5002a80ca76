//! The queries of a plan: to a store, and perhaps to others.

use std::collections::BTreeMap;

use stele_store::model::{BlobId, Digest, Sha256, TreeId, TreeSource};

use super::Memo;
use crate::recipe::RecipeName;

/// The outputs of an action or request, by name.
pub type OutputTrees = BTreeMap<String, TreeId>;

/// Earlier results.
pub trait Known: TreeSource {
    /// This store's own result for this digest: an action's outputs, or under [`MADE`] an unpacked source or a merged
    /// root. It is remembered even when the content is missing.
    ///
    /// # Errors
    /// When it cannot be read.
    fn realised(&self, of: &Digest) -> Result<Option<OutputTrees>, Self::Error>;

    /// The outputs of an action or a derivation that this store received from another. Never queried for an unpacking
    /// or a merge.
    ///
    /// # Errors
    /// When it cannot be read.
    fn reported(&self, of: &Digest) -> Result<Option<OutputTrees>, Self::Error> {
        let _ = of;
        Ok(None)
    }

    /// Other stores that can be queried now, if any.
    fn substituters(&self) -> Option<&dyn Answers> {
        None
    }

    /// Whether a tree exists, with everything that it refers to.
    ///
    /// # Errors
    /// When that cannot be read.
    fn has_tree(&self, tree: &TreeId) -> Result<bool, Self::Error>;

    /// The blob with that SHA-256, and its size, if it exists.
    ///
    /// # Errors
    /// When that cannot be read.
    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, Self::Error>;

    /// What a recipe was last built from.
    ///
    /// # Errors
    /// When it cannot be read.
    fn memo(&self, recipe: &RecipeName) -> Result<Option<Memo>, Self::Error>;
}

/// Other stores. One that does not answer has no results.
pub trait Answers {
    /// Their result for an action, an unpacking or a merge.
    fn realised(&self, of: &Digest) -> Option<OutputTrees>;

    /// The blob with that SHA-256, and its size, as they claim.
    fn source(&self, sha256: &Sha256) -> Option<(BlobId, u64)>;
}
