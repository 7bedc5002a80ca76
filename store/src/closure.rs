//! The closure of a tree.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::db::Target;
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

/// How much a target reaches, and how much of that no other of the targets does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Bytes of its blobs, each counted once, and of its trees' texts.
    pub bytes: u64,
    /// Those of them that it alone reaches.
    pub own_bytes: u64,
}

/// What several targets reach, each item counted once.
#[derive(Default)]
pub struct Union {
    seen: HashSet<Target>,
    /// The bytes of all of it.
    pub bytes: u64,
}

impl Union {
    /// Adds what `target` reaches.
    ///
    /// # Errors
    /// When a tree is absent or does not match its digest.
    pub fn add(&mut self, store: &Store, target: Target) -> Result<(), ReadError> {
        store.reach(target, &mut |item, bytes| {
            let is_new = self.seen.insert(item);
            self.bytes += if is_new { bytes } else { 0 };
            is_new
        })
    }
}

impl Store {
    /// How much each of these targets uses.
    ///
    /// # Errors
    /// When a tree is absent or does not match its digest.
    pub fn usage(&self, targets: &[Target]) -> Result<Vec<Usage>, ReadError> {
        // Who reaches an item: the number of a target, or several.
        let mut owners: HashMap<Target, (Option<usize>, u64)> = HashMap::new();
        let mut usage = vec![Usage::default(); targets.len()];
        for (number, target) in targets.iter().enumerate() {
            let mut seen = HashSet::new();
            self.reach(*target, &mut |item, bytes| {
                if !seen.insert(item) {
                    return false;
                }
                usage[number].bytes += bytes;
                owners.entry(item).and_modify(|it| it.0 = None).or_insert((Some(number), bytes));
                true
            })?;
        }
        for (owner, bytes) in owners.into_values() {
            if let Some(owner) = owner {
                usage[owner].own_bytes += bytes;
            }
        }
        Ok(usage)
    }

    /// Passes all that `target` reaches to `each` with its bytes, a tree's being those of its text; what is below a
    /// tree only if `each` says so.
    fn reach(&self, target: Target, each: &mut dyn FnMut(Target, u64) -> bool) -> Result<(), ReadError> {
        let root = match target {
            Target::Blob(blob) => {
                each(target, self.blob_info(&blob)?.size);
                return Ok(());
            }
            Target::Tree(root) => root,
        };
        let mut left = vec![root];
        if !each(target, self.tree_text(&root)?.len() as u64) {
            return Ok(());
        }
        while let Some(id) = left.pop() {
            for (_, node) in self.tree(&id)?.entries() {
                match node {
                    Node::Directory { tree, size } if each(Target::Tree(*tree), *size) => left.push(*tree),
                    Node::File { blob, size, .. } => {
                        each(Target::Blob(*blob), *size);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Counts the closure of a tree.
    ///
    /// # Errors
    /// When a tree is absent or does not match its digest.
    pub fn closure(&self, root: &TreeId) -> Result<Closure, ReadError> {
        let (mut seen, mut closure) = (HashSet::new(), Closure::default());
        self.reach(Target::Tree(*root), &mut |item, bytes| {
            let is_new = seen.insert(item);
            match item {
                Target::Tree(_) if is_new => closure.trees += 1,
                Target::Blob(_) if is_new => {
                    closure.blobs += 1;
                    closure.bytes += bytes;
                }
                _ => {}
            }
            is_new
        })?;
        Ok(closure)
    }
}
