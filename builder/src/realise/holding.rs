//! What a request makes use of, kept from the collector as long as the request is done: also from a collection that
//! ends all leases.

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
    /// Nothing yet, of what `hold` holds.
    pub(super) fn new(hold: &Arc<Hold>) -> Self {
        Self { hold: Arc::clone(hold), targets: Mutex::default() }
    }

    /// Holds what is there.
    ///
    /// # Errors
    /// When it is not there, or not whole.
    pub fn keep(&self, target: Target) -> Result<(), ReadError> {
        self.hold.keep(target)?;
        lock(&self.targets).push(target);
        Ok(())
    }

    /// Holds outputs that are there.
    ///
    /// # Errors
    /// As of [`Holding::keep`].
    pub fn keep_outputs(&self, outputs: &Outputs) -> Result<(), ReadError> {
        outputs.0.values().try_for_each(|tree| self.keep(Target::Tree(*tree)))
    }

    /// Holds what is about to be stored. To be called before the session that stores it is finished: from then on
    /// nothing but this may keep it.
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
