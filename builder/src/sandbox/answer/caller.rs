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

/// A thread that waits for an answer.
pub(super) struct Caller<'a> {
    pub listener: BorrowedFd<'a>,
    pub call: &'a Call,
}

impl Caller<'_> {
    /// Checks that what was opened by its ID belongs to it, and not to a thread that reuses the ID.
    fn still_waits(&self) -> Result<(), i32> {
        if sys::still_waits(self.listener, self.call.id) { Ok(()) } else { Err(libc::ESRCH) }
    }

    fn memory(&self) -> Result<File, i32> {
        let path = format!("/proc/{}/mem", self.call.thread);
        let memory = File::options().read(true).write(true).open(path).map_err(|_| libc::EFAULT)?;
        self.still_waits()?;
        Ok(memory)
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
