//! A download on disk: locked, hashed while it grows, and resumable.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::Digest as _;
use stele_store::model::Sha256;

use super::failure::PartError;
use crate::source::Sha512;

/// The size of reads and writes.
pub(super) const CHUNK: usize = 128 << 10;
/// The interval, in bytes, for checking whether the disk has room for more.
const ROOM_EVERY: u64 = 4 << 20;

/// `<sha256>.part`. Its owner holds the lock.
pub(super) struct Part {
    folder: PathBuf,
    pin: Sha256,
    path: PathBuf,
    file: File,
    length: u64,
    /// Of the whole file. Pins are SHA-256, some recipes also state a SHA-512; one pass computes both.
    sha256: sha2::Sha256,
    sha512: sha2::Sha512,
    /// Whether the file has bytes of two answers, possibly of two versions.
    joined: bool,
}

/// Creates a private folder, unless it exists.
pub(super) fn make_folder(path: &Path) -> Result<(), PartError> {
    match fs::DirBuilder::new().mode(0o700).recursive(true).create(path) {
        Ok(()) => Ok(()),
        Err(e) => Err(PartError::new(path, "made", e)),
    }
}

/// Opens a file, creating it if necessary, and locks it. `waits` is called when another process holds the lock.
pub(super) fn lock(path: &Path, waits: impl FnOnce()) -> Result<File, PartError> {
    let mut waits = Some(waits);
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).map_err(|e| PartError::new(path, "opened", e))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            waits.take().into_iter().for_each(|waits| waits());
            flock(&file, FlockOperation::LockExclusive).map_err(|e| PartError::new(path, "locked", e))?;
        }
        // The previous holder may have removed or renamed it: then no other process finds the file.
        let (mine, there) = (file.metadata(), fs::metadata(path));
        if let (Ok(mine), Ok(there)) = (mine, there)
            && (mine.dev(), mine.ino()) == (there.dev(), there.ino())
        {
            return Ok(file);
        }
    }
}

/// The path of a source's download.
pub(super) fn path(folder: &Path, pin: &Sha256) -> PathBuf {
    folder.join(format!("{pin}.part"))
}

/// Removes a download of a source that is already kept: the process that fetched it was killed before it could.
pub(super) fn remove_leftover(folder: &Path, pin: &Sha256) {
    let path = path(folder, pin);
    if path.exists()
        && let Ok(_lock) = lock(&path, || ())
    {
        // It only costs space, so an error is ignored.
        let _ = fs::remove_file(&path);
    }
}

impl Part {
    /// Locks the download, and hashes what an earlier run left. `waits` is called when another process has it.
    pub(super) fn open(folder: &Path, pin: Sha256, waits: impl FnOnce()) -> Result<Self, PartError> {
        let path = path(folder, &pin);
        let file = lock(&path, waits)?;
        let mut part = Self {
            folder: folder.to_owned(),
            pin,
            path,
            file,
            length: 0,
            sha256: sha2::Sha256::new(),
            sha512: sha2::Sha512::new(),
            joined: false,
        };
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = match part.file.read(&mut buffer) {
                Ok(0) => return Ok(part),
                Ok(count) => count,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(PartError::new(&part.path, "read", e)),
            };
            part.count(&buffer[..count]);
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.sha512.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The number of bytes so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether it has bytes of two answers.
    pub(super) fn is_joined(&self) -> bool {
        self.joined
    }

    /// More bytes will come from another answer.
    pub(super) fn join(&mut self) {
        self.joined |= self.length > 0;
    }

    /// Fails while the disk is nearly full: a download must not use the space that the store's garbage collection
    /// needs.
    pub(super) fn require_room(&self) -> Result<(), PartError> {
        stele_store::require_room(&self.folder).map_err(|none| {
            PartError::new(&self.path, "written", std::io::Error::new(std::io::ErrorKind::StorageFull, none))
        })
    }

    /// Appends.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), PartError> {
        if self.length / ROOM_EVERY != (self.length + bytes.len() as u64) / ROOM_EVERY || self.length == 0 {
            self.require_room()?;
        }
        self.file.write_all(bytes).map_err(|e| PartError::new(&self.path, "written", e))?;
        self.count(bytes);
        Ok(())
    }

    /// Starts again.
    pub(super) fn restart(&mut self) -> Result<(), PartError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|e| PartError::new(&self.path, "emptied", e))?;
        (self.length, self.joined) = (0, false);
        (self.sha256, self.sha512) = (sha2::Sha256::new(), sha2::Sha512::new());
        Ok(())
    }

    /// The SHA-256 so far.
    pub(super) fn sha256(&self) -> Sha256 {
        Sha256::from_bytes(self.sha256.clone().finalize().into())
    }

    /// The SHA-512 so far.
    pub(super) fn sha512(&self) -> Sha512 {
        Sha512(self.sha512.clone().finalize().into())
    }

    /// Renames wrong bytes for inspection, and starts again. Returns their new path.
    pub(super) fn put_aside(&mut self) -> Result<PathBuf, PartError> {
        let aside = self.folder.join(format!("{}.wrong-{}", self.pin, self.sha256()));
        fs::rename(&self.path, &aside).map_err(|e| PartError::new(&self.path, "renamed", e))?;
        let folder = self.folder.clone();
        *self = Self::open(&folder, self.pin, || ())?;
        // Another process may have begun in between: its beginning is as good as any other.
        Ok(aside)
    }

    /// It is stored elsewhere now.
    pub(super) fn remove(self) -> Result<(), PartError> {
        fs::remove_file(&self.path).map_err(|e| PartError::new(&self.path, "removed", e))
    }
}
