//! Answers system calls in the kernel's place, so that every machine looks the same (seccomp_unotify(2)).
//!
//! None of this keeps a build from anything: what must not be is denied by the filter. So a build that changes what a
//! pointer points to while it is answered only fools itself.

mod listing;

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::libc;
use nix::sys::uio::{RemoteIoVec, process_vm_writev};

use self::listing::Listings;
use super::sys::{self, Call};
use crate::profile;

/// Who answers the calls of one sandbox.
pub(super) struct Answers {
    listener: OwnedFd,
    listings: Listings,
}

/// What becomes of a call.
enum Answer {
    /// It returns this, or this errno.
    Returns(Result<i64, i32>),
    /// The kernel does it after all.
    Passes,
}

impl Answers {
    /// Answers what comes to `listener`.
    pub fn new(listener: OwnedFd) -> Self {
        Self { listener, listings: Listings::default() }
    }

    /// Where calls come.
    pub fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Answers one.
    ///
    /// # Errors
    /// When the listener is no use any more.
    pub fn answer(&mut self) -> io::Result<()> {
        let Some(call) = sys::receive_call(self.listener.as_fd())? else { return Ok(()) };
        let [first, second, third, ..] = call.arguments;
        let answer = match call.number {
            libc::SYS_uname => Answer::Returns(self.put(&call, first, &uname())),
            libc::SYS_sysinfo => Answer::Returns(self.put(&call, first, &sysinfo())),
            libc::SYS_sched_getaffinity => Answer::Returns(self.affinity(&call, second, third)),
            libc::SYS_getdents64 => self.listing(&call),
            _ => Answer::Passes,
        };
        match answer {
            Answer::Returns(value) => sys::answer_call(self.listener.as_fd(), call.id, value),
            Answer::Passes => sys::let_pass(self.listener.as_fd(), call.id),
        }
        Ok(())
    }

    /// Writes into the memory of whoever called.
    fn put(&self, call: &Call, address: u64, bytes: &[u8]) -> Result<i64, i32> {
        if bytes.is_empty() {
            return Ok(0);
        }
        // Its number may be another's by now, if it has ended.
        if !sys::still_waits(self.listener.as_fd(), call.id) {
            return Err(libc::ESRCH);
        }
        let base = usize::try_from(address).map_err(|_| libc::EFAULT)?;
        let remote = [RemoteIoVec { base, len: bytes.len() }];
        match process_vm_writev(nix::unistd::Pid::from_raw(call.thread), &[IoSlice::new(bytes)], &remote) {
            Ok(written) if written == bytes.len() => Ok(0),
            _ => Err(libc::EFAULT),
        }
    }

    /// Processors 0 to the profile's number (sched_setaffinity(2)).
    fn affinity(&self, call: &Call, length: u64, address: u64) -> Result<i64, i32> {
        let mask: u64 = (1 << profile::PROCESSORS) - 1;
        if length < 8 || !length.is_multiple_of(8) {
            return Err(libc::EINVAL);
        }
        self.put(call, address, &mask.to_le_bytes())?;
        Ok(8)
    }

    /// A directory's entries, sorted bytewise (getdents64(2)).
    fn listing(&mut self, call: &Call) -> Answer {
        let [fd, address, length, ..] = call.arguments;
        let (Ok(fd), Ok(length)) = (i32::try_from(fd & 0xffff_ffff), usize::try_from(length & 0xffff_ffff))
        else {
            return Answer::Returns(Err(libc::EBADF));
        };
        match self.listings.next(call.thread, fd, length) {
            Ok(listing::Next::Bytes(bytes)) => Answer::Returns(
                self.put(call, address, &bytes).map(|_| i64::try_from(bytes.len()).unwrap_or(0)),
            ),
            Ok(listing::Next::Kernel) => Answer::Passes,
            Err(errno) => Answer::Returns(Err(errno)),
        }
    }
}

/// struct new_utsname (uname(2)): six texts of 65 bytes.
fn uname() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(6 * 65);
    for text in ["Linux", profile::HOST, profile::RELEASE, "#1", std::env::consts::ARCH, "(none)"] {
        let end = bytes.len() + 65;
        bytes.extend_from_slice(text.as_bytes());
        bytes.resize(end, 0);
    }
    bytes
}

/// struct sysinfo (sysinfo(2)) of a 64-bit machine: 112 bytes.
fn sysinfo() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(112);
    let (free, zero) = (profile::MEMORY, 0);
    // uptime, three loads, totalram, freeram, sharedram, bufferram, totalswap, freeswap.
    for number in [profile::UPTIME, zero, zero, zero, profile::MEMORY, free, zero, zero, zero, zero] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    // procs, padding, then totalhigh and freehigh, and the unit of memory.
    bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.resize(112, 0);
    bytes
}
