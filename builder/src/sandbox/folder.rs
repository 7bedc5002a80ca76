//! The folder of a build on this machine: `build`, `out` and `tmp`, which the build can write, and its log.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags};

/// Directories that the build can write.
pub const WRITABLE: [&str; 3] = ["build", "out", "tmp"];
/// The log.
pub const LOG: &str = "log";
/// Locked while the folder is in use; contains what its build has written lately ([`super::blame`]).
pub(super) const LOCK: &str = "lock";
/// What was noted of a build, if anything was ([`crate::notes`]).
pub const NOTES: &str = "notes";
/// What a kept folder belongs to.
pub const KEPT: &str = "kept";

/// Creates the folder; the build's own directories belong to `owner`.
///
/// # Errors
/// When the disk cannot write it.
pub fn make(folder: &Path, owner: Option<u32>) -> io::Result<File> {
    DirBuilder::new().mode(0o700).create(folder)?;
    let_pass(folder, owner)?;
    for name in WRITABLE {
        let path = folder.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(if name == "tmp" { 0o1777 } else { 0o755 }))?;
        if let Some(owner) = owner {
            std::os::unix::fs::chown(&path, Some(owner), Some(owner))?;
        }
    }
    let lock = File::create(folder.join(LOCK))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(lock)
}

/// Locks a kept folder.
///
/// # Errors
/// When it is in use.
pub fn take(folder: &Path) -> io::Result<File> {
    let lock = File::options().write(true).open(folder.join(LOCK))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(lock)
}

/// Lets the user of builds pass through a folder, and no other user: else a set-user-ID program that a build
/// made would give its owner's rights to any user of this machine.
///
/// # Errors
/// When the folder belongs to another user.
pub fn let_pass(folder: &Path, owner: Option<u32>) -> io::Result<()> {
    if owner.is_some() {
        std::os::unix::fs::chown(folder, None, owner)?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(if owner.is_some() { 0o710 } else { 0o700 }))
}

/// Whether the folder is in use.
pub fn is_used(folder: &Path) -> bool {
    let Ok(lock) = File::open(folder.join(LOCK)) else { return false };
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err()
}

/// Removes a folder, whatever a build has put into it: no depth of directories, mode or name stops it, and it
/// follows no link. Directories are first moved up to one place, so that no resource grows with their depth.
///
/// # Errors
/// When something in it cannot be removed.
pub fn remove(folder: &Path) -> io::Result<()> {
    let top = match open(CWD, folder) {
        Ok(top) => top,
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(e) => return Err(e.into()),
    };
    let mut moved = 0_u64;
    loop {
        let mut directories = Vec::new();
        for entry in Dir::read_from(&top)? {
            let entry = entry?;
            let name = entry.file_name().to_owned();
            if matches!(name.as_bytes(), b"." | b"..") {
                continue;
            }
            match is_directory(&top, &name, entry.file_type())? {
                true => directories.push(name),
                false => gone(rustix::fs::unlinkat(&top, &*name, AtFlags::empty()))?,
            }
        }
        if directories.is_empty() {
            break;
        }
        for name in directories {
            empty(&top, &name, &mut moved)?;
            gone(rustix::fs::unlinkat(&top, &*name, AtFlags::REMOVEDIR))?;
        }
    }
    match fs::remove_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Missing files are fine: a supervisor and a daemon may both remove the remains of a killed build.
fn gone(removed: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match removed {
        Err(rustix::io::Errno::NOENT) => Ok(()),
        done => done,
    }
}

fn open(
    at: impl std::os::fd::AsFd,
    name: impl rustix::path::Arg,
) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}

fn is_directory(at: &std::os::fd::OwnedFd, name: &std::ffi::CStr, kind: FileType) -> io::Result<bool> {
    if kind != FileType::Unknown {
        return Ok(kind == FileType::Directory);
    }
    let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Removes the content of a directory of `top`, and moves its directories to `top`.
fn empty(top: &std::os::fd::OwnedFd, name: &std::ffi::CStr, moved: &mut u64) -> io::Result<()> {
    // The build may have removed all its permissions. A link put in its place meanwhile would be followed, but
    // no process is left that could.
    gone(rustix::fs::chmodat(top, name, Mode::RWXU, AtFlags::empty()))?;
    let directory = match open(top, name) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let inner = entry.file_name();
        if matches!(inner.to_bytes(), b"." | b"..") {
            continue;
        }
        if !is_directory(&directory, inner, entry.file_type())? {
            gone(rustix::fs::unlinkat(&directory, inner, AtFlags::empty()))?;
            continue;
        }
        // To be moved, it must be writable itself: its `..` changes.
        gone(rustix::fs::chmodat(&directory, inner, Mode::RWXU, AtFlags::empty()))?;
        loop {
            *moved += 1;
            let to = format!(".removed-{moved}");
            match rustix::fs::renameat_with(&directory, inner, top, to.as_str(), RenameFlags::NOREPLACE) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => break,
                // Its own name may be one of these.
                Err(rustix::io::Errno::EXIST) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_build_leaves_stops_the_removal() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "kept").unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("folder");
        drop(make(&folder, None).unwrap());
        let build = folder.join("build");
        std::os::unix::fs::symlink(outside.path(), build.join("link")).unwrap();
        fs::create_dir_all(build.join(".removed-1/.removed-2/x")).unwrap();
        fs::create_dir(build.join("closed")).unwrap();
        fs::write(build.join("closed/file"), "x").unwrap();
        fs::set_permissions(build.join("closed"), fs::Permissions::from_mode(0o0)).unwrap();
        // Deeper than any path can name.
        let mut at = open(CWD, &build).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "deeper", Mode::RWXU).unwrap();
            at = open(&at, "deeper").unwrap();
        }
        drop(at);
        remove(&folder).unwrap();
        assert!(!folder.exists());
        assert_eq!(fs::read_to_string(outside.path().join("kept")).unwrap(), "kept");
        remove(&folder).unwrap();
    }

    #[test]
    fn a_folder_is_in_use_while_its_creator_holds_the_lock() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("folder");
        let lock = make(&folder, None).unwrap();
        assert!(is_used(&folder));
        drop(lock);
        assert!(!is_used(&folder));
        assert!(!is_used(&scratch.path().join("none")));
    }
}
