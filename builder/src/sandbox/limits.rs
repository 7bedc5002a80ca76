//! The resource usage of a build, measured from outside, and the limit that ends it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::blame::Blame;
use super::cgroup::Group;
use super::job::{Limit, Limits};
use super::used;

/// This close to the process limit a build counts as having reached it: a fork bomb's last processes come and
/// go.
const NEARLY: u64 = 8;

/// Free inodes to leave on the disk of the store; on a small disk, a sixteenth of all.
const FILES_KEPT: u64 = 4096;

/// Watches one build.
pub(super) struct Watch {
    limits: Limits,
    folder: PathBuf,
    begun: Instant,
    blame: Blame,
    /// The kernel's own limits, where this user may set them.
    group: Option<Group>,
    /// The sandbox's `/proc` and `/dev/shm`, once they exist.
    seen: Option<(OwnedFd, OwnedFd)>,
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
            begun: now,
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
        self.begun = Instant::now();
    }

    /// Called in that first process, before it creates others: the kernel limits it from here on.
    pub fn enter(&self) {
        if let Some(group) = &self.group {
            group.enter();
        }
    }

    /// Sets what to watch: from outside, the sandbox is visible only through these descriptors.
    pub fn see(&mut self, processes: Option<OwnedFd>, memory: Option<OwnedFd>) {
        self.seen = processes.zip(memory);
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
        if let Err(stele_store::NoRoom { left, .. }) = stele_store::require_room(&self.folder) {
            return Some(Limit::Room { left });
        }
        if let Ok(disk) = rustix::fs::statvfs(&self.folder)
            && disk.f_favail < FILES_KEPT.min(disk.f_files / 16)
        {
            return Some(Limit::Files { left: disk.f_favail });
        }
        self.denied()
    }

    /// The limit that is reached, if any. `kept` is memory in bytes that the supervisor holds for the build.
    pub fn look(&mut self, kept: u64) -> Option<Limit> {
        if let Some(seconds) = self.limits.seconds
            && self.begun.elapsed() >= Duration::from_secs(seconds)
        {
            return Some(Limit::Time { seconds });
        }
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
        let (processes, memory) = self.seen.as_ref()?;
        let used = used::at_most(processes, memory);
        self.blame.note(now, used.written);
        // Count exactly only what may be over the limit.
        let is_over = used.memory + kept > self.limits.memory
            && used::exactly(processes, memory) + kept > self.limits.memory;
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
        if let Some((processes, memory)) = &self.seen {
            self.blame.note(now, used::at_most(processes, memory).written);
        }
        self.blame.is_next(now)
    }

    /// The build is over.
    pub fn end(&mut self) {
        self.seen = None;
        self.group = None;
    }
}
