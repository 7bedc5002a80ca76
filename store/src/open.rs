//! Opening, creating and closing a store.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags};

use crate::crash::{self, CrashPoint};
use crate::db::{Db, DbError, Durability, Rows, Totals};
use crate::folder::{Folder, FolderError, is_ours};
use crate::gate::Gate;
use crate::layout::{FORMAT, FORMAT_VERSION, FormatError, KNOWN_FEATURES, Layout};
use crate::objects::{FileError, Objects};
use crate::presence::Whole;
use crate::room::UNLOGGED;
use crate::store::{Access, Store};

/// The size of the file `ballast`, in bytes: space kept in reserve so that RocksDB can open and a garbage
/// collection can log its removals on a full disk. On a small disk, a sixteenth of it.
const MAX_BALLAST: u64 = 16 << 20;

const BALLAST: &str = "ballast";
const NEW_FORMAT: &str = "format.new";
/// RocksDB's folder, and the file without which it holds no database.
const DB: &str = "db";
const CURRENT: &str = "db/CURRENT";

/// How long RocksDB's own lock may outlive the store's.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store in that folder, and the caller did not ask for one.
    #[error("there is no store in {path}")]
    Absent {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is not empty and is not a store.
    #[error("{path} is not empty and is not a store")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// Another process owns the store.
    #[error("another process owns the store in {path}")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is not safe to use.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The format file does not permit it.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The database has another format than the `format` file states.
    #[error("the database in {path} is of format {found:?}, and the file `format` beside it states another")]
    Mixed {
        /// The folder of the store.
        path: PathBuf,
        /// The format that the database states.
        found: String,
    },
    /// The store had a database, and it is missing.
    #[error("the database of the store in {path} is missing")]
    DatabaseMissing {
        /// The folder of the store.
        path: PathBuf,
    },
    /// A rebuild of the database was started and not finished.
    #[error("the database in {path} is being rebuilt, and the rebuild did not finish")]
    RebuildUnfinished {
        /// The folder of the store.
        path: PathBuf,
    },
    /// A file or folder of the store gave an error.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Store {
    /// Opens the store in `path` for reading and writing, and creates it when the folder is empty or missing.
    ///
    /// Holds the store's lock until the store is dropped. Removes the temporary files of earlier processes;
    /// files that no row names stay until [`Store::drop_strays`] or the next garbage collection, and are never
    /// read.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing is changed when the format is unknown.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (folder, lock) = prepare(path)?;
        open_locked(folder, lock, false)
    }

    /// Opens the store in `path` read-only: takes no lock and writes nothing, and so works on a read-only
    /// filesystem.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        let absent = || OpenError::Absent { path: path.to_owned() };
        let folder = match Folder::open(path) {
            Err(e) if e.source.kind() == io::ErrorKind::NotFound => return Err(absent()),
            opened => opened?,
        };
        if !has_remains(&folder) {
            return Err(absent());
        }
        folder.inspect(false)?;
        let features = Layout::check_format(&folder)?;
        let db = Db::open_read_only(&folder, DB)?;
        check_db_format(path, &db, features)?;
        let layout = Layout::new(path);
        let objects = Objects::open(&layout, folder);
        Ok(assemble(layout, db, objects, Access::ReadOnly, 0, false)?)
    }

    /// Flushes everything and marks the store as cleanly closed. Dropping it without this is safe too: the next
    /// opening then takes longer.
    ///
    /// # Errors
    /// When the database cannot write.
    pub fn close(&self) -> Result<(), DbError> {
        let Access::ReadWrite { epoch, .. } = self.access else { return Ok(()) };
        self.db.flush()?;
        crash::point(CrashPoint::CloseFlushed);
        let mut rows = Rows::default();
        rows.put_meta("clean", epoch.to_le_bytes().to_vec());
        self.db.write(rows, Durability::Synced)
    }
}

