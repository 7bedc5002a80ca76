//! What a build uses, looked at from outside, and by which limit it is ended.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stele_store::NoRoom;

use super::blame::Blame;
use super::cgroup::Group;
use super::job::{Limit, Limits};
use super::used;

/// So many processes below the limit a build is taken to have met it: a fork bomb's last ones come and go.
const NEARLY: u64 = 8;

/// So many files the disk of the store is left room for, or a sixteenth of all that it can have.
const FILES_KEPT: u64 = 4096;

/// Watches one build.
pub(super) struct Watch {
    limits: Limits,
    folder: PathBuf,
    begun: Instant,
    blame: Blame,
    /// The kernel's own limits, where this user has any.
    group: Option<Group>,
    /// The sandbox's own list of processes, and its `/dev/shm`, when they are there.
    seen: Option<(OwnedFd, OwnedFd)>,
    /// Looking at each process costs: it is done less often the longer it takes.
    next: Instant,
}

impl Watch {
    /// Watches from now on, with `folder`, whose lock is held by `lock`, on the disk that may become full.
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

    /// The build begins: its first process is about to be made.
    pub fn begin(&mut self) {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.group = Group::new(&name, self.limits.memory, self.limits.processes);
        self.begun = Instant::now();
    }

    /// For that first process itself, before it makes others: the kernel limits it from here on.
    pub fn enter(&self) {
        if let Some(group) = &self.group {
            group.enter();
        }
    }

    /// What is to be watched from outside of the sandbox, where it can be looked into by these descriptors alone.
    pub fn see(&mut self, processes: Option<OwnedFd>, memory: Option<OwnedFd>) {
        self.seen = processes.zip(memory);
    }

    /// The limit because of which the kernel has ended or refused a process.
    pub fn denied(&self) -> Option<Limit> {
        let group = self.group.as_ref()?;
        if group.is_out_of_memory() {
            return Some(Limit::Memory { bytes: self.limits.memory });
        }
        group.is_out_of_processes().then_some(Limit::Processes { count: self.limits.processes })
    }

    /// What is used up that all builds have together, or that the kernel has ended this one for.
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

    /// The limit that is met, if one is. `kept` are bytes of memory that the supervisor has for the build.
    pub fn look(&mut self, kept: u64) -> Option<Limit> {
        if let Some(seconds) = self.limits.seconds
            && self.begun.elapsed() >= Duration::from_secs(seconds)
        {
            return Some(Limit::Time { seconds });
        }
        let now = Instant::now();
        match self.spent() {
            // Others may be about to be ended for it.
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
        // Only what may be too much is worth to be counted exactly.
        let is_over = used.memory + kept > self.limits.memory
            && used::exactly(processes, memory) + kept > self.limits.memory;
        self.next = now + (now.elapsed() * 20).max(Duration::from_millis(100));
        if is_over {
            return Some(Limit::Memory { bytes: self.limits.memory });
        }
        (used.processes + NEARLY >= self.limits.processes)
            .then_some(Limit::Processes { count: used.processes })
    }

    /// Whether this build is the one to be ended because the disk is nearly full.
    fn is_next_to_go(&mut self, now: Instant) -> bool {
        // What it has written since it was last looked at may be what filled the disk.
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
