//! A file that is written beside its place, and takes it when it is whole and durable.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, Mode, OFlags};

use super::ExportError;

/// The file. Removed when it is dropped before it has its place.
pub(super) struct Beside {
    file: File,
    path: PathBuf,
    place: PathBuf,
    done: bool,
}

impl Beside {
    /// Begins one for `place`, of mode 0644 less `umask`.
    pub(super) fn new(place: &Path, umask: u32) -> Result<Self, ExportError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let mut name = OsString::from(".");
            name.push(place.file_name().unwrap_or_default());
            name.push(format!(".stele-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
            let path = place.with_file_name(name);
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            match rustix::fs::openat(CWD, &path, flags, Mode::from_raw_mode(0o644 & !umask)) {
                Ok(file) => {
                    return Ok(Self { file: file.into(), path, place: place.to_owned(), done: false });
                }
                Err(rustix::io::Errno::EXIST) => {}
                Err(e) => return Err(ExportError::file(&path, "made", e)),
            }
        }
    }

    /// Writes more.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives it its place: after that it is there whole, also after a power cut. The folder is the caller's to sync.
    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.file.sync_data().map_err(|e| ExportError::file(&self.path, "synced", e))?;
        fs::rename(&self.path, &self.place).map_err(|e| ExportError::file(&self.place, "renamed", e))?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes what was renamed into `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), ExportError> {
    File::open(folder).and_then(|it| it.sync_all()).map_err(|e| ExportError::file(folder, "synced", e))
}
