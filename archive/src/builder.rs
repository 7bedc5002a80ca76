//! Trees that are built path by path, and stored when they are complete.

use std::collections::BTreeMap;
use std::mem::take;

use stele_store::model::{Name, Node, Tree, TreeId};

/// What a name in a directory stands for.
#[derive(Debug)]
pub(crate) enum Slot {
    /// A directory under construction, by its index.
    Directory(usize),
    /// Anything else; also a directory that is stored already.
    Leaf(Node),
}

pub(crate) type Directory = BTreeMap<Name, Slot>;

/// The index of the root.
pub(crate) const ROOT: usize = 0;

/// A tree under construction. Paths are lists of names, and the empty one is the root.
///
/// Directories are in a list, each after its parent. So trees of any depth are stored and dropped without recursion.
/// Removed directories stay in the list, unreferenced.
#[derive(Debug)]
pub struct TreeBuilder {
    directories: Vec<Directory>,
}

/// The root of a tree is a directory and cannot be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the root of a tree can only be a directory")]
pub struct RootError;

impl Default for TreeBuilder {
    fn default() -> Self {
        Self { directories: vec![Directory::new()] }
    }
}

impl TreeBuilder {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the directory at `path`. Non-directories on the way are replaced.
    pub fn directory(&mut self, path: &[Name]) {
        self.make_directory(path);
    }

    /// Puts `node` at `path`, replacing what was there; parent directories are made.
    ///
    /// # Errors
    /// When `path` is the root.
    pub fn put(&mut self, path: &[Name], node: Node) -> Result<(), RootError> {
        let (last, above) = path.split_last().ok_or(RootError)?;
        let parent = self.make_directory(above);
        self.directories[parent].insert(last.clone(), Slot::Leaf(node));
        Ok(())
    }

    /// Removes what is at `path`, with all below it. Returns whether there was anything; the root is never removed.
    pub fn remove(&mut self, path: &[Name]) -> bool {
        let Some((last, above)) = path.split_last() else { return false };
        self.find(above).is_some_and(|parent| self.directories[parent].remove(last).is_some())
    }

    /// Empties the directory at `path`, if there is one.
    pub fn clear(&mut self, path: &[Name]) {
        if let Some(at) = self.find(path) {
            self.directories[at].clear();
        }
    }

    /// The node at `path`, unless it is a directory under construction.
    pub fn node(&self, path: &[Name]) -> Option<&Node> {
        let (last, above) = path.split_last()?;
        match self.directories[self.find(above)?].get(last)? {
            Slot::Leaf(node) => Some(node),
            Slot::Directory(_) => None,
        }
    }

    /// The names in the directory at `path`; none when there is no such directory.
    pub fn names(&self, path: &[Name]) -> Vec<Name> {
        self.find(path).map(|at| self.directories[at].keys().cloned().collect()).unwrap_or_default()
    }

    /// Stores all directories from the leaves up with `add`, and returns `add`'s result for the root.
    ///
    /// # Errors
    /// The first error of `add`.
    pub fn store<E>(self, add: impl FnMut(&Tree) -> Result<(TreeId, u64), E>) -> Result<(TreeId, u64), E> {
        self.store_below(ROOT, add)
    }

    /// Like [`Self::store`], but only the directory of that index and what is below it.
    pub(crate) fn store_below<E>(
        mut self,
        root: usize,
        mut add: impl FnMut(&Tree) -> Result<(TreeId, u64), E>,
    ) -> Result<(TreeId, u64), E> {
        let inside = self.below(root);
        let mut stored: Vec<Option<Node>> = vec![None; self.directories.len()];
        // A directory comes after its parent, so backwards is from the leaves up.
        for at in (root + 1..self.directories.len()).rev().filter(|at| inside[*at]) {
            let (tree, size) = add(&self.tree(at, &mut stored))?;
            stored[at] = Some(Node::Directory { tree, size });
        }
        add(&self.tree(root, &mut stored))
    }

    fn tree(&mut self, at: usize, stored: &mut [Option<Node>]) -> Tree {
        let slots = take(&mut self.directories[at]).into_iter();
        let entries = slots.filter_map(|(name, slot)| match slot {
            Slot::Leaf(node) => Some((name, node)),
            Slot::Directory(below) => stored[below].take().map(|node| (name, node)),
        });
        // The names are keys of a map: no duplicates.
        Tree::new(entries.collect()).unwrap_or_default()
    }

    /// Which directories are below `root`, including itself.
    fn below(&self, root: usize) -> Vec<bool> {
        let mut inside = vec![false; self.directories.len()];
        inside[root] = true;
        for at in root..self.directories.len() {
            if inside[at] {
                for slot in self.directories[at].values() {
                    if let Slot::Directory(below) = slot {
                        inside[*below] = true;
                    }
                }
            }
        }
        inside
    }

    pub(crate) fn directories(&self) -> &[Directory] {
        &self.directories
    }

    pub(crate) fn get(&self, at: usize, name: &Name) -> Option<&Slot> {
        self.directories[at].get(name)
    }

    pub(crate) fn insert_leaf(&mut self, at: usize, name: &Name, node: Node) {
        self.directories[at].insert(name.clone(), Slot::Leaf(node));
    }

