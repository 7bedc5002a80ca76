//! A store and how it is read.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, Weak};

use crate::cached::Cached;
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
    /// a decision based on a row stays valid until it is written. Counts the batches.
    pub(crate) commits: Mutex<u64>,
    /// Held while the text copy of the roots is written.
    pub(crate) mirror: Mutex<()>,
    /// See [`Store::lock_roots`].
    pub(crate) root_updates: Mutex<()>,
    /// Held while leases of cached blobs are written.
    pub(crate) cached: Mutex<Cached>,
    /// Held while it is counted what other users added.
    pub(crate) spending: Mutex<()>,
    /// Servers of mounts, asked to release content before a collection.
    pub(crate) shows: Mutex<Vec<Weak<dyn Show>>>,
    /// Whether the remains of a crash are being cleared.
    pub(crate) clearing: AtomicBool,
    /// The sizes of large blobs, filled on first use.
    pub(crate) sizes: OnceLock<Mutex<HashSet<u64>>>,
    /// Whether RocksDB may not merge tables, for lack of space; true until the free space is first checked.
    pub(crate) bounded: AtomicBool,
    /// Trees whose closures are known to be sound.
    pub(crate) whole: Whole,
    /// How many sessions have bypassed the write-ahead log and not yet named all that they wrote; one more
    /// while an earlier owner's such writes have not been searched for.
    pub(crate) unlogged: Mutex<u64>,
    /// Whether an earlier owner left such writes that have not been searched for.
    pub(crate) unlogged_before: AtomicBool,
    /// Last, since fields are dropped in order: the lock is released only after the database is closed.
    pub(crate) access: Access,
}

pub(crate) enum Access {
    ReadOnly,
    ReadWrite {
        /// Kept open for its flock.
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
        /// The blob.
        id: BlobId,
    },
    /// The store has no such tree.
    #[error("the store has no tree {id}")]
    NoTree {
        /// The tree.
        id: TreeId,
    },
    /// The blob was found corrupt before.
    #[error("blob {id} was found corrupt and is in quarantine")]
    Quarantined {
        /// The blob.
        id: BlobId,
    },
    /// The row exists, its payload does not.
    #[error("the payload of blob {id} is missing")]
    Missing {
        /// The blob.
        id: BlobId,
    },
    /// The bytes do not match the digest.
    #[error("blob {id} is corrupt: its bytes have the digest {actual}")]
    CorruptBlob {
        /// The blob.
        id: BlobId,
        /// The digest of its bytes.
        actual: Digest,
    },
    /// The text does not match the digest.
    #[error("tree {id} is corrupt: its text has the digest {actual}")]
    CorruptTree {
        /// The tree.
        id: TreeId,
        /// The digest of its text.
        actual: Digest,
    },
    /// The text has the right digest and is not a tree: the writer that stored it had a bug.
    #[error("tree {id} is not canonical: {source}")]
    BadTree {
        /// The tree.
        id: TreeId,
        /// The defect.
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

/// A blob opened for reading. The bytes are not verified yet: see [`BlobReader::verified`].
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

    /// The file of the payload, if it is stored in one.
    pub fn file(&self) -> Option<&File> {
        match &self.payload {
            Payload::File(file) => Some(file),
            Payload::Inline(_) => None,
        }
    }

    /// Passes all bytes to `each` and verifies at the end that they match the blob's digest.
    ///
    /// # Errors
    /// [`ReadError::CorruptBlob`] when they do not; an error of `each` as [`CopyError::Sink`].
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
            // A payload that grew cannot match: hand out nothing that is surely wrong.
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

    /// As [`BlobReader::verified`], with an `each` that cannot fail.
    ///
    /// # Errors
    /// [`ReadError::CorruptBlob`] when the bytes do not match the blob's digest.
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

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.payload {
            Payload::Inline(bytes) => bytes.seek(to),
            Payload::File(file) => file.seek(to),
        }
    }
}

/// Why a verified copy of a blob failed.
#[derive(Debug)]
pub enum CopyError<E> {
    /// The store failed.
    Read(ReadError),
    /// The receiver of the bytes failed.
    Sink(E),
}

impl Store {
    /// The store's folder.
    pub fn path(&self) -> &Path {
        self.layout.root()
    }

    /// The path of a blob's file, if it has one.
    pub fn object_path(&self, blob: &BlobId) -> std::path::PathBuf {
        self.layout.object(blob)
    }

    /// Whether a write of the database failed, after which it may have to be opened anew.
    pub fn is_stopped(&self) -> bool {
        self.db.is_stopped()
    }

    /// Whether the store can be changed.
    pub fn is_read_only(&self) -> bool {
        matches!(self.access, Access::ReadOnly)
    }

    /// Whether the last owner exited without closing the store.
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
    /// [`ReadError::NoBlob`] when it is absent, or a database error.
    pub fn blob_info(&self, id: &BlobId) -> Result<BlobInfo, ReadError> {
        self.db.blob(id)?.ok_or(ReadError::NoBlob { id: *id })
    }

    /// Opens a blob.
    ///
    /// # Errors
    /// When it is absent, in quarantine, or its payload cannot be opened.
    pub fn open_blob(&self, id: &BlobId) -> Result<BlobReader, ReadError> {
        // A blob that is stored again as an executable moves from the database to a file: a reader that saw the
        // old row retries once.
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
    /// When it is absent or does not match its digest.
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
    /// When it is absent or does not match its digest.
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

    /// The trees and blobs with that digest prefix, trees first, at most `max` of them.
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

    /// The blobs with that digest prefix, at most `max` of them.
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

    /// The target of a root.
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
