//! Copies content out of the store: a tree to a new folder, a blob to a new file.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags};

use crate::db::Target;
use crate::model::{MAX_DEPTH, Node, Tree, TreeId};
use crate::objects::{FileError, sync_path};
use crate::progress::{Cancelled, Progress};
use crate::store::{BlobReader, CopyError, ReadError, Store};

/// A block of zeros at least this long becomes a hole.
const HOLE: usize = 64 << 10;

/// Why an export failed. Everything that it wrote is removed again.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The destination exists.
    #[error("{path} already exists")]
    Exists {
        /// The destination.
        path: PathBuf,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The destination could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The tree is nested deeper than [`MAX_DEPTH`].
    #[error("the tree is nested deeper than {MAX_DEPTH} directories")]
    Deep,
    /// The observer cancelled it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Up to so many files and folders are synced one by one; for more, one `syncfs` costs less.
const MAX_SYNCED: usize = 8;

struct Export<'a> {
    store: &'a Store,
    progress: &'a Progress,
    umask: u32,
    written: RefCell<Written>,
}

/// What was written and is not yet durable.
#[derive(Default)]
struct Written {
    /// The first few files and folders.
    first: Vec<OwnedFd>,
    /// Whether there are more.
    more: bool,
}

impl Store {
    /// Writes `target` durably to `to`, which must not exist, or be an empty folder. Every byte is checked against
    /// its digest on the way. Files are 0644 or 0755 and directories 0755, less `umask`.
    ///
    /// # Errors
    /// See [`ExportError`]. Nothing is left at `to` then, unless it was an empty folder.
    pub fn export(
        &self,
        target: Target,
        to: &Path,
        umask: u32,
        progress: &Progress,
    ) -> Result<(), ExportError> {
        let export = Export { store: self, progress, umask, written: RefCell::default() };
        export.all(target, to)
    }
}

/// Output under construction beside its destination, renamed at the end, so that a crash never leaves half a
/// tree under the final name. Removed when dropped.
struct Partial {
    path: PathBuf,
}

