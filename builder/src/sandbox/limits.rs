//! The resource usage of a build, measured from outside, and the limit that ends it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stele_store::NoRoom;

use super::answer::Held;
use super::beside::{Found, Mailbox};
use super::blame::Blame;
use super::cgroup::Group;
use super::job::{Limit, Limits};
use super::used;

/// This close to the process limit a build counts as having reached it: a fork bomb's last processes come and
/// go.
const NEARLY: u64 = 8;

/// How often limits are checked.
const TICK: Duration = Duration::from_millis(50);

/// Free inodes to leave on the disk of the store; on a small disk, a sixteenth of all.
const FILES_KEPT: u64 = 4096;

/// What a sandbox shows of itself.
pub(super) struct Visible {
    /// Its `/proc`.
    pub processes: OwnedFd,
    /// Its `/dev/shm`.
    pub memory: OwnedFd,
    /// What the supervisor holds for it.
    pub held: Arc<Held>,
}

/// The thread that watches one build.
pub(super) struct Watching {
    seen: Sender<Visible>,
    thread: JoinHandle<Watch>,
}

impl Watching {
    /// Tells it what to look at: from outside, the sandbox is visible only through this.
    pub fn see(&self, seen: Visible) {
        let _ = self.seen.send(seen);
    }

    /// Ends it. Of a build that is over no process is left to examine, so that this is soon.
    ///
    /// # Errors
    /// When the thread failed.
    pub fn end(self) -> io::Result<Watch> {
        drop(self.seen);
        self.thread.join().map_err(|_| io::Error::other("the thread that watched the build failed"))
    }
}

/// Watches one build. Its supervisor keeps the time, which needs no look at the build.
pub(super) struct Watch {
    limits: Limits,
    folder: PathBuf,
    blame: Blame,
    /// The kernel's own limits, where this user may set them.
    group: Option<Group>,
    /// What to look at, once it exists.
    seen: Option<Visible>,
    /// Examining each process is costly: the longer it takes, the less often it is done.
    next: Instant,
}

impl Watch {
    /// Starts watching, with `folder`, whose lock is held by `lock`, on the disk that may fill up.
    pub fn new(limits: &Limits, folder: &Path, lock: Option<OwnedFd>) -> Self {
        let now = Instant::now();
        Self {
            limits: limits.clone(),
            folder: folder.to_owned(),
            blame: Blame::new(folder, lock),
            group: None,
            seen: None,
            next: now,
        }
    }

    /// The build begins: its first process is about to be created.
    pub fn begin(&mut self) {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.group = Group::new(&name, self.limits.memory, self.limits.processes);
    }

    /// Called in that first process, before it creates others: the kernel limits it from here on.
    pub fn enter(&self) {
        if let Some(group) = &self.group {
            group.enter();
        }
    }

    /// Watches in a thread of its own, and leaves the limits that are reached in `mailbox`.
    ///
    /// # Errors
    /// When no more threads are allowed.
    pub fn start(mut self, mailbox: Mailbox) -> io::Result<Watching> {
        let (seen, arriving) = channel();
        let watch = move || {
            loop {
                match arriving.recv_timeout(TICK) {
                    Ok(seen) => self.seen = Some(seen),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return self,
                }
                if let Some(limit) = self.look() {
                    mailbox.leave(Found::Limit(limit));
                }
            }
        };
        let thread = std::thread::Builder::new().name("limits".to_owned()).spawn(watch)?;
        Ok(Watching { seen, thread })
    }

    /// The limit for which the kernel has killed or refused a process.
    pub fn denied(&self) -> Option<Limit> {
        let group = self.group.as_ref()?;
        if group.is_out_of_memory() {
            return Some(Limit::Memory { bytes: self.limits.memory });
        }
        group.is_out_of_processes().then_some(Limit::Processes { count: self.limits.processes })
    }

    /// The exhausted shared resource, or the limit for which the kernel killed a process of this build.
    pub fn spent(&self) -> Option<Limit> {
        match stele_store::require_room(&self.folder) {
            Err(NoRoom::Bytes { left, .. }) => return Some(Limit::Room { left }),
            Err(NoRoom::Inodes { left, .. }) => return Some(Limit::Files { left }),
            Ok(()) => {}
        }
        if let Ok(disk) = rustix::fs::statvfs(&self.folder)
            && disk.f_favail < FILES_KEPT.min(disk.f_files / 16)
        {
            return Some(Limit::Files { left: disk.f_favail });
        }
        self.denied()
    }

    /// The limit that is reached, if any.
    fn look(&mut self) -> Option<Limit> {
        let now = Instant::now();
        match self.spent() {
            // Other builds may be ended for it first.
            Some(Limit::Room { .. } | Limit::Files { .. }) if !self.is_next_to_go(now) => {}
            Some(limit) => return Some(limit),
            None => self.blame.relax(),
        }
        if now < self.next {
            return None;
        }
        let Visible { processes, memory, held } = self.seen.as_ref()?;
        let used = used::at_most(processes, memory);
        let held = held.bytes();
        self.blame.note(now, used.written);
        // Count exactly only what may be over the limit.
        let is_over = used.memory + held > self.limits.memory
            && used::exactly(processes, memory) + held > self.limits.memory;
        self.next = now + (now.elapsed() * 20).max(Duration::from_millis(100));
        if is_over {
            return Some(Limit::Memory { bytes: self.limits.memory });
        }
        (used.processes + NEARLY >= self.limits.processes)
            .then_some(Limit::Processes { count: used.processes })
    }

    /// Whether this build is to be ended because the disk is nearly full.
    fn is_next_to_go(&mut self, now: Instant) -> bool {
        // Its writes since the last measurement may be what filled the disk.
        if let Some(Visible { processes, memory, .. }) = &self.seen {
            self.blame.note(now, used::at_most(processes, memory).written);
        }
        self.blame.is_next(now)
    }
}
