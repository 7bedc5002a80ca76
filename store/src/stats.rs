//! Statistics of a store.

use crate::cached::CachedTotal;
use crate::db::{Counts, DbError, Totals};
use crate::store::Store;

/// The content of a store, and what deduplication saved since it was created.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Trees and blobs.
    pub counts: Counts,
    /// What is kept because it is cached, among the above.
    pub cached: CachedTotal,
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
    /// Counts. Of trees and blobs it reads nothing, but the first time after an earlier version wrote the store; of
    /// roots and leases every row.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stats(&self) -> Result<Stats, DbError> {
        let counts = self.db.counts()?;
        Ok(Stats {
            counts,
            cached: self.cached_total()?,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{COUNTS, Durability, Rows, Target};
    use crate::{Keep, Progress};

    fn counts(store: &Store) -> [u64; 7] {
        let Counts {
            trees,
            tree_bytes,
            inline_blobs,
            inline_bytes,
            file_blobs,
            file_bytes,
            quarantined_blobs,
            ..
        } = store.stats().unwrap().counts;
        [trees, tree_bytes, inline_blobs, inline_bytes, file_blobs, file_bytes, quarantined_blobs]
    }

    #[test]
    fn counts_follow_every_change_and_are_counted_when_an_earlier_version_wrote_none() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("store");
        let source = dir.path().join("source");
        std::fs::create_dir_all(source.join("d")).unwrap();
        std::fs::write(source.join("small"), "small").unwrap();
        std::fs::write(source.join("d/large"), vec![7; 100_000]).unwrap();
        let store = Store::open(&folder).unwrap();
        assert_eq!(counts(&store), [0; 7]);
        let session = store.session().unwrap();
        let tree = session.import(&source, &Progress::default()).unwrap();
        let keep = Keep { root: Some("kept".parse().unwrap()), ..Keep::default() };
        session.finish(&[tree], &keep).unwrap();
        let full = counts(&store);
        let [trees, _, inline, inline_bytes, files, file_bytes, bad] = full;
        assert_eq!((trees, inline, inline_bytes, files, file_bytes, bad), (2, 1, 5, 1, 100_000, 0));
        assert!(store.db.recount().unwrap());
        // The same again changes nothing; a blob that is stored again as an executable moves to a file.
        let session = store.session().unwrap();
        let again = session.import(&source, &Progress::default()).unwrap();
        let moved = session.add_blob(b"small", true).unwrap();
        session.finish(&[again, Target::Blob(moved)], &Keep::default()).unwrap();
        assert_eq!(counts(&store)[2..6], [0, 0, 2, 100_005]);
        assert!(store.db.recount().unwrap());
        store.set_aside(Target::Blob(moved)).unwrap();
        assert!(store.db.recount().unwrap());

        let before = counts(&store);
        let mut rows = Rows::default();
        rows.delete_meta(COUNTS);
        store.db.write(rows, Durability::Synced).unwrap();
        drop(store);
        let store = Store::open(&folder).unwrap();
        assert_eq!(counts(&store), before);
        store.remove_root(&"kept".parse().unwrap()).unwrap();
        store.collect(false, &Progress::default()).unwrap();
        assert!(store.db.recount().unwrap());
        assert_eq!(counts(&store), [0; 7]);
    }
}
