//! Refuses folders in the store's own mounts.
//!
//! The importing process also serves the store's mounts. If it were killed while it waits for its own answer,
//! it could not exit: the kernel waits for that answer first, and the store's lock would stay taken.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{CWD, Mode, OFlags};

use super::ImportError;
use crate::store::Store;

/// FUSE_SUPER_MAGIC (statfs(2)).
const FUSE: u64 = 0x6573_5546;

/// Devices checked and found not to be ours.
#[derive(Default)]
pub(super) struct Others(Mutex<HashSet<u64>>);

fn is_on_fuse(file: BorrowedFd<'_>) -> bool {
    // The type of f_type differs between architectures.
    rustix::fs::fstatfs(file).is_ok_and(|stat| u64::try_from(stat.f_type).is_ok_and(|it| it == FUSE))
}

impl Others {
    fn devices(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a folder on `device` when that is a mount of the store.
    pub(super) fn check(
        &self,
        store: &Store,
        folder: BorrowedFd<'_>,
        device: u64,
        path: impl Fn() -> PathBuf,
    ) -> Result<(), ImportError> {
        if self.devices().contains(&device) {
            return Ok(());
        }
        if is_on_fuse(folder) && store.is_shown(folder) {
            return Err(ImportError::Shown { path: path() });
        }
        self.devices().insert(device);
        Ok(())
    }
}

/// Refuses a file on a mount of the store, by its folder. A file bind-mounted elsewhere by itself is not
/// detected.
pub(super) fn check_file(store: &Store, file: BorrowedFd<'_>, path: &Path) -> Result<(), ImportError> {
    if !is_on_fuse(file) {
        return Ok(());
    }
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let Ok(real) = rustix::fs::readlink(link, Vec::new()) else { return Ok(()) };
    let Some(parent) = Path::new(OsStr::from_bytes(real.to_bytes())).parent() else {
        return Ok(());
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::openat(CWD, parent, flags, Mode::empty()) else { return Ok(()) };
    if store.is_shown(folder.as_fd()) {
        return Err(ImportError::Shown { path: path.to_owned() });
    }
    Ok(())
}
