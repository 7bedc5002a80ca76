//! The folder of a database.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::error::{DESCRIPTORS, DbError};
use crate::folder::Folder;
use crate::room::no_inodes;

/// The folder of a database, and a path to it for RocksDB, which opens its files by path: through this
/// descriptor, so that it finds them when the folder is moved, and touches none of another store in its place.
pub(super) struct DatabaseDir {
    folder: OwnedFd,
    path: PathBuf,
}

impl DatabaseDir {
    /// Opens the folder `name` of a store.
    ///
    /// # Errors
    /// When there is no such folder; `doing` names the attempted operation.
    pub(super) fn open(store: &Folder, name: &str, doing: &'static str) -> Result<Self, DbError> {
        let path = store.path().join(name);
        let folder = store.open_beneath(name, OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
        folder.map(|folder| Self::of(folder, &path)).map_err(|e| DbError::of_folder(doing, &path, &e.into()))
    }

    /// The path for RocksDB.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn of(folder: OwnedFd, path: &Path) -> Self {
        let through = PathBuf::from(format!("{DESCRIPTORS}{}", folder.as_raw_fd()));
        // Without /proc it must be the path itself.
        let path = if through.exists() { through } else { path.to_owned() };
        Self { folder, path }
    }

    /// An error of RocksDB; of a full disk, whether bytes or inodes ran out.
    pub(super) fn failed(&self, doing: &'static str, error: &rocksdb::Error) -> DbError {
        match (DbError::new(doing, error), no_inodes(&self.folder)) {
            (DbError::NoSpace { doing, .. }, Some(words)) => {
                DbError::NoSpace { doing, message: words.to_owned() }
            }
            (error, _) => error,
        }
    }
}
