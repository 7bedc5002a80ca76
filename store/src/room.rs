//! Free space on the disk, and the mark of writes that bypass the write-ahead log.
//!
//! What a session has accepted is not on the disk yet: it is in queues and in the database's write buffers, and
//! must be flushed. So space is reserved for all of that before anything more is accepted. When the disk is
//! nearly full the buffers are flushed early: their size on disk is then known, and not estimated.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::fs::{FallocateFlags, Mode, OFlags, StatVfs, fallocate};

use crate::db::{DbError, Durability, Rows};
use crate::session::WriteError;
use crate::store::Store;

/// What imports leave free, in bytes, so that the garbage collector can always work; on a small disk a
/// sixteenth of it.
const KEPT_BACK: u64 = 32 << 20;

/// Inodes that imports leave free, for the tables and logs of a collection: at most so many, on a small disk a
/// sixteenth of its own.
const KEPT_INODES: u64 = 64;

/// The room is checked each time that so many bytes were written.
const ROOM_EVERY: u64 = 1 << 20;

/// What is ample room, in bytes.
const AMPLE: u64 = 4 << 30;
/// More inodes than a flush takes.
const SOME_INODES: u64 = 16;

/// More than the database's buffers can come to, in bytes.
const PLENTY: u64 = 512 << 20;

/// No compaction on a disk that is nearly full takes this long.
const A_COMPACTION: Duration = Duration::from_secs(30);

/// What a small blob takes besides its bytes: its rows, in the log and in tables, and later their tombstones.
const ROWS_OF_BLOB: u64 = 600;

/// The row of `meta` that marks that the database may hold small blobs that no row names.
pub(crate) const UNLOGGED: &str = "unlogged";

/// What is left of a disk when that is less than what a store on it keeps back for collections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoRoom {
    /// Of its bytes.
    #[error(
        "{left} bytes are left on the disk of the store; {coming} are needed, and {kept} kept back for collections"
    )]
    Bytes {
        /// What is left.
        left: u64,
        /// What is needed for what was accepted and is not on the disk yet.
        coming: u64,
        /// What is kept back.
        kept: u64,
    },
    /// Of its inodes.
    #[error(
        "the disk of the store can hold only {left} more files (inodes), and {kept} are kept back for collections"
    )]
    Inodes {
        /// What is left.
        left: u64,
        /// What is kept back.
        kept: u64,
    },
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

/// Whether an error says that a disk is full: of bytes, of inodes, or of what a quota grants.
pub fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What the kernel calls a full disk, in words that say of what: it has one number for bytes and inodes (ENOSPC).
pub(crate) fn no_inodes(disk: impl AsFd) -> Option<&'static str> {
    let disk = rustix::fs::fstatvfs(disk).ok()?;
    (disk.f_files > 0 && disk.f_ffree == 0).then_some("no inodes are left: the disk can hold no more files")
}

/// While a file grows on a store's disk: keeps the room that collections need.
#[derive(Debug, Default)]
pub struct RoomMeter {
    /// Bytes written since the room was checked; none at the beginning.
    unchecked: Option<u64>,
}

impl RoomMeter {
    /// To be called before each write: from time to time it has `room` checked.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`], with what `room` found.
    pub fn before_write(&mut self, room: impl FnOnce() -> Result<(), NoRoom>) -> io::Result<()> {
        if self.unchecked.is_none_or(|bytes| bytes >= ROOM_EVERY) {
            room().map_err(|none| io::Error::new(io::ErrorKind::StorageFull, none))?;
            self.unchecked = Some(0);
        }
        Ok(())
    }

    /// To be called after it, with the bytes that were written.
    pub fn wrote(&mut self, bytes: usize) {
        self.unchecked = Some(self.unchecked.unwrap_or(0).saturating_add(bytes as u64));
    }
}

/// Whether the disk of `path` has room for more than collections need.
///
/// # Errors
/// When it has less. A disk whose free space is unknown counts as having enough.
pub fn require_room(path: &Path) -> Result<(), NoRoom> {
    rustix::fs::statvfs(path).map_or(Ok(()), |disk| require_room_of(&disk, 0))
}

/// The same, with so many bytes more.
///
/// # Errors
/// As [`require_room`].
pub fn require_room_for(path: &Path, bytes: u64) -> Result<(), NoRoom> {
    rustix::fs::statvfs(path).map_or(Ok(()), |disk| require_room_of(&disk, bytes))
}

