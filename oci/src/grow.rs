//! Trees that are made path by path, and stored when they are whole.

use std::collections::BTreeMap;
use std::collections::btree_map::IntoIter;
use std::mem::take;

use stele_store::model::{Name, NameError, Node, Tree, TreeError, TreeId};
use stele_store::{ReadError, Session, WriteError};

use crate::path::ImagePath;

/// A directory that grows. A name is in one of the two maps.
#[derive(Default, Debug)]
pub(crate) struct Growing {
    directories: BTreeMap<Name, Growing>,
    others: BTreeMap<Name, Node>,
}

/// Why a tree could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A name is there twice.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store does not take it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What is to be in it cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A directory that is being stored, after those in it.
struct Level {
    name: Option<Name>,
    left: IntoIter<Name, Growing>,
    done: Vec<(Name, Node)>,
}

impl Level {
    fn new(name: Option<Name>, mut growing: Growing) -> Self {
        let left = take(&mut growing.directories).into_iter();
        Self { name, left, done: take(&mut growing.others).into_iter().collect() }
    }
}

impl Growing {
    /// The directory at `path`; what stands in its way goes.
    pub(crate) fn directory(&mut self, path: &ImagePath) -> Result<&mut Self, NameError> {
        let mut at = self;
        for name in path.names() {
            let name = Name::new(name)?;
            at.others.remove(&name);
            at = at.directories.entry(name).or_default();
        }
        Ok(at)
    }

    /// Puts `node` at `path`, in the place of what was there. The root cannot be put.
    pub(crate) fn put(&mut self, path: &ImagePath, node: Node) -> Result<(), NameError> {
        let (Some(parent), Some(name)) = (path.parent(), path.names().next_back()) else {
            return Err(NameError::Empty);
        };
        let name = Name::new(name)?;
        let parent = self.directory(&parent)?;
        parent.directories.remove(&name);
        parent.others.insert(name, node);
        Ok(())
    }

    /// Takes away what is at `path`, with all below it. Whether there was anything.
    pub(crate) fn remove(&mut self, path: &ImagePath) -> bool {
        let (Some(parent), Some(name)) = (path.parent(), path.names().next_back()) else { return false };
        let (Some(parent), Ok(name)) = (self.at_mut(&parent), Name::new(name)) else { return false };
        let directory = parent.directories.remove(&name).is_some();
        parent.others.remove(&name).is_some() || directory
    }

    /// Takes away what is in the directory at `path`.
    pub(crate) fn clear(&mut self, path: &ImagePath) {
        if let Some(directory) = self.at_mut(path) {
            directory.directories.clear();
            directory.others.clear();
        }
    }

    /// What is at `path`, if it is no directory.
    pub(crate) fn node(&self, path: &ImagePath) -> Option<&Node> {
        let (parent, name) = (path.parent()?, path.names().next_back()?);
        let mut at = self;
        for name in parent.names() {
            at = at.directories.get(&Name::new(name).ok()?)?;
        }
        at.others.get(&Name::new(name).ok()?)
    }

    /// What is in the directory at `path`; nothing when there is none.
    pub(crate) fn names(&self, path: &ImagePath) -> Vec<Name> {
        let mut at = self;
        for name in path.names() {
            match Name::new(name).ok().and_then(|name| at.directories.get(&name)) {
                Some(next) => at = next,
                None => return Vec::new(),
            }
        }
        at.directories.keys().chain(at.others.keys()).cloned().collect()
    }

    fn at_mut(&mut self, path: &ImagePath) -> Option<&mut Self> {
        let mut at = self;
        for name in path.names() {
            at = at.directories.get_mut(&Name::new(name).ok()?)?;
        }
        Some(at)
    }

    /// Stores it. Deep trees take no deeper stack than shallow ones.
    pub(crate) fn store(self, session: &Session<'_>) -> Result<(TreeId, u64), GrowError> {
        let mut above: Vec<Level> = Vec::new();
        let mut level = Level::new(None, self);
        loop {
            if let Some((name, next)) = level.left.next() {
                above.push(std::mem::replace(&mut level, Level::new(Some(name), next)));
                continue;
            }
            let (tree, size) = session.add_tree(&Tree::new(take(&mut level.done))?)?;
            let (Some(mut outer), Some(name)) = (above.pop(), level.name.take()) else {
                return Ok((tree, size));
            };
            outer.done.push((name, Node::Directory { tree, size }));
            level = outer;
        }
    }
}

impl Drop for Growing {
    /// A chain of a million directories must not end the stack when it is dropped.
    fn drop(&mut self) {
        let mut left: Vec<Growing> = take(&mut self.directories).into_values().collect();
        while let Some(mut growing) = left.pop() {
            left.extend(take(&mut growing.directories).into_values());
        }
    }
}
