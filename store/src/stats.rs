//! Statistics of a store.

use crate::db::{DbError, Placement, Totals};
use crate::model::Digest;
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
    /// Disk usage of the database and of the payloads' files, in bytes, as the filesystem counts them.
    pub disk_bytes: u64,
    /// Totals since the store was created.
    pub totals: Totals,
}

impl Store {
    /// Counts. Reads every row of the small column families, and no payload.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stats(&self) -> Result<Stats, DbError> {
        let mut stats = Stats {
            totals: *self.totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
            roots: self.roots()?.len() as u64,
            leases: self.leases()?.iter().filter(|(_, lease)| lease.holder.holds()).count() as u64,
            ..Stats::default()
        };
        let zero = Digest::from_bytes([0; 32]);
        for row in self.db.blobs_from(&zero)? {
            let (id, row) = row?;
            match row.placement {
                Placement::Inline => {
                    stats.inline_blobs += 1;
                    stats.inline_bytes += row.size;
                }
                Placement::File => {
                    stats.file_blobs += 1;
                    stats.file_bytes += row.size;
                    stats.disk_bytes += disk_bytes(&self.layout.object(&id));
                }
                Placement::Quarantined => stats.quarantined_blobs += 1,
            }
        }
        for row in self.db.trees_from(&zero)? {
            stats.trees += 1;
            stats.tree_bytes += row?.1.len() as u64;
        }
        stats.disk_bytes += self.db_disk_bytes();
        Ok(stats)
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
