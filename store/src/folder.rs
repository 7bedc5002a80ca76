//! The store's folder: opened once; everything in it is looked up from that descriptor.
//!
//! A folder may come from an archive, a USB stick or another user, with symbolic links where a store has
//! folders: writing or clearing through such a link would change files elsewhere. So, before anything in the
//! folder is touched, all that the store will use is checked: not a link, of the right kind, owned by the user
//! who opens it. And no look-up ever follows a link below the folder (openat2(2), RESOLVE_BENEATH and
//! RESOLVE_NO_SYMLINKS), even one that is created later.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use crate::objects::FileError;

/// The files of the store itself.
const FILES: &[&str] = &["format", "format.new", "lock", "roots", "roots.new", "roots.lost", "ballast"];
/// Its folders.
const FOLDERS: &[&str] = &["db", "db.new", "objects", "tmp", "quarantine"];
/// The name prefix of a database that a rebuild has replaced.
pub(crate) const LOST_DATABASE: &str = "db.lost-";
/// Files of the daemon and of the keeper.
const OTHERS: &[&str] = &[
    "socket",
    "socket.new",
    "keeper.socket",
    "keeper.socket.new",
    "mounts",
    "mounts.new",
    "fetch",
    "builds",
    "failed",
    "mnt",
    "daemon.log",
    "daemon.log.old",
];

const NO_FOLLOW: AtFlags = AtFlags::SYMLINK_NOFOLLOW;
/// Flags to open a folder for reading or syncing.
const AS_FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Why a folder is not accepted as a store's.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Something in it, or the folder itself, belongs to another user.
    #[error("{path} belongs to user {owner}, not to user {user}, who opens the store")]
    Foreign {
        /// The path.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user who opens the store.
        user: u32,
    },
    /// The folder is world-writable.
    #[error("{path} is world-writable")]
    Shared {
        /// The folder.
        path: PathBuf,
    },
    /// There is a symbolic link, which a store never has.
    #[error("{path} is a symbolic link, which a store never has")]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// An entry is of another kind than in a store.
    #[error("{path} is not a {wanted}")]
    Kind {
        /// The path.
        path: PathBuf,
        /// The kind that it has in a store.
        wanted: &'static str,
    },
    /// It cannot be examined.
    #[error(transparent)]
    File(#[from] FileError),
}

/// An open folder of a store.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    /// For messages.
    path: PathBuf,
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether the name is one that a store or its daemon uses in the folder.
pub(crate) fn is_ours(name: &OsStr) -> bool {
    let is = |names: &[&str]| names.iter().any(|it| *it == name);
    is(FILES) || is(FOLDERS) || is(OTHERS) || name.as_bytes().starts_with(LOST_DATABASE.as_bytes())
}

impl Folder {
    /// Opens the folder at `path`, following links.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let flags = AS_FOLDER | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty()).map_err(|e| FileError::new(path, "opened", e))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Opens the path `within` below the folder, following no symbolic link.
    ///
    /// # Errors
    /// When it is missing, or there is a link on the way (ELOOP).
    pub fn open_beneath(
        &self,
        within: impl AsRef<Path>,
        flags: OFlags,
        mode: Mode,
    ) -> rustix::io::Result<OwnedFd> {
        let (within, flags) = (within.as_ref(), flags | OFlags::CLOEXEC | OFlags::NOFOLLOW);
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(&self.fd, within, flags, mode, resolve) {
            // Linux before 5.6, or a seccomp filter without it: the entries on the way were checked at the
            // start.
            Err(Errno::NOSYS | Errno::PERM) => openat(&self.fd, within, flags, mode),
            result => result,
        }
    }

