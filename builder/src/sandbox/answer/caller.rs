//! The thread whose call is being answered: its memory, and its descriptors.
//!
//! It is known only by its thread ID, which may be reused by any process of the machine when it has ended. So
//! the target of the ID is opened first, then the call is checked to be still waiting, and only then is the
//! opened file used (seccomp_unotify(2), "Design goals; use of SECCOMP_USER_NOTIF_FLAG_CONTINUE").

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::libc;
use rustix::process::{Pid, PidfdGetfdFlags, pidfd_getfd};

use super::super::sys::{self, Call};
use super::stopped::Memory;

/// A thread that waits for an answer.
pub(in super::super) struct Caller<'a> {
    pub listener: BorrowedFd<'a>,
    pub call: &'a Call,
}

impl Caller<'_> {
    /// Checks that what was opened by its ID belongs to it, and not to a thread that reuses the ID.
    pub(super) fn still_waits(&self) -> Result<(), i32> {
        if sys::still_waits(self.listener, self.call.id) { Ok(()) } else { Err(libc::ESRCH) }
    }

    fn memory(&self) -> Result<File, i32> {
        let path = format!("/proc/{}/mem", self.call.thread);
        let memory = File::options().read(true).write(true).open(path).map_err(|_| libc::EFAULT)?;
        self.still_waits()?;
        Ok(memory)
    }

    /// Its memory, for more than one look. `None` when it has ended.
    pub(super) fn memory_of_it(&self) -> Option<Memory> {
        self.memory().ok().map(Memory)
    }

    /// Writes to its memory.
    ///
    /// # Errors
    /// With an errno.
    pub fn put(&self, address: u64, bytes: &[u8]) -> Result<(), i32> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.memory()?.write_all_at(bytes, address).map_err(|_| libc::EFAULT)
    }

    /// Reads its memory.
    ///
    /// # Errors
    /// With an errno.
    pub fn get(&self, address: u64, bytes: &mut [u8]) -> Result<(), i32> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.memory()?.read_exact_at(bytes, address).map_err(|_| libc::EFAULT)
    }

    /// So much of its memory, or less when that is not all there.
    pub fn bytes(&self, address: u64, count: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0)];
        let read = self.memory().and_then(|it| it.read_at(&mut bytes, address).map_err(|_| libc::EFAULT));
        bytes.truncate(read.unwrap_or(0));
        bytes
    }

    /// The path at an address, if it has a NUL where a path must have one.
    pub fn path(&self, address: u64) -> Option<Vec<u8>> {
        let (text, has_end) = self.up_to_nul(address);
        has_end.then_some(text)
    }

    /// The text at an address, up to its NUL; cut when it is longer than a path.
    pub fn text(&self, address: u64) -> Vec<u8> {
        self.up_to_nul(address).0
    }

    fn up_to_nul(&self, address: u64) -> (Vec<u8>, bool) {
        let mut bytes = self.bytes(address, libc::PATH_MAX.unsigned_abs().into());
        let end = bytes.iter().position(|byte| *byte == 0);
        bytes.truncate(end.unwrap_or(bytes.len()));
        (bytes, end.is_some())
    }

    /// A duplicate of its descriptor `fd`.
    ///
    /// # Errors
    /// With an errno.
    pub fn duplicate(&self, fd: i32) -> Result<OwnedFd, i32> {
        let thread = Pid::from_raw(self.call.thread).ok_or(libc::ESRCH)?;
        let held = sys::hold_only(thread).map_err(|_| libc::EBADF)?;
        self.still_waits()?;
        pidfd_getfd(held.as_fd(), fd, PidfdGetfdFlags::empty()).map_err(|_| libc::EBADF)
    }

    /// A duplicate of its descriptor `fd`, and its process ID.
    ///
    /// # Errors
    /// With an errno.
    pub fn descriptor(&self, fd: i32) -> Result<(OwnedFd, i32), i32> {
        let thread = Pid::from_raw(self.call.thread).ok_or(libc::ESRCH)?;
        let (held, process) = sys::hold_thread(thread).map_err(|_| libc::EBADF)?;
        self.still_waits()?;
        let file = pidfd_getfd(held.as_fd(), fd, PidfdGetfdFlags::empty()).map_err(|_| libc::EBADF)?;
        Ok((file, process.as_raw_nonzero().get()))
    }
}
