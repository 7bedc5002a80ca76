//! Files that the kernel knows, when it sends no requests to open them.

use std::collections::HashMap;

use stele_store::model::BlobId;

/// Whether the kernel sends requests to open files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opens {
    /// It does: payload files can be passed through, and each handle identifies its file.
    Sent,
    /// It does not (ENOSYS to FUSE_OPEN): two requests fewer per opened file. A number means the file that was last
    /// returned to the kernel under it.
    Unsent,
}

/// Whether a file may be returned to the kernel under a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Telling {
    /// The kernel knows the number for no other file.
    Allowed,
    /// The kernel knows it for another file.
    Refused,
    /// An earlier process may have returned another file under it: not unless the store has one such file only.
    Unsure,
}

/// The meaning of each number that the kernel knows, and its lookup count. What an earlier process of the mount
/// returned is not recorded: a journal of each file that is looked up would slow down every walk.
#[derive(Default)]
pub(super) struct KnownFiles {
    files: HashMap<u64, (BlobId, u64)>,
    is_inherited: bool,
}

impl KnownFiles {
    /// What an earlier process returned is not known.
    pub(super) fn inherited() -> Self {
        Self { is_inherited: true, ..Self::default() }
    }

    /// Counts a lookup, if it is allowed: a number that the kernel knows means one blob only. `is_only`: the store has
    /// no other file for that number.
    pub(super) fn tell(&mut self, ino: u64, blob: BlobId, is_only: bool) -> Telling {
        if self.is_inherited && !is_only && !self.files.contains_key(&ino) {
            return Telling::Unsure;
        }
        let (known, times) = self.files.entry(ino).or_insert((blob, 0));
        if *known != blob {
            return Telling::Refused;
        }
        *times += 1;
        Telling::Allowed
    }

    pub(super) fn forget(&mut self, ino: u64, times: u64) {
        if let Some((_, told)) = self.files.get_mut(&ino) {
            *told = told.saturating_sub(times);
            if *told == 0 {
                self.files.remove(&ino);
            }
        }
    }

    pub(super) fn get(&self, ino: u64) -> Option<BlobId> {
        self.files.get(&ino).map(|(blob, _)| *blob)
    }
}