/// Opens the store whose lock is held. Only a rebuild sets `rebuilding`.
pub(crate) fn open_locked(folder: Folder, lock: File, rebuilding: bool) -> Result<Store, OpenError> {
    let layout = Layout::new(folder.path());
    let db = open_db(&folder)?;
    // While the store is being created, its features are those of this version.
    let of_file = if folder.exists(FORMAT) { Layout::check_format(&folder)? } else { KNOWN_FEATURES };
    check_db_format(folder.path(), &db, of_file)?;
    if !rebuilding && db.meta("rebuilding")?.is_some() {
        return Err(OpenError::RebuildUnfinished { path: folder.path().to_owned() });
    }
    if of_file != KNOWN_FEATURES {
        // Durable before anything is written that an older version would misread.
        write_new_format(&folder)?;
        settle_format(&folder)?;
    }
    let objects = Objects::open(&layout, folder);
    objects.empty_tmp()?;
    let epoch = meta_u64(&db, "epoch")?.unwrap_or(0);
    let clean = meta_u64(&db, "clean")?.unwrap_or(0) == epoch;
    let unlogged = db.meta(UNLOGGED)?.is_some();
    let mut rows = Rows::default();
    rows.put_meta("format", FORMAT_VERSION.to_string().into_bytes());
    rows.put_meta("features", format!("{KNOWN_FEATURES:#x}").into_bytes());
    rows.put_meta("epoch", (epoch + 1).to_le_bytes().to_vec());
    db.write(rows, Durability::Synced)?;
    settle_format(objects.folder())?;
    crash::point(CrashPoint::OpenEpochWritten);
    let access = Access::ReadWrite { _lock: lock, unclean: !clean || unlogged, epoch: epoch + 1 };
    let store = assemble(layout, db, objects, access, (epoch + 1) << 32, unlogged)?;
    store.anchor_leases()?;
    store.drop_dead_leases()?;
    if !clean && !rebuilding {
        // A crash may have come between a root and its text.
        store.mirror_roots();
    }
    store.keep_ballast();
    Ok(store)
}

/// Assembles a store. `unlogged`: an earlier owner left the mark of writes that bypassed the log.
fn assemble(
    layout: Layout,
    db: Db,
    objects: Objects,
    access: Access,
    next_lease: u64,
    unlogged: bool,
) -> Result<Store, DbError> {
    let totals = db.meta("totals")?.and_then(|row| Totals::decode(&row)).unwrap_or_default();
    Ok(Store {
        gate: Gate::default(),
        totals: Mutex::new(totals),
        next_lease: AtomicU64::new(next_lease),
        unlogged: Mutex::new(u64::from(unlogged)),
        unlogged_before: AtomicBool::new(unlogged),
        bounded: AtomicBool::new(true),
        whole: Whole::default(),
        sizes: OnceLock::new(),
        commits: Mutex::new(0),
        mirror: Mutex::new(()),
        root_updates: Mutex::new(()),
        cached: Mutex::default(),
        spending: Mutex::default(),
        shows: Mutex::default(),
        clearing: AtomicBool::new(false),
        layout,
        db,
        objects,
        access,
    })
}

/// Creates or checks the folder, and takes the lock.
///
/// A new store gets the file `format` last: while only `format.new` exists, nothing was ever acknowledged, and
/// the creation starts over.
fn prepare(path: &Path) -> Result<(Folder, File), OpenError> {
    let folder = match Folder::open(path) {
        Err(e) if e.source.kind() == io::ErrorKind::NotFound => {
            let mut folder = fs::DirBuilder::new();
            folder.recursive(true).mode(0o755).create(path).map_err(|e| FileError::new(path, "made", e))?;
            Folder::open(path)?
        }
        opened => opened?,
    };
    // Before anything is touched, even the lock.
    folder.inspect(true)?;
    if is_made(&folder) {
        Layout::check_format(&folder)?;
    } else {
        refuse_occupied(&folder)?;
    }
    let lock = take_lock(&folder)?;
    // Another process may have created the store while this one waited for the lock.
    if is_made(&folder) {
        Layout::check_format(&folder)?;
        Objects::create_folders(&folder)?;
        if !folder.exists(CURRENT) {
            return Err(OpenError::DatabaseMissing { path: path.to_owned() });
        }
        return Ok((folder, lock));
    }
    write_new_format(&folder)?;
    Objects::create_folders(&folder)?;
    // A payload's own sync makes the folders above it durable on ext4, which POSIX does not require.
    folder.sync("objects")?;
    crash::point(CrashPoint::OpenFoldersMade);
    Ok((folder, lock))
}

