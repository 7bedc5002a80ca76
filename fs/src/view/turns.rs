//! One after the other, for one file; beside each other, for several.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Numbers of files of which something is being done that takes time and that must not be done twice at once.
#[derive(Default)]
pub(super) struct Turns {
    taken: Mutex<HashSet<u64>>,
    ended: Condvar,
}

/// A turn, until it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    ino: u64,
}

impl Turns {
    fn taken(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other thread has the turn of this file, and takes it.
    pub fn take(&self, ino: u64) -> Turn<'_> {
        let mut taken = self.taken();
        while !taken.insert(ino) {
            taken = self.ended.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { turns: self, ino }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken().remove(&self.ino);
        self.turns.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn nobody_waits_for_another_file_and_everybody_for_the_same() {
        let (turns, at_once, max) = (Turns::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let other = turns.take(1);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _turn = turns.take(2);
                    max.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::yield_now();
                    at_once.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        drop(other);
        assert_eq!(max.into_inner(), 1);
        assert!(turns.taken().is_empty());
    }
}
