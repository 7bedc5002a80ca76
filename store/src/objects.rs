//! Payloads in plain files: written under `tmp/`, renamed to their digest, never changed again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{CWD, Mode, OFlags};

use crate::crash::{self, CrashPoint};
use crate::db::BlobRow;
use crate::layout::Layout;
use crate::model::{BlobId, Digest};

/// From this many new files on, one `syncfs` costs less than an `fsync` for each file and folder.
const SYNCFS_FROM: usize = 9;

/// From this size on, in bytes, and below the other, the write-back of a file begins when it is closed:
/// larger ones are written back while they grow.
const WRITEBACK_FROM: u64 = 256 << 10;
const WRITEBACK_MOST: u64 = 16 << 20;

/// A failed operation on a file of the store.
#[derive(Debug, thiserror::Error)]
#[error("{path} could not be {doing}: {source}")]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What was attempted: "written", "synced", …
    pub doing: &'static str,
    /// Why it failed.
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn new(path: impl Into<PathBuf>, doing: &'static str, source: impl Into<io::Error>) -> Self {
        Self { path: path.into(), doing, source: source.into() }
    }

    /// Whether the disk, or the quota, is full.
    pub fn is_no_space(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// The object files of one store.
pub(crate) struct Objects {
    layout: Layout,
    /// Some descriptor on the store's file system, for `syncfs`.
    folder: OwnedFd,
    next_temp: AtomicU64,
    lost_writes: AtomicBool,
}

/// A file under `tmp/`. It is removed when dropped, unless it was published.
pub(crate) struct Temp {
    path: PathBuf,
    file: Option<File>,
}

impl Temp {
    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|e| FileError::new(&self.path, "written", e))
    }

    /// Leaves a hole of `length` bytes.
    pub(crate) fn skip(&mut self, length: u64) -> Result<(), FileError> {
        use std::io::Seek;
        let Some(file) = &mut self.file else { return Ok(()) };
        let step = i64::try_from(length).unwrap_or(i64::MAX);
        file.seek_relative(step).map_err(|e| FileError::new(&self.path, "written", e))
    }

    /// Gives the file its whole length, also when it ends in a hole.
    pub(crate) fn set_length(&mut self, length: u64) -> Result<(), FileError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.set_len(length).map_err(|e| FileError::new(&self.path, "written", e))
    }

    /// Asks the kernel to begin writing back what lies in that range, so that the later sync waits less.
    pub(crate) fn start_writeback(&self, from: u64, length: u64) {
        if let Some(file) = &self.file {
            // Only a hint: the sync that counts comes later.
            let _ = sync_file_range(file, from, length);
        }
    }

    /// Nothing more will be written to these `length` bytes. The descriptor goes, the name stays.
    pub(crate) fn close(&mut self, length: u64) {
        // The disk may as well begin while the next file is read. For small files the call costs more than it
        // gains.
        if (WRITEBACK_FROM..WRITEBACK_MOST).contains(&length) {
            self.start_writeback(0, length);
        }
        crash::point(CrashPoint::ImportTempWritten);
        self.file = None;
    }
}

