//! Open files: how often, and how they are read.

use std::collections::HashMap;

use stele_store::model::BlobId;

/// How an open file is read. The kernel requires the same way for all simultaneous opens of an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// By the kernel itself, from the payload's file; the number under which the kernel knows that file.
    Passthrough(u32),
    /// By asking.
    Asked,
}

impl Mode {
    pub(super) fn backing(self) -> Option<u32> {
        match self {
            Self::Passthrough(id) => Some(id),
            Self::Asked => None,
        }
    }
}

/// A file that is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenFile {
    /// What it holds.
    pub blob: BlobId,
    /// How it is read.
    pub mode: Mode,
    /// How often it is open.
    pub times: u64,
}

#[derive(Default)]
pub(super) struct Files {
    files: HashMap<u64, OpenFile>,
}

impl Files {
    pub(super) fn get(&self, ino: u64) -> Option<&OpenFile> {
        self.files.get(&ino)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &OpenFile)> {
        self.files.iter().map(|(ino, open)| (*ino, open))
    }

    pub(super) fn inherit(&mut self, ino: u64, open: OpenFile) {
        if open.times == 0 {
            self.files.remove(&ino);
        } else {
            self.files.insert(ino, open);
        }
    }

    pub(super) fn opened(&mut self, ino: u64, blob: BlobId, mode: Mode) -> OpenFile {
        let open = self.files.entry(ino).or_insert(OpenFile { blob, mode, times: 0 });
        open.times += 1;
        *open
    }

    /// What it is now; removed at zero. `None` when it was not open: the kernel sent it twice, after a restart.
    pub(super) fn released(&mut self, ino: u64) -> Option<OpenFile> {
        let open = self.files.get_mut(&ino)?;
        open.times -= 1;
        let open = *open;
        if open.times == 0 {
            self.files.remove(&ino);
        }
        Some(open)
    }
}
