//! Calls that tell about files. What they tell of the inputs is the same everywhere, and stays; what they tell of
//! others is changed ([`super::files`]).
//!
//! A descriptor is looked at from here. A path means something else here than in the build, so the kernel looks it up
//! for the build, and its answer is changed ([`Stopped`]); that takes longer.

use nix::libc;

use super::super::sys;
use super::files::{Appearance, STAT, STATFS, STATX};
use super::stopped::{Stopped, is_error};
use super::{Answer, Caller};

/// What is not of the inputs, below the root.
const OTHERS: [&[u8]; 5] = [b"build", b"dev", b"out", b"proc", b"tmp"];

/// Answers a call about a file. `None` for any other call.
pub(super) fn answer(number: i64, caller: &Caller<'_>, appearance: &mut Appearance) -> Option<Answer> {
    let [first, second, third, fourth, fifth, _] = caller.call.arguments;
    Some(match number {
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat | libc::SYS_lstat if is_input(&caller.text(first)) => Answer::Passes,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat | libc::SYS_lstat => {
            changed(caller, second, |it: &mut [u8; STAT]| appearance.stat(it))
        }
        libc::SYS_fstat => stat_of(caller, first, second, appearance),
        libc::SYS_newfstatat => match caller.text(second) {
            path if is_input(&path) => Answer::Passes,
            path if path.is_empty() && is_empty_path(fourth) => stat_of(caller, first, third, appearance),
            _ => changed(caller, third, |it: &mut [u8; STAT]| appearance.stat(it)),
        },
        libc::SYS_statx => match caller.text(second) {
            path if is_input(&path) => Answer::Passes,
            _ => changed(caller, fifth, |it: &mut [u8; STATX]| appearance.statx(it)),
        },
        libc::SYS_statfs | libc::SYS_fstatfs => {
            changed(caller, second, |it: &mut [u8; STATFS]| Appearance::statfs(it))
        }
        _ => return None,
    })
}

/// Whether a path is one of the inputs, whatever links it has in it: no input has a link to what is not.
fn is_input(path: &[u8]) -> bool {
    let Some(below) = path.strip_prefix(b"/") else { return false };
    let mut parts = below.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let first = parts.clone().next();
    !parts.any(|part| part == b"..") && first.is_none_or(|first| !OTHERS.contains(&first))
}

fn is_empty_path(flags: u64) -> bool {
    flags & u64::from(libc::AT_EMPTY_PATH.unsigned_abs()) != 0
}

/// What fstat(2) tells of a descriptor.
fn stat_of(caller: &Caller<'_>, fd: u64, address: u64, appearance: &mut Appearance) -> Answer {
    let fd = i32::try_from(fd & 0xffff_ffff);
    let found = fd.map_err(|_| libc::EBADF).and_then(|fd| caller.duplicate(fd));
    let mut bytes = [0; STAT];
    match found.map(|file| sys::stat(&file, &mut bytes)) {
        Ok(Ok(())) => {
            appearance.stat(&mut bytes);
            Answer::Returns(caller.put(address, &bytes).map(|()| 0))
        }
        // The working directory, a descriptor that is not there, or one that may not be looked at from here.
        _ => changed(caller, address, |it: &mut [u8; STAT]| appearance.stat(it)),
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
