//! What the daemon remembers of a store's content, for all of its mounts together: bounded, and never out of date.

use std::fs::File;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use stele_store::model::{BlobId, Tree, TreeId};

use crate::outline::Outline;

/// Decoded trees, in bytes.
const TREES_MOST: u64 = 64 << 20;
/// Files by their numbers: what is looked up is likely to be opened.
const FILES_MOST: usize = 1 << 17;
/// Chaining values of payloads, in bytes.
const OUTLINES_MOST: u64 = 64 << 20;
/// Payloads that are kept open between reads, when the kernel cannot read them itself.
const PAYLOADS_MOST: usize = 128;
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

impl Weighter<BlobId, Arc<Outline>> for OutlineWeight {
    fn weight(&self, _: &BlobId, outline: &Arc<Outline>) -> u64 {
        outline.weight()
    }
}

/// What is remembered of one store.
pub struct Memory {
    pub(super) trees: Cache<TreeId, Arc<Tree>, TreeWeight>,
    pub(super) files: Cache<u64, BlobId>,
    pub(super) outlines: Cache<BlobId, Arc<Outline>, OutlineWeight>,
    pub(super) payloads: Cache<u64, Arc<File>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            trees: Cache::with_weighter(ITEMS, TREES_MOST, TreeWeight),
            files: Cache::new(FILES_MOST),
            outlines: Cache::with_weighter(ITEMS, OUTLINES_MOST, OutlineWeight),
            payloads: Cache::new(PAYLOADS_MOST),
        }
    }
}
