//! Holding content in use: a mount shows content that no root or lease needs to reach.
//!
//! A [`Hold`] pins targets as a writer does, for as long as they are in use. A process that serves a mount may
//! still pin unused content, because the kernel caches names: so each is asked to release it before a garbage
//! collection marks.

use std::collections::{HashMap, HashSet};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::db::{DbError, Target};
use crate::gate::WriterId;
use crate::model::RootName;
use crate::store::{ReadError, Store};

/// A server of a mount of the store, which holds content meanwhile.
pub trait Show: Send + Sync {
    /// Releases what is held and no longer in use. Targets for which `kept` returns true need not be checked.
    fn release_unpinned(&self, kept: &dyn Fn(Target) -> bool);

    /// Whether `folder` is in a mount that it serves.
    fn shows(&self, folder: BorrowedFd<'_>) -> bool;

    /// A root was set or removed.
    fn root_changed(&self, name: &RootName);
}

/// Targets that the collector spares until they are released or this is dropped. Each may be kept several
/// times, and must be released as often.
pub struct Hold {
    store: Arc<Store>,
    writer: WriterId,
    counts: Mutex<HashMap<Target, u64>>,
}

impl Hold {
    /// A hold of nothing.
    pub fn new(store: &Arc<Store>) -> Self {
        Self { writer: store.gate.enter(), store: Arc::clone(store), counts: Mutex::default() }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Target, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds `target` and all that it reaches.
    ///
    /// # Errors
    /// When it is absent: nothing is held then.
    pub fn keep(&self, target: Target) -> Result<(), ReadError> {
        {
            let mut counts = self.counts();
            // Pinned under the lock, so that a release of the last other holder cannot come between.
            *counts.entry(target).or_insert(0) += 1;
            self.store.gate.pin(self.writer, target);
        }
        // While a collection runs, what the target reaches must be pinned too, but only until it ends.
        let found = self.store.spare_closure(target);
        if found.is_err() {
            self.release(target);
        }
        found
    }

    /// Holds `target` whether or not it exists yet: for a caller that is about to store it, to be called before
    /// the session that stores it is finished. Until then the session protects it, and from then on this.
    pub fn reserve(&self, target: Target) {
        let mut counts = self.counts();
        *counts.entry(target).or_insert(0) += 1;
        self.store.gate.pin(self.writer, target);
    }

    /// Undoes one [`Hold::keep`] or [`Hold::reserve`].
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
    /// Asks `show` before every garbage collection, as long as it lives.
    pub fn ask_before_collecting(&self, show: Weak<dyn Show>) {
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        shows.retain(|show| show.strong_count() > 0);
        shows.push(show);
    }

    fn all_shows(&self) -> Vec<Arc<dyn Show>> {
        let shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        shows.iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether `folder` is in a mount of this store. The process that serves the mount must not wait for it: a
    /// process that is killed while it waits for itself never exits.
    pub(crate) fn is_shown(&self, folder: BorrowedFd<'_>) -> bool {
        self.all_shows().iter().any(|show| show.shows(folder))
    }

    /// What has to follow every change of roots in the database, before it is acknowledged.
    pub(crate) fn roots_changed<'a>(&self, names: impl IntoIterator<Item = &'a RootName>) {
        self.mirror_roots();
        let shows = self.all_shows();
        for name in names {
            shows.iter().for_each(|show| show.root_changed(name));
        }
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
