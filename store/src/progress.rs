//! Progress of long work, and its cancellation.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared between the working threads and an observer. Counts only grow.
#[derive(Default, Debug)]
pub struct Progress {
    items: AtomicU64,
    bytes: AtomicU64,
    total_items: AtomicU64,
    total_bytes: AtomicU64,
    cancelled: AtomicBool,
}

/// The observer cancelled the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// A snapshot of a [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Files, blobs or trees done.
    pub items: u64,
    /// Bytes done.
    pub bytes: u64,
    /// Total items; 0 while unknown.
    pub total_items: u64,
    /// Total bytes; 0 while unknown.
    pub total_bytes: u64,
}

impl Progress {
    /// Counts completed work.
    pub fn add(&self, items: u64, bytes: u64) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sets the totals.
    pub fn set_total(&self, items: u64, bytes: u64) {
        self.total_items.store(items, Ordering::Relaxed);
        self.total_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Asks the work to stop at the next step at which it loses nothing.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// The work calls this at every step.
    ///
    /// # Errors
    /// [`Cancelled`] once the work was cancelled.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Cancelled) } else { Ok(()) }
    }

    /// The current counts.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            items: self.items.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            total_items: self.total_items.load(Ordering::Relaxed),
            total_bytes: self.total_bytes.load(Ordering::Relaxed),
        }
    }
}
