//! Opening, reading and closing files.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use tracing::{debug, error};

use stele_store::model::{BlobId, Digest};
use stele_store::{BlobReader, Placement, Target};

use super::{Fault, View};
use crate::hash_tree::{HashTree, HashTreeError};
use crate::inode;
use crate::state::{Mode, Opens, Question};

#[cfg(test)]
mod tests;

/// Lets the kernel read a file by itself.
pub trait Backing {
    /// Tells the kernel of an open file. The number under which the kernel knows it.
    ///
    /// # Errors
    /// When the kernel cannot do that, or not with that file.
    fn register(&self, file: &File) -> io::Result<u32>;
    /// The kernel need not know it any more.
    fn close(&self, id: u32);
}

/// A file that was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The handle.
    pub handle: u64,
    /// How it is read.
    pub mode: Mode,
}

impl View {
    /// The kernel is going to know that file by that number.
    pub(super) fn tell_file(&self, ino: u64, blob: &BlobId) -> Result<(), Fault> {
        match self.opens {
            Opens::Sent if self.memory.files.get(&ino) == Some(*blob) => {}
            Opens::Sent => self.memory.files.insert(ino, *blob),
            Opens::Unsent => {
                if !self.state().tell_file(ino, *blob) {
                    error!("blob {blob} begins as another does that the kernel knows");
                    return Err(Fault::Io);
                }
            }
        }
        Ok(())
    }

    /// The blob that a file's number stands for.
    pub(super) fn blob_of(&self, ino: u64) -> Result<BlobId, Fault> {
        if self.opens == Opens::Unsent {
            return self.state().known_file(ino).ok_or(Fault::Stale);
        }
        if let Some(blob) = self.memory.files.get(&ino) {
            return Ok(blob);
        }
        let (prefix, _) = inode::file(ino).ok_or(Fault::Stale)?;
        match self.store.blobs_by_prefix(&prefix, 2).map_err(|e| self.fault(&e))?.as_slice() {
            [blob] => {
                self.memory.files.insert(ino, *blob);
                Ok(*blob)
            }
            [] => Err(Fault::Stale),
            _ => {
                error!("two blobs begin {}: neither can be told by that", prefix.text());
                Err(Fault::Io)
            }
        }
    }

    /// Opens a file.
    ///
    /// # Errors
    /// When it is none, gone, corrupt as far as can be told without reading it, or cannot be opened.
    pub fn open(&self, ino: u64, question: Question, backing: &dyn Backing) -> Result<Opened, Fault> {
        if inode::file(ino).is_none() {
            return Err(if self.attributes(ino)?.kind == super::Kind::Directory {
                Fault::IsDirectory
            } else {
                Fault::Invalid
            });
        }
        self.tell_opened(ino);
        let blob = self.blob_of(ino)?;
        if let Some(opened) = self.opened_before(ino, blob, question) {
            return Ok(opened);
        }
        // Held before it is looked for; the first who opens it holds it, until the last has released it.
        self.hold.keep(Target::Blob(blob)).map_err(|e| self.fault(&e))?;
        let opened = self.open_held(ino, blob, question, backing);
        if opened.is_err() {
            self.hold.release(Target::Blob(blob));
        }
        opened
    }

    /// An earlier process counted it, and was killed before it could say so.
    fn opened_before(&self, ino: u64, blob: BlobId, question: Question) -> Option<Opened> {
        let state = self.state();
        let open = state.open_file(ino).filter(|open| open.blob == blob)?;
        state.is_counted(ino, question).then_some(Opened { handle: inode::check(&blob), mode: open.mode })
    }

    fn open_held(
        &self,
        ino: u64,
        blob: BlobId,
        question: Question,
        backing: &dyn Backing,
    ) -> Result<Opened, Fault> {
        // Whoever opens it first looks at the disk and tells the kernel, without the state: others have questions, too.
        let _turn = self.opening.take(ino);
        if let Some(opened) = self.opened_by_others(ino, blob, question)? {
            return Ok(opened);
        }
        let mode = self.mode(&blob, backing)?;
        let opened = self.state().opened(ino, blob, mode, question);
        if let (Err(_), Mode::Passthrough(id)) = (&opened, mode) {
            backing.close(id);
        }
        opened.map_err(|e| Self::untold(&e))?;
        Ok(Opened { handle: inode::check(&blob), mode })
    }

    /// The file, opened once more, when it is open already.
    fn opened_by_others(&self, ino: u64, blob: BlobId, question: Question) -> Result<Option<Opened>, Fault> {
        let mut state = self.state();
        let Some(open) = state.open_file(ino) else { return Ok(None) };
        // By whatever happened to be opened with the same 60 bits, it must be the same blob.
        if open.blob != blob {
            error!("blob {blob} begins as {} does, which is open", open.blob);
            return Err(Fault::Io);
        }
        let mode = open.mode;
        state.opened(ino, blob, mode, question).map_err(|e| Self::untold(&e))?;
        Ok(Some(Opened { handle: inode::check(&blob), mode }))
    }

    /// How a file that nobody has open is going to be read.
    fn mode(&self, blob: &BlobId, backing: &dyn Backing) -> Result<Mode, Fault> {
        // What lies in the database is only fetched when somebody reads it.
        if self.store.blob_info(blob).map_err(|e| self.fault(&e))?.placement == Placement::Inline {
            return Ok(Mode::Asked);
        }
        let reader = self.store.open_blob(blob).map_err(|e| self.fault(&e))?;
        let Some(file) = reader.file() else { return Ok(Mode::Asked) };
        let length = file.metadata().map_err(|e| self.unreadable(blob, &e))?.len();
        if length != reader.info().size {
            return Err(self.corrupt(blob));
        }
        Ok(backing.register(file).map_or_else(
            |e| {
                debug!("blob {blob} is read by asking: {e}");
                Mode::Asked
            },
            Mode::Passthrough,
        ))
    }

