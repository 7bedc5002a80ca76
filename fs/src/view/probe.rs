//! Tests whether a folder belongs to this mount, by looking up a name there that no other process uses.
//!
//! The device number does not suffice: that of a mount in another namespace cannot be determined.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, statat};

use crate::clock::now;

/// The name to look for, and whether the lookup arrived.
#[derive(Default)]
pub(super) struct Probe {
    /// One at a time.
    turn: Mutex<()>,
    wanted: Mutex<Option<String>>,
    /// Whether a probe is active: checked for each name that the kernel looks up.
    any: AtomicBool,
    met: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds one value, set in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Probe {
    /// Whether lookups in `folder` reach this mount.
    pub(super) fn is_met(&self, folder: BorrowedFd<'_>) -> bool {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let _turn = lock(&self.turn);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".stele-probe-{}-{}-{number}", std::process::id(), now());
        *lock(&self.wanted) = Some(name.clone());
        self.met.store(false, Ordering::SeqCst);
        self.any.store(true, Ordering::SeqCst);
        // It does not exist; what counts is which mount gets the lookup.
        let _ = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
        self.any.store(false, Ordering::SeqCst);
        *lock(&self.wanted) = None;
        self.met.load(Ordering::SeqCst)
    }

    /// The kernel looks up `name`. Returns whether that is the probe's name.
    pub(super) fn sees(&self, name: &[u8]) -> bool {
        if !self.any.load(Ordering::SeqCst) {
            return false;
        }
        let is_it = lock(&self.wanted).as_ref().is_some_and(|wanted| wanted.as_bytes() == name);
        if is_it {
            self.met.store(true, Ordering::SeqCst);
        }
        is_it
    }
}