/// The same for the disk of an open folder.
pub(crate) fn require_room_in(folder: impl AsFd) -> Result<(), NoRoom> {
    rustix::fs::fstatvfs(folder).map_or(Ok(()), |disk| require_room_of(&disk, 0))
}

fn require_room_of(disk: &StatVfs, coming: u64) -> Result<(), NoRoom> {
    let left = disk.f_bavail.saturating_mul(disk.f_frsize);
    let kept = KEPT_BACK.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 16);
    if left < kept.saturating_add(coming) {
        return Err(NoRoom::Bytes { left, coming, kept });
    }
    // A file system that makes inodes as they are needed says that it has none.
    let (left, kept) = (disk.f_favail, KEPT_INODES.min(disk.f_files / 16));
    if left < kept { Err(NoRoom::Inodes { left, kept }) } else { Ok(()) }
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
        // It may be that there is enough: flushed, the buffers are on the disk, and the log with them is gone.
        self.require_room_at_rest(flushed)?;
        self.db.flush()?;
        let Some(disk) = self.disk() else { return Ok(()) };
        self.bound_compactions(&disk)?;
        Ok(self.require_room_at_rest(coming)?)
    }

    /// A compaction takes room for as long as it runs: what is missing may be there after it.
    fn require_room_at_rest(&self, bytes: u64) -> Result<(), NoRoom> {
        let look = || self.disk().map_or(Ok(()), |disk| require_room_of(&disk, bytes));
        look().or_else(|_| {
            self.db.wait_for_compactions(A_COMPACTION);
            look()
        })
    }

    fn disk(&self) -> Option<StatVfs> {
        rustix::fs::fstatvfs(self.objects.folder()).ok()
    }

    /// Whether the disk has inodes for some new tables.
    pub(crate) fn has_inodes(&self) -> bool {
        self.disk().is_none_or(|disk| disk.f_files == 0 || disk.f_favail > SOME_INODES)
    }

    /// Whether the disk, and a quota on it, would take a file of so many bytes. A quota cannot be asked for what is
    /// left of it, and each disk has its own kinds: so such a file is made, without a name.
    pub(crate) fn is_granted(&self, bytes: u64) -> bool {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let refused = |error: rustix::io::Errno| is_no_space(&error.into());
        match rustix::fs::openat(self.objects.folder(), ".", flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => !fallocate(&file, FallocateFlags::empty(), 0, bytes).is_err_and(refused),
            Err(error) => !refused(error),
        }
    }

    /// Whether the disk has so much room that a cache does not matter: a tenth of it, and 4 GiB.
    pub fn has_ample_room(&self) -> bool {
        let ample = |disk: StatVfs| {
            disk.f_bavail >= disk.f_blocks / 10 && disk.f_bavail.saturating_mul(disk.f_frsize) >= AMPLE
        };
        self.disk().is_some_and(ample)
    }

    /// How many bytes are left on the disk.
    pub(crate) fn left(&self) -> u64 {
        self.disk().map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The reserve for garbage collections on this disk.
    pub(crate) fn kept_back(&self) -> u64 {
        self.disk().map_or(0, |disk| KEPT_BACK.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 16))
    }

    /// RocksDB merges its tables when it likes to, which takes as much room as they have for a while: on a disk that
    /// has not that much it is not let. From then on sessions write tables of their own, which go as they are when
    /// they are given up: so that there is, after that, still the room to merge what was there before.
    fn bound_compactions(&self, disk: &StatVfs) -> Result<(), DbError> {
        let left = disk.f_bavail.saturating_mul(disk.f_frsize);
        // Flushed, the buffers are tables, and the room for them is gone.
        let buffered = self.db.buffered()?.saturating_mul(2);
        // Twice the reserve: what is written meanwhile must not find less than it.
        let kept = self.kept_back().saturating_mul(2);
        let needed = self.db.small_table_bytes()?.saturating_add(buffered).saturating_add(kept);
        let bounded = needed > left;
        if self.bounded.swap(bounded, Ordering::SeqCst) != bounded {
            self.db.let_compact(!bounded)?;
        }
        Ok(())
    }

    /// Whether sessions write tables of their own, because the disk has no room to merge all.
    pub(crate) fn writes_tables(&self) -> bool {
        self.bounded.load(Ordering::SeqCst)
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
