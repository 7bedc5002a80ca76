//! A recipe tree on disk.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use stele_store::model::{BlobId, Digest, Name, Node, SymlinkTarget, Tree};

use super::files::{Files, too_large};
use super::stamps::{Looked, Stamps, is_local, open_below};
use crate::paths::TreePath;

/// The most entries of a folder of recipes, and of what `local` takes.
const MAX_ENTRIES: usize = 1_000_000;

/// The most levels of what `local` takes: one descriptor each is open.
const MAX_DEPTH: usize = 200;

/// A recipe tree that is a folder on this machine: the one that holds `pkgs`.
///
/// Every path is resolved below that folder by the kernel: neither `..` nor a symbolic link leads out of it.
pub struct OnDisk {
    top: OwnedFd,
    noted: Mutex<Noted>,
}

/// What was looked at.
#[derive(Default)]
struct Noted {
    stamps: Stamps,
    /// Of each device, whether its times can be trusted.
    local: HashMap<u64, bool>,
}

/// A folder is no recipe tree.
#[derive(Debug, thiserror::Error)]
pub enum OnDiskError {
    /// It cannot be opened.
    #[error("{} cannot be opened: {source}", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no folder `pkgs` in it.
    #[error("{} is no recipe tree: it has no folder `pkgs`", path.display())]
    NoPackages {
        /// The folder.
        path: PathBuf,
    },
}

impl OnDisk {
    /// Opens the recipe tree at `path`.
    ///
    /// # Errors
    /// When it is none.
    pub fn open(path: &Path) -> Result<Self, OnDiskError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|e| OnDiskError::Open { path: path.to_owned(), source: e.into() })?;
        let found = rustix::fs::statat(&top, "pkgs", AtFlags::empty());
        match found.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Directory) => Ok(Self { top, noted: Mutex::default() }),
            _ => Err(OnDiskError::NoPackages { path: path.to_owned() }),
        }
    }

    /// The state of all that was looked at so far.
    pub fn stamps(&self) -> Stamps {
        self.noted().stamps.clone()
    }

    /// Whether all of that still is what it was.
    pub fn holds(&self, stamps: &Stamps) -> bool {
        stamps.hold(&self.top)
    }

    /// What lies at a path, as it would be stored, and the trees that it is made of, each after those in it; none when
    /// there is nothing.
    ///
    /// # Errors
    /// When it cannot be read, or holds what no tree can hold.
    pub fn walk(&self, path: &TreePath) -> io::Result<Option<(Node, Vec<Tree>)>> {
        let path = path.to_bytes();
        let Some((fd, stat)) = self.open_noted(&path, OFlags::RDONLY | OFlags::NONBLOCK)? else {
            return Ok(None);
        };
        let mut walk = Walk { files: self, entries: 0, trees: Vec::new() };
        let node = walk.node(fd, &stat, &path, 0)?;
        Ok(Some((node, walk.trees)))
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of something that is open, noted before it is read: a change while it is read shows, then.
    fn note(&self, path: &[u8], follow: bool, fd: BorrowedFd<'_>) -> Result<Stat, Errno> {
        let stat = rustix::fs::fstat(fd)?;
        let mut noted = self.noted();
        let local = *noted.local.entry(stat.st_dev).or_insert_with(|| is_local(fd));
        noted.stamps.note(Looked { path: path.to_vec(), follow }, &stat, local);
        Ok(stat)
    }

    /// Opens what a path leads to, and notes its state.
    fn open_noted(&self, path: &[u8], flags: OFlags) -> io::Result<Option<(OwnedFd, Stat)>> {
        match open_below(&self.top, path, flags, true) {
            Ok(fd) => {
                let stat = self.note(path, true, fd.as_fd())?;
                Ok(Some((fd, stat)))
            }
            Err(e) => {
                self.noted().stamps.note_none(Looked { path: path.to_vec(), follow: true }, e);
                match e {
                    Errno::NOENT | Errno::NOTDIR => Ok(None),
                    Errno::XDEV => Err(io::Error::other("a symbolic link leads out of the recipe tree")),
                    e => Err(e.into()),
                }
            }
        }
    }
}

