//! Files that the kernel was told of, when it does not say which of them it opens.

use std::collections::HashMap;

use stele_store::model::BlobId;

/// Whether the kernel says which files are opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opens {
    /// It does: payload files can be handed to it, and each handle tells which file is meant.
    Said,
    /// It does not (ENOSYS to FUSE_OPEN): two questions less for each file that is opened. Which file a number means
    /// is what the kernel was told last.
    Unsaid,
}

/// What each number means that the kernel knows, and how often it was told.
#[derive(Default)]
pub(super) struct Told {
    files: HashMap<u64, (BlobId, u64)>,
}

impl Told {
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
