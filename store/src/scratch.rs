//! Scratch space: temporary bytes on the store's own disk, under its rules for free space.
//!
//! A file has no name, and is freed with its last descriptor; a folder is removed when it is dropped, or when
//! the store is next opened.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::folder::Folder;
use crate::objects::FileError;
use crate::room::{RoomMeter, require_room_in};
use crate::session::WriteError;
use crate::store::Store;

/// A file without a name. It can be read, written and sought in; writing fails with
/// [`io::ErrorKind::StorageFull`] before the disk has less free space than garbage collections need.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    folder: Arc<Folder>,
    room: RoomMeter,
}

/// A temporary folder.
#[derive(Debug)]
pub struct ScratchFolder {
    folder: Arc<Folder>,
    within: PathBuf,
    path: PathBuf,
}

impl Store {
    /// A new scratch file.
    ///
    /// # Errors
    /// When the store is open read-only, or there is no room.
    pub fn scratch(&self) -> Result<Scratch, WriteError> {
        self.require_writable()?;
        let (file, folder) = self.objects.scratch_file()?;
        Ok(Scratch { file, folder, room: RoomMeter::default() })
    }

    /// A new scratch folder. Writes by its path are not checked for free space; [`ScratchFolder::file`] checks.
    ///
    /// # Errors
    /// When the store is open read-only, or there is no room.
    pub fn scratch_folder(&self) -> Result<ScratchFolder, WriteError> {
        self.require_writable()?;
        let (within, folder) = self.objects.scratch_folder()?;
        let path = self.path().join(&within);
        Ok(ScratchFolder { folder, within, path })
    }

    fn require_writable(&self) -> Result<(), WriteError> {
        if self.is_read_only() {
            return Err(WriteError::ReadOnly);
        }
        self.require_room()
    }
}

impl Scratch {
    /// The file itself, for code that only reads.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Returns the file, for reading.
    pub fn into_file(self) -> File {
        self.file
    }
}

impl ScratchFolder {
    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a file in it.
    ///
    /// # Errors
    /// When the name exists or is invalid.
    pub fn file(&self, name: &str) -> Result<Scratch, FileError> {
        let path = Path::new(name);
        let failed = |e: io::Error| FileError::new(self.path.join(path), "made", e);
        if path.components().count() != 1 || path.file_name().is_none_or(|it| it != path) {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        }
        let file = self.folder.create_readable(&self.within.join(path)).map_err(|e| failed(e.into()))?;
        Ok(Scratch { file, folder: Arc::clone(&self.folder), room: RoomMeter::default() })
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // What stays is removed when the store is next opened.
        let _ = self.folder.remove_all(&self.within);
    }
}

impl Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room.before_write(|| require_room_in(&self.folder))?;
        let written = self.file.write(bytes)?;
        self.room.wrote(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Read for Scratch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for Scratch {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
