//! Opening the paths that a request names, in the client.
//!
//! The daemon may be in another mount namespace, have other groups, and other files under `/proc/self` and `/dev/fd`.
//! So the client opens each path, and hands the descriptors over with the request.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

use stele::failure::{Failure, Kind};
use stele::reference::from_wire;
use stele::{PathUse, Request};

/// Opens every path that `request` names, in the order of [`Request::paths_mut`].
///
/// # Errors
/// For the first path that this process cannot open.
pub fn open_all(request: &Request) -> Result<Vec<OwnedFd>, Failure> {
    let mut request = request.clone();
    request.paths_mut().into_iter().map(|(usage, path)| open(&from_wire(path)?, usage)).collect()
}

/// Opens a recipe tree.
///
/// # Errors
/// When this process cannot open it.
pub fn open_tree(path: &Path) -> Result<OwnedFd, Failure> {
    open(path, PathUse::Tree)
}

fn open(path: &Path, usage: PathUse) -> Result<OwnedFd, Failure> {
    let place = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Without NONBLOCK, opening a named pipe would block before it is refused.
    let read = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let write = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = match usage {
        PathUse::Read => rustix::fs::openat(CWD, path, read, Mode::empty()),
        PathUse::Write => rustix::fs::openat(CWD, path, write, Mode::empty()),
        PathUse::Tree => rustix::fs::openat(CWD, path, place, Mode::empty()),
        PathUse::Create => {
            let parent = path.parent().filter(|_| path.file_name().is_some()).unwrap_or(path);
            rustix::fs::openat(CWD, parent, place, Mode::empty())
        }
    };
    opened.map_err(|error| failure(path, usage, &error.into()))
}

fn failure(path: &Path, usage: PathUse, error: &io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::NotFound if usage != PathUse::Create => Kind::NotFound,
        _ => Kind::Failed,
    };
    let message = match usage {
        PathUse::Create => format!("{} could not be created: {error}", path.display()),
        PathUse::Read | PathUse::Write | PathUse::Tree => {
            format!("{} could not be opened: {error}", path.display())
        }
    };
    let failure = Failure::new(kind, message);
    match (usage, error.kind()) {
        (PathUse::Tree, _) => {
            failure.hint("name the folder that holds `pkgs` with --recipes or STELE_RECIPES")
        }
        (PathUse::Create, io::ErrorKind::NotFound) => failure.hint("create its parent folder first"),
        (_, io::ErrorKind::PermissionDenied) => {
            failure.hint("run the command as a user who may read it, or leave it out")
        }
        _ => failure,
    }
}
