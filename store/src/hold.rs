//! Keeping what somebody looks at: a mount shows content that no root or lease needs to reach.
//!
//! A [`Hold`] pins targets as a writer does, for as long as they are looked at. Whoever shows content may go on
//! pinning what nobody looks at any more, because the kernel remembers names: so each is asked to let go of
//! that before a collection marks.

use std::collections::{HashMap, HashSet};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::db::{DbError, Target};
use crate::gate::WriterId;
use crate::store::{ReadError, Store};

/// Somebody who shows what is in a store, and holds it meanwhile.
pub trait Show: Send + Sync {
    /// Lets go of what is held and not looked at any more. What `kept` says is kept anyway need not be asked
    /// about.
    fn release_unpinned(&self, kept: &dyn Fn(Target) -> bool);

    /// Whether that folder is one of those that it shows.
    fn shows(&self, folder: BorrowedFd<'_>) -> bool;
}

/// Targets that the collector spares until they are released or this is dropped. Each may be kept several
/// times, and is released as often.
pub struct Hold {
    store: Arc<Store>,
    writer: WriterId,
    counts: Mutex<HashMap<Target, u64>>,
}

impl Hold {
    /// Holds nothing yet.
    pub fn new(store: &Arc<Store>) -> Self {
        Self { writer: store.gate.enter(), store: Arc::clone(store), counts: Mutex::default() }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Target, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds `target` and all that it reaches.
    ///
    /// # Errors
    /// When it is not there: nothing is held then.
    pub fn keep(&self, target: Target) -> Result<(), ReadError> {
        {
            let mut counts = self.counts();
            // Pinned under the lock, so that a release of the last other holder cannot come between.
            *counts.entry(target).or_insert(0) += 1;
            self.store.gate.pin(self.writer, target);
        }
        // While a collection runs, what the target reaches has to be pinned too, but only as long as it runs.
        let found = self.store.spare_closure(target);
        if found.is_err() {
            self.release(target);
        }
        found
    }

    /// Holds `target` whether or not it is there yet: for whoever is about to store it, to be called before the session
    /// that does is finished. Until then the session keeps it, and from then on this.
    pub fn reserve(&self, target: Target) {
        let mut counts = self.counts();
        *counts.entry(target).or_insert(0) += 1;
        self.store.gate.pin(self.writer, target);
    }

    /// Lets go of what [`Hold::keep`] or [`Hold::reserve`] held once.
    pub fn release(&self, target: Target) {
        let mut counts = self.counts();
        let Some(count) = counts.get_mut(&target) else { return };
        *count -= 1;
        if *count == 0 {
            counts.remove(&target);
            self.store.gate.unpin(self.writer, [target].iter());
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.store.gate.leave(self.writer);
    }
}

impl Store {
    /// Has `show` asked before every collection, as long as it lives.
    pub fn ask_before_collecting(&self, show: Weak<dyn Show>) {
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        shows.retain(|show| show.strong_count() > 0);
        shows.push(show);
    }

    fn all_shows(&self) -> Vec<Arc<dyn Show>> {
        let shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        shows.iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether that folder shows what is in this store. Whoever answers for it must not wait for it: a process that
    /// is killed while it waits for itself never ends.
    pub(crate) fn is_shown(&self, folder: BorrowedFd<'_>) -> bool {
        self.all_shows().iter().any(|show| show.shows(folder))
    }

    pub(crate) fn ask_shows(&self) -> Result<(), DbError> {
        let shows = self.all_shows();
        if shows.is_empty() {
            return Ok(());
        }
        let mut kept: HashSet<Target> = self.roots()?.into_iter().map(|root| root.target).collect();
        kept.extend(self.leases()?.into_iter().map(|(_, lease)| lease.target));
        for show in shows {
            show.release_unpinned(&|target| kept.contains(&target));
        }
        Ok(())
    }
}
