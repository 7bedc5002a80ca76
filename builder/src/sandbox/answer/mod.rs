//! Answers system calls in the kernel's place, so that every machine looks the same (seccomp_unotify(2)).
//!
//! None of this is a security boundary: the filter denies what must not happen. So a build that changes the
//! target of a pointer while its call is answered fools only itself.

mod caller;
mod clock;
mod files;
mod listing;
mod look;
mod random;
mod start;
mod stopped;
mod vdso;
mod waits;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use nix::libc;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, statat};

pub(super) use self::caller::Caller;
use self::clock::{Clock, Time};
use self::files::{Appearance, Numbers};
use self::listing::Listings;
use self::look::Places;
pub(super) use self::random::Device;
use self::random::Streams;
use self::start::Programs;
pub(super) use self::vdso::Vdso;
use self::waits::Sleeps;
use super::beside::{Found, Mailbox};
use super::note::Recorder;
use super::sys;
use crate::machine::Machine;

/// Clocks that show the date (clock_gettime(2)): CLOCK_REALTIME, its coarse variant, that of alarms, and CLOCK_TAI.
pub(super) const REAL: [u32; 4] = [0, 5, 8, 11];

/// What the calls of a sandbox are answered from.
pub(super) struct Answered {
    /// Where the calls arrive.
    pub listener: OwnedFd,
    /// The sandbox's own `/proc`.
    pub processes: Option<OwnedFd>,
    /// The machine that it sees.
    pub machine: Machine,
    /// When its clock begins, in seconds since 1970, unless that is the machine's.
    pub date: Option<i64>,
    /// What its random numbers follow from, unless they are the machine's.
    pub seed: Option<String>,
    /// The build's folder on this machine.
    pub folder: PathBuf,
    /// The kernel's vDSO, if it can be replaced in its processes; programs are held at their start otherwise.
    pub vdso: Option<Vdso>,
}

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
    /// And for the numbers of inodes.
    numbers: AtomicU64,
    /// Nobody waits for an answer any more.
    over: AtomicBool,
}

impl Held {
    /// Memory held for the build, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed) + self.numbers.load(Ordering::Relaxed)
    }
}

impl Answering {
    /// Answers the calls of a sandbox; `recorder` notes each first. The clock of the build begins now.
    ///
    /// # Errors
    /// When no more threads are allowed, or the build's folder cannot be opened.
    pub fn start(answered: Answered, recorder: Option<Recorder>, mailbox: Mailbox) -> io::Result<Self> {
        let held = Arc::<Held>::default();
        let Answered { listener, processes, machine, date, seed, folder, vdso } = answered;
        let fixed = date.map(|date| Fixed::begin(date, &folder, machine.user)).transpose()?;
        let listings = Listings::new(machine.backwards, held.clone());
        let random = seed.as_deref().map(Streams::new);
        let programs = Programs { vdso, hides_clock: date.is_some(), random };
        let counted = held.clone();
        let mut answers =
            Answers { listener, processes, listings, machine, recorder, fixed, programs, held: counted };
        let follow = move || {
            if answers.fixed.is_some() {
                // Paths are looked up with the build's rights.
                look::become_builder();
            }
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
    fixed: Option<Fixed>,
    programs: Programs,
    held: Arc<Held>,
}

/// What a build has that has a fixed clock.
struct Fixed {
    /// What it sees of files, and its clock.
    appearance: Appearance,
    /// The folders that it writes to.
    places: Places,
    sleeps: Sleeps,
}

impl Fixed {
    /// Its clock begins now, with this date.
    fn begin(date: i64, folder: &Path, seen_as: u32) -> io::Result<Self> {
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let appearance = Appearance {
            disk: rustix::fs::stat(folder)?.st_dev,
            owner: crate::hold::build_uid().map_or((user, group), |id| (id, id)),
            user: seen_as,
            clock: Clock::begin(date),
            numbers: Numbers::default(),
        };
        Ok(Self { appearance, places: Places::open(folder)?, sleeps: Sleeps::default() })
    }

    /// Answers a call about files or the clock. `None` for any other.
    fn answer(&mut self, number: i64, caller: &Caller<'_>) -> Option<Answer> {
        look::answer(number, caller, &self.places, &mut self.appearance)
            .or_else(|| of_clock(number, caller, &mut self.appearance.clock, &mut self.sleeps))
    }
}

/// The outcome of a call.
enum Answer {
    /// It returns this value or errno.
    Returns(Result<i64, i32>),
    /// The kernel executes it.
    Passes,
    /// The kernel has executed it.
    Done,
    /// It waits.
    Later,
}

impl Answers {
    /// Answers calls until no process is left that could make one.
    fn follow(&mut self) -> io::Result<()> {
        loop {
            let until = self.fixed.as_mut().and_then(|it| it.sleeps.end(self.listener.as_fd()));
            let until = until.map(|it| Timespec { tv_sec: it.seconds, tv_nsec: it.nanoseconds.into() });
            let mut fds = [PollFd::new(&self.listener, PollFlags::IN)];
            match poll(&mut fds, until.as_ref()) {
                Ok(0) => {}
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
            libc::SYS_getdents64 => {
                self.listings.answer(&caller, self.fixed.as_mut().map(|it| &mut it.appearance.numbers))
            }
            libc::SYS_execve | libc::SYS_execveat => self.programs.held(&caller),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_arch_prctl => self.programs.set_up(&caller),
            libc::SYS_getrandom => self.programs.random(&caller),
            number => self.fixed.as_mut().and_then(|it| it.answer(number, &caller)).unwrap_or(Answer::Passes),
        };
        match answer {
            Answer::Returns(value) => sys::answer_call(self.listener.as_fd(), call.id, value),
            Answer::Passes => sys::let_pass(self.listener.as_fd(), call.id),
            Answer::Done | Answer::Later => {}
        }
        if let Some(fixed) = &self.fixed {
            self.held.numbers.store(fixed.appearance.numbers.bytes(), Ordering::Relaxed);
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

/// Calls that read the clock, or wait for a time of it. `None` for any other.
fn of_clock(number: i64, caller: &Caller<'_>, clock: &mut Clock, sleeps: &mut Sleeps) -> Option<Answer> {
    let [first, second, ..] = caller.call.arguments;
    let mut now = || clock.read(Time::now());
    let put = |address, bytes: &[u8]| if address == 0 { Ok(()) } else { caller.put(address, bytes) };
    Some(match number {
        libc::SYS_clock_gettime => Answer::Returns(caller.put(second, &now().timespec()).map(|()| 0)),
        // No time zone.
        libc::SYS_gettimeofday => {
            Answer::Returns(put(first, &now().timeval()).and_then(|()| put(second, &[0; 8])).map(|()| 0))
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_time => {
            let seconds = now().seconds;
            Answer::Returns(put(first, &seconds.to_le_bytes()).map(|()| seconds))
        }
        libc::SYS_clock_nanosleep => sleeps.begin(caller, clock),
        libc::SYS_futex => waits::futex(caller, clock),
        libc::SYS_timerfd_settime => waits::descriptor(caller, clock),
        libc::SYS_timer_settime => waits::timer(caller, clock),
        _ => return None,
    })
}
