//! The closure of a tree.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::model::{Node, TreeId};
use crate::store::{ReadError, Store};

/// What a tree reaches, each item counted once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Closure {
    /// Trees, the tree itself among them.
    pub trees: u64,
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Store {
    /// Counts the closure of a tree.
    ///
    /// # Errors
    /// When a tree is absent or does not match its digest.
    pub fn closure(&self, root: &TreeId) -> Result<Closure, ReadError> {
        let (mut trees, mut blobs) = (HashSet::from([*root]), HashSet::new());
        let (mut left, mut bytes) = (vec![*root], 0);
        while let Some(id) = left.pop() {
            for (_, node) in self.tree(&id)?.entries() {
                match node {
                    Node::Directory { tree, .. } if trees.insert(*tree) => left.push(*tree),
                    Node::File { blob, size, .. } if blobs.insert(*blob) => bytes += size,
                    _ => {}
                }
            }
        }
        Ok(Closure { trees: trees.len() as u64, blobs: blobs.len() as u64, bytes })
    }
}
