//! What the daemon remembers of a store's content, for all of its mounts together: bounded, and never out of date.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use stele_store::model::{BlobId, Tree, TreeId};

use crate::hash_tree::HashTree;

/// Decoded trees, in bytes.
const MAX_TREES: u64 = 64 << 20;
/// Files by their numbers: what is looked up is likely to be opened.
const MAX_FILES: usize = 1 << 17;
/// Chaining values of payloads, in bytes.
const MAX_HASH_TREES: u64 = 64 << 20;
/// Payloads that are kept open between reads, when the kernel cannot read them itself.
const MAX_PAYLOADS: usize = 128;
/// Trees that are remembered however large they are.
const MAX_HUGE_FILES: usize = 4;
/// A guess of how many trees, or payloads, fill their share; it sets no limit.
const ITEMS: usize = 1_000;

#[derive(Clone)]
pub(super) struct TreeWeight;

impl Weighter<TreeId, Arc<Tree>> for TreeWeight {
    fn weight(&self, _: &TreeId, tree: &Arc<Tree>) -> u64 {
        64 + tree.entries().iter().map(|(name, _)| 100 + name.as_bytes().len() as u64).sum::<u64>()
    }
}

#[derive(Clone)]
pub(super) struct OutlineWeight;

impl Weighter<BlobId, Arc<HashTree>> for OutlineWeight {
    fn weight(&self, _: &BlobId, hash_tree: &Arc<HashTree>) -> u64 {
        hash_tree.weight()
    }
}

/// What is remembered of one store.
pub struct Memory {
    trees: Cache<TreeId, Arc<Tree>, TreeWeight>,
    /// The last few that would take up most of that: a directory of a million entries gets a lookup for each.
    huge: Mutex<VecDeque<(TreeId, Arc<Tree>)>>,
    pub(super) files: Cache<u64, BlobId>,
    pub(super) hash_trees: Cache<BlobId, Arc<HashTree>, OutlineWeight>,
    pub(super) payloads: Cache<u64, Arc<File>>,
}

/// A cache in one piece: what is heavier than a piece is not kept at all.
fn whole<K: Eq + std::hash::Hash + Clone, V: Clone, W: Weighter<K, V> + Clone>(
    max: u64,
    weighter: W,
) -> Cache<K, V, W> {
    let options =
        OptionsBuilder::new().estimated_items_capacity(ITEMS).weight_capacity(max).shards(1).build();
    match options {
        Ok(options) => {
            Cache::with_options(options, weighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
        }
        // Only an option that is missing is an error.
        Err(_) => Cache::with_weighter(ITEMS, max, weighter),
    }
}

impl Memory {
    fn huge(&self) -> MutexGuard<'_, VecDeque<(TreeId, Arc<Tree>)>> {
        self.huge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tree(&self, id: &TreeId) -> Option<Arc<Tree>> {
        if let Some(tree) = self.trees.get(id) {
            return Some(tree);
        }
        self.huge().iter().find(|(huge, _)| huge == id).map(|(_, tree)| Arc::clone(tree))
    }

    pub(super) fn keep_tree(&self, id: TreeId, tree: &Arc<Tree>) {
        if TreeWeight.weight(&id, tree) > MAX_TREES / 4 {
            let mut huge = self.huge();
            huge.truncate(MAX_HUGE_FILES - 1);
            huge.push_front((id, Arc::clone(tree)));
        } else {
            self.trees.insert(id, Arc::clone(tree));
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            trees: whole(MAX_TREES, TreeWeight),
            huge: Mutex::default(),
            files: Cache::new(MAX_FILES),
            hash_trees: whole(MAX_HASH_TREES, OutlineWeight),
            payloads: Cache::new(MAX_PAYLOADS),
        }
    }
}
