//! A file that is written under a temporary name, and renamed when it is complete and durable.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rustix::fs::{CWD, Mode, OFlags};

use super::ExportError;

/// The number of bytes gathered before a writing thread starts, and the size of its writes.
const STEP: usize = 1 << 20;
/// The number of steps that wait to be written.
const WAITING: usize = 4;

/// The file. Removed when it is dropped before the rename.
pub(super) struct Beside {
    path: PathBuf,
    place: PathBuf,
    /// Bytes that are not written yet.
    step: Vec<u8>,
    way: Way,
    done: bool,
}

/// How bytes get to the disk: small files directly, large ones by a thread, while the next bytes are read and hashed.
enum Way {
    Here(File),
    Thread(Writer),
    /// Failed or done.
    Gone,
}

struct Writer {
    steps: SyncSender<Vec<u8>>,
    /// Written buffers, for reuse.
    empty: Receiver<Vec<u8>>,
    thread: JoinHandle<io::Result<File>>,
}

impl Writer {
    fn begin(mut file: File) -> Self {
        let (steps, filled) = sync_channel::<Vec<u8>>(WAITING);
        let (back, empty) = sync_channel(WAITING + 1);
        let thread = std::thread::spawn(move || {
            for mut step in filled {
                file.write_all(&step)?;
                step.clear();
                // The receiver may be gone.
                let _ = back.try_send(step);
            }
            Ok(file)
        });
        Self { steps, empty, thread }
    }

    /// Waits until everything is written.
    fn end(self) -> io::Result<File> {
        drop(self.steps);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the writing thread failed")))
    }
}

impl Beside {
    /// Begins a file for `place`, of mode 0644 less `umask`.
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
                    let (place, way) = (place.to_owned(), Way::Here(file.into()));
                    return Ok(Self { path, place, step: Vec::new(), way, done: false });
                }
                Err(rustix::io::Errno::EXIST) => {}
                Err(e) => return Err(ExportError::file(&path, "made", e)),
            }
        }
    }

    /// Writes more. An error may concern earlier bytes.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(STEP - self.step.len()));
            self.step.extend_from_slice(now);
            bytes = later;
            if self.step.len() == STEP {
                self.pass_on()?;
            }
        }
        Ok(())
    }

    /// Passes a full step to the thread.
    fn pass_on(&mut self) -> io::Result<()> {
        let writer = match std::mem::replace(&mut self.way, Way::Gone) {
            Way::Here(file) => Writer::begin(file),
            Way::Thread(writer) => writer,
            Way::Gone => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        let next = writer.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(STEP));
        let step = std::mem::replace(&mut self.step, next);
        if writer.steps.send(step).is_err() {
            // The thread ended early: it failed.
            return writer.end().and(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.way = Way::Thread(writer);
        Ok(())
    }

    /// Renames it to its place, where it is then complete even after a power failure. The caller syncs the folder.
    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        let written = match std::mem::replace(&mut self.way, Way::Gone) {
            Way::Here(file) => Ok(file),
            Way::Thread(writer) => writer.end(),
            Way::Gone => Err(io::ErrorKind::BrokenPipe.into()),
        };
        let written = written.and_then(|mut file| file.write_all(&self.step).map(|()| file));
        let file = written.map_err(|e| ExportError::file(&self.place, "written", e))?;
        file.sync_data().map_err(|e| ExportError::file(&self.path, "synced", e))?;
        fs::rename(&self.path, &self.place).map_err(|e| ExportError::file(&self.place, "renamed", e))?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Way::Thread(writer) = std::mem::replace(&mut self.way, Way::Gone) {
            let _ = writer.end();
        }
        if !self.done {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes renames into `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), ExportError> {
    File::open(folder).and_then(|it| it.sync_all()).map_err(|e| ExportError::file(folder, "synced", e))
}
