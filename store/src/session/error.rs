//! Why a session does not take something, or does not acknowledge it.

use crate::db::DbError;
use crate::model::{Digest, MAX_DEPTH, MAX_TREE_TEXT, RootName, TreeId};
use crate::objects::FileError;
use crate::presence::Presence;
use crate::room::NoRoom;

/// Why a session could not store something.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The store was opened without the right to write.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// The disk is so full that the store might not be able to collect any more.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// A tree names something that neither the session nor the store can give.
    #[error("tree {tree} names {named}, and {lacking} is {presence}")]
    Incomplete {
        /// The tree that was to be stored.
        tree: TreeId,
        /// What it names.
        named: Digest,
        /// What is not there: that, or something that it reaches.
        lacking: Digest,
        /// In which way.
        presence: Presence,
    },
    /// A tree names something in another size than it has.
    #[error("tree {tree} says that {named} has {said} bytes, and it has another size")]
    Size {
        /// The tree that was to be stored.
        tree: TreeId,
        /// What it names.
        named: Digest,
        /// What the tree says, in bytes.
        said: u64,
    },
    /// A tree has more directories below each other than any path can name.
    #[error("tree {tree} is nested deeper than {MAX_DEPTH} directories")]
    Deep {
        /// The tree that was to be stored.
        tree: TreeId,
    },
    /// A tree has more entries than whoever reads it can be asked to hold.
    #[error("the text of tree {tree} has {size} bytes, and at most {MAX_TREE_TEXT} are possible")]
    Large {
        /// The tree that was to be stored.
        tree: TreeId,
        /// The length of its text, in bytes.
        size: u64,
    },
    /// A write of the session failed before, and what was lost with it is not known.
    #[error("an earlier write of this session failed, so nothing of it is acknowledged")]
    Poisoned,
    /// A result, or something that is to become known with it, is neither in the session nor in the store.
    #[error("{target} was to be kept, and {lacking} is {presence}")]
    Unstored {
        /// What was to be kept.
        target: Digest,
        /// What is not there: that, or something that it reaches.
        lacking: Digest,
        /// In which way.
        presence: Presence,
    },
    /// A root was to keep the result, and there is none.
    #[error("root {root} was to keep a result, and there is none")]
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
            _ => false,
        }
    }
}
