//! A store, and what can be read from it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, Weak};

use crate::db::{BlobRow, Db, DbError, Placement, Target, Totals};
use crate::gate::Gate;
use crate::hold::Show;
use crate::layout::Layout;
use crate::model::{
    BlobId, DecodeTreeError, Digest, DigestPrefix, RootName, Sha256, Tree, TreeId, TreeSource,
};
use crate::objects::{FileError, Objects};
use crate::presence::Whole;

/// An open store. One process has it open for writing; threads share it by reference.
pub struct Store {
    pub(crate) layout: Layout,
    pub(crate) db: Db,
    pub(crate) objects: Objects,
    pub(crate) gate: Gate,
    pub(crate) totals: Mutex<Totals>,
    pub(crate) next_lease: AtomicU64,
    /// Held while rows of blobs are written: batches become durable in the order in which they were filled, and
    /// what is decided from a row stays true until it is written. Counts the batches.
    pub(crate) commits: Mutex<u64>,
    /// Held while the roots are written down as text.
    pub(crate) mirror: Mutex<()>,
    /// Those who show what is in the store, asked before a collection.
    pub(crate) shows: Mutex<Vec<Weak<dyn Show>>>,
    /// Whether what a crash left is being cleared up.
    pub(crate) clearing: AtomicBool,
    /// The sizes of large blobs, once somebody asked for them.
    pub(crate) sizes: OnceLock<Mutex<HashSet<u64>>>,
    /// Whether RocksDB is kept from merging tables, for want of room; until the disk was looked at, it is.
    pub(crate) bounded: AtomicBool,
    /// Trees whose closures are known to be sound.
    pub(crate) whole: Whole,
    /// How many sessions have written round the log and not named all of it; one more when an earlier owner
    /// of the store did, until that was looked for.
    pub(crate) unlogged: Mutex<u64>,
    /// Whether an earlier owner did, and it was not looked for yet.
    pub(crate) unlogged_before: AtomicBool,
    /// Last, since fields are dropped in order: the lock may go only when the database is closed.
    pub(crate) access: Access,
}

pub(crate) enum Access {
    ReadOnly,
    ReadWrite {
        /// Held for the flock on it.
        _lock: File,
        unclean: bool,
        epoch: u64,
    },
}

/// Why something could not be read from a store.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store has no such blob.
    #[error("the store has no blob {id}")]
    NoBlob {
        /// Which.
        id: BlobId,
    },
    /// The store has no such tree.
    #[error("the store has no tree {id}")]
    NoTree {
        /// Which.
        id: TreeId,
    },
    /// The blob was found corrupt before.
    #[error("blob {id} was found corrupt and is in quarantine")]
    Quarantined {
        /// Which.
        id: BlobId,
    },
    /// The row is there, its payload is not.
    #[error("the payload of blob {id} is missing")]
    Missing {
        /// Which.
        id: BlobId,
    },
    /// The bytes are not what the name says.
    #[error("blob {id} holds bytes whose digest is {actual}, not its own")]
    CorruptBlob {
        /// Which.
        id: BlobId,
        /// What its bytes are.
        actual: Digest,
    },
    /// The text is not what the name says.
    #[error("tree {id} holds a text whose digest is {actual}, not its own")]
    CorruptTree {
        /// Which.
        id: TreeId,
        /// What its text is.
        actual: Digest,
    },
    /// The text has the right digest, and is no tree: what stored it was at fault.
    #[error("tree {id} is not canonical: {source}")]
    BadTree {
        /// Which.
        id: TreeId,
        /// What is wrong with it.
        source: DecodeTreeError,
    },
    /// A payload's file gave an error.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What a store knows of a blob without reading its bytes.
pub type BlobInfo = BlobRow;

/// A blob opened for reading. The bytes are not checked yet: see [`BlobReader::verified`].
#[derive(Debug)]
pub struct BlobReader {
    id: BlobId,
    info: BlobInfo,
    payload: Payload,
}

#[derive(Debug)]
enum Payload {
    Inline(io::Cursor<Vec<u8>>),
    File(File),
}

impl BlobReader {
    pub(crate) fn of_file(id: BlobId, info: BlobInfo, file: File) -> Self {
        Self { id, info, payload: Payload::File(file) }
    }

    /// What the store knows of the blob.
    pub fn info(&self) -> &BlobInfo {
        &self.info
    }

    /// The file that holds the payload, when a file does.
    pub fn file(&self) -> Option<&File> {
        match &self.payload {
            Payload::File(file) => Some(file),
            Payload::Inline(_) => None,
        }
    }

    /// Reads all bytes through `each`, and says at the end whether they were what the blob's name says.
    ///
    /// # Errors
    /// [`ReadError::CorruptBlob`] when they were not; an error of `each` as [`CopyError::Sink`].
    pub fn verified<E>(mut self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), CopyError<E>> {
        let mut hasher = blake3::Hasher::new();
        let step = usize::try_from(self.info.size).unwrap_or(usize::MAX).clamp(1, 1 << 20);
        let mut buffer = vec![0; step];
        let mut seen = 0u64;
        loop {
            let n = self.read(&mut buffer).map_err(|source| {
                CopyError::Read(FileError::new(format!("blob {}", self.id), "read", source).into())
            })?;
            if n == 0 {
                break;
            }
            seen += n as u64;
            hasher.update(&buffer[..n]);
            // A payload that grew cannot be right any more: hand out nothing that is surely wrong.
            if seen <= self.info.size {
                each(&buffer[..n]).map_err(CopyError::Sink)?;
            }
        }
        let actual = Digest::from_bytes(*hasher.finalize().as_bytes());
        if actual == self.id.0 {
            return Ok(());
        }
        Err(CopyError::Read(ReadError::CorruptBlob { id: self.id, actual }))
    }

