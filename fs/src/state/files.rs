//! Open files: their open counts, and how they are read.

use std::collections::HashMap;

use stele_store::model::BlobId;

/// How an open file is read. The kernel requires the same way for all simultaneous opens of an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Directly by the kernel, from the payload's file; the number by which the kernel knows that file.
    Passthrough(u32),
    /// By requests.
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

/// An open file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenFile {
    /// Its content.
    pub blob: BlobId,
    /// How it is read.
    pub mode: Mode,
    /// Its open count.
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

    /// Its state after a release; removed at zero. `None` when it was not open: the kernel sent the release twice,
    /// after a restart.
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
