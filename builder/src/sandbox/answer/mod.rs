//! Answers system calls in the kernel's place, so that every machine looks the same (seccomp_unotify(2)).
//!
//! None of this is a security boundary: the filter denies what must not happen. So a build that changes the
//! target of a pointer while its call is answered fools only itself.

mod caller;
mod listing;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::libc;
use rustix::fs::{AtFlags, statat};

pub(super) use self::caller::Caller;
use self::listing::Listings;
use super::note::Recorder;
use super::sys;
use crate::machine::Machine;

/// The personality of a build (linux/personality.h): ADDR_NO_RANDOMIZE.
const PERSONALITY: i64 = 0x0004_0000;

/// Answers the calls of one sandbox.
pub(super) struct Answers {
    listener: OwnedFd,
    /// The sandbox's own `/proc`.
    processes: Option<OwnedFd>,
    listings: Listings,
    machine: Machine,
}

/// The outcome of a call.
enum Answer {
    /// It returns this value or errno.
    Returns(Result<i64, i32>),
    /// The kernel executes it.
    Passes,
}

impl Answers {
    /// Answers the calls from `listener`, of the sandbox with these processes.
    pub fn new(listener: OwnedFd, processes: Option<OwnedFd>, machine: Machine) -> Self {
        Self { listener, processes, listings: Listings::new(machine.backwards), machine }
    }

    /// Receives the calls.
    pub fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Memory held for the build, in bytes.
    pub fn bytes(&self) -> u64 {
        self.listings.bytes() as u64
    }

    /// Answers one call, after it was noted.
    ///
    /// # Errors
    /// When the listener is closed.
    pub fn answer(&mut self, recorder: Option<&mut Recorder>) -> io::Result<()> {
        let Some(call) = sys::receive_call(self.listener.as_fd())? else { return Ok(()) };
        let [first, second, third, fourth, ..] = call.arguments;
        let caller = Caller { listener: self.listener.as_fd(), call: &call };
        if let Some(recorder) = recorder {
            recorder.note(&caller);
        }
        let answer = match call.number {
            libc::SYS_uname => Answer::Returns(caller.put(first, &self.machine.uname()).map(|()| 0)),
            libc::SYS_sysinfo => Answer::Returns(caller.put(first, &self.machine.sysinfo()).map(|()| 0)),
            libc::SYS_sched_getaffinity => Answer::Returns(self.affinity(&caller, first, second, third)),
            libc::SYS_sched_setaffinity => Answer::Returns(self.take_affinity(&caller, first, second, third)),
            libc::SYS_personality => Answer::Returns(Ok(PERSONALITY)),
            libc::SYS_setrlimit => Answer::Returns(Ok(0)),
            libc::SYS_prlimit64 => Answer::Returns(core_limit(&caller, fourth)),
            libc::SYS_getdents64 => self.listings.answer(&caller),
            _ => Answer::Passes,
        };
        match answer {
            Answer::Returns(value) => sys::answer_call(self.listener.as_fd(), call.id, value),
            Answer::Passes => sys::let_pass(self.listener.as_fd(), call.id),
        }
        Ok(())
    }

    /// Processors 0 to the profile's number, for an existing thread (sched_getaffinity(2)).
    fn affinity(&self, caller: &Caller<'_>, thread: u64, length: u64, address: u64) -> Result<i64, i32> {
        if length < 8 || !length.is_multiple_of(8) {
            return Err(libc::EINVAL);
        }
        self.require(thread)?;
        caller.put(address, &self.machine.affinity().to_le_bytes())?;
        Ok(8)
    }

    /// Where a build runs must not be visible: a set with a processor is accepted and ignored
    /// (sched_setaffinity(2)).
    fn take_affinity(&self, caller: &Caller<'_>, thread: u64, length: u64, address: u64) -> Result<i64, i32> {
        let mut mask = [0; 8];
        let length = usize::try_from(length & 0xffff_ffff).unwrap_or(usize::MAX).min(mask.len());
        caller.get(address, &mut mask[..length])?;
        self.require(thread)?;
        if u64::from_le_bytes(mask) & self.machine.affinity() == 0 { Err(libc::EINVAL) } else { Ok(0) }
    }

    /// Fails unless the sandbox has that thread; 0 is the caller.
    fn require(&self, thread: u64) -> Result<(), i32> {
        let thread = i32::try_from(thread & 0xffff_ffff).map_err(|_| libc::ESRCH)?;
        let is_there = |processes| statat(processes, thread.to_string(), AtFlags::empty()).is_ok();
        match &self.processes {
            Some(processes) if thread != 0 && !is_there(processes) => Err(libc::ESRCH),
            _ => Ok(()),
        }
    }
}

/// The core limit stays unchanged; the old value is returned on request (prlimit(2)).
fn core_limit(caller: &Caller<'_>, old: u64) -> Result<i64, i32> {
    if old != 0 {
        caller.put(old, &[1_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat())?;
    }
    Ok(0)
}