impl Partial {
    /// Creates, with `make`, a file or folder beside `to` under an unused name.
    fn new<T>(to: &Path, make: impl Fn(&Path) -> rustix::io::Result<T>) -> Result<(Self, T), ExportError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let mut name = OsString::from(".");
            // Truncated, so that it fits beside a destination whose name has the maximum length.
            let wanted = to.file_name().unwrap_or_default().as_bytes();
            name.push(OsStr::from_bytes(&wanted[..wanted.len().min(200)]));
            name.push(format!(".stele-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
            let path = to.with_file_name(name);
            match make(&path) {
                Ok(made) => return Ok((Self { path }, made)),
                Err(rustix::io::Errno::EXIST) => {}
                Err(e) => return Err(FileError::new(path, "made", e).into()),
            }
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the rename this name no longer exists.
        let _ = fs::remove_dir_all(&self.path).or_else(|_| fs::remove_file(&self.path));
    }
}

impl Export<'_> {
    fn all(&self, target: Target, to: &Path) -> Result<(), ExportError> {
        let exists = || ExportError::Exists { path: to.to_owned() };
        let empty_folder = match fs::symlink_metadata(to) {
            Ok(meta) if meta.is_dir() => fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none()),
            Ok(_) => return Err(exists()),
            Err(_) => false,
        };
        if fs::symlink_metadata(to).is_ok() && !(empty_folder && matches!(target, Target::Tree(_))) {
            return Err(exists());
        }
        let partial = match target {
            Target::Blob(blob) => {
                // Looked up first: nothing is created for absent content.
                let reader = self.store.open_blob(&blob)?;
                let (partial, file) = Partial::new(to, |path| self.make_file(CWD, path.as_os_str(), false))?;
                self.blob(reader, file, &partial.path)?;
                partial
            }
            Target::Tree(tree) => {
                let tree = self.store.tree(&tree)?;
                let mode = self.mode(0o755);
                let (partial, ()) = Partial::new(to, |path| rustix::fs::mkdirat(CWD, path, mode))?;
                let folder = open_dir(CWD, partial.path.as_os_str())
                    .map_err(|e| FileError::new(&partial.path, "opened", e))?;
                self.note(&folder).map_err(|e| FileError::new(&partial.path, "opened", e))?;
                self.tree(folder, &partial.path, tree)?;
                partial
            }
        };
        // Before the rename: a power cut must not leave half of it under the final name.
        self.sync(&partial.path)?;
        let flags = if empty_folder { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        let renamed = match rustix::fs::renameat_with(CWD, &partial.path, CWD, to, flags) {
            // Some filesystems support no flags (renameat2(2)); above, the path was checked to be free.
            Err(rustix::io::Errno::INVAL) if !flags.is_empty() => rustix::fs::rename(&partial.path, to),
            result => result,
        };
        match renamed {
            Err(rustix::io::Errno::EXIST | rustix::io::Errno::NOTEMPTY) => Err(exists()),
            Err(e) => Err(FileError::new(to, "renamed", e).into()),
            Ok(()) => {
                let parent = match to.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent,
                    _ => Path::new("."),
                };
                Ok(sync_path(parent)?)
            }
        }
    }

    /// Records a file that must be durable in the end.
    fn note(&self, file: impl AsFd) -> rustix::io::Result<()> {
        let mut written = self.written.borrow_mut();
        if written.first.len() < MAX_SYNCED {
            written.first.push(rustix::io::fcntl_dupfd_cloexec(file, 0)?);
        } else {
            written.more = true;
        }
        Ok(())
    }

    /// Makes everything durable that was written to `path` or below it.
    fn sync(&self, path: &Path) -> Result<(), FileError> {
        let written = self.written.borrow();
        let synced = match (written.more, written.first.first()) {
            (true, Some(first)) => rustix::fs::syncfs(first),
            _ => written.first.iter().try_for_each(rustix::fs::fsync),
        };
        synced.map_err(|e| FileError::new(path, "synced", e))
    }

    /// Fills `folder`, which is at `path`. Works relative to open folders, so that no path is too long.
    fn tree(&self, folder: OwnedFd, path: &Path, tree: Tree) -> Result<(), ExportError> {
        let mut stack = vec![(folder, path.to_owned(), tree, 0)];
        while let Some((folder, path, tree, next)) = stack.pop() {
            self.progress.check()?;
            let entries = tree.entries();
            let mut next = next;
            let mut descend = None;
            while descend.is_none()
                && let Some((name, node)) = entries.get(next)
            {
                next += 1;
                let place = path.join(name.as_os_str());
                match node {
                    Node::Directory { tree, .. } => descend = Some((name, *tree, place)),
                    Node::File { blob, executable, .. } => {
                        let reader = self.store.open_blob(blob)?;
                        let file = self
                            .make_file(&folder, name.as_os_str(), *executable)
                            .map_err(|e| FileError::new(&place, "made", e))?;
                        self.blob(reader, file, &place)?;
                    }
                    Node::Symlink { target } => {
                        rustix::fs::symlinkat(target.as_os_str(), &folder, name.as_os_str())
                            .map_err(|e| FileError::new(place, "made", e))?;
                        self.progress.add(1, 0);
                    }
                }
            }
            let Some((name, id, place)) = descend else { continue };
            if stack.len() >= MAX_DEPTH {
                return Err(ExportError::Deep);
            }
            let child = self.child(&folder, name.as_os_str(), &id, &place)?;
            stack.push((folder, path, tree, next));
            stack.push((child.0, place, child.1, 0));
        }
        Ok(())
    }

    fn child(
        &self,
        folder: &OwnedFd,
        name: &OsStr,
        id: &TreeId,
        path: &Path,
    ) -> Result<(OwnedFd, Tree), ExportError> {
        let tree = self.store.tree(id)?;
        self.progress.add(1, 0);
        Ok((self.make_dir(folder, name, path)?, tree))
    }

    fn blob(&self, reader: BlobReader, mut file: File, path: &Path) -> Result<(), ExportError> {
        let size = reader.info().size;
        let written = reader.verified(|bytes| {
            self.progress.check().map_err(io::Error::other)?;
            self.progress.add(0, bytes.len() as u64);
            write_sparse(&mut file, bytes)
        });
        match written {
            Ok(()) => {}
            Err(CopyError::Read(e)) => return Err(e.into()),
            Err(CopyError::Sink(e)) => {
                self.progress.check()?;
                return Err(FileError::new(path, "written", e).into());
            }
        }
        file.set_len(size).map_err(|e| FileError::new(path, "written", e))?;
        self.progress.add(1, 0);
        Ok(())
    }
}

/// Writes `bytes`, leaving a hole for each whole block of zeros.
fn write_sparse(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    for block in bytes.chunks(HOLE) {
        if block.len() == HOLE && is_zero(block) {
            file.seek(SeekFrom::Current(HOLE as i64))?;
        } else {
            file.write_all(block)?;
        }
    }
    Ok(())
}

/// Whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

fn open_dir(at: impl AsFd, path: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

impl Export<'_> {
    fn mode(&self, bits: u32) -> Mode {
        Mode::from_raw_mode(bits & !self.umask)
    }

    fn make_file(&self, at: impl AsFd, name: &OsStr, executable: bool) -> rustix::io::Result<File> {
        let mode = self.mode(if executable { 0o755 } else { 0o644 });
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(at, name, flags, mode)?;
        self.note(&file)?;
        Ok(file.into())
    }

    fn make_dir(&self, at: &OwnedFd, name: &OsStr, path: &Path) -> Result<OwnedFd, ExportError> {
        rustix::fs::mkdirat(at, name, self.mode(0o755)).map_err(|e| FileError::new(path, "made", e))?;
        let folder = open_dir(at, name).map_err(|e| FileError::new(path, "opened", e))?;
        self.note(&folder).map_err(|e| FileError::new(path, "opened", e))?;
        Ok(folder)
    }
}
