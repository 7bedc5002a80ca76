//! Mounting and unmounting, in the process that asks for it, so that it happens in its namespaces and with its rights.
//! Another process may serve the device.
//!
//! Three ways: mount(2), for processes with that right, such as root or the first process of a user namespace of its
//! own; otherwise `fusermount3`, which is set-user-ID root where it is installed.

mod fusermount;
pub mod namespace;
mod sys;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{FsPickFlags, MountFlags, UnmountFlags, fsconfig_reconfigure, fspick, mount, unmount};
use tracing::debug;

/// How a mount was made, and has to be unmounted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// By mount(2).
    Direct,
    /// By `fusermount3`.
    Helper,
}

/// A mount that no process serves yet.
#[derive(Debug)]
pub struct Attached {
    /// The FUSE device.
    pub device: OwnedFd,
    /// How it was made.
    pub how: How,
}

/// Why there is no mount.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The folder cannot be mounted on.
    #[error("{path} cannot be mounted on: {source}")]
    MountPoint {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel has no FUSE, or this process may not use it.
    #[error("/dev/fuse cannot be opened: {source}")]
    NoDevice {
        /// Why.
        source: io::Error,
    },
    /// Neither this process nor a helper may.
    #[error("this user may not mount, and there is no fusermount3 that may")]
    NotAllowed,
    /// The helper did not do it.
    #[error("fusermount3 did not mount: {said}")]
    Helper {
        /// Its message.
        said: String,
    },
    /// The kernel did not do it.
    #[error("{path} could not be mounted: {source}")]
    Mount {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why a mount could not be unmounted.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// It is in use.
    #[error("{path} is in use")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{path} could not be unmounted: {source}")]
    Unmount {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Mounts on the folder `path`; `store` is what lists of mounts show as the source. Until a process serves the
/// device, accesses to the mount wait.
///
/// # Errors
/// See [`AttachError`].
pub fn attach(path: &Path, store: &Path) -> Result<Attached, AttachError> {
    let place = |source| AttachError::MountPoint { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(place)?.is_dir() {
        return Err(place(io::ErrorKind::NotADirectory.into()));
    }
    let device = match open_device() {
        Ok(device) => device,
        // The helper is root, and opens it.
        Err(error @ AttachError::NoDevice { .. }) => {
            return fusermount::attach(path, store).map_err(|e| match e {
                AttachError::NotAllowed => error,
                e => e,
            });
        }
        Err(error) => return Err(error),
    };
    match attach_direct(path, store, &device) {
        Ok(()) => Ok(Attached { device: device.into(), how: How::Direct }),
        Err(Errno::PERM | Errno::ACCESS) => fusermount::attach(path, store),
        Err(e) => Err(AttachError::Mount { path: path.to_owned(), source: e.into() }),
    }
}

fn open_device() -> Result<File, AttachError> {
    let opened = OpenOptions::new().read(true).write(true).open("/dev/fuse");
    opened.map_err(|source| AttachError::NoDevice { source })
}

fn attach_direct(path: &Path, store: &Path, device: &File) -> rustix::io::Result<()> {
    let user = rustix::process::getuid().as_raw();
    let group = rustix::process::getgid().as_raw();
    // The kernel checks the modes (default_permissions), for everybody (allow_other); rootmode is a directory's.
    let options = format!(
        "fd={},rootmode=40555,user_id={user},group_id={group},default_permissions,allow_other",
        device.as_raw_fd()
    );
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    let options = std::ffi::CString::new(options).map_err(|_| Errno::INVAL)?;
    mount(store, path, "fuse.stele", flags, Some(options.as_c_str()))
}

/// Takes the mount at `path` away; with `lazy`, also when it is in use: it goes when the last user does.
///
/// # Errors
/// See [`DetachError`].
pub fn detach(path: &Path, how: How, lazy: bool) -> Result<(), DetachError> {
    let failed = |source| DetachError::Unmount { path: path.to_owned(), source };
    match how {
        How::Helper => fusermount::detach(path, lazy),
        How::Direct => {
            let flags = if lazy { UnmountFlags::DETACH } else { UnmountFlags::empty() };
            match unmount(path, flags | UnmountFlags::NOFOLLOW) {
                Ok(()) => Ok(()),
                Err(Errno::BUSY) => Err(DetachError::Busy { path: path.to_owned() }),
                Err(e) => Err(failed(e.into())),
            }
        }
    }
}

/// Whether a mount of `store` is at `path`, as this process sees it, served or not.
pub fn is_attached(path: &Path, store: &Path) -> bool {
    mounts().iter().any(|mount| mount.place == path && mount.is_of(store))
}

/// Makes the kernel forget the unused names of the mount of `store` at `path`. Returns whether it could be told: it
/// forgets in its own time.
///
/// To reconfigure a mount, to whatever it is already, drops what is cached and unused. To invalidate a name would also
/// take it from the processes that use it, and unmount what is mounted below.
pub fn forget_unused(path: &Path, store: &Path) -> bool {
    let mounts = mounts();
    // Another mount may be on top.
    let top = mounts.iter().rev().find(|mount| mount.place == path);
    if !top.is_some_and(|mount| mount.is_of(store)) {
        return false;
    }
    let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_SYMLINK_NOFOLLOW;
    let told = fspick(rustix::fs::CWD, path, flags).and_then(|fd| fsconfig_reconfigure(fd.as_fd()));
    if let Err(e) = told {
        debug!("the kernel is not told to forget what nobody uses at {}: {e}", path.display());
    }
    told.is_ok()
}

/// Where this process sees mounts of `store`, the lowest first. Bind mounts of parts of them are left out.
pub fn places(store: &Path) -> Vec<PathBuf> {
    mounts().into_iter().filter(|mount| mount.is_of(store) && mount.whole).map(|mount| mount.place).collect()
}

struct MountLine {
    /// Whether it shows all of its filesystem.
    whole: bool,
    place: PathBuf,
    kind: Vec<u8>,
    source: PathBuf,
}

impl MountLine {
    fn is_of(&self, store: &Path) -> bool {
        self.kind == b"fuse.stele" && self.source == store
    }
}

/// All mounts that this process sees, the lowest first. From `/proc/self/mountinfo` (proc_pid_mountinfo(5)),
/// which accesses no mount.
fn mounts() -> Vec<MountLine> {
    use std::os::unix::ffi::OsStringExt;
    let text = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let line = |line: &[u8]| {
        let mut columns = line.split(|&byte| byte == b' ');
        let path = |column| PathBuf::from(std::ffi::OsString::from_vec(unescape(column)));
        let whole = columns.nth(3)? == b"/";
        let place = path(columns.next()?);
        let mut columns = columns.skip_while(|column| *column != b"-").skip(1);
        Some(MountLine { whole, place, kind: columns.next()?.to_vec(), source: path(columns.next()?) })
    };
    text.split(|&byte| byte == b'\n').filter_map(line).collect()
}

/// `\040` and its like.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let digits = text.get(at + 1..at + 4).filter(|_| byte == b'\\');
        let code = digits.and_then(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 8).ok());
        plain.push(code.unwrap_or(byte));
        at += if code.is_some() { 4 } else { 1 };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_bytes_of_a_path_are_read_back() {
        assert_eq!(unescape(br"/a\040b\134c\011"), b"/a b\\c\t");
        assert_eq!(unescape(br"/a\04"), br"/a\04");
    }

    #[test]
    fn a_folder_that_is_not_there_is_refused_by_name() {
        let error = attach(Path::new("/nowhere/at/all"), Path::new("/")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