    /// As [`BlobReader::verified`], with an `each` that takes everything.
    ///
    /// # Errors
    /// [`ReadError::CorruptBlob`] when the bytes were not what the blob's name says.
    pub fn verified_by(self, mut each: impl FnMut(&[u8])) -> Result<(), ReadError> {
        let taken = self.verified(|bytes| {
            each(bytes);
            Ok::<(), Infallible>(())
        });
        taken.map_err(|error| match error {
            CopyError::Read(error) => error,
            CopyError::Sink(never) => match never {},
        })
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.payload {
            Payload::Inline(bytes) => bytes.read(buffer),
            Payload::File(file) => file.read(buffer),
        }
    }
}

/// Why a verified copy of a blob failed.
#[derive(Debug)]
pub enum CopyError<E> {
    /// The store's side.
    Read(ReadError),
    /// The side that took the bytes.
    Sink(E),
}

impl Store {
    /// The store's folder.
    pub fn path(&self) -> &Path {
        self.layout.root()
    }

    /// Where the file of a blob lies, when it has one.
    pub fn object_path(&self, blob: &BlobId) -> std::path::PathBuf {
        self.layout.object(blob)
    }

    /// Whether the store can be changed.
    pub fn is_read_only(&self) -> bool {
        matches!(self.access, Access::ReadOnly)
    }

    /// Whether the last owner ended without closing the store.
    pub fn was_unclean(&self) -> bool {
        matches!(self.access, Access::ReadWrite { unclean: true, .. })
    }

    /// A lease number that was never used: the epoch, which grows with each opening, above a counter.
    pub(crate) fn free_lease_number(&self) -> u64 {
        self.next_lease.fetch_add(1, Ordering::Relaxed)
    }

    /// Size, SHA-256 and placement of a blob.
    ///
    /// # Errors
    /// [`ReadError::NoBlob`] when there is none, or an error of the database.
    pub fn blob_info(&self, id: &BlobId) -> Result<BlobInfo, ReadError> {
        self.db.blob(id)?.ok_or(ReadError::NoBlob { id: *id })
    }

    /// Opens a blob.
    ///
    /// # Errors
    /// When it is not there, in quarantine, or its payload cannot be opened.
    pub fn open_blob(&self, id: &BlobId) -> Result<BlobReader, ReadError> {
        // A blob that is stored again, now as an executable, moves from the database to a file: a reader that
        // saw the old row looks once more.
        for _ in 0..2 {
            let info = self.blob_info(id)?;
            let payload = match info.placement {
                Placement::Quarantined => return Err(ReadError::Quarantined { id: *id }),
                Placement::Inline => match self.db.inline(id)? {
                    Some(bytes) => Payload::Inline(io::Cursor::new(bytes)),
                    None => continue,
                },
                Placement::File => match self.objects.open_object(id) {
                    Ok(file) => Payload::File(file),
                    Err(e) if e.source.kind() == io::ErrorKind::NotFound => break,
                    Err(e) => return Err(e.into()),
                },
            };
            return Ok(BlobReader { id: *id, info, payload });
        }
        self.whole.forget();
        Err(ReadError::Missing { id: *id })
    }

    /// The canonical text of a tree, checked against its digest.
    ///
    /// # Errors
    /// When it is not there, or not what its name says.
    pub fn tree_text(&self, id: &TreeId) -> Result<Vec<u8>, ReadError> {
        let text = self.db.tree(id)?.ok_or(ReadError::NoTree { id: *id })?;
        match Digest::of(&text) {
            actual if actual == id.0 => Ok(text),
            actual => Err(ReadError::CorruptTree { id: *id, actual }),
        }
    }

    /// A tree, checked against its digest.
    ///
    /// # Errors
    /// When it is not there, or not what its name says.
    pub fn tree(&self, id: &TreeId) -> Result<Tree, ReadError> {
        let text = self.tree_text(id)?;
        Tree::decode(&text).map_err(|source| ReadError::BadTree { id: *id, source })
    }

    /// The blob with that SHA-256.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn blob_by_sha256(&self, sha256: &Sha256) -> Result<Option<BlobId>, ReadError> {
        Ok(self.db.by_sha256(sha256)?)
    }

    /// The trees and blobs whose digests begin so, trees first, at most `max` of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn by_prefix(&self, prefix: &DigestPrefix, max: usize) -> Result<Vec<Target>, ReadError> {
        let mut found = Vec::new();
        for row in self.db.trees_from(&prefix.low())?.take(max) {
            match row? {
                (id, _) if prefix.matches(&id.0) => found.push(Target::Tree(id)),
                _ => break,
            }
        }
        let blobs = self.blobs_by_prefix(prefix, max.saturating_sub(found.len()))?;
        found.extend(blobs.into_iter().map(Target::Blob));
        Ok(found)
    }

    /// The blobs whose digests begin so, at most `max` of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn blobs_by_prefix(&self, prefix: &DigestPrefix, max: usize) -> Result<Vec<BlobId>, ReadError> {
        let mut found = Vec::new();
        for row in self.db.blobs_from(&prefix.low())?.take(max) {
            match row? {
                (id, _) if prefix.matches(&id.0) => found.push(id),
                _ => break,
            }
        }
        Ok(found)
    }

    /// What a root keeps.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn root(&self, name: &RootName) -> Result<Option<Target>, ReadError> {
        Ok(self.db.root(name)?.map(|row| row.target))
    }
}

impl TreeSource for Store {
    type Error = ReadError;

    fn tree(&self, id: &TreeId) -> Result<Tree, ReadError> {
        Store::tree(self, id)
    }
}