    pub(crate) fn insert_directory(&mut self, at: usize, name: &Name) -> usize {
        let next = self.directories.len();
        self.directories[at].insert(name.clone(), Slot::Directory(next));
        self.directories.push(Directory::new());
        next
    }

    /// The index of the directory at `path`.
    pub(crate) fn find(&self, path: &[Name]) -> Option<usize> {
        path.iter().try_fold(ROOT, |at, name| match self.directories[at].get(name) {
            Some(Slot::Directory(next)) => Some(*next),
            _ => None,
        })
    }

    fn make_directory(&mut self, path: &[Name]) -> usize {
        path.iter().fold(ROOT, |at, name| match self.directories[at].get(name) {
            Some(Slot::Directory(next)) => *next,
            _ => self.insert_directory(at, name),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use stele_store::model::SymlinkTarget;

    use super::*;
    use crate::content::{Content, InMemory};

    fn path(text: &str) -> Vec<Name> {
        let names = text.split('/').filter(|name| !name.is_empty());
        names.map(|name| Name::new(name.as_bytes()).unwrap()).collect()
    }

    fn link(text: &str) -> Node {
        Node::Symlink { target: SymlinkTarget::new(text.as_bytes()).unwrap() }
    }

    /// All paths of a stored tree: the target of a link, `None` for a directory.
    fn paths(content: &InMemory, root: TreeId) -> BTreeMap<String, Option<String>> {
        let (mut found, mut open) = (BTreeMap::new(), vec![(String::new(), root)]);
        while let Some((above, id)) = open.pop() {
            for (name, node) in content.tree(&id).unwrap().entries() {
                let path = format!("{above}/{name}");
                let target = match node {
                    Node::Directory { tree, .. } => {
                        open.push((path.clone(), *tree));
                        None
                    }
                    Node::Symlink { target } => Some(String::from_utf8_lossy(target.as_bytes()).into_owned()),
                    Node::File { .. } => panic!("no file was put"),
                };
                found.insert(path, target);
            }
        }
        found
    }

    #[test]
    fn the_root_can_neither_be_replaced_nor_removed() {
        let mut tree = TreeBuilder::new();
        assert_eq!(tree.put(&[], link("a")), Err(RootError));
        tree.put(&path("a"), link("b")).unwrap();
        assert!(!tree.remove(&[]));
        assert_eq!(tree.names(&[]), path("a"));
    }

    #[test]
    fn a_chain_of_a_million_directories_is_stored_and_dropped() {
        let deep = vec![path("a").remove(0); 1_000_000];
        let mut tree = TreeBuilder::new();
        tree.directory(&deep);
        drop(tree);
        let mut tree = TreeBuilder::new();
        tree.directory(&deep);
        let mut count = 0;
        let add = |tree: &Tree| {
            count += 1;
            Ok::<_, ()>((tree.id(), 0))
        };
        tree.store(add).unwrap();
        assert_eq!(count, 1_000_001);
    }

    #[derive(Clone, Debug)]
    enum Change {
        Directory,
        Put,
        Remove,
        Clear,
    }

    proptest! {
        /// Any operations in any order give the same as a map from paths to nodes.
        #[test]
        fn a_tree_equals_a_map_of_paths(
            changes in proptest::collection::vec(
                (
                    proptest::collection::vec("[abc]", 1..4),
                    prop_oneof![
                        Just(Change::Directory), Just(Change::Put), Just(Change::Remove), Just(Change::Clear)
                    ],
                ),
                0..40,
            ),
        ) {
            let mut model: BTreeMap<String, Option<String>> = BTreeMap::new();
            let mut tree = TreeBuilder::new();
            for (number, (names, change)) in changes.into_iter().enumerate() {
                let at = format!("/{}", names.join("/"));
                let below = format!("{at}/");
                let makes = matches!(change, Change::Directory | Change::Put);
                for length in (1..names.len()).filter(|_| makes) {
                    let above = format!("/{}", names[..length].join("/"));
                    model.entry(above).and_modify(|it| *it = None).or_default();
                }
                match change {
                    Change::Directory => {
                        tree.directory(&path(&at));
                        model.insert(at, None);
                    }
                    Change::Put => {
                        tree.put(&path(&at), link(&number.to_string())).unwrap();
                        model.retain(|it, _| !it.starts_with(&below));
                        model.insert(at, Some(number.to_string()));
                    }
                    Change::Remove => {
                        let there = model.contains_key(&at);
                        prop_assert_eq!(tree.remove(&path(&at)), there);
                        model.retain(|it, _| *it != at && !it.starts_with(&below));
                    }
                    Change::Clear => {
                        tree.clear(&path(&at));
                        model.retain(|it, _| !it.starts_with(&below));
                    }
                }
            }
            for (at, target) in &model {
                prop_assert_eq!(tree.node(&path(at)).cloned(), target.as_deref().map(link));
            }
            let content = InMemory::default();
            let (root, _) = tree.store(|tree| content.add_tree(tree)).unwrap();
            prop_assert_eq!(paths(&content, root), model);
        }
    }
}
