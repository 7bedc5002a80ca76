//! How long work tells how far it is, and is told to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared between the threads that work and the one that watches. Counts only grow.
#[derive(Default, Debug)]
pub struct Progress {
    items: AtomicU64,
    bytes: AtomicU64,
    total_items: AtomicU64,
    total_bytes: AtomicU64,
    cancelled: AtomicBool,
}

/// The watcher asked for the work to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was cancelled")]
pub struct Cancelled;

/// A moment of a [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Files, blobs or trees done.
    pub items: u64,
    /// Bytes done.
    pub bytes: u64,
    /// Items in all; 0 while that is not known.
    pub total_items: u64,
    /// Bytes in all; 0 while that is not known.
    pub total_bytes: u64,
}

impl Progress {
    /// Counts something done.
    pub fn add(&self, items: u64, bytes: u64) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says how much there is.
    pub fn set_total(&self, items: u64, bytes: u64) {
        self.total_items.store(items, Ordering::Relaxed);
        self.total_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Asks the work to stop at the next step at which it loses nothing.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// To be called by the work at every step.
    ///
    /// # Errors
    /// [`Cancelled`] once somebody asked for it.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Cancelled) } else { Ok(()) }
    }

    /// How far the work is.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            items: self.items.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            total_items: self.total_items.load(Ordering::Relaxed),
            total_bytes: self.total_bytes.load(Ordering::Relaxed),
        }
    }
}
