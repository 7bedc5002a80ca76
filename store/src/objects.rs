//! Payloads in plain files: written under `tmp/`, renamed to their digest, then immutable.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, statat, unlinkat};
use rustix::io::Errno;

use crate::crash::{self, CrashPoint};
use crate::db::{BlobRow, DESCRIPTORS};
use crate::folder::Folder;
use crate::layout::Layout;
use crate::model::{BlobId, Digest};

/// From this many new files on, one `syncfs` costs less than an `fsync` for each file and folder.
const SYNCFS_FROM: usize = 9;

/// Files between these sizes, in bytes, are written back from when they are closed: larger ones are written
/// back while they grow.
const WRITEBACK_FROM: u64 = 256 << 10;
const MAX_WRITEBACK: u64 = 16 << 20;

const NO_FOLLOW: AtFlags = AtFlags::SYMLINK_NOFOLLOW;

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
        crate::room::is_no_space(&self.source)
    }
}

/// The object files of one store.
pub(crate) struct Objects {
    layout: Layout,
    /// The store's folder. Files are looked up from here and not by the folder's path: moving an open folder
    /// must not look like the loss of its payloads.
    folder: Arc<Folder>,
    /// The paths below `folder`.
    within: Layout,
    next_temp: AtomicU64,
    lost_writes: AtomicBool,
}

/// A file under `tmp/`. It is removed when dropped, unless it was published.
pub(crate) struct Temp {
    /// The path, for messages.
    path: PathBuf,
    /// The store's folder, and the path below it. None once it is published.
    place: Option<(Arc<Folder>, PathBuf)>,
    file: Option<File>,
}

/// A table of the database under `tmp/`. It is removed when dropped, unless the database has taken it over.
pub(crate) struct Table {
    path: PathBuf,
    folder: Arc<Folder>,
    within: PathBuf,
}

impl Table {
    /// Its path, for RocksDB.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let _ = unlinkat(&*self.folder, &self.within, AtFlags::empty());
    }
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

    /// Gives the file its final length, also when it ends in a hole.
    pub(crate) fn set_length(&mut self, length: u64) -> Result<(), FileError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.set_len(length).map_err(|e| FileError::new(&self.path, "written", e))
    }

    /// Asks the kernel to begin writing back that range, so that the later sync waits less.
    pub(crate) fn start_writeback(&self, from: u64, length: u64) {
        if let Some(file) = &self.file {
            // Only a hint: the sync that counts comes later.
            let _ = sync_file_range(file, from, length);
        }
    }

    /// Closes the file, which has these `length` bytes; the name stays.
    pub(crate) fn close(&mut self, length: u64) {
        // The disk may as well begin while the next file is read. For small files the call costs more than it
        // saves.
        if (WRITEBACK_FROM..MAX_WRITEBACK).contains(&length) {
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
        if let Some((folder, within)) = self.place.take() {
            let _ = unlinkat(&*folder, within, AtFlags::empty());
        }
    }
}

impl Objects {
    pub(crate) fn open(layout: &Layout, folder: Folder) -> Self {
        Self {
            layout: layout.clone(),
            folder: Arc::new(folder),
            within: Layout::new(""),
            next_temp: AtomicU64::new(0),
            lost_writes: AtomicBool::new(false),
        }
    }

    /// The store's folder.
    pub(crate) fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Creates the folders of a new store.
    pub(crate) fn create_folders(folder: &Folder) -> Result<(), FileError> {
        for name in ["objects", "tmp", "quarantine"] {
            folder.make(name, 0o777)?;
        }
        (0..=255).try_for_each(|byte| folder.make(&format!("objects/{byte:02x}"), 0o777))
    }

    /// Removes the remains of a crash under `tmp/`. Names of another form than ours are not touched.
    pub(crate) fn empty_tmp(&self) -> Result<(), FileError> {
        let within = self.within.tmp();
        for (name, _) in self.folder.names(&within).map_err(|e| self.folder.failed(&within, "read", e))? {
            if name.as_bytes().iter().all(u8::is_ascii_digit) {
                let file = within.join(name);
                self.folder.remove_all(&file).map_err(|e| self.folder.failed(&file, "removed", e))?;
            }
        }
        Ok(())
    }

