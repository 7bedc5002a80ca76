//! Bounds the number of builds that run at once, over all requests.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use stele_store::{Cancelled, Progress};

use super::lock;

/// Builds beyond the first start only while at least one in so many parts of the machine's memory is free.
const FREE: u64 = 10;
/// How often a waiting request checks whether it was cancelled, and whether memory is free.
const TICK: Duration = Duration::from_millis(100);

/// Slots.
pub(super) struct Slots {
    max: usize,
    taken: Mutex<usize>,
    freed: Condvar,
}

/// A slot; freed when dropped.
pub(super) struct Turn<'a>(&'a Slots);

impl Slots {
    /// One for each processor.
    pub fn of_this_machine() -> Self {
        let max = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { max, taken: Mutex::default(), freed: Condvar::new() }
    }

    /// Waits for a slot.
    ///
    /// # Errors
    /// When the request is cancelled.
    pub fn take(&self, progress: &Progress) -> Result<Turn<'_>, Cancelled> {
        let mut taken = lock(&self.taken);
        loop {
            progress.check()?;
            if *taken == 0 || (*taken < self.max && has_memory()) {
                *taken += 1;
                return Ok(Turn(self));
            }
            taken = self.freed.wait_timeout(taken, TICK).map_or_else(|e| e.into_inner().0, |it| it.0);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.taken) -= 1;
        self.0.freed.notify_all();
    }
}

/// Whether there is memory for another build; yes, if unknown.
fn has_memory() -> bool {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    match (of("MemTotal:"), of("MemAvailable:")) {
        (Some(total), Some(free)) => free >= total / FREE,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_waited_for_and_freed() {
        let slots = Slots { max: 1, taken: Mutex::default(), freed: Condvar::new() };
        let progress = Progress::default();
        let turn = slots.take(&progress).unwrap();
        progress.cancel();
        assert!(slots.take(&progress).is_err());
        drop(turn);
        assert!(slots.take(&Progress::default()).is_ok());
    }
}
