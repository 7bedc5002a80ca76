//! Why a session refuses something, or does not acknowledge it.

use crate::db::DbError;
use crate::model::{Digest, MAX_DEPTH, MAX_TREE_TEXT, RootName, TreeId};
use crate::objects::FileError;
use crate::presence::Presence;
use crate::room::NoRoom;

/// Why a session could not store something.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The store is open read-only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// The disk is so full that the store might not be able to collect any more.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// A tree names something that neither the session nor the store can give.
    #[error("tree {tree} names {named}, and {lacking} is {presence}")]
    Incomplete {
        /// The tree to be stored.
        tree: TreeId,
        /// The target that it names.
        named: Digest,
        /// The missing target: that, or something in its closure.
        lacking: Digest,
        /// Its state.
        presence: Presence,
    },
    /// A tree names something with the wrong size.
    #[error("tree {tree} states a size of {said} bytes for {named}, which has another")]
    Size {
        /// The tree to be stored.
        tree: TreeId,
        /// The target that it names.
        named: Digest,
        /// The size that the tree states, in bytes.
        said: u64,
    },
    /// A tree has more nested directories than any path can name.
    #[error("tree {tree} is nested deeper than {MAX_DEPTH} directories")]
    Deep {
        /// The tree to be stored.
        tree: TreeId,
    },
    /// A tree has more entries than its readers can be expected to hold.
    #[error("the text of tree {tree} has {size} bytes, and at most {MAX_TREE_TEXT} are allowed")]
    Large {
        /// The tree to be stored.
        tree: TreeId,
        /// The length of its text, in bytes.
        size: u64,
    },
    /// An earlier write of the session failed, and its losses are unknown.
    #[error("an earlier write of this session failed, so it acknowledges nothing: {why}")]
    Poisoned {
        /// What that write failed of.
        why: String,
        /// Whether that was a full disk, or a quota.
        no_space: bool,
    },
    /// A result, or something that its records need, is neither in the session nor in the store.
    #[error("{target} cannot be kept: {lacking} is {presence}")]
    Unstored {
        /// The target.
        target: Digest,
        /// The missing target: that, or something in its closure.
        lacking: Digest,
        /// Its state.
        presence: Presence,
    },
    /// The cached blobs would have more bytes than they may.
    #[error("the cache keeps {kept} bytes, and {coming} more would exceed its quota of {max}")]
    CacheFull {
        /// The bytes of all cached blobs.
        kept: u64,
        /// How many more there would be.
        coming: u64,
        /// How many there may be.
        max: u64,
    },
    /// A root was requested for the result, and there is none.
    #[error("root {root} cannot be set: the session has no result")]
    NoResult {
        /// The root.
        root: RootName,
    },
    /// A file of the store gave an error.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl WriteError {
    /// Whether the disk, or the quota, is full.
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::File(e) => e.is_no_space(),
            Self::Db(e) => matches!(e, DbError::NoSpace { .. }),
            Self::NoRoom(_) => true,
            Self::Poisoned { no_space, .. } => *no_space,
            _ => false,
        }
    }
}