    /// A file was closed by one of those who had it open.
    pub fn release(&self, ino: u64, question: Question, backing: &dyn Backing) {
        let (blob, last) = {
            let mut state = self.state();
            let Some(blob) = state.open_file(ino).map(|open| open.blob) else { return };
            if state.is_counted(ino, question) {
                return;
            }
            (blob, state.released(ino, question))
        };
        if let Some(open) = last {
            if let Mode::Passthrough(id) = open.mode {
                backing.close(id);
            }
            self.memory.payloads.remove(&ino);
        }
        self.hold.release(Target::Blob(blob));
    }

    /// Payloads that were kept open between reads: where the kernel does not say what it closes, nobody else says so.
    pub(crate) fn close_payloads(&self) {
        self.memory.payloads.clear();
    }

    /// Bytes of a file, checked.
    ///
    /// # Errors
    /// [`Fault::Io`] when they are not what the file's digest says.
    pub fn read(&self, ino: u64, handle: u64, offset: u64, length: u32) -> Result<Vec<u8>, Fault> {
        let blob = self.blob_of(ino)?;
        if self.opens == Opens::Sent && inode::check(&blob) != handle {
            error!("a file that begins as blob {blob} does was opened, and is another");
            return Err(Fault::Io);
        }
        if let Some(file) = self.memory.payloads.get(&ino) {
            return self.read_checked(&blob, &file, offset, length);
        }
        let reader = self.store.open_blob(&blob).map_err(|e| self.fault(&e))?;
        let Some(file) = reader.file() else { return self.read_inline(reader, &blob, offset, length) };
        let file = Arc::new(file.try_clone().map_err(|e| self.unreadable(&blob, &e))?);
        self.memory.payloads.insert(ino, Arc::clone(&file));
        self.read_checked(&blob, &file, offset, length)
    }

    fn read_inline(
        &self,
        mut reader: BlobReader,
        blob: &BlobId,
        offset: u64,
        length: u32,
    ) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(|e| self.unreadable(blob, &e))?;
        if Digest::of(&bytes) != blob.0 {
            return Err(self.corrupt(blob));
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(length as usize).min(bytes.len());
        bytes.truncate(end);
        bytes.drain(..start);
        Ok(bytes)
    }

    fn read_checked(&self, blob: &BlobId, file: &File, offset: u64, length: u32) -> Result<Vec<u8>, Fault> {
        let found = |e| match e {
            HashTreeError::Corrupt => self.corrupt(blob),
            HashTreeError::Read(e) => self.unreadable(blob, &e),
        };
        let hash_tree = match self.memory.hash_trees.get(blob) {
            Some(hash_tree) => hash_tree,
            None => {
                let size = self.store.blob_info(blob).map_err(|e| self.fault(&e))?.size;
                let hash_tree = Arc::new(HashTree::of(file, size, blob).map_err(found)?);
                self.memory.hash_trees.insert(*blob, Arc::clone(&hash_tree));
                hash_tree
            }
        };
        hash_tree.read(file, offset, length.into()).map_err(found)
    }

    fn corrupt(&self, blob: &BlobId) -> Fault {
        error!(
            "a reader of the mount gets an I/O error: the payload of blob {blob} is not what its name says"
        );
        self.memory.hash_trees.remove(blob);
        // What is stored in its place is another file.
        for executable in [false, true] {
            self.memory.payloads.remove(&inode::of_file(blob, executable));
        }
        self.set_aside(Target::Blob(*blob));
        Fault::Io
    }

    fn unreadable(&self, blob: &BlobId, error: &io::Error) -> Fault {
        error!("a reader of the mount gets an I/O error: blob {blob} cannot be read: {error}");
        Fault::Io
    }

    /// Some file on the disk of the payloads.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn sample(&self) -> io::Result<File> {
        File::open(self.store.path().join("format"))
    }

    /// What statfs(2) says: what the disk under the store has; for builds, a full one of some size.
    ///
    /// # Errors
    /// When the disk does not answer.
    pub fn room(&self) -> Result<Room, Fault> {
        if self.is_for_builds {
            return Ok(Room {
                blocks: 1 << 22,
                free: 0,
                available: 0,
                files: 1 << 20,
                unused: 0,
                size: 4096,
            });
        }
        let disk = rustix::fs::statvfs(self.store.path()).map_err(|e| {
            error!("the disk of the store does not answer: {e}");
            Fault::Io
        })?;
        Ok(Room {
            blocks: disk.f_blocks,
            free: disk.f_bfree,
            available: disk.f_bavail,
            files: disk.f_files,
            unused: disk.f_ffree,
            // Some kilobytes.
            size: u32::try_from(disk.f_frsize).unwrap_or(4096),
        })
    }
}

/// What a mount says of its room (statfs(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Blocks in all.
    pub blocks: u64,
    /// Blocks that are free.
    pub free: u64,
    /// Blocks that are free for everybody.
    pub available: u64,
    /// Files that there can be.
    pub files: u64,
    /// Files of which there is none yet.
    pub unused: u64,
    /// Bytes of a block.
    pub size: u32,
}
