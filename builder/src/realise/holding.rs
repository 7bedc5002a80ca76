//! Protects all that a request uses from the garbage collector while the request runs: even from a collection
//! that ends all leases.

use std::sync::{Arc, Mutex};

use stele_store::{Hold, Outputs, ReadError, Target};

use super::lock;

/// Targets that are held until this is dropped.
pub struct Holding {
    hold: Arc<Hold>,
    targets: Mutex<Vec<Target>>,
}

impl std::fmt::Debug for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(lock(&self.targets).iter()).finish()
    }
}

impl Holding {
    /// Holds nothing yet; `hold` does the work.
    pub(super) fn new(hold: &Arc<Hold>) -> Self {
        Self { hold: Arc::clone(hold), targets: Mutex::default() }
    }

    /// Holds a target that exists.
    ///
    /// # Errors
    /// When it is absent or incomplete.
    pub fn keep(&self, target: Target) -> Result<(), ReadError> {
        self.hold.keep(target)?;
        lock(&self.targets).push(target);
        Ok(())
    }

    /// Holds existing outputs.
    ///
    /// # Errors
    /// As of [`Holding::keep`].
    pub fn keep_outputs(&self, outputs: &Outputs) -> Result<(), ReadError> {
        outputs.0.values().try_for_each(|tree| self.keep(Target::Tree(*tree)))
    }

    /// Holds a target that is about to be stored. Call this before the session that stores it is finished: from
    /// then on nothing else may protect it.
    pub fn reserve(&self, target: Target) {
        self.hold.reserve(target);
        lock(&self.targets).push(target);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        lock(&self.targets).drain(..).for_each(|target| self.hold.release(target));
    }
}