    /// The path at which it was opened, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn subfolder(&self, within: impl AsRef<Path>) -> rustix::io::Result<OwnedFd> {
        self.open_beneath(within, AS_FOLDER, Mode::empty())
    }

    /// Creates a folder, if it is missing.
    pub(crate) fn make(&self, within: &str, mode: u32) -> Result<(), FileError> {
        match rustix::fs::mkdirat(&self.fd, within, Mode::from_raw_mode(mode)) {
            Err(e) if e != Errno::EXIST => Err(self.failed(within, "made", e)),
            _ => Ok(()),
        }
    }

    pub(crate) fn exists(&self, within: &str) -> bool {
        statat(&self.fd, within, NO_FOLLOW).is_ok()
    }

    /// The names in a folder below this one, with their kinds as far as the listing states them.
    pub(crate) fn names(&self, within: impl AsRef<Path>) -> rustix::io::Result<Vec<(OsString, FileType)>> {
        let mut names = Vec::new();
        for entry in Dir::new(self.subfolder(within)?)? {
            let entry = entry?;
            let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
            if name != "." && name != ".." {
                names.push((name, entry.file_type()));
            }
        }
        Ok(names)
    }

    pub(crate) fn read(&self, within: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        File::from(self.open_beneath(within, flags, Mode::empty())?).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes a whole file, not synced. Returns the file.
    pub(crate) fn write(&self, within: &str, bytes: &[u8]) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let mut file = File::from(self.open_beneath(within, flags, Mode::from_raw_mode(0o644))?);
        file.write_all(bytes)?;
        Ok(file)
    }

    /// Creates a file that only the store's user can read and write.
    pub(crate) fn create_readable(&self, within: &Path) -> rustix::io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        Ok(self.open_beneath(within, flags, Mode::from_raw_mode(0o600))?.into())
    }

    pub(crate) fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> rustix::io::Result<()> {
        renameat(&self.fd, from.as_ref(), &self.fd, to.as_ref())
    }

    /// Makes a file or a folder durable; `.` is this folder.
    pub(crate) fn sync(&self, within: impl AsRef<Path>) -> Result<(), FileError> {
        let within = within.as_ref();
        self.open_beneath(within, OFlags::RDONLY, Mode::empty())
            .and_then(rustix::fs::fsync)
            .map_err(|e| self.failed(within, "synced", e))
    }

    /// Removes a file, or a folder with all its content. A missing one is not an error.
    pub(crate) fn remove_all(&self, within: impl AsRef<Path>) -> rustix::io::Result<()> {
        let within = within.as_ref();
        match unlinkat(&self.fd, within, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(e) => return Err(e),
        }
        let mut levels = vec![Level::new(self.subfolder(within)?, within.as_os_str().to_owned())?];
        while let Some(level) = levels.last_mut() {
            if let Some(name) = level.below.pop() {
                let flags = AS_FOLDER | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let fd = openat(&level.fd, &name, flags, Mode::empty())?;
                levels.push(Level::new(fd, name)?);
                continue;
            }
            let Some(Level { name, .. }) = levels.pop() else { break };
            let parent = levels.last().map_or(self.fd.as_fd(), |level| level.fd.as_fd());
            unlinkat(parent, name, AtFlags::REMOVEDIR)?;
        }
        Ok(())
    }

    pub(crate) fn failed(
        &self,
        within: impl AsRef<Path>,
        doing: &'static str,
        error: impl Into<io::Error>,
    ) -> FileError {
        let error = error.into();
        let no_inodes =
            || rustix::fs::fstatvfs(&self.fd).is_ok_and(|disk| disk.f_files > 0 && disk.f_ffree == 0);
        let error = match error.kind() {
            io::ErrorKind::StorageFull if no_inodes() => io::Error::new(
                io::ErrorKind::StorageFull,
                "no inodes are left: the disk can hold no more files",
            ),
            _ => error,
        };
        FileError::new(self.path.join(within), doing, error)
    }

    /// Checks all that the store will use, before any of it is used. Only a store opened for writing has to
    /// belong to the user who opens it.
    ///
    /// # Errors
    /// See [`FolderError`].
    pub fn inspect(&self, writing: bool) -> Result<(), FolderError> {
        let user = writing.then(|| rustix::process::geteuid().as_raw());
        let stat = rustix::fs::fstat(&self.fd).map_err(|e| self.failed("", "examined", e))?;
        refuse_foreign(user, stat.st_uid, &self.path)?;
        if writing && stat.st_mode & 0o002 != 0 {
            return Err(FolderError::Shared { path: self.path.clone() });
        }
        for (name, kind) in self.names(".").map_err(|e| self.failed("", "read", e))? {
            if kind == FileType::Symlink {
                return Err(FolderError::Link { path: self.path.join(name) });
            }
            let Some(text) = name.to_str() else { continue };
            if FILES.contains(&text) {
                self.look_at(text, FileType::RegularFile, user)?;
            } else if FOLDERS.contains(&text) || text.starts_with(LOST_DATABASE) {
                self.look_at(text, FileType::Directory, user)?;
                self.inspect_below(text, user)?;
            }
        }
        Ok(())
    }

    /// RocksDB opens its files by name, and payloads lie in folders of their own.
    fn inspect_below(&self, folder: &str, user: Option<u32>) -> Result<(), FolderError> {
        let wanted = match folder {
            "objects" => FileType::Directory,
            // Nothing there is opened by name again.
            "tmp" | "quarantine" => return Ok(()),
            _ => FileType::RegularFile,
        };
        for (name, kind) in self.names(folder).map_err(|e| self.failed(folder, "read", e))? {
            let within = Path::new(folder).join(&name);
            // RocksDB's repair puts files that it could not use into a folder of that name.
            if kind == FileType::Directory && name == "lost" {
                continue;
            }
            if folder == "objects" && (name.len() != 2 || !name.as_bytes().iter().all(u8::is_ascii_hexdigit))
            {
                continue;
            }
            self.look_at(&within, wanted, user)?;
        }
        Ok(())
    }

    fn look_at(
        &self,
        within: impl AsRef<Path>,
        wanted: FileType,
        user: Option<u32>,
    ) -> Result<(), FolderError> {
        let path = self.path.join(within.as_ref());
        let stat = match statat(&self.fd, within.as_ref(), NO_FOLLOW) {
            Ok(stat) => stat,
            // RocksDB, or another process that creates the same store, has just removed it.
            Err(Errno::NOENT) => return Ok(()),
            Err(e) => return Err(FileError::new(path, "examined", e).into()),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => Err(FolderError::Link { path }),
            kind if kind == wanted => refuse_foreign(user, stat.st_uid, &path),
            _ => {
                let wanted = if wanted == FileType::Directory { "folder" } else { "regular file" };
                Err(FolderError::Kind { path, wanted })
            }
        }
    }
}

fn refuse_foreign(user: Option<u32>, owner: u32, path: &Path) -> Result<(), FolderError> {
    match user {
        Some(user) if user != owner => Err(FolderError::Foreign { path: path.to_owned(), owner, user }),
        _ => Ok(()),
    }
}

/// A folder that is being emptied.
struct Level {
    fd: OwnedFd,
    /// Its name in the folder above.
    name: OsString,
    /// The folders in it.
    below: Vec<OsString>,
}

impl Level {
    /// Removes all entries but folders.
    fn new(fd: OwnedFd, name: OsString) -> rustix::io::Result<Self> {
        let mut below = Vec::new();
        for entry in Dir::read_from(&fd)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match unlinkat(&fd, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::ISDIR | Errno::PERM) => below.push(OsString::from_vec(name.to_bytes().to_vec())),
                Err(e) => return Err(e),
            }
        }
        Ok(Self { fd, name, below })
    }
}