    /// An unused name under `tmp/`.
    fn temp_name(&self) -> PathBuf {
        self.within.tmp().join(self.next_temp.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// A new, empty file under `tmp/`, with mode 0444.
    pub(crate) fn temp(&self) -> Result<Temp, FileError> {
        let within = self.temp_name();
        let path = self.layout.root().join(&within);
        let file = self.create(&within, 0o444).map_err(|e| self.folder.failed(&within, "made", e))?;
        crash::point(CrashPoint::ImportTempCreated);
        Ok(Temp { path, place: Some((Arc::clone(&self.folder), within)), file: Some(file) })
    }

    /// A name under `tmp/` for a table of the database.
    pub(crate) fn table(&self) -> Table {
        let within = self.temp_name();
        // RocksDB names files by their paths: through the descriptor, as the files of the database itself.
        let through = format!("{DESCRIPTORS}{}", self.folder.as_fd().as_raw_fd());
        let root = Path::new(&through);
        let root = if root.exists() { root } else { self.layout.root() };
        Table { path: root.join(&within), folder: Arc::clone(&self.folder), within }
    }

    /// A new file under `tmp/` that has lost its name already.
    pub(crate) fn scratch_file(&self) -> Result<(File, Arc<Folder>), FileError> {
        let within = self.temp_name();
        let file = self
            .folder
            .create_readable(&within)
            .and_then(|file| unlinkat(&*self.folder, &within, AtFlags::empty()).map(|()| file))
            .map_err(|e| self.folder.failed(&within, "made", e))?;
        Ok((file, Arc::clone(&self.folder)))
    }

    /// A new folder under `tmp/`, by its path below the store's folder.
    pub(crate) fn scratch_folder(&self) -> Result<(PathBuf, Arc<Folder>), FileError> {
        let within = self.temp_name();
        rustix::fs::mkdirat(&*self.folder, &within, Mode::from_raw_mode(0o700))
            .map_err(|e| self.folder.failed(&within, "made", e))?;
        Ok((within, Arc::clone(&self.folder)))
    }

    fn create(&self, within: &Path, mode: u32) -> rustix::io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        Ok(File::from(self.folder.open_beneath(within, flags, Mode::from_raw_mode(mode))?))
    }

    /// Makes a file or a folder of the store durable.
    fn sync(&self, within: &Path) -> Result<(), FileError> {
        self.folder.sync(within)
    }

    /// Replaces a file in the store's folder atomically: a reader sees the old or the new text. Not synced.
    pub(crate) fn replace(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let new = format!("{name}.new");
        self.folder.write(&new, text)?;
        Ok(self.folder.rename(new, name)?)
    }

    /// Renames each file to its digest and makes all of them durable together. When this returns, rows may name
    /// them. On an error some may be renamed; no row names them, and the next writer replaces them.
    pub(crate) fn publish(&self, files: &mut [(BlobId, BlobRow, Temp)]) -> Result<(), FileError> {
        if self.lost_writes.load(Ordering::SeqCst) {
            let error = io::Error::other("the disk lost writes before; the store has to be opened again");
            return Err(FileError::new(self.layout.root(), "synced", error));
        }
        let few = files.len() < SYNCFS_FROM;
        for (blob, _, temp) in files.iter_mut() {
            let Some((_, from)) = &temp.place else { continue };
            if few {
                self.sync(from)?;
            }
            self.folder
                .rename(from, self.within.object(blob))
                .map_err(|e| FileError::new(self.layout.object(blob), "renamed", e))?;
            temp.place = None;
            crash::point(CrashPoint::CommitRenamed);
        }
        if few {
            for (blob, ..) in files.iter() {
                self.sync(&self.within.object_dir(blob.0.as_bytes()[0]))?;
            }
        } else {
            // Renaming before the sync is safe here, and saves a second one: until a row names it, a file under
            // objects/ does not exist for the store, whatever it holds after a power cut.
            rustix::fs::syncfs(&*self.folder).map_err(|e| {
                // The kernel reports a lost write once, without saying whose: no session may acknowledge
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

    /// Opens a payload for reading. Anything but a regular file counts as missing.
    pub(crate) fn open_object(&self, blob: &BlobId) -> Result<File, FileError> {
        let failed = |doing, source: io::Error| FileError::new(self.layout.object(blob), doing, source);
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let opened = match self.folder.open_beneath(self.within.object(blob), flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::LOOP) => return Err(failed("opened", io::ErrorKind::NotFound.into())),
            Err(e) => return Err(failed("opened", e.into())),
        };
        match opened.metadata() {
            Ok(meta) if meta.is_file() => Ok(opened),
            Ok(_) => Err(failed("opened", io::ErrorKind::NotFound.into())),
            Err(e) => Err(failed("examined", e)),
        }
    }

    /// The payload's length in bytes, or `None` when the file is missing.
    pub(crate) fn length(&self, blob: &BlobId) -> Result<Option<u64>, FileError> {
        match statat(&*self.folder, self.within.object(blob), NO_FOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_file() => {
                Ok(Some(u64::try_from(stat.st_size).unwrap_or(0)))
            }
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(FileError::new(self.layout.object(blob), "examined", e)),
        }
    }

    /// Removes a payload whose row is gone. A missing file is not an error.
    pub(crate) fn remove(&self, blob: &BlobId) -> Result<(), FileError> {
        match unlinkat(&*self.folder, self.within.object(blob), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(FileError::new(self.layout.object(blob), "removed", e)),
        }
    }

    /// A free name under `quarantine/` for something corrupt.
    fn quarantine_name(&self, digest: &Digest) -> String {
        let is_free =
            |name: &String| statat(&*self.folder, self.within.quarantine().join(name), NO_FOLLOW).is_err();
        let names = (0..).map(|n| if n == 0 { digest.to_string() } else { format!("{digest}.{n}") });
        names.into_iter().find(is_free).unwrap_or_default()
    }

    /// Moves a corrupt payload into quarantine. Returns its new path, or `None` when there was no file.
    pub(crate) fn quarantine(&self, blob: &BlobId) -> Result<Option<PathBuf>, FileError> {
        let name = self.quarantine_name(&blob.0);
        let to = self.within.quarantine().join(&name);
        match self.folder.rename(self.within.object(blob), to) {
            Ok(()) => Ok(Some(self.layout.quarantine().join(name))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(FileError::new(self.layout.object(blob), "moved to quarantine", e)),
        }
    }

    /// Moves anything but a file from a payload's path into quarantine, so that the payload can be stored
    /// again. Returns its new path, or `None` when the path was free.
    pub(crate) fn clear_place(&self, blob: &BlobId) -> Result<Option<PathBuf>, FileError> {
        match statat(&*self.folder, self.within.object(blob), NO_FOLLOW) {
            Ok(stat) if !FileType::from_raw_mode(stat.st_mode).is_file() => self.quarantine(blob),
            _ => Ok(None),
        }
    }

    /// Writes corrupt bytes from the database into quarantine. Returns their path.
    pub(crate) fn quarantine_bytes(&self, digest: &Digest, bytes: &[u8]) -> Result<PathBuf, FileError> {
        let name = self.quarantine_name(digest);
        let path = self.layout.quarantine().join(&name);
        self.create(&self.within.quarantine().join(name), 0o644)
            .map_err(io::Error::from)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|e| FileError::new(&path, "written", e))?;
        Ok(path)
    }

    /// The files of one folder under `objects/`: those named by a digest, and the paths of the others.
    pub(crate) fn list(&self, byte: u8) -> Result<(Vec<BlobId>, Vec<PathBuf>), FileError> {
        let path = self.layout.object_dir(byte);
        let (mut blobs, mut others) = (Vec::new(), Vec::new());
        let names = match self.folder.names(self.within.object_dir(byte)) {
            Err(Errno::NOENT) => return Ok((blobs, others)),
            names => names.map_err(|e| FileError::new(&path, "read", e))?,
        };
        for (name, _) in names {
            let blob = name.to_str().and_then(|name| name.parse::<BlobId>().ok());
            match blob {
                Some(blob) if blob.0.as_bytes()[0] == byte => blobs.push(blob),
                _ => others.push(path.join(name)),
            }
        }
        Ok((blobs, others))
    }
}

/// Makes a file or a folder durable.
pub(crate) fn sync_path(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| FileError::new(path, "synced", e))
}
