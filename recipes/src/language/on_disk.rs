//! A recipe tree on disk.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, openat2};
use stele_store::model::{BlobId, Digest, MAX_DEPTH, Name, Node, SymlinkTarget, Tree};

use super::files::{Files, too_large};
use crate::paths::TreePath;

/// The most entries of a folder of recipes, and of what `local` takes.
const ENTRIES_MOST: usize = 1_000_000;

/// A recipe tree that is a folder on this machine: the one that holds `pkgs`.
///
/// Every path is resolved below that folder by the kernel: neither `..` nor a symbolic link leads out of it.
pub struct OnDisk {
    top: OwnedFd,
    path: PathBuf,
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
            Ok(FileType::Directory) => Ok(Self { top, path: path.to_owned() }),
            _ => Err(OnDiskError::NoPackages { path: path.to_owned() }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_below(&self, path: &[u8], flags: OFlags) -> io::Result<Option<OwnedFd>> {
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match openat2(&self.top, path, flags | OFlags::CLOEXEC, Mode::empty(), how) {
            Ok(fd) => Ok(Some(fd)),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
            Err(rustix::io::Errno::XDEV) => {
                Err(io::Error::other("a symbolic link leads out of the recipe tree"))
            }
            Err(e) => Err(e.into()),
        }
    }
}

/// Reads a file that is open; it must be a regular one.
fn read_whole(fd: OwnedFd, most: usize) -> io::Result<Vec<u8>> {
    let stat = rustix::fs::fstat(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::from(fd).take(most as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > most {
        true => Err(too_large(most)),
        false => Ok(bytes),
    }
}

impl Files for OnDisk {
    fn read(&self, path: &TreePath, most: usize) -> io::Result<Option<Vec<u8>>> {
        // Without NONBLOCK a fifo in the tree would be waited for.
        let fd = self.open_below(&path.to_bytes(), OFlags::RDONLY | OFlags::NONBLOCK)?;
        fd.map(|fd| read_whole(fd, most)).transpose()
    }

    fn node(&self, path: &TreePath) -> io::Result<Option<Node>> {
        let Some(fd) = self.open_below(&path.to_bytes(), OFlags::RDONLY | OFlags::NONBLOCK)? else {
            return Ok(None);
        };
        let mut entries = 0;
        node_of(fd, 0, &mut entries).map(Some)
    }

    fn packages(&self) -> io::Result<Vec<String>> {
        let Some(pkgs) = self.open_below(b"pkgs", OFlags::RDONLY | OFlags::DIRECTORY)? else {
            return Ok(Vec::new());
        };
        let mut packages = Vec::new();
        for entry in rustix::fs::Dir::read_from(&pkgs)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.starts_with('.') || entry.file_type() == FileType::RegularFile {
                continue;
            }
            if rustix::fs::accessat(
                &pkgs,
                format!("{name}/recipe.star"),
                rustix::fs::Access::EXISTS,
                AtFlags::empty(),
            )
            .is_ok()
            {
                packages.push(name.to_owned());
            }
            if packages.len() > ENTRIES_MOST {
                return Err(io::Error::other(format!("it has more than {ENTRIES_MOST} folders")));
            }
        }
        Ok(packages)
    }
}

/// What an open file or directory is, as it would be stored.
fn node_of(fd: OwnedFd, depth: usize, entries: &mut usize) -> io::Result<Node> {
    *entries += 1;
    if *entries > ENTRIES_MOST || depth > MAX_DEPTH {
        return Err(io::Error::other("it has too many entries, or too many levels"));
    }
    let stat = rustix::fs::fstat(&fd)?;
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
                    let name = Name::new(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
                    let node = entry_of(fd.as_fd(), entry.file_name(), depth, entries)?;
                    found.push((name, node));
                }
            }
            let tree =
                Tree::new(found).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
            Ok(Node::Directory { tree: tree.id(), size: tree.encode().len() as u64 })
        }
        _ => Err(io::Error::other("it is neither a file nor a directory")),
    }
}

/// What an entry of a directory is.
fn entry_of(
    folder: BorrowedFd<'_>,
    name: &std::ffi::CStr,
    depth: usize,
    entries: &mut usize,
) -> io::Result<Node> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(fd) => node_of(fd, depth + 1, entries),
        Err(rustix::io::Errno::LOOP) => {
            let target = rustix::fs::readlinkat(folder, name, Vec::new())?;
            let target = SymlinkTarget::new(target.as_bytes());
            Ok(Node::Symlink { target: target.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))? })
        }
        Err(e) => Err(e.into()),
    }
}

fn digest_of(file: File) -> io::Result<(BlobId, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((BlobId(Digest::from_bytes(*hasher.finalize().as_bytes())), hasher.count()))
}
