//! Answers system calls in the kernel's place, so that every machine looks the same (seccomp_unotify(2)).
//!
//! None of this is a security boundary: the filter denies what must not happen. So a build that changes the
//! target of a pointer while its call is answered fools only itself.

mod caller;
mod listing;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use nix::libc;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{AtFlags, statat};

pub(super) use self::caller::Caller;
use self::listing::Listings;
use super::beside::{Found, Mailbox};
use super::note::Recorder;
use super::sys;
use crate::machine::Machine;

/// The personality of a build (linux/personality.h): ADDR_NO_RANDOMIZE.
const PERSONALITY: i64 = 0x0004_0000;

/// The thread that answers the calls of one sandbox, for as long as this value lives.
pub(super) struct Answering {
    held: Arc<Held>,
    thread: Option<JoinHandle<Option<Recorder>>>,
}

/// What that thread and the others know of each other.
#[derive(Default)]
pub(super) struct Held {
    bytes: AtomicU64,
    /// Nobody waits for an answer any more.
    over: AtomicBool,
}

impl Held {
    /// Memory held for the build, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Answering {
    /// Answers the calls from `listener`, of the sandbox with these processes; `recorder` notes each first.
    ///
    /// # Errors
    /// When no more threads are allowed.
    pub fn start(
        listener: OwnedFd,
        processes: Option<OwnedFd>,
        machine: Machine,
        recorder: Option<Recorder>,
        mailbox: Mailbox,
    ) -> io::Result<Self> {
        let held = Arc::<Held>::default();
        let listings = Listings::new(machine.backwards, held.clone());
        let mut answers = Answers { listener, processes, listings, machine, recorder };
        let follow = move || {
            if let Err(error) = answers.follow() {
                mailbox.leave(Found::Failure(error));
            }
            answers.recorder
        };
        let thread = std::thread::Builder::new().name("answers".to_owned()).spawn(follow)?;
        Ok(Self { held, thread: Some(thread) })
    }

    /// Ends it, and returns the recorder. Of a build that is over no process is left that could call.
    pub fn finish(mut self) -> Option<Recorder> {
        self.held.over.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()?
    }

    /// What it holds.
    pub fn held(&self) -> Arc<Held> {
        self.held.clone()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.held.over.store(true, Ordering::Relaxed);
    }
}

/// Answers the calls of one sandbox.
struct Answers {
    listener: OwnedFd,
    /// The sandbox's own `/proc`.
    processes: Option<OwnedFd>,
    listings: Listings,
    machine: Machine,
    recorder: Option<Recorder>,
}

/// The outcome of a call.
enum Answer {
    /// It returns this value or errno.
    Returns(Result<i64, i32>),
    /// The kernel executes it.
    Passes,
}

impl Answers {
    /// Answers calls until no process is left that could make one.
    fn follow(&mut self) -> io::Result<()> {
        loop {
            let mut fds = [PollFd::new(&self.listener, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) if fds[0].revents().contains(PollFlags::IN) => self.answer()?,
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Answers one call, after it was noted.
    ///
    /// # Errors
    /// When the listener is closed.
    fn answer(&mut self) -> io::Result<()> {
        let Some(call) = sys::receive_call(self.listener.as_fd())? else { return Ok(()) };
        let [first, second, third, fourth, ..] = call.arguments;
        let caller = Caller { listener: self.listener.as_fd(), call: &call };
        if let Some(recorder) = &mut self.recorder {
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
