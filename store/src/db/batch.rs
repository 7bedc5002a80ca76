//! Rows that are written together.

use super::scan::cached_key;
use super::{BlobRow, CachedRow, Family, LeaseRow, Placement, RootRow};
use crate::model::{BlobId, RootName, Sha256, TreeId};

/// When a write counts as complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// A later synced write makes it durable, too: the log preserves the order.
    Later,
    /// It is durable when the call returns, with all earlier writes.
    Synced,
}

/// Rows that become visible atomically, also after a crash.
#[derive(Default)]
pub struct Rows {
    pub(super) writes: Vec<(Family, Vec<u8>, Option<Vec<u8>>)>,
}

impl Rows {
    fn put(&mut self, family: Family, key: &[u8], value: Vec<u8>) {
        self.writes.push((family, key.to_vec(), Some(value)));
    }

    fn delete(&mut self, family: Family, key: &[u8]) {
        self.writes.push((family, key.to_vec(), None));
    }

    /// Appends the rows of `other`.
    pub fn append(&mut self, other: Self) {
        self.writes.extend(other.writes);
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// A blob's row and its index entry by SHA-256.
    pub fn put_blob(&mut self, id: &BlobId, row: &BlobRow) {
        self.put(Family::Blob, id.0.as_bytes(), row.encode().to_vec());
        self.put(Family::Sha256, row.sha256.as_bytes(), id.0.as_bytes().to_vec());
    }

    /// The bytes of a small blob.
    pub fn put_inline(&mut self, id: &BlobId, bytes: Vec<u8>) {
        self.put(Family::Inline, id.0.as_bytes(), bytes);
    }

    /// Deletes all rows of a blob.
    pub fn delete_blob(&mut self, id: &BlobId, row: &BlobRow) {
        self.delete(Family::Blob, id.0.as_bytes());
        self.delete(Family::Sha256, row.sha256.as_bytes());
        if row.placement == Placement::Inline {
            self.delete(Family::Inline, id.0.as_bytes());
        }
    }

    /// Deletes the index entry of a SHA-256.
    pub fn delete_sha256(&mut self, sha256: &Sha256) {
        self.delete(Family::Sha256, sha256.as_bytes());
    }

    /// Deletes the inline bytes of a blob, not its row.
    pub fn delete_inline(&mut self, id: &BlobId) {
        self.delete(Family::Inline, id.0.as_bytes());
    }

    /// A tree's canonical text.
    pub fn put_tree(&mut self, id: &TreeId, text: Vec<u8>) {
        self.put(Family::Tree, id.0.as_bytes(), text);
    }

    /// Deletes a tree.
    pub fn delete_tree(&mut self, id: &TreeId) {
        self.delete(Family::Tree, id.0.as_bytes());
    }

    /// A root.
    pub fn put_root(&mut self, name: &RootName, row: &RootRow) {
        self.put(Family::Root, name.as_str().as_bytes(), row.encode());
    }

    /// Deletes a root.
    pub fn delete_root(&mut self, name: &RootName) {
        self.delete(Family::Root, name.as_str().as_bytes());
    }

    /// A lease. Numbers are big-endian in the key, so that they sort.
    pub fn put_lease(&mut self, number: u64, row: &LeaseRow) {
        self.put(Family::Lease, &number.to_be_bytes(), row.encode());
    }

    /// Deletes a lease.
    pub fn delete_lease(&mut self, number: u64) {
        self.delete(Family::Lease, &number.to_be_bytes());
    }

    /// The lease of a cached blob.
    pub fn put_cached(&mut self, id: &BlobId, row: &CachedRow) {
        self.put(Family::Meta, cached_key(id).as_bytes(), row.encode());
    }

    /// Deletes the lease of a cached blob.
    pub fn delete_cached(&mut self, id: &BlobId) {
        self.delete(Family::Meta, cached_key(id).as_bytes());
    }

    /// A row of a column family whose rows this crate does not read.
    pub fn put_raw(&mut self, family: Family, key: &[u8], value: Vec<u8>) {
        self.put(family, key, value);
    }

    /// Deletes a row of such a column family.
    pub fn delete_raw(&mut self, family: Family, key: &[u8]) {
        self.delete(family, key);
    }

    /// Deletes a row of the store's own state.
    pub fn delete_meta(&mut self, key: &str) {
        self.delete(Family::Meta, key.as_bytes());
    }

    /// A row of the store's own state.
    pub fn put_meta(&mut self, key: &str, value: Vec<u8>) {
        self.put(Family::Meta, key.as_bytes(), value);
    }
}