/// Neither std nor rustix offers sync_file_range; fadvise DONTNEED on Linux starts the write-back of dirty
/// pages in the range, and cannot drop them before they are written.
fn sync_file_range(file: &File, from: u64, length: u64) -> rustix::io::Result<()> {
    rustix::fs::fadvise(file, from, std::num::NonZeroU64::new(length), rustix::fs::Advice::DontNeed)
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Objects {
    pub(crate) fn open(layout: &Layout) -> Result<Self, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(CWD, layout.root(), flags, Mode::empty())
            .map_err(|e| FileError::new(layout.root(), "opened", e))?;
        Ok(Self {
            layout: layout.clone(),
            folder,
            next_temp: AtomicU64::new(0),
            lost_writes: AtomicBool::new(false),
        })
    }

    /// Makes the folders of a store that has none yet.
    pub(crate) fn create_folders(layout: &Layout) -> Result<(), FileError> {
        let mkdir = |path: PathBuf| match fs::create_dir(&path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(FileError::new(path, "made", e)),
            _ => Ok(()),
        };
        for path in [layout.objects(), layout.tmp(), layout.quarantine()] {
            mkdir(path)?;
        }
        (0..=255).try_for_each(|byte| mkdir(layout.object_dir(byte)))
    }

    /// Removes what a crash left under `tmp/`.
    pub(crate) fn empty_tmp(&self) -> Result<(), FileError> {
        let path = self.layout.tmp();
        let entries = fs::read_dir(&path).map_err(|e| FileError::new(&path, "read", e))?;
        for entry in entries {
            let entry = entry.map_err(|e| FileError::new(&path, "read", e))?;
            fs::remove_file(entry.path()).map_err(|e| FileError::new(entry.path(), "removed", e))?;
        }
        Ok(())
    }

    /// A new, empty file under `tmp/`, to be 0444.
    pub(crate) fn temp(&self) -> Result<Temp, FileError> {
        let path = self.layout.tmp().join(self.next_temp.fetch_add(1, Ordering::Relaxed).to_string());
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o444)
            .open(&path)
            .map_err(|e| FileError::new(&path, "made", e))?;
        crash::point(CrashPoint::ImportTempCreated);
        Ok(Temp { path, file: Some(file) })
    }

    /// Gives each file its digest's name and makes all of them durable, in one go. When this returns, rows
    /// may name them. On an error some may have their names; no row says so, and the next writer replaces
    /// them.
    pub(crate) fn publish(&self, files: &mut [(BlobId, BlobRow, Temp)]) -> Result<(), FileError> {
        if self.lost_writes.load(Ordering::SeqCst) {
            let error = io::Error::other("the disk lost writes before; the store has to be opened again");
            return Err(FileError::new(self.layout.root(), "synced", error));
        }
        let few = files.len() < SYNCFS_FROM;
        for (blob, _, temp) in files.iter_mut() {
            if few {
                sync_path(&temp.path)?;
            }
            let path = self.layout.object(blob);
            fs::rename(&temp.path, &path).map_err(|e| FileError::new(&path, "renamed", e))?;
            temp.path = PathBuf::new();
            crash::point(CrashPoint::CommitRenamed);
        }
        if few {
            for (blob, ..) in files.iter() {
                sync_path(&self.layout.object_dir(blob.0.as_bytes()[0]))?;
            }
        } else {
            // Renaming before the sync is safe here, and saves a second one: until a row names it, a file
            // under objects/ does not exist, whatever it holds after a power cut.
            rustix::fs::syncfs(&self.folder).map_err(|e| {
                // The kernel tells of a lost write once: whose it was is not known, so nobody is told of
                // success.
                self.lost_writes.store(true, Ordering::SeqCst);
                FileError::new(self.layout.root(), "synced", e)
            })?;
        }
        crash::point(CrashPoint::CommitSynced);
        Ok(())
    }

    /// Where a payload lies.
    pub(crate) fn path(&self, blob: &BlobId) -> PathBuf {
        self.layout.object(blob)
    }

    /// Opens a payload for reading. What is no regular file is none: it counts as not there.
    pub(crate) fn open_object(&self, blob: &BlobId) -> Result<File, FileError> {
        let path = self.layout.object(blob);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match rustix::fs::openat(CWD, &path, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::LOOP) => {
                return Err(FileError::new(path, "opened", io::ErrorKind::NotFound));
            }
            Err(e) => return Err(FileError::new(path, "opened", e)),
        };
        match opened.metadata() {
            Ok(meta) if meta.is_file() => Ok(opened),
            Ok(_) => Err(FileError::new(path, "opened", io::ErrorKind::NotFound)),
            Err(e) => Err(FileError::new(path, "looked at", e)),
        }
    }

    /// The payload's length in bytes, or `None` when there is no such file.
    pub(crate) fn length(&self, blob: &BlobId) -> Result<Option<u64>, FileError> {
        let path = self.layout.object(blob);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() => Ok(Some(meta.len())),
            Ok(_) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(FileError::new(path, "looked at", e)),
        }
    }

    /// Removes a payload whose row is gone. That it is not there is no error.
    pub(crate) fn remove(&self, blob: &BlobId) -> Result<(), FileError> {
        let path = self.layout.object(blob);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FileError::new(path, "removed", e)),
            _ => Ok(()),
        }
    }

    /// Where something corrupt may be put: under `quarantine/`, a name that is free.
    pub(crate) fn quarantine_path(&self, digest: &Digest) -> PathBuf {
        let base = self.layout.quarantine();
        (0..)
            .map(|n| base.join(if n == 0 { digest.to_string() } else { format!("{digest}.{n}") }))
            .find(|path| fs::symlink_metadata(path).is_err())
            .unwrap_or(base)
    }

    /// Moves a corrupt payload into quarantine. Where it went, or `None` when there was no file.
    pub(crate) fn quarantine(&self, blob: &BlobId) -> Result<Option<PathBuf>, FileError> {
        let to = self.quarantine_path(&blob.0);
        let from = self.layout.object(blob);
        match fs::rename(&from, &to) {
            Ok(()) => Ok(Some(to)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(FileError::new(from, "moved to quarantine", e)),
        }
    }

    /// The files of one folder under `objects/`: those named by a digest, and the paths of all others.
    pub(crate) fn list(&self, byte: u8) -> Result<(Vec<BlobId>, Vec<PathBuf>), FileError> {
        let path = self.layout.object_dir(byte);
        let (mut blobs, mut others) = (Vec::new(), Vec::new());
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((blobs, others)),
            Err(e) => return Err(FileError::new(path, "read", e)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| FileError::new(&path, "read", e))?;
            let blob = entry.file_name().to_str().and_then(|name| name.parse::<BlobId>().ok());
            match blob {
                Some(blob) if blob.0.as_bytes()[0] == byte => blobs.push(blob),
                _ => others.push(entry.path()),
            }
        }
        Ok((blobs, others))
    }
}

/// Makes a file or a folder durable.
pub(crate) fn sync_path(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| FileError::new(path, "synced", e))
}