/// Whether the folder holds a store or the remains of one.
pub(crate) fn has_remains(folder: &Folder) -> bool {
    [FORMAT, CURRENT, "objects/00"].iter().any(|name| folder.exists(name))
}

/// Whether a store was ever opened here.
fn is_made(folder: &Folder) -> bool {
    folder.exists(FORMAT) || (has_remains(folder) && !folder.exists(NEW_FORMAT))
}

/// A folder with foreign files is not turned into a store. Files of another process that is creating the same
/// store at this moment are not foreign.
fn refuse_occupied(folder: &Folder) -> Result<(), OpenError> {
    let names = folder.names(".").map_err(|e| folder.failed("", "read", e))?;
    match names.iter().all(|(name, _)| is_ours(name)) {
        true => Ok(()),
        false => Err(OpenError::Occupied { path: folder.path().to_owned() }),
    }
}

pub(crate) fn take_lock(folder: &Folder) -> Result<File, OpenError> {
    let failed = |doing| move |e| folder.failed("lock", doing, e);
    let flags = OFlags::RDWR | OFlags::CREATE;
    let file = folder.open_beneath("lock", flags, Mode::from_raw_mode(0o600)).map_err(failed("opened"))?;
    // A user who can open it can lock it, and so keep its owner out.
    let stat = rustix::fs::fstat(&file).map_err(failed("examined"))?;
    if stat.st_mode & 0o077 != 0 {
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o600)).map_err(failed("kept from other users"))?;
    }
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file.into()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked { path: folder.path().to_owned() }),
        Err(e) => Err(failed("locked")(e).into()),
    }
}

/// Writes `format.new`, durably.
pub(crate) fn write_new_format(folder: &Folder) -> Result<(), FileError> {
    let written = folder.write(NEW_FORMAT, Layout::format_text().as_bytes());
    written.and_then(|file| file.sync_all()).map_err(|e| folder.failed(NEW_FORMAT, "written", e))
}

/// Renames `format.new` to `format`, if it exists: the store is complete.
pub(crate) fn settle_format(folder: &Folder) -> Result<(), FileError> {
    match folder.rename(NEW_FORMAT, FORMAT) {
        Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(e) => Err(folder.failed(FORMAT, "written", e)),
        Ok(()) => folder.sync("."),
    }
}

/// Opens the database; when the disk is full, with the reserved space.
fn open_db(folder: &Folder) -> Result<Db, DbError> {
    let begun = Instant::now();
    loop {
        match Db::open(folder, DB) {
            Err(DbError::NoSpace { .. }) if folder.exists(BALLAST) && folder.remove_all(BALLAST).is_ok() => {}
            // The kernel releases the locks of a killed process one by one: this process has the store's lock
            // already, while the killed one may hold RocksDB's for a moment.
            Err(DbError::Locked { .. }) if begun.elapsed() < LOCK_PATIENCE => {
                thread::sleep(LOCK_PATIENCE / 500);
            }
            result => return result,
        }
    }
}

/// The database must have the format that the file beside it states. It may lack features that the file names:
/// the file is written first.
fn check_db_format(store: &Path, db: &Db, features: u64) -> Result<(), OpenError> {
    let of_file = |key: &str, value: &[u8]| match key {
        "format" => value == FORMAT_VERSION.to_string().as_bytes(),
        _ => std::str::from_utf8(value)
            .ok()
            .and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok())
            .is_some_and(|found| found & !features == 0),
    };
    for key in ["format", "features"] {
        if let Some(found) = db.meta(key)?
            && !of_file(key, &found)
        {
            let found = format!("{key} {}", String::from_utf8_lossy(&found));
            return Err(OpenError::Mixed { path: store.to_owned(), found });
        }
    }
    Ok(())
}

