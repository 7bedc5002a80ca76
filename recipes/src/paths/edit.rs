//! A tree while entries of it are put and removed.

use std::collections::BTreeMap;

use stele_store::model::{Name, Node, Tree, TreeId};

use super::{TreePath, WalkError, directory_id};
use crate::content::{Content, ContentError};

/// The entry at a path of a [`TreeEdit`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EditEntry {
    /// A directory, changed or not.
    Directory,
    /// A file or a symbolic link.
    Leaf(Node),
}

/// A tree while entries of it are put and removed.
///
/// Only directories on the way to an entry are read, and only those on the way to a changed one are written, once each
/// and not before [`TreeEdit::finish`]: every other sub-tree stays the one that it was.
pub struct TreeEdit<'a> {
    content: &'a dyn Content,
    /// The root is the first. A directory comes after its parent, so that every walk here is a loop: a
    /// tree may be deeper than a stack.
    opened: Vec<Directory>,
}

struct Directory {
    /// The directory's tree before the edit. The root and a new directory have none.
    before: Option<Node>,
    changed: bool,
    entries: BTreeMap<Name, Entry>,
}

enum Entry {
    Kept(Node),
    /// Which of the opened directories.
    Opened(usize),
}

impl<'a> TreeEdit<'a> {
    /// Begins with `tree`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(tree: &TreeId, content: &'a dyn Content) -> Result<Self, ContentError> {
        let root = Directory::read(tree, None, content)?;
        Ok(Self { content, opened: vec![root] })
    }

    /// The current entry at `path`.
    ///
    /// # Errors
    /// When a component other than the last is not a directory, or a tree cannot be read.
    pub fn get(&mut self, path: &TreePath) -> Result<Option<EditEntry>, WalkError> {
        let Some(way) = self.open(path, false)? else { return Ok(None) };
        let holder = way[way.len() - 1];
        Ok(self.opened[holder].entries.get(path.name()).map(|entry| match entry {
            Entry::Opened(_) | Entry::Kept(Node::Directory { .. }) => EditEntry::Directory,
            Entry::Kept(node) => EditEntry::Leaf(node.clone()),
        }))
    }

    /// Puts `node` at `path`, replacing any entry there; missing directories are made.
    ///
    /// # Errors
    /// When a component other than the last is not a directory, or a tree cannot be read.
    pub fn put(&mut self, path: &TreePath, node: Node) -> Result<(), WalkError> {
        let way = self.open(path, true)?.unwrap_or_default();
        self.mark_changed(&way);
        if let Some(&holder) = way.last() {
            self.opened[holder].entries.insert(path.name().clone(), Entry::Kept(node));
        }
        Ok(())
    }

    /// Removes the entry at `path`, and with it the directories above that are empty then; never the root. Whether
    /// there was anything.
    ///
    /// # Errors
    /// When a component other than the last is not a directory, or a tree cannot be read.
    pub fn remove(&mut self, path: &TreePath) -> Result<bool, WalkError> {
        let Some(way) = self.open(path, false)? else { return Ok(false) };
        for (depth, &directory) in way.iter().enumerate().rev() {
            let name = &path.components()[depth];
            if self.opened[directory].entries.remove(name).is_none() {
                return Ok(false);
            }
            if !self.opened[directory].entries.is_empty() {
                break;
            }
        }
        self.mark_changed(&way);
        Ok(true)
    }

    /// Writes the changed directories; the tree that results.
    ///
    /// # Errors
    /// When one cannot be kept.
    pub fn finish(self) -> Result<TreeId, ContentError> {
        let reachable = self.reachable();
        let mut written: Vec<Option<Node>> = vec![None; self.opened.len()];
        let mut root = None;
        for (at, directory) in self.opened.into_iter().enumerate().rev() {
            if !reachable[at] {
                continue;
            }
            if let (false, Some(before)) = (directory.changed, directory.before) {
                written[at] = Some(before);
                continue;
            }
            let mut node = |entry| match entry {
                Entry::Kept(node) => Some(node),
                Entry::Opened(below) => written[below].take(),
            };
            let entries =
                directory.entries.into_iter().filter_map(|(name, entry)| Some((name, node(entry)?)));
            let tree = Tree::new(entries.collect()).expect("the names are keys of a map: none stands twice");
            let (id, size) = self.content.add_tree(&tree)?;
            written[at] = Some(Node::Directory { tree: id, size });
            root = Some(id);
        }
        Ok(root.unwrap_or_else(|| Tree::default().id()))
    }

    /// The opened directories that lead to the entry at `path`, the root first; none when there is no such path.
    fn open(&mut self, path: &TreePath, make: bool) -> Result<Option<Vec<usize>>, WalkError> {
        let mut way = vec![0];
        let mut here = 0;
        for (at, name) in path.components()[..path.components().len() - 1].iter().enumerate() {
            here = match self.opened[here].entries.get(name) {
                Some(Entry::Opened(below)) => *below,
                Some(Entry::Kept(node)) => {
                    let tree = directory_id(node, path, at + 1)?;
                    let below = Directory::read(&tree, Some(node.clone()), self.content)?;
                    self.append(here, name, below)
                }
                None if make => self.append(here, name, Directory::new()),
                None => return Ok(None),
            };
            way.push(here);
        }
        Ok(Some(way))
    }

    fn append(&mut self, above: usize, name: &Name, directory: Directory) -> usize {
        let at = self.opened.len();
        self.opened.push(directory);
        self.opened[above].entries.insert(name.clone(), Entry::Opened(at));
        at
    }

    fn mark_changed(&mut self, way: &[usize]) {
        for &directory in way {
            self.opened[directory].changed = true;
        }
    }

    /// Which directories are still part of the tree: removed ones stay among the opened ones.
    fn reachable(&self) -> Vec<bool> {
        let mut reachable = vec![false; self.opened.len()];
        reachable[0] = true;
        for (at, directory) in self.opened.iter().enumerate() {
            for entry in directory.entries.values() {
                if let Entry::Opened(below) = entry {
                    reachable[*below] |= reachable[at];
                }
            }
        }
        reachable
    }
}

impl Directory {
    fn new() -> Self {
        Self { before: None, changed: true, entries: BTreeMap::new() }
    }

    fn read(tree: &TreeId, before: Option<Node>, content: &dyn Content) -> Result<Self, ContentError> {
        let tree = content.tree(tree)?;
        let entries = tree.entries().iter().map(|(name, node)| (name.clone(), Entry::Kept(node.clone())));
        Ok(Self { before, changed: false, entries: entries.collect() })
    }
}
