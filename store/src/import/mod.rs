//! Imports a directory from disk as trees and blobs: in parallel, with one pass over the bytes.
//!
//! Owners, times, extended attributes and all of the mode but the owner's execute bit are dropped. Hard links
//! are read once; holes of sparse files are hashed but not written. Devices, sockets and named pipes are
//! refused by name. The walk works relative to open directories, so no path is too long for it, and it never
//! follows a symbolic link except the path given.

mod file;
mod shown;
mod walk;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::db::Target;
use crate::model::{MAX_DEPTH, Node};
use crate::progress::{Cancelled, Progress};
use crate::session::{Session, WriteError};

/// At most this many refused entries are named.
const MAX_REFUSED: usize = 20;

/// Why an import failed. Nothing was acknowledged; the next garbage collection removes what was stored.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Something in the walk could not be read.
    #[error("{path} could not be {doing}: {source}")]
    Source {
        /// The path.
        path: PathBuf,
        /// What was attempted: "opened", "read", …
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// There are entries that no tree can hold.
    #[error("{} cannot be stored: {}", plural(.refused.len(), *.more), list(.refused))]
    Special {
        /// Path and kind of each.
        refused: Vec<(PathBuf, &'static str)>,
        /// Whether there are more than are named.
        more: bool,
    },
    /// A file changed during each attempt to read it.
    #[error("{path} changed while it was read")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file that says that it is empty, and is not.
    #[error("{path} says that it is empty, and is not: it is made as it is read")]
    Made {
        /// Which.
        path: PathBuf,
    },
    /// The store itself lies in what was to be imported.
    #[error("{path} is the store itself")]
    ContainsStore {
        /// Where it was found.
        path: PathBuf,
    },
    /// It is in a mount of this store.
    #[error("{path} is in a mount of this store")]
    Shown {
        /// Where it was found.
        path: PathBuf,
    },
    /// Nested too deep for any path to name.
    #[error("{path} is nested deeper than {MAX_DEPTH} directories")]
    Deep {
        /// Where it was found.
        path: PathBuf,
    },
    /// The store could not write it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The observer cancelled it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

fn plural(count: usize, more: bool) -> String {
    match (count, more) {
        (_, true) => format!("more than {count} entries"),
        (1, false) => "an entry".to_owned(),
        (_, false) => format!("{count} entries"),
    }
}

fn list(refused: &[(PathBuf, &str)]) -> String {
    let each: Vec<String> =
        refused.iter().map(|(path, kind)| format!("{} is {kind}", path.display())).collect();
    each.join(", ")
}

impl ImportError {
    fn source(path: impl Into<PathBuf>, doing: &'static str, source: impl Into<io::Error>) -> Self {
        Self::Source { path: path.into(), doing, source: source.into() }
    }

    pub(crate) fn missing(path: &Path, error: io::Error) -> Self {
        Self::source(path, "examined", error)
    }

    /// Whether the store's disk, or its quota, is full.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Write(e) if e.is_no_space())
    }
}

impl Session<'_> {
    /// Imports the file or directory at `path`; follows it if it is a symbolic link.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub fn import(&self, path: &Path, progress: &Progress) -> Result<Target, ImportError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            // Whoever opened it for this process may have had the right to, by groups that this one does not have.
            Err(Errno::ACCESS) => handed(path).ok_or(Errno::ACCESS),
            opened => opened,
        };
        let file = file.map_err(|e| ImportError::source(path, "opened", e))?;
        let stat = rustix::fs::fstat(&file).map_err(|e| ImportError::source(path, "looked at", e))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Target::Tree(walk::import_tree(self, path, file, progress)?)),
            FileType::RegularFile => {
                shown::check_file(self.store(), file.as_fd(), path)?;
                let links = file::Links::default();
                let mut reader = file::Reader::new(self, &links, progress);
                match reader.import(file.into(), || path.to_owned())? {
                    Node::File { blob, .. } => Ok(Target::Blob(blob)),
                    _ => Err(refuse(path, FileType::Unknown)),
                }
            }
            kind => Err(refuse(path, kind)),
        }
    }
}

/// The file that `path` names as an open one of this process: `/proc/PID/fd/N`.
fn handed(path: &Path) -> Option<OwnedFd> {
    let own = rustix::process::getpid();
    let number = path.to_str()?.strip_prefix(&format!("/proc/{}/fd/", own.as_raw_nonzero()))?.parse().ok()?;
    let process = pidfd_open(own, PidfdFlags::empty()).ok()?;
    pidfd_getfd(process, number, PidfdGetfdFlags::empty()).ok()
}

fn refuse(path: &Path, kind: FileType) -> ImportError {
    ImportError::Special { refused: vec![(path.to_owned(), kind_name(kind))], more: false }
}

fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice => "a character device",
        FileType::BlockDevice => "a block device",
        _ => "of an unknown kind",
    }
}