/// Reads a file that is open; it must be a regular one.
fn read_whole(fd: OwnedFd, stat: &Stat, max: usize) -> io::Result<Vec<u8>> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::from(fd).take(max as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > max {
        true => Err(too_large(max)),
        false => Ok(bytes),
    }
}

impl Files for OnDisk {
    fn read(&self, path: &TreePath, max: usize) -> io::Result<Option<Vec<u8>>> {
        // Without NONBLOCK a fifo in the tree would be waited for.
        let open = self.open_noted(&path.to_bytes(), OFlags::RDONLY | OFlags::NONBLOCK)?;
        open.map(|(fd, stat)| read_whole(fd, &stat, max)).transpose()
    }

    fn node(&self, path: &TreePath) -> io::Result<Option<Node>> {
        Ok(self.walk(path)?.map(|(node, _)| node))
    }

    fn packages(&self) -> io::Result<Vec<String>> {
        let Some((pkgs, _)) = self.open_noted(b"pkgs", OFlags::RDONLY | OFlags::DIRECTORY)? else {
            return Ok(Vec::new());
        };
        let mut packages = Vec::new();
        for entry in rustix::fs::Dir::read_from(&pkgs)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.starts_with('.') || entry.file_type() == FileType::RegularFile {
                continue;
            }
            // What is there and cannot be opened is a package: whoever wants it is told why it cannot.
            let recipe = self.open_noted(format!("pkgs/{name}/recipe.star").as_bytes(), OFlags::PATH);
            if !matches!(recipe, Ok(None)) {
                packages.push(name.to_owned());
            }
            if packages.len() > MAX_ENTRIES {
                return Err(io::Error::other(format!("it has more than {MAX_ENTRIES} folders")));
            }
        }
        Ok(packages)
    }
}

/// A walk through what `local` names.
struct Walk<'a> {
    files: &'a OnDisk,
    entries: usize,
    /// The directories, each after those in it.
    trees: Vec<Tree>,
}

impl Walk<'_> {
    /// What an open file or directory is, as it would be stored.
    fn node(&mut self, fd: OwnedFd, stat: &Stat, path: &[u8], depth: usize) -> io::Result<Node> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES || depth > MAX_DEPTH {
            return Err(io::Error::other("it has too many entries, or too many levels"));
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let executable = stat.st_mode & 0o100 != 0;
                let (blob, size) = digest_of(File::from(fd))?;
                Ok(Node::File { blob, size, executable })
            }
            FileType::Directory => {
                let mut found = Vec::new();
                for entry in rustix::fs::Dir::read_from(&fd)? {
                    let entry = entry?;
                    let bytes = entry.file_name().to_bytes();
                    if !matches!(bytes, b"." | b"..") {
                        let name = Name::new(bytes).map_err(invalid)?;
                        let path = [path, bytes].join(&b'/');
                        found.push((name, self.entry(fd.as_fd(), entry.file_name(), &path, depth)?));
                    }
                }
                let tree = Tree::new(found).map_err(invalid)?;
                let node = Node::Directory { tree: tree.id(), size: tree.encode().len() as u64 };
                self.trees.push(tree);
                Ok(node)
            }
            _ => Err(io::Error::other("it is neither a file nor a directory")),
        }
    }

    /// What an entry of a directory is.
    fn entry(&mut self, folder: BorrowedFd<'_>, name: &CStr, path: &[u8], depth: usize) -> io::Result<Node> {
        let open = |flags| rustix::fs::openat(folder, name, flags | OFlags::NOFOLLOW, Mode::empty());
        match open(OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC) {
            Ok(fd) => {
                let stat = self.files.note(path, false, fd.as_fd())?;
                self.node(fd, &stat, path, depth + 1)
            }
            Err(Errno::LOOP) => {
                let link = open(OFlags::PATH | OFlags::CLOEXEC)?;
                self.files.note(path, false, link.as_fd())?;
                // An error, too, if it is no link any more.
                let target = rustix::fs::readlinkat(&link, c"", Vec::new())?;
                Ok(Node::Symlink { target: SymlinkTarget::new(target.as_bytes()).map_err(invalid)? })
            }
            Err(e) => Err(e.into()),
        }
    }
}

fn invalid(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

fn digest_of(file: File) -> io::Result<(BlobId, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((BlobId(Digest::from_bytes(*hasher.finalize().as_bytes())), hasher.count()))
}
