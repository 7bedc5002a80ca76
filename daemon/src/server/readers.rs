//! How many connections the other users of the machine have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections a user may have at once.
const MAX_CONNECTIONS: u32 = 16;

/// The connections of other users, by user.
#[derive(Clone, Default)]
pub(super) struct Readers(Arc<Mutex<HashMap<u32, u32>>>);

/// A connection of a user, which counts until it is dropped.
pub(super) struct Reading {
    readers: Readers,
    user: u32,
}

impl Readers {
    /// Counts a connection; `None` when the user has too many.
    pub(super) fn enter(&self, user: u32) -> Option<Reading> {
        let mut counts = self.counts();
        let count = counts.entry(user).or_default();
        if *count >= MAX_CONNECTIONS {
            return None;
        }
        *count += 1;
        Some(Reading { readers: self.clone(), user })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<u32, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut counts = self.readers.counts();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_connections_and_others_theirs() {
        let readers = Readers::default();
        let mut held: Vec<_> = (0..MAX_CONNECTIONS).map(|_| readers.enter(1000)).collect();
        assert!(held.iter().all(Option::is_some) && readers.enter(1000).is_none());
        assert!(readers.enter(1001).is_some());
        held.pop();
        assert!(readers.enter(1000).is_some());
    }
}
