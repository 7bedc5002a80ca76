//! The source of the trees and blobs of layers.

#[cfg(test)]
pub(crate) mod in_memory;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use stele_store::model::{BlobId, Tree, TreeId};
use stele_store::{ReadError, Store};

use crate::packed::Packed;

/// A source of trees and blobs: a store, or memory in tests.
pub trait Content: Sync {
    /// A tree, verified against its digest.
    ///
    /// # Errors
    /// When it is missing or damaged.
    fn tree(&self, id: &TreeId) -> Result<Tree, ReadError>;

    /// A blob, whose bytes are not verified.
    ///
    /// # Errors
    /// When it is missing.
    fn blob(&self, id: &BlobId) -> Result<Box<dyn ReadAt>, ReadError>;

    /// Where compressed layers are kept, if they are.
    fn packed(&self) -> Option<&dyn Packed> {
        None
    }
}

/// Takes the bytes of a blob, some of them as a part of a file.
pub trait Take {
    /// The next bytes.
    ///
    /// # Errors
    /// When they are not wanted any more.
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The next bytes are `length` of a file from `offset` on. They are not verified.
    ///
    /// # Errors
    /// When they are not wanted any more.
    fn file(&mut self, file: &File, offset: u64, length: u64) -> io::Result<()>;
}

/// Bytes with random access, for ranges of a layer.
pub trait ReadAt {
    /// Reads from `offset` on; 0 bytes at the end.
    ///
    /// # Errors
    /// When the underlying file cannot be read.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// The file that they are, if they are one.
    fn file(&self) -> Option<&File> {
        None
    }
}

impl ReadAt for File {
    fn file(&self) -> Option<&File> {
        Some(self)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, into, offset)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl Content for Store {
    fn tree(&self, id: &TreeId) -> Result<Tree, ReadError> {
        Store::tree(self, id)
    }

    fn blob(&self, id: &BlobId) -> Result<Box<dyn ReadAt>, ReadError> {
        let mut reader = self.open_blob(id)?;
        if let Some(file) = reader.file().and_then(|file| file.try_clone().ok()) {
            return Ok(Box::new(file));
        }
        // Inline payloads have at most 16 KiB; a descriptor that could not be duplicated is read once, in order.
        let mut bytes = Vec::new();
        match reader.read_to_end(&mut bytes) {
            Ok(_) => Ok(Box::new(bytes)),
            Err(_) => Err(ReadError::Missing { id: *id }),
        }
    }

    fn packed(&self) -> Option<&dyn Packed> {
        if self.is_read_only() { None } else { Some(self) }
    }
}
