//! Calls that tell about files. What they tell of the inputs is the same everywhere, and stays; what they tell of
//! others is changed ([`super::files`]).
//!
//! A descriptor is looked at from here, and so is a path that stays in a folder which the build writes to. Any other
//! path means something else here than in the build, so the kernel looks it up for the build, and its answer is changed
//! ([`Stopped`]); that takes longer.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::libc;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::super::sys;
use super::files::{Appearance, STAT, STAT_OWNER, STATFS, STATX, STATX_OWNER};
use super::stopped::{Stopped, is_error};
use super::{Answer, Caller};

/// What is not of the inputs, below the root.
const OTHERS: [&[u8]; 5] = [b"build", b"dev", b"out", b"proc", b"tmp"];

/// The folders that a build writes to, from outside.
pub(super) struct Places([(&'static [u8], OwnedFd); 3]);

impl Places {
    /// Those of the build with this folder.
    ///
    /// # Errors
    /// When one is missing.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let one = |name: &'static str| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Ok::<_, io::Error>((name.as_bytes(), rustix::fs::open(folder.join(name), flags, Mode::empty())?))
        };
        Ok(Self([one("build")?, one("out")?, one("tmp")?]))
    }
}

/// From here on this thread has the rights of a build's user for files.
pub(super) fn become_builder() {
    if let Some(id) = crate::hold::build_uid() {
        nix::unistd::setfsgid(nix::unistd::Gid::from_raw(id));
        nix::unistd::setfsuid(nix::unistd::Uid::from_raw(id));
    }
}

/// The working directory, in the place of a descriptor.
const HERE: u64 = libc::AT_FDCWD.cast_unsigned() as u64;

/// Answers a call about a file. `None` for any other call.
pub(super) fn answer(
    number: i64,
    caller: &Caller<'_>,
    places: &Places,
    appearance: &mut Appearance,
) -> Option<Answer> {
    let [first, second, third, fourth, fifth, _] = caller.call.arguments;
    let link = |flags: u64| flags & u64::from(libc::AT_SYMLINK_NOFOLLOW.unsigned_abs()) != 0;
    let mut stat = |directory: u64, path: Option<Vec<u8>>, of_link: bool, to: u64| {
        if path.as_deref().is_some_and(is_input) {
            return Answer::Passes;
        }
        // One without an end is the kernel's to refuse, or to understand: null is a path since Linux 6.11.
        match path.and_then(|path| look(caller, places, directory, &path, of_link)) {
            Some(Ok(file)) => told(caller, &file, to, appearance),
            Some(Err(errno)) => Answer::Returns(Err(errno.raw_os_error())),
            None => changed(caller, to, |it: &mut [u8; STAT]| appearance.stat(it)),
        }
    };
    Some(match number {
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat => stat(HERE, caller.path(first), false, second),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lstat => stat(HERE, caller.path(first), true, second),
        libc::SYS_fstat => stat_of(caller, first, second, appearance),
        libc::SYS_newfstatat => match caller.path(second) {
            Some(path) if path.is_empty() && is_empty_path(fourth) => {
                stat_of(caller, first, third, appearance)
            }
            path if is_known(fourth) => stat(first, path, link(fourth), third),
            _ => changed(caller, third, |it: &mut [u8; STAT]| appearance.stat(it)),
        },
        libc::SYS_statx => {
            let path = caller.path(second);
            if path.as_deref().is_some_and(is_input) {
                return Some(Answer::Passes);
            }
            let mut bytes = [0; STATX];
            let found = path.and_then(|path| match path.is_empty() && is_empty_path(third) {
                true => duplicate(caller, first).map(Ok),
                false => look(caller, places, first, &path, link(third)),
            });
            match found.filter(|_| is_known(third) && fourth & RESERVED == 0) {
                Some(Ok(file)) if sys::statx(&file, fourth, &mut bytes).is_ok() => {
                    appearance.own(&mut bytes, STATX_OWNER);
                    appearance.statx(&mut bytes);
                    Answer::Returns(caller.put(fifth, &bytes).map(|()| 0))
                }
                Some(Err(errno)) => Answer::Returns(Err(errno.raw_os_error())),
                _ => changed(caller, fifth, |it: &mut [u8; STATX]| appearance.statx(it)),
            }
        }
        libc::SYS_statfs | libc::SYS_fstatfs => {
            changed(caller, second, |it: &mut [u8; STATFS]| Appearance::statfs(it))
        }
        _ => return None,
    })
}

/// What is at a path, if that stays in one folder which the build writes to. `None` if it may leave it, or if not all
/// that the build is told about it can be known here.
fn look(
    caller: &Caller<'_>,
    places: &Places,
    directory: u64,
    path: &[u8],
    of_link: bool,
) -> Option<Result<OwnedFd, Errno>> {
    let below = |top: &OwnedFd, path: &[u8]| {
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, of_link);
        let stays = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        let path = if path.is_empty() { b"." } else { path };
        match openat2(top, path, flags, Mode::empty(), stays) {
            Ok(file) => Some(Ok(file)),
            Err(errno @ (Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG)) => Some(Err(errno)),
            Err(_) => None,
        }
    };
    if let Some(absolute) = path.strip_prefix(b"/") {
        let mut parts = absolute.splitn(2, |byte| *byte == b'/');
        let (name, rest) = (parts.next()?, parts.next().unwrap_or_default());
        let (_, top) = places.0.iter().find(|(place, _)| *place == name)?;
        // Beneath a folder no path is absolute: more slashes are one.
        let from = rest.iter().position(|byte| *byte != b'/').unwrap_or(rest.len());
        return below(top, &rest[from..]);
    }
    if path.is_empty() {
        return None;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = if directory & 0xffff_ffff == HERE & 0xffff_ffff {
        let link = format!("/proc/{}/cwd", caller.call.thread);
        let opened = rustix::fs::openat(CWD, link, flags, Mode::empty()).ok()?;
        caller.still_waits().ok()?;
        opened
    } else {
        duplicate(caller, directory)?
    };
    // Of a process it shows each something else.
    if rustix::fs::fstatfs(&directory).is_ok_and(|it| it.f_type.cast_unsigned() == PROC) {
        return None;
    }
    below(&directory, path)
}

/// Tells of a file that was found.
fn told(caller: &Caller<'_>, file: &OwnedFd, to: u64, appearance: &mut Appearance) -> Answer {
    let mut bytes = [0; STAT];
    match sys::stat(file.as_fd(), &mut bytes) {
        Ok(()) => {
            appearance.own(&mut bytes, STAT_OWNER);
            appearance.stat(&mut bytes);
            Answer::Returns(caller.put(to, &bytes).map(|()| 0))
        }
        Err(_) => changed(caller, to, |it: &mut [u8; STAT]| appearance.stat(it)),
    }
}

/// Whether a path begins among the inputs. A link among them that leads elsewhere, as to `/tmp`, shows what is there as
/// the machine has it (docs/sandbox.md).
fn is_input(path: &[u8]) -> bool {
    let Some(below) = path.strip_prefix(b"/") else { return false };
    let mut parts = below.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let first = parts.clone().next();
    !parts.any(|part| part == b"..") && first.is_none_or(|first| !OTHERS.contains(&first))
}

/// PROC_SUPER_MAGIC of linux/magic.h.
const PROC: u64 = 0x9fa0;
/// STATX__RESERVED, which the kernel refuses.
const RESERVED: u64 = 1 << 31;

/// Whether the kernel knows all of these flags: it refuses others.
fn is_known(flags: u64) -> bool {
    let known =
        libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT | libc::AT_EMPTY_PATH | libc::AT_STATX_FORCE_SYNC;
    flags & 0xffff_ffff & !u64::from((known | libc::AT_STATX_DONT_SYNC).unsigned_abs()) == 0
}

fn is_empty_path(flags: u64) -> bool {
    flags & u64::from(libc::AT_EMPTY_PATH.unsigned_abs()) != 0
}

/// A duplicate of the caller's descriptor. `None` for the working directory, a descriptor that is not there, or one
/// that may not be looked at from here.
fn duplicate(caller: &Caller<'_>, fd: u64) -> Option<OwnedFd> {
    caller.duplicate(i32::try_from(fd & 0xffff_ffff).ok()?).ok()
}

/// What fstat(2) tells of a descriptor.
fn stat_of(caller: &Caller<'_>, fd: u64, address: u64, appearance: &mut Appearance) -> Answer {
    match duplicate(caller, fd) {
        Some(file) => told(caller, &file, address, appearance),
        None => changed(caller, address, |it: &mut [u8; STAT]| appearance.stat(it)),
    }
}

/// Has the kernel execute a call, and changes what it wrote to an address.
fn changed<const N: usize>(caller: &Caller<'_>, address: u64, change: impl FnOnce(&mut [u8; N])) -> Answer {
    let Some(stopped) = Stopped::after(caller) else { return Answer::Done };
    if !is_error(stopped.result())
        && let Some(memory) = stopped.memory()
        && let Some(mut bytes) = memory.get(address)
    {
        change(&mut bytes);
        memory.put(address, &bytes);
    }
    Answer::Done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_an_input_by_its_first_directory() {
        for path in ["/", "/usr/include/stdio.h", "/src", "//src//a", "/./usr", "/buildings/a", "/.a"] {
            assert!(is_input(path.as_bytes()), "{path}");
        }
        for path in [
            "",
            "a",
            "usr/a",
            "/build",
            "/build/",
            "/./build/a",
            "//out/a",
            "/usr/../tmp/a",
            "/proc/self",
            "..",
        ] {
            assert!(!is_input(path.as_bytes()), "{path}");
        }
    }
}
