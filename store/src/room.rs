//! Room on the disk, and the mark of writes that go round the log.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::PoisonError;

use rustix::fs::StatVfs;

use crate::db::{DbError, Durability, Rows};
use crate::session::WriteError;
use crate::store::Store;

/// What imports leave free, in bytes, so that the collector can always work: at most this, on a small disk a
/// sixteenth of it.
const KEPT_BACK: u64 = 32 << 20;

/// The row of `meta` that says that small blobs may lie in the database which no row names.
pub(crate) const UNLOGGED: &str = "unlogged";

/// What is left of a disk, in bytes, when that is less than what a store on it keeps back for collections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{left} bytes are left on the disk of the store, and {kept} are kept back for collections")]
pub struct NoRoom {
    /// What is left.
    pub left: u64,
    /// What is kept back.
    pub kept: u64,
}

/// Whether the disk of `path` has room for more than collections need.
///
/// # Errors
/// When it has not. A disk that does not say what it has is taken to have enough.
pub fn require_room(path: &Path) -> Result<(), NoRoom> {
    rustix::fs::statvfs(path).map_or(Ok(()), |disk| require_room_of(&disk))
}

/// The same of the disk of an open folder.
pub(crate) fn require_room_in(folder: impl AsFd) -> Result<(), NoRoom> {
    rustix::fs::fstatvfs(folder).map_or(Ok(()), |disk| require_room_of(&disk))
}

fn require_room_of(disk: &StatVfs) -> Result<(), NoRoom> {
    let left = disk.f_bavail.saturating_mul(disk.f_frsize);
    let kept = KEPT_BACK.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 16);
    if left < kept { Err(NoRoom { left, kept }) } else { Ok(()) }
}

impl Store {
    /// Fails while the disk is nearly full: it is better to refuse an import than to be unable to collect.
    pub(crate) fn require_room(&self) -> Result<(), WriteError> {
        require_room_in(self.objects.folder())
            .map_err(|NoRoom { left, kept }| WriteError::NoRoom { left, kept })
    }

    /// A session is about to write round the log: the mark is durable before the first such write.
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

    /// A session has named all that it wrote round the log.
    pub(crate) fn end_unlogged(&self) {
        let mut sessions = self.unlogged.lock().unwrap_or_else(PoisonError::into_inner);
        *sessions = sessions.saturating_sub(1);
        if *sessions == 0 {
            let mut rows = Rows::default();
            rows.delete_meta(UNLOGGED);
            // If it stays, the next opening looks in vain.
            let _ = self.db.write(rows, Durability::Later);
        }
    }
}
