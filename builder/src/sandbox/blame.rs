//! Which build is ended when the disk of the store is nearly full: the one that writes most of late, and no other for
//! its sake.
//!
//! Each supervisor says in the lock of its build's folder what its build has written lately, and looks at what the
//! others say. One whose build is not the first to go waits for those before it, but not for ever: the disk may be
//! filled by somebody else.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::folder;

/// What "lately" is.
const LATELY: Duration = Duration::from_secs(3);
/// So long a build is spared for the sake of one that writes more: the other's folder is being removed meanwhile.
const SPARED: Duration = Duration::from_secs(10);

/// What one build wrote, and since when there has been no room for it.
pub(super) struct Blame {
    folder: PathBuf,
    lock: Option<File>,
    /// Bytes that it had written in all, at some times of late.
    written: VecDeque<(Instant, u64)>,
    said: u64,
    short: Option<Instant>,
}

impl Blame {
    /// Of the build with this folder, whose lock is held by `lock`.
    pub fn new(folder: &Path, lock: Option<OwnedFd>) -> Self {
        Self {
            folder: folder.to_owned(),
            lock: lock.map(File::from),
            written: VecDeque::new(),
            said: 0,
            short: None,
        }
    }

    /// It has written so many bytes in all.
    pub fn note(&mut self, now: Instant, all: u64) {
        while self.written.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > LATELY) {
            self.written.pop_front();
        }
        self.written.push_back((now, all));
        let lately = self.lately();
        if lately != self.said
            && let Some(lock) = &self.lock
        {
            // On a disk that is full it may not be said: then it is what was said last.
            let _ = lock.write_all_at(&lately.to_le_bytes(), 0);
            self.said = lately;
        }
    }

    fn lately(&self) -> u64 {
        let first = self.written.front().map_or(0, |(_, all)| *all);
        self.written.back().map_or(0, |(_, all)| all.saturating_sub(first))
    }

    /// There is room.
    pub fn relax(&mut self) {
        self.short = None;
    }

    /// There is no room: whether this build is the one to be ended.
    pub fn is_next(&mut self, now: Instant) -> bool {
        let since = *self.short.get_or_insert(now);
        now.saturating_duration_since(since) >= SPARED || self.most_of_others() <= self.lately()
    }

    /// The most that another build that runs has written lately.
    fn most_of_others(&self) -> u64 {
        let Some(entries) = self.folder.parent().and_then(|all| std::fs::read_dir(all).ok()) else {
            return 0;
        };
        let others = entries.flatten().map(|it| it.path()).filter(|it| *it != self.folder);
        others.filter_map(|other| said(&other)).max().unwrap_or(0)
    }
}

/// What the supervisor of a build says, if it still has one.
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
        // The first has written more in all, and long before.
        one.note(begun, 0);
        one.note(begun, 9_000_000);
        let now = begun + LATELY * 2;
        one.note(now, 9_000_000);
        one.note(now, 9_000_100);
        other.note(now, 0);
        other.note(now, 1_000_000);
        assert!(other.is_next(now));
        assert!(!one.is_next(now));
        // When the other is gone and there is still no room, it is this one's turn; and a build alone is always next.
        drop(other);
        assert!(one.is_next(now));
    }

    #[test]
    fn nobody_is_spared_for_ever() {
        let builds = tempfile::tempdir().unwrap();
        let ((_, mut one), (_, mut other)) = (build(builds.path(), "1"), build(builds.path(), "2"));
        let now = Instant::now();
        other.note(now, 0);
        other.note(now, 5);
        assert!(!one.is_next(now));
        assert!(!one.is_next(now + SPARED / 2));
        assert!(one.is_next(now + SPARED));
        // There was room meanwhile: it begins anew.
        one.relax();
        assert!(!one.is_next(now + SPARED * 2));
    }
}
