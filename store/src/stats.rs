//! Statistics of a store.

use crate::db::{DbError, Totals};
use crate::store::Store;

/// The content of a store, and what deduplication saved since it was created.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Trees.
    pub trees: u64,
    /// Their canonical texts, in bytes.
    pub tree_bytes: u64,
    /// Blobs in the database.
    pub inline_blobs: u64,
    /// Their bytes.
    pub inline_bytes: u64,
    /// Blobs in files of their own.
    pub file_blobs: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Blobs that were found corrupt and can be repaired by storing them again.
    pub quarantined_blobs: u64,
    /// Roots.
    pub roots: u64,
    /// Leases that hold.
    pub leases: u64,
    /// Disk usage in bytes: of the database as the filesystem counts it, of the payloads' files in blocks of 4 KiB.
    pub disk_bytes: u64,
    /// Totals since the store was created.
    pub totals: Totals,
}

impl Store {
    /// Counts. Of trees and blobs it reads nothing, but the first time after an earlier version wrote the store; of roots
    /// and leases every row.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stats(&self) -> Result<Stats, DbError> {
        let counts = self.db.counts()?;
        Ok(Stats {
            trees: counts.trees,
            tree_bytes: counts.tree_bytes,
            inline_blobs: counts.inline_blobs,
            inline_bytes: counts.inline_bytes,
            file_blobs: counts.file_blobs,
            file_bytes: counts.file_bytes,
            quarantined_blobs: counts.quarantined_blobs,
            disk_bytes: counts.file_room + self.db_disk_bytes(),
            totals: *self.totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
            roots: self.roots()?.len() as u64,
            leases: self.leases()?.iter().filter(|(_, lease)| lease.holder.holds()).count() as u64,
        })
    }

    /// Disk usage of the database, in bytes.
    pub(crate) fn db_disk_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.layout.db()).into_iter().flatten().flatten();
        files.map(|file| disk_bytes(&file.path())).sum()
    }
}

impl Store {
    /// Bytes that the files of the database hold. What RocksDB only has reserved for a log is not among them.
    pub(crate) fn db_written_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.layout.db()).into_iter().flatten().flatten();
        files.map(|file| file.metadata().map_or(0, |meta| meta.len())).sum()
    }
}

/// What a file takes on the disk: `st_blocks` counts 512 bytes each, whatever the file system's block
/// (stat(2)).
fn disk_bytes(path: &std::path::Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).map_or(0, |meta| meta.blocks() * 512)
}
