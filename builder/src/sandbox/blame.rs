//! Which build is ended when the disk of the store is nearly full: the one that has written most recently, and
//! no other because of it.
//!
//! Each supervisor records in the lock of its build's folder how much its build has written lately, and reads
//! the others' records. One whose build is not the first to end waits for those before it, but not forever: a
//! process outside may have filled the disk.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::folder;

/// The length of "lately".
const LATELY: Duration = Duration::from_secs(3);
/// How long a build is spared while another one wrote more: the other's folder is being removed meanwhile.
const SPARED: Duration = Duration::from_secs(10);
/// How long when no other is known to have written more: its record may be late.
const UNDECIDED: Duration = Duration::from_secs(1);

/// The writes of one build, and since when the disk has been nearly full.
pub(super) struct Blame {
    folder: PathBuf,
    lock: Option<File>,
    /// Total bytes written, at some recent times.
    written: VecDeque<(Instant, u64)>,
    said: u64,
    short: Option<Instant>,
}

impl Blame {
    /// For the build with this folder, whose lock is held by `lock`.
    pub fn new(folder: &Path, lock: Option<OwnedFd>) -> Self {
        Self {
            folder: folder.to_owned(),
            lock: lock.map(File::from),
            written: VecDeque::from([(Instant::now(), 0)]),
            said: 0,
            short: None,
        }
    }

    /// Records the total of bytes that it has written.
    pub fn note(&mut self, now: Instant, all: u64) {
        // Keep the last older one: the writes since then are what counts.
        while self.written.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) > LATELY) {
            self.written.pop_front();
        }
        self.written.push_back((now, all));
        let lately = self.lately();
        if lately != self.said
            && let Some(lock) = &self.lock
        {
            // On a full disk the write may fail: then the last record stays.
            let _ = lock.write_all_at(&lately.to_le_bytes(), 0);
            self.said = lately;
        }
    }

    fn lately(&self) -> u64 {
        let first = self.written.front().map_or(0, |(_, all)| *all);
        self.written.back().map_or(0, |(_, all)| all.saturating_sub(first))
    }

    /// The disk has free space.
    pub fn relax(&mut self) {
        self.short = None;
    }

    /// The disk is nearly full: whether this build is the one to be ended.
    pub fn is_next(&mut self, now: Instant) -> bool {
        let short = now.saturating_duration_since(*self.short.get_or_insert(now));
        match self.most_of_others().cmp(&self.lately()) {
            Ordering::Less => true,
            Ordering::Equal => short >= UNDECIDED,
            Ordering::Greater => short >= SPARED,
        }
    }

    /// The most that another running build has written lately.
    fn most_of_others(&self) -> u64 {
        let Some(entries) = self.folder.parent().and_then(|all| std::fs::read_dir(all).ok()) else {
            return 0;
        };
        let others = entries.flatten().map(|it| it.path()).filter(|it| *it != self.folder);
        others.filter_map(|other| said(&other)).max().unwrap_or(0)
    }
}

/// The record of a build's supervisor, if that still runs.
fn said(folder: &Path) -> Option<u64> {
    let mut bytes = [0; 8];
    File::open(folder.join(folder::LOCK)).ok()?.read_exact_at(&mut bytes, 0).ok()?;
    folder::is_used(folder).then_some(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(builds: &Path, name: &str) -> (PathBuf, Blame) {
        let path = builds.join(name);
        let lock = folder::make(&path, None).unwrap();
        let blame = Blame::new(&path, Some(lock.into()));
        (path, blame)
    }

    #[test]
    fn of_two_builds_the_one_that_fills_the_disk_is_ended() {
        let builds = tempfile::tempdir().unwrap();
        let ((_, mut one), (_, mut other)) = (build(builds.path(), "1"), build(builds.path(), "2"));
        let begun = Instant::now();
        // The first has written more in total, but long ago; the other all at once.
        one.note(begun, 9_000_000);
        one.note(begun + LATELY, 9_000_000);
        let now = begun + LATELY * 3;
        one.note(now, 9_000_100);
        other.note(now, 1_000_000);
        assert!(other.is_next(now));
        assert!(!one.is_next(now));
        // When the other is gone and the disk is still full, it is this one's turn; and a lone build is always
        // next.
        drop(other);
        assert!(one.is_next(now));
    }

    #[test]
    fn no_build_is_spared_forever() {
        let builds = tempfile::tempdir().unwrap();
        let ((_, mut one), (_, mut other)) = (build(builds.path(), "1"), build(builds.path(), "2"));
        let now = Instant::now();
        other.note(now, 5);
        assert!(!one.is_next(now));
        assert!(!one.is_next(now + SPARED / 2));
        assert!(one.is_next(now + SPARED));
        // There was space meanwhile: the wait starts over.
        one.relax();
        assert!(!one.is_next(now + SPARED * 2));
    }

    #[test]
    fn no_build_that_wrote_nothing_is_ended_at_once() {
        let builds = tempfile::tempdir().unwrap();
        let (_, mut alone) = build(builds.path(), "1");
        let now = Instant::now();
        assert!(!alone.is_next(now));
        // An outside process has filled the disk, and waiting does not free it.
        assert!(alone.is_next(now + UNDECIDED));
    }
}
