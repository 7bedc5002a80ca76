//! What a plan asks: a store, and perhaps others.

use std::collections::BTreeMap;

use stele_store::model::{BlobId, Digest, Sha256, TreeId, TreeSource};

use super::Memo;
use crate::recipe::RecipeName;

/// The outputs of something, by their names.
pub type OutputTrees = BTreeMap<String, TreeId>;

/// What was made before.
pub trait Known: TreeSource {
    /// What this store made itself of what has this digest: an action's outputs, or under [`MADE`] an unpacked source
    /// or a merged root. It is remembered also when the content is gone.
    ///
    /// # Errors
    /// When it cannot be read.
    fn realised(&self, of: &Digest) -> Result<Option<OutputTrees>, Self::Error>;

    /// The outputs of an action or a derivation that this store has from elsewhere. Never asked about an unpacking or a
    /// merge.
    ///
    /// # Errors
    /// When it cannot be read.
    fn reported(&self, of: &Digest) -> Result<Option<OutputTrees>, Self::Error> {
        let _ = of;
        Ok(None)
    }

    /// Other stores that can be asked right now, if there are any.
    fn substituters(&self) -> Option<&dyn Answers> {
        None
    }

    /// Whether a tree is there, and so all that it names.
    ///
    /// # Errors
    /// When that cannot be read.
    fn has_tree(&self, tree: &TreeId) -> Result<bool, Self::Error>;

    /// The blob with that SHA-256, and its size, if it is there.
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

/// Other stores. One that does not answer says nothing.
pub trait Answers {
    /// What is remembered there of an action, an unpacking or a merge.
    fn realised(&self, of: &Digest) -> Option<OutputTrees>;

    /// The blob with that SHA-256, and its size, as they say.
    fn source(&self, sha256: &Sha256) -> Option<(BlobId, u64)>;
}
