//! Free space on the disk, and the mark of writes that bypass the write-ahead log.
//!
//! What a session has accepted is not on the disk yet: it is in queues and in the database's write buffers, and
//! must be flushed. So space is reserved for all of that before anything more is accepted. When the disk is
//! nearly full the buffers are flushed early: their size on disk is then known, and not estimated.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rustix::fs::StatVfs;

use crate::db::{DbError, Durability, Rows};
use crate::session::WriteError;
use crate::store::Store;

/// What imports leave free, in bytes, so that the garbage collector can always work; on a small disk a
/// sixteenth of it.
const KEPT_BACK: u64 = 32 << 20;

/// An upper bound of the database's write buffers, in bytes.
const PLENTY: u64 = 512 << 20;

/// What a small blob takes besides its bytes: its rows, in the log and in tables, and later their tombstones.
const ROWS_OF_BLOB: u64 = 600;

/// The row of `meta` that marks that the database may hold small blobs that no row names.
pub(crate) const UNLOGGED: &str = "unlogged";

/// The free space of a disk, in bytes, when it is less than the reserve of a store on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{left} bytes are free on the disk of the store, and {kept} are reserved for garbage collection")]
pub struct NoRoom {
    /// The free space.
    pub left: u64,
    /// The reserve.
    pub kept: u64,
}

/// What was accepted and is not on the disk yet.
#[derive(Clone, Copy, Default)]
pub(crate) struct Coming {
    /// Small blobs.
    pub(crate) blobs: u64,
    /// Their bytes, as far as they are not in the database's buffers.
    pub(crate) blob_bytes: u64,
    /// Bytes of trees.
    pub(crate) tree_bytes: u64,
}

impl Coming {
    /// The disk space that it needs.
    fn room(self) -> u64 {
        // Trees are written to the log and then to a table; small blobs to a table directly, with its index.
        let blobs = self.blobs.saturating_mul(ROWS_OF_BLOB);
        let bytes = self.blob_bytes.saturating_add(self.blob_bytes / 16);
        blobs.saturating_add(bytes).saturating_add(self.tree_bytes.saturating_mul(2))
    }
}

/// Whether the disk of `path` has more free space than garbage collections need.
///
/// # Errors
/// When it has less. A disk whose free space is unknown counts as having enough.
pub fn require_room(path: &Path) -> Result<(), NoRoom> {
    rustix::fs::statvfs(path).map_or(Ok(()), |disk| require_room_of(&disk, 0))
}

/// The same for the disk of an open folder.
pub(crate) fn require_room_in(folder: impl AsFd) -> Result<(), NoRoom> {
    rustix::fs::fstatvfs(folder).map_or(Ok(()), |disk| require_room_of(&disk, 0))
}

fn require_room_of(disk: &StatVfs, coming: u64) -> Result<(), NoRoom> {
    let left = disk.f_bavail.saturating_mul(disk.f_frsize);
    let kept = KEPT_BACK.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 16);
    if left < kept.saturating_add(coming) { Err(NoRoom { left, kept }) } else { Ok(()) }
}

impl Store {
    /// Fails while the disk is nearly full: it is better to refuse an import than to be unable to collect.
    pub(crate) fn require_room(&self) -> Result<(), WriteError> {
        // With so much free space nothing has to be counted.
        if self.disk().is_none_or(|disk| require_room_of(&disk, PLENTY).is_ok()) {
            return Ok(());
        }
        self.require_room_for(Coming::default())
    }

    /// Fails unless the disk has room for the database's buffers and for `coming`, and for a garbage collection
    /// after that.
    pub(crate) fn require_room_for(&self, coming: Coming) -> Result<(), WriteError> {
        let Some(disk) = self.disk() else { return Ok(()) };
        let coming = coming.room();
        let buffered = self.db.buffered()?;
        // Compression may make it smaller, and makes nothing more than slightly larger.
        let flushed = buffered.saturating_add(buffered / 16);
        if require_room_of(&disk, coming.saturating_add(flushed)).is_ok() {
            return Ok(self.bound_compactions(&disk)?);
        }
        // There may be enough: after a flush, the buffers are on the disk, and their log is deleted.
        let of_disk = |NoRoom { left, kept }: NoRoom| WriteError::NoRoom { left, kept };
        require_room_of(&disk, flushed).map_err(of_disk)?;
        self.db.flush()?;
        let Some(disk) = self.disk() else { return Ok(()) };
        self.bound_compactions(&disk)?;
        require_room_of(&disk, coming).map_err(of_disk)
    }

    fn disk(&self) -> Option<StatVfs> {
        rustix::fs::fstatvfs(self.objects.folder()).ok()
    }

    /// Free space on the disk, in bytes.
    pub(crate) fn left(&self) -> u64 {
        self.disk().map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The reserve for garbage collections on this disk.
    pub(crate) fn kept_back(&self) -> u64 {
        self.disk().map_or(0, |disk| KEPT_BACK.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 16))
    }

    /// RocksDB compacts its tables at will, which temporarily doubles their space: on a disk with less free
    /// space than that, compaction is disabled.
    fn bound_compactions(&self, disk: &StatVfs) -> Result<(), DbError> {
        let left = disk.f_bavail.saturating_mul(disk.f_frsize);
        let bounded = self.db.small_table_bytes()?.saturating_add(self.kept_back()) > left;
        if self.bounded.swap(bounded, Ordering::SeqCst) != bounded {
            self.db.let_compact(!bounded)?;
        }
        Ok(())
    }

    /// A session is about to bypass the log: the mark is durable before its first such write.
    pub(crate) fn begin_unlogged(&self) -> Result<(), DbError> {
        let mut sessions = self.unlogged.lock().unwrap_or_else(PoisonError::into_inner);
        if *sessions == 0 {
            let mut rows = Rows::default();
            rows.put_meta(UNLOGGED, b"1".to_vec());
            self.db.write(rows, Durability::Synced)?;
        }
        *sessions += 1;
        Ok(())
    }

    /// A session has named all that it wrote past the log.
    pub(crate) fn end_unlogged(&self) {
        let mut sessions = self.unlogged.lock().unwrap_or_else(PoisonError::into_inner);
        *sessions = sessions.saturating_sub(1);
        if *sessions == 0 {
            let mut rows = Rows::default();
            rows.delete_meta(UNLOGGED);
            // If it stays, the next opening searches for nothing.
            let _ = self.db.write(rows, Durability::Later);
        }
    }
}
