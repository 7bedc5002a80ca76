//! Files that the kernel knows, when it sends no requests to open them.

use std::collections::HashMap;

use stele_store::model::BlobId;

/// Whether the kernel sends requests to open files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opens {
    /// It does: payload files can be passed to it, and each handle identifies its file.
    Sent,
    /// It does not (ENOSYS to FUSE_OPEN): two requests less for each opened file. A number means the file
    /// that the kernel was told last.
    Unsent,
}

/// What each number means that the kernel knows, and its lookup count.
#[derive(Default)]
pub(super) struct KnownFiles {
    files: HashMap<u64, (BlobId, u64)>,
}

impl KnownFiles {
    /// Once more. Whether it may be: a number that the kernel knows means one blob only.
    pub(super) fn tell(&mut self, ino: u64, blob: BlobId) -> bool {
        let (known, times) = self.files.entry(ino).or_insert((blob, 0));
        if *known != blob {
            return false;
        }
        *times += 1;
        true
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
