//! Trees and blobs in memory, for tests without a store.

use std::collections::HashMap;

use stele_store::ReadError;
use stele_store::model::{BlobId, Digest, Name, Node, SymlinkTarget, Tree, TreeId};

use super::{Content, ReadAt};

/// The trees and blobs.
#[derive(Default)]
pub(crate) struct InMemory {
    trees: HashMap<TreeId, Tree>,
    blobs: HashMap<BlobId, Vec<u8>>,
}

impl InMemory {
    /// A file.
    pub(crate) fn file(&mut self, bytes: &[u8], executable: bool) -> Node {
        let blob = BlobId(Digest::of(bytes));
        self.blobs.insert(blob, bytes.to_vec());
        Node::File { blob, size: bytes.len() as u64, executable }
    }

    /// A directory.
    pub(crate) fn directory(&mut self, entries: Vec<(&[u8], Node)>) -> Node {
        let named = entries.into_iter().map(|(name, node)| (Name::new(name).unwrap(), node));
        let tree = Tree::new(named.collect()).unwrap();
        let (id, size) = (tree.id(), tree.encode().len() as u64);
        self.trees.insert(id, tree);
        Node::Directory { tree: id, size }
    }

    /// Replaces the bytes of a blob, which keeps its digest.
    pub(crate) fn damage(&mut self, blob: BlobId, bytes: &[u8]) {
        self.blobs.insert(blob, bytes.to_vec());
    }
}

/// A symbolic link.
pub(crate) fn link(target: &[u8]) -> Node {
    Node::Symlink { target: SymlinkTarget::new(target).unwrap() }
}

impl Content for InMemory {
    fn tree(&self, id: &TreeId) -> Result<Tree, ReadError> {
        self.trees.get(id).cloned().ok_or(ReadError::NoTree { id: *id })
    }

    fn blob(&self, id: &BlobId) -> Result<Box<dyn ReadAt>, ReadError> {
        let bytes = self.blobs.get(id).ok_or(ReadError::NoBlob { id: *id })?;
        Ok(Box::new(bytes.clone()))
    }
}

/// Bytes that compress well in some places and badly in others.
pub(crate) fn mixed(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    };
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let word = next();
        let run = if word & 0x100 == 0 { 1 } else { (word >> 16) as usize % 64 };
        bytes.extend(std::iter::repeat_n((word >> 24) as u8, run.max(1)));
    }
    bytes.truncate(length);
    bytes
}
