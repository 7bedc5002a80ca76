//! Observers of the lookups in a mount.

use super::{Lookup, View};

/// Receives the lookups in a mount. The kernel looks up a name once, and caches the answer: repeated
/// lookups are not seen.
pub trait Observer: Send + Sync {
    /// This name was looked for in the directory with that number: the number of what it names, if there is such a
    /// name.
    fn looked_up(&self, parent: u64, name: &[u8], found: Option<u64>);

    /// This name was in a listing of the directory with that number, and has this number itself.
    fn listed(&self, parent: u64, name: &[u8], number: u64);

    /// The file with that number was opened, or the link read.
    fn opened(&self, number: u64);
}

impl View {
    pub(super) fn tell_looked_up(&self, parent: u64, name: &[u8], found: Option<&Lookup>) {
        if let Some(observer) = &self.observer {
            observer.looked_up(parent, name, found.map(|found| found.attributes.ino));
        }
    }

    pub(super) fn tell_listed(&self, parent: u64, name: &[u8], number: u64) {
        if let Some(observer) = &self.observer {
            observer.listed(parent, name, number);
        }
    }

    pub(super) fn tell_opened(&self, number: u64) {
        if let Some(observer) = &self.observer {
            observer.opened(number);
        }
    }
}