fn meta_u64(db: &Db, key: &str) -> Result<Option<u64>, DbError> {
    Ok(db.meta(key)?.and_then(|value| value.try_into().ok()).map(u64::from_le_bytes))
}

impl Store {
    /// Reserves some space if there is plenty: the reserve must never be what fills the disk. The next opening
    /// or garbage collection tries again.
    pub(crate) fn keep_ballast(&self) {
        let _ = set_ballast(self.objects.folder());
    }

    /// Releases the reserve when a collection needs more than is free. Returns whether there was one.
    pub(crate) fn give_up_ballast(&self) -> bool {
        let kept = self.kept_back();
        (self.left() < kept || !self.is_granted(kept)) && self.remove_ballast()
    }

    /// Gives that space up. Whether there was any.
    pub(crate) fn remove_ballast(&self) -> bool {
        let folder = self.objects.folder();
        folder.exists(BALLAST) && folder.remove_all(BALLAST).is_ok()
    }
}

/// Reserves some space while the disk has at least eight times as much free.
fn set_ballast(folder: &Folder) -> io::Result<()> {
    let disk = rustix::fs::fstatvfs(folder)?;
    let size = MAX_BALLAST.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 16);
    let stat = rustix::fs::statat(folder, BALLAST, rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
    if stat.is_ok_and(|stat| u64::try_from(stat.st_size) == Ok(size)) {
        return Ok(());
    }
    if disk.f_bavail.saturating_mul(disk.f_frsize) < size.saturating_mul(8) {
        return Ok(());
    }
    let file = folder.write(BALLAST, &[])?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Family, Origin, Outputs, Realisation};
    use crate::model::{Digest, Tree};
    use crate::realised::Origins;

    /// A store as written by a version without features.
    fn old(path: &Path) -> Digest {
        drop(Store::open(path).unwrap());
        let layout = Layout::new(path);
        let outputs = Outputs([("tree".to_owned(), Tree::default().id())].into());
        let of = Digest::of(b"request");
        let mut rows = Rows::default();
        rows.put_meta("features", b"0x0".to_vec());
        rows.put_raw(Family::Realisation, of.as_bytes(), outputs.encode());
        Db::open(&Folder::open(path).unwrap(), DB).unwrap().write(rows, Durability::Synced).unwrap();
        fs::write(layout.format(), "stele-store 1\nfeatures 0x0\n").unwrap();
        of
    }

    fn format_of(path: &Path) -> u64 {
        Layout::check_format(&Folder::open(path).unwrap()).unwrap()
    }

    #[test]
    fn nothing_in_a_store_from_before_origins_counts_as_made_here() {
        let dir = tempfile::tempdir().unwrap();
        let of = old(dir.path());
        let read_only = Store::open_read_only(dir.path()).unwrap();
        assert!(read_only.realisation(&of, Origins::Any).unwrap().is_some());
        assert_eq!(format_of(dir.path()), 0, "opening it read-only changes nothing");
        drop(read_only);
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(format_of(dir.path()), KNOWN_FEATURES);
        assert_eq!(store.realisation(&of, Origins::Own).unwrap(), None);
        let any: Realisation = store.realisation(&of, Origins::Any).unwrap().unwrap();
        assert_eq!(any.origin, Origin::Unknown);
    }

    #[test]
    fn a_database_may_lack_features_of_its_format_file_and_have_no_others() {
        let dir = tempfile::tempdir().unwrap();
        old(dir.path());
        let layout = Layout::new(dir.path());
        // As after a crash between the two writes.
        fs::write(layout.format(), Layout::format_text()).unwrap();
        drop(Store::open(dir.path()).unwrap());
        fs::write(layout.format(), "stele-store 1\nfeatures 0x0\n").unwrap();
        for opened in [Store::open(dir.path()), Store::open_read_only(dir.path())] {
            assert!(matches!(opened, Err(OpenError::Mixed { .. })));
        }
    }
}
