//! Opening, reading and closing files.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use tracing::{debug, error};

use stele_store::model::{BlobId, Digest, DigestPrefix};
use stele_store::{BlobReader, Placement, Target};

use super::{Fault, View};
use crate::hash_tree::{HashTree, HashTreeError};
use crate::inode;
use crate::state::{Mode, Opens, Question, Telling, What};

#[cfg(test)]
mod tests;

/// Passthrough: lets the kernel read a file directly.
pub trait Backing {
    /// Registers an open file. Returns the number by which the kernel knows it.
    ///
    /// # Errors
    /// When the kernel does not support that, or not for this file.
    fn register(&self, file: &File) -> io::Result<u32>;
    /// Unregisters it.
    fn close(&self, id: u32);
}

/// An opened file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The handle.
    pub handle: u64,
    /// How it is read.
    pub mode: Mode,
}

impl View {
    /// Records that a file is returned to the kernel under that number.
    pub(super) fn tell_file(&self, ino: u64, blob: &BlobId) -> Result<(), Fault> {
        match self.opens {
            Opens::Sent if self.memory.files.get(&ino) == Some(*blob) => {}
            Opens::Sent => self.memory.files.insert(ino, *blob),
            Opens::Unsent => {
                let mut telling = self.state().tell_file(ino, *blob, false);
                if telling == Telling::Unsure {
                    let (prefix, _) = inode::file(ino).ok_or(Fault::Stale)?;
                    let is_only = self.only_blob(&prefix)?.is_some_and(|only| only == *blob);
                    telling =
                        if is_only { self.state().tell_file(ino, *blob, true) } else { Telling::Refused };
                }
                if telling != Telling::Allowed {
                    error!("the digest of blob {blob} has the same prefix as one that the kernel knows");
                    return Err(Fault::Io);
                }
            }
        }
        Ok(())
    }

    /// The blob of a file's number.
    pub(super) fn blob_of(&self, ino: u64) -> Result<BlobId, Fault> {
        let Some((prefix, _)) = inode::file(ino) else {
            return match self.state().node(ino).map(|node| &node.what) {
                Some(What::File(blob)) => Ok(*blob),
                _ => Err(Fault::Stale),
            };
        };
        if self.opens == Opens::Unsent {
            // What an earlier process returned is found as it is with requests to open files.
            if let Some(blob) = self.state().known_file(ino) {
                return Ok(blob);
            }
            if self.is_for_builds {
                return Err(Fault::Stale);
            }
        } else if let Some(blob) = self.memory.files.get(&ino) {
            return Ok(blob);
        }
        let blob = self.only_blob(&prefix)?.ok_or(Fault::Stale)?;
        if self.opens == Opens::Sent {
            self.memory.files.insert(ino, blob);
        }
        Ok(blob)
    }

    /// The blob with that prefix.
    fn only_blob(&self, prefix: &DigestPrefix) -> Result<Option<BlobId>, Fault> {
        match self.store.blobs_by_prefix(prefix, 2).map_err(|e| self.fault(&e))?.as_slice() {
            [blob] => Ok(Some(*blob)),
            [] => Ok(None),
            _ => {
                error!("two digests have the prefix {}: it identifies neither", prefix.text());
                Err(Fault::Io)
            }
        }
    }

    /// Opens a file.
    ///
    /// # Errors
    /// When it is not a file, missing, corrupt as far as can be detected without reading it, or cannot be opened.
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
        // Held before it is looked up; the first open holds it, until the last release.
        self.hold.keep(Target::Blob(blob)).map_err(|e| self.fault(&e))?;
        let opened = self.open_held(ino, blob, question, backing);
        if opened.is_err() {
            self.hold.release(Target::Blob(blob));
        }
        opened
    }

    /// An earlier process counted it, and was killed before it answered.
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
        // The first open accesses the disk and the kernel without locking the state: other requests must not wait.
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

    /// Opens the file once more, when it is open already.
    fn opened_by_others(&self, ino: u64, blob: BlobId, question: Question) -> Result<Option<Opened>, Fault> {
        let mut state = self.state();
        let Some(open) = state.open_file(ino) else { return Ok(None) };
        // The same 60 bits may be another blob's, which must not be returned.
        if open.blob != blob {
            error!("the digest of blob {blob} has the same prefix as {}, which is open", open.blob);
            return Err(Fault::Io);
        }
        let mode = open.mode;
        state.opened(ino, blob, mode, question).map_err(|e| Self::untold(&e))?;
        Ok(Some(Opened { handle: inode::check(&blob), mode }))
    }

    /// How a file that is not open is going to be read.
    fn mode(&self, blob: &BlobId, backing: &dyn Backing) -> Result<Mode, Fault> {
        // Inline content is only loaded when it is read.
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
                debug!("blob {blob} is read without passthrough: {e}");
                Mode::Asked
            },
            Mode::Passthrough,
        ))
    }

    /// A file was closed by one of its users.
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

    /// Closes the payloads that were kept open between reads: when the kernel sends no releases, nothing else does.
    pub(crate) fn close_payloads(&self) {
        self.memory.payloads.clear();
    }

    /// Bytes of a file, verified.
    ///
    /// # Errors
    /// [`Fault::Io`] when they do not match the file's digest.
    pub fn read(&self, ino: u64, handle: u64, offset: u64, length: u32) -> Result<Vec<u8>, Fault> {
        let blob = self.blob_of(ino)?;
        if self.opens == Opens::Sent && inode::check(&blob) != handle {
            error!("another file with the same digest prefix as blob {blob} was opened");
            return Err(Fault::Io);
        }
        // A file at the top may have a number of its own.
        let key = if inode::file(ino).is_some() { ino } else { inode::of_file(&blob, false) };
        if let Some(file) = self.memory.payloads.get(&key) {
            return self.read_checked(&blob, &file, offset, length);
        }
        let reader = self.store.open_blob(&blob).map_err(|e| self.fault(&e))?;
        let Some(file) = reader.file() else { return self.read_inline(reader, &blob, offset, length) };
        let file = Arc::new(file.try_clone().map_err(|e| self.unreadable(&blob, &e))?);
        self.memory.payloads.insert(key, Arc::clone(&file));
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
        if let Some(hash_tree) = self.memory.hash_trees.get(blob) {
            return hash_tree.read(file, offset, length.into()).map_err(found);
        }
        let size = self.store.blob_info(blob).map_err(|e| self.fault(&e))?.size;
        let (hash_tree, bytes) = HashTree::of(file, size, blob, (offset, length.into())).map_err(found)?;
        self.memory.hash_trees.insert(*blob, Arc::new(hash_tree));
        Ok(bytes)
    }

    fn corrupt(&self, blob: &BlobId) -> Fault {
        error!(
            "a reader of the mount gets an I/O error: the payload of blob {blob} does not match its digest"
        );
        self.memory.hash_trees.remove(blob);
        // Another file is stored in its place.
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

    /// The answer to statfs(2): that of the disk under the store; for builds, a full disk of a fixed size.
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

/// The space that a mount reports (statfs(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Total blocks.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// Free blocks for all users.
    pub available: u64,
    /// Total inodes.
    pub files: u64,
    /// Free inodes.
    pub unused: u64,
    /// Block size in bytes.
    pub size: u32,
}
