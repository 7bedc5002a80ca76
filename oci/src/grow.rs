//! Storing trees that were made path by path.

use stele_archive::{RootError, TreeBuilder};
use stele_store::model::{NameError, TreeId};
use stele_store::{ReadError, Session, WriteError};

/// Why a tree could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Something is to be the root that is no directory.
    #[error(transparent)]
    Root(#[from] RootError),
    /// A document is longer than it could be read back.
    #[error(
        "{name} would have {found} bytes, and at most {max} can be kept: too many files have owners or modes of \
             their own, or a document is too long"
    )]
    Long {
        /// What the document is called in the tree.
        name: String,
        /// How many bytes it has.
        found: u64,
        /// The bound.
        max: u64,
    },
    /// An index has too many images.
    #[error("the index has {found} images, and at most {max} can be kept")]
    Images {
        /// How many there are.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// The store does not take it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What is to be in it cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Stores `tree`; its digest, and the length of its text in bytes.
pub(crate) fn store(tree: TreeBuilder, session: &Session<'_>) -> Result<(TreeId, u64), GrowError> {
    Ok(tree.store(|tree| session.add_tree(tree))?)
}
