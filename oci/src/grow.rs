//! Storing trees that were built path by path.

use stele_archive::{RootError, TreeBuilder};
use stele_store::model::{NameError, TreeId};
use stele_store::{ReadError, Session, WriteError};

/// Why a tree could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    /// An invalid name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The root is not a directory.
    #[error(transparent)]
    Root(#[from] RootError),
    /// A document is too long to be read back.
    #[error(
        "{name} would have {found} bytes, and at most {max} can be kept: too many files have unusual owners or \
modes, or a document is too long"
    )]
    Long {
        /// The document's name in the tree.
        name: String,
        /// Its size in bytes.
        found: u64,
        /// The bound.
        max: u64,
    },
    /// An index has too many images.
    #[error("the index has {found} images, and at most {max} can be kept")]
    Images {
        /// The number of images.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// An input cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Stores `tree`; returns its digest, and the length of its text in bytes.
pub(crate) fn store(tree: TreeBuilder, session: &Session<'_>) -> Result<(TreeId, u64), GrowError> {
    Ok(tree.store(|tree| session.add_tree(tree))?)
}
