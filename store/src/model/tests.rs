//! Properties of the model as a whole: of the tree's text, and of the merge. This file holds what they share.

mod merge_properties;
mod text_properties;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{BlobId, Digest, Name, Node, SymlinkTarget, Tree, TreeId, TreeSource};

/// A directory as nested values: a reference for trees that the code under test made.
pub(super) type Directory = BTreeMap<Vec<u8>, Thing>;

/// The content of a [`Directory`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Thing {
    Directory(Directory),
    File { bytes: Vec<u8>, executable: bool },
    Link(Vec<u8>),
}

/// Trees in memory, and a record of which were loaded.
#[derive(Default)]
pub(super) struct Memory {
    trees: RefCell<BTreeMap<TreeId, Tree>>,
    loads: RefCell<Vec<TreeId>>,
}

/// No such tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotThere;

impl TreeSource for Memory {
    type Error = NotThere;

    fn tree(&self, id: &TreeId) -> Result<Tree, NotThere> {
        self.loads.borrow_mut().push(*id);
        self.trees.borrow().get(id).cloned().ok_or(NotThere)
    }
}

impl Memory {
    /// Stores a tree. Returns its identity and the length of its text.
    pub(super) fn keep(&self, tree: Tree) -> (TreeId, u64) {
        let (id, size) = (tree.id(), tree.encode().len() as u64);
        self.trees.borrow_mut().insert(id, tree);
        (id, size)
    }

    /// Makes trees of a directory and all below it, and stores them.
    pub(super) fn keep_all(&self, directory: &Directory) -> TreeId {
        self.keep_directory(directory).0
    }

    fn keep_directory(&self, directory: &Directory) -> (TreeId, u64) {
        let node = |thing: &Thing| match thing {
            Thing::Directory(below) => {
                let (tree, size) = self.keep_directory(below);
                Node::Directory { tree, size }
            }
            Thing::File { bytes, executable } => file(bytes, *executable),
            Thing::Link(target) => Node::Symlink { target: SymlinkTarget::new(target).unwrap() },
        };
        let entries = directory.iter().map(|(name, thing)| (Name::new(name).unwrap(), node(thing))).collect();
        self.keep(Tree::new(entries).unwrap())
    }

    /// Stores the result of a merge.
    pub(super) fn keep_new(&self, new: Vec<Tree>) {
        for tree in new {
            self.keep(tree);
        }
    }

    /// Returns and clears the record of loaded trees.
    pub(super) fn take_loads(&self) -> Vec<TreeId> {
        self.loads.take()
    }
}

/// A node of a file with that content.
pub(super) fn file(bytes: &[u8], executable: bool) -> Node {
    Node::File { blob: BlobId(Digest::of(bytes)), size: bytes.len() as u64, executable }
}

/// Names that often need escaping, and are often prefixes of each other.
pub(super) fn names() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => b'a'..=b'c',
        2 => prop::sample::select(b" \\\n\t.-\x01\x7f\x80\xff!~".to_vec()),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 1..6).prop_filter("a name", |bytes: &Vec<u8>| Name::new(bytes).is_ok())
}

/// Any node; the digests need not name anything.
pub(super) fn nodes() -> impl Strategy<Value = Node> {
    let size = prop_oneof![0..20u64, any::<u64>()];
    let target = prop_oneof![names(), prop::collection::vec(1..=255u8, 1..60)];
    prop_oneof![
        (any::<[u8; 32]>(), size.clone())
            .prop_map(|(digest, size)| Node::Directory { tree: TreeId(Digest::from_bytes(digest)), size }),
        (any::<[u8; 32]>(), size, any::<bool>()).prop_map(|(digest, size, executable)| Node::File {
            blob: BlobId(Digest::from_bytes(digest)),
            size,
            executable
        }),
        target.prop_map(|target| Node::Symlink { target: SymlinkTarget::new(&target).unwrap() }),
    ]
}

/// Any tree of fewer than `max` entries.
pub(super) fn trees(max: usize) -> impl Strategy<Value = Tree> {
    prop::collection::btree_map(names(), nodes(), 0..max).prop_map(|entries| {
        let entries = entries.into_iter().map(|(name, node)| (Name::new(&name).unwrap(), node));
        Tree::new(entries.collect()).unwrap()
    })
}
