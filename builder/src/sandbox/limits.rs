//! What a build uses, looked at from outside, and by which limit it is ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::cgroup::Group;
use super::job::{Limit, Limits};

/// So many processes below the limit a build is taken to have met it: a fork bomb's last ones come and go.
const NEARLY: u64 = 8;

/// Watches one build.
pub(super) struct Watch {
    limits: Limits,
    folder: PathBuf,
    begun: Instant,
    /// The kernel's own limits, where this user has any.
    group: Option<Group>,
    /// Looking at each process costs: it is done less often the longer it takes.
    next: Instant,
}

impl Watch {
    /// Watches from now on, with `folder` on the disk that may become full.
    pub fn new(limits: &Limits, folder: &Path) -> Self {
        let now = Instant::now();
        Self { limits: limits.clone(), folder: folder.to_owned(), begun: now, group: None, next: now }
    }

    /// The build's first process, before it makes others.
    pub fn begin(&mut self, process: Pid) {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.group = Group::new(&name, self.limits.memory, self.limits.processes, process);
        self.begun = Instant::now();
    }

    /// The limit that is met, if one is. `first` is the sandbox's first process, when it is born.
    pub fn look(&mut self, first: Option<Pid>) -> Option<Limit> {
        if let Some(seconds) = self.limits.seconds
            && self.begun.elapsed() >= Duration::from_secs(seconds)
        {
            return Some(Limit::Time { seconds });
        }
        if let Err(stele_store::NoRoom { left, .. }) = stele_store::require_room(&self.folder) {
            return Some(Limit::Room { left });
        }
        if self.group.as_ref().is_some_and(Group::is_out_of_memory) {
            return Some(Limit::Memory { bytes: self.limits.memory });
        }
        let now = Instant::now();
        if now < self.next {
            return None;
        }
        let used = first.map(used)?;
        self.next = now + (now.elapsed() * 20).max(Duration::from_millis(100));
        if used.memory > self.limits.memory {
            return Some(Limit::Memory { bytes: self.limits.memory });
        }
        (used.processes + NEARLY >= self.limits.processes)
            .then_some(Limit::Processes { count: used.processes })
    }

    /// The build is over.
    pub fn end(&mut self) {
        self.group = None;
    }
}

#[derive(Default)]
struct Used {
    memory: u64,
    processes: u64,
}

/// What all processes of the sandbox use that has this first process. Its own list of processes is asked, which has no
/// others; what cannot be read has just ended.
fn used(first: Pid) -> Used {
    let page = rustix::param::page_size() as u64;
    let list = format!("/proc/{}/root/proc/pids", first.as_raw_nonzero());
    let mut used = Used::default();
    let Ok(entries) = fs::read_dir(&list) else { return used };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_process = name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit);
        if !is_process {
            continue;
        }
        let path = entry.path();
        let text = fs::read_to_string(path.join("statm")).unwrap_or_default();
        let mut columns = text.split(' ').skip(1).map(|it| it.parse::<u64>().unwrap_or(0));
        let (resident, shared) = (columns.next().unwrap_or(0), columns.next().unwrap_or(0));
        used.memory += resident.saturating_sub(shared) * page;
        // A directory's links are two and one for each directory in it.
        let threads =
            fs::metadata(path.join("task")).map_or(1, |it| std::os::unix::fs::MetadataExt::nlink(&it));
        used.processes += threads.saturating_sub(2).max(1);
    }
    // What lies in memory file systems is nobody's but uses memory all the same.
    let shared = format!("/proc/{}/root/dev/shm", first.as_raw_nonzero());
    if let Ok(it) = rustix::fs::statvfs(&shared) {
        used.memory += it.f_blocks.saturating_sub(it.f_bfree) * it.f_frsize;
    }
    used
}
