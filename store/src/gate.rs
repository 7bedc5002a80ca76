//! Synchronises writers with the garbage collector.
//!
//! A writer that finds a blob relies on it from that moment on, while the collector may be about to remove it.
//! So a writer first *pins* a digest and then looks; while a collection runs, every pin is also remembered in
//! `fresh`, and the sweep removes rows only under this lock and only of digests that are not fresh. Between the
//! removal of a row and that of its file the digest is *dying*: a writer that wants to create a file of the
//! same name waits until the old one is gone.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::db::Target;
use crate::model::Digest;

/// The writer that a pin belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct WriterId(u64);

#[derive(Default)]
struct State {
    next_writer: u64,
    pins: HashMap<WriterId, HashSet<Target>>,
    /// While a collection runs: every digest that was pinned at its start or since.
    fresh: Option<HashSet<Target>>,
    /// Digests with a file but no row.
    dying: HashSet<Digest>,
}

#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    deleted: Condvar,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below is a single insert or remove: a panic elsewhere leaves no partial change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self) -> WriterId {
        let mut state = self.state();
        state.next_writer += 1;
        let writer = WriterId(state.next_writer);
        state.pins.insert(writer, HashSet::new());
        writer
    }

    pub(crate) fn leave(&self, writer: WriterId) {
        self.state().pins.remove(&writer);
    }

    /// Protects `target` from the collector until it is unpinned or the writer leaves; and if a collection
    /// runs, from that collection to its end. Returns whether one runs: then the pin alone does not protect
    /// what `target` reaches.
    ///
    /// A pin protects, and promises nothing: the caller must check afterwards that the content exists.
    pub(crate) fn pin(&self, writer: WriterId, target: Target) -> bool {
        let mut state = self.state();
        if let Some(pins) = state.pins.get_mut(&writer) {
            pins.insert(target);
        }
        match &mut state.fresh {
            Some(fresh) => {
                fresh.insert(target);
                true
            }
            None => false,
        }
    }

    /// Call this when something that is itself pinned and stored reaches the targets.
    pub(crate) fn unpin<'a>(&self, writer: WriterId, targets: impl Iterator<Item = &'a Target>) {
        if let Some(pins) = self.state().pins.get_mut(&writer) {
            for target in targets {
                pins.remove(target);
            }
        }
    }

    /// Waits until no file of that name is about to be removed.
    pub(crate) fn wait_until_deleted(&self, digest: &Digest) {
        let mut state = self.state();
        while state.dying.contains(digest) {
            state = self.deleted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Begins a collection and returns all current pins. `None` when one runs already.
    pub(crate) fn begin_collection(&self) -> Option<Vec<Target>> {
        let mut state = self.state();
        if state.fresh.is_some() {
            return None;
        }
        let pinned: HashSet<Target> = state.pins.values().flatten().copied().collect();
        let marks = pinned.iter().copied().collect();
        state.fresh = Some(pinned);
        Some(marks)
    }

    pub(crate) fn end_collection(&self) {
        let mut state = self.state();
        state.fresh = None;
        state.dying.clear();
        self.deleted.notify_all();
    }

    /// Passes those `candidates` that no writer pinned since the collection began to `remove_rows`, with all
    /// writers held off. They are dying until [`Gate::finish_deletion`].
    pub(crate) fn mark_for_deletion<T, E>(
        &self,
        candidates: Vec<T>,
        target: impl Fn(&T) -> Target,
        remove_rows: impl FnOnce(&[T]) -> Result<(), E>,
    ) -> Result<Vec<T>, E> {
        let mut state = self.state();
        let dead: Vec<T> = candidates
            .into_iter()
            .filter(|it| state.fresh.as_ref().is_none_or(|fresh| !fresh.contains(&target(it))))
            .collect();
        remove_rows(&dead)?;
        state.dying.extend(dead.iter().map(|it| target(it).digest()));
        Ok(dead)
    }

    /// Records that the files of those digests are gone.
    pub(crate) fn finish_deletion(&self, digests: impl Iterator<Item = Digest>) {
        let mut state = self.state();
        for digest in digests {
            state.dying.remove(&digest);
        }
        self.deleted.notify_all();
    }
}
