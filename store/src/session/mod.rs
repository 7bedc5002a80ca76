//! Writing to a store: the only way in for blobs and trees.
//!
//! A session gathers rows and files into batches. A batch becomes durable in this order: its files get their
//! names and are synced; then one database batch names them, together with the small blobs and the trees. The
//! last batch of a session is synced, and only then is the session acknowledged. So, after any crash, no row is
//! without its file, and a tree in the store has all that it names.
//!
//! Many small blobs go round the database's log: their bytes are written to its tables once, and rows name
//! them when the tables are durable. It saves writing them twice, and keeps the log, which has to be read
//! again after a crash even on a full disk, small. On a disk that has no room to merge tables they go to tables
//! of the session's own, which are taken over or removed as they are.

mod commit;
mod error;
mod stream;
mod tree;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use commit::Pending;
pub use error::WriteError;
pub use stream::StreamError;

use crate::cached::Caching;
use crate::crash::{self, CrashPoint};
use crate::db::{BlobRow, Durability, Holder, LeaseRow, Placement, RootRow, Rows, Target};
use crate::gate::WriterId;
use crate::model::{BlobId, Digest, RootName, Sha256};
use crate::objects::Temp;
use crate::realised::Realised;
use crate::store::Store;

/// Payloads of up to this many bytes lie in the database, unless they are executable.
pub const MAX_INLINE: u64 = 16 << 10;

/// What protects a finished session's result from the collector.
#[derive(Clone, Debug, Default)]
pub struct Keep {
    /// A root of that name, which replaces one of the same name.
    pub root: Option<RootName>,
    /// A lease.
    pub lease: Option<Holder>,
    /// Records to write with it.
    pub realised: Realised,
    /// Leases of cached blobs, which are all that the result may consist of.
    pub caching: Option<Caching>,
}

/// What a session added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Added {
    /// Blobs that were added, counted each time.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that the store did not have.
    pub new_blobs: u64,
    /// Their bytes.
    pub new_bytes: u64,
}

/// A payload that is written to a file and waits for its name.
pub(crate) struct Staged {
    pub(crate) temp: Temp,
    pub(crate) size: u64,
    pub(crate) sha256: Sha256,
}

/// Content that a session promises.
#[derive(Clone, Copy)]
struct Promise {
    /// Whether it was queued here: the store may still lack it, or hold it damaged.
    queued: bool,
    /// Its length in bytes.
    size: u64,
    /// The number of directory levels below it.
    height: u32,
}

impl Promise {
    fn of_blob(size: u64, queued: bool) -> Self {
        Self { queued, size, height: 0 }
    }
}

/// Why a batch of a session failed.
struct Failed {
    why: String,
    no_space: bool,
}

/// A writer. Threads share it by reference. Dropping it without [`Session::finish`] acknowledges nothing;
/// what it wrote is garbage-collected later.
pub struct Session<'s> {
    store: &'s Store,
    writer: WriterId,
    pending: Mutex<Pending>,
    /// What this session has stored or found in the store, and no tree of it reaches yet.
    promised: Mutex<HashMap<Target, Promise>>,
    /// The store's count of batches when this session last knew all of them.
    commits_seen: AtomicU64,
    /// Whether a batch of this session failed half way: its content is lost, and still promised. From then on
    /// nothing is accepted or acknowledged.
    failed: OnceLock<Failed>,
    /// Whether something bypassed the log.
    unlogged: AtomicBool,
    /// Digests whose bytes some thread of this session is storing now.
    in_flight: Mutex<HashSet<Digest>>,
    landed: Condvar,
    /// Small executables of this session that lie in files: the database may hold the same bytes as well.
    filed: Mutex<HashSet<Digest>>,
}

impl Store {
    /// Begins a session.
    ///
    /// # Errors
    /// When the store is open read-only.
    pub fn session(&self) -> Result<Session<'_>, WriteError> {
        if self.is_read_only() {
            return Err(WriteError::ReadOnly);
        }
        Ok(Session {
            store: self,
            writer: self.gate.enter(),
            pending: Mutex::default(),
            promised: Mutex::default(),
            commits_seen: AtomicU64::new(*lock(&self.commits)),
            failed: OnceLock::new(),
            unlogged: AtomicBool::new(false),
            in_flight: Mutex::default(),
            landed: Condvar::new(),
            filed: Mutex::default(),
        })
    }
}

/// Locks a mutex whose holders never leave a partial change, so that a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to store one digest, held by one thread of a session at a time.
struct Claim<'a, 's> {
    session: &'a Session<'s>,
    digest: Digest,
}

impl Drop for Claim<'_, '_> {
    fn drop(&mut self) {
        lock(&self.session.in_flight).remove(&self.digest);
        self.session.landed.notify_all();
    }
}

impl<'s> Session<'s> {
    pub(crate) fn store(&self) -> &'s Store {
        self.store
    }

    /// Stores a blob that is in memory.
    ///
    /// # Errors
    /// When the disk or the database cannot write it.
    pub fn add_blob(&self, bytes: &[u8], executable: bool) -> Result<BlobId, WriteError> {
        let id = BlobId(Digest::of(bytes));
        let size = bytes.len() as u64;
        let to_file = belongs_in_file(size, executable, bytes);
        let placement = if to_file { Placement::File } else { Placement::Inline };
        let Some(_claim) = self.claim(id, size, placement)? else { return Ok(id) };
        let sha256 = Sha256::of(bytes);
        if to_file {
            self.store.require_room()?;
            let mut temp = self.store.objects.temp()?;
            temp.write(bytes)?;
            temp.close(size);
            self.stage(id, Staged { temp, size, sha256 });
        } else {
            let mut pending = lock(&self.pending);
            pending.inline.push((id, BlobRow { placement, size, sha256 }, bytes.to_vec()));
            self.promise(Target::Blob(id), Promise::of_blob(size, true));
            pending.inline_bytes += bytes.len();
            pending.added.new_blobs += 1;
            pending.added.new_bytes += size;
        }
        Ok(id)
    }

    /// Adds a payload that was streamed to a file. Its digest is known only now, so the store may have it
    /// already: then the file is dropped.
    pub(crate) fn add_staged(&self, id: BlobId, staged: Staged) -> Result<(), WriteError> {
        if let Some(_claim) = self.claim(id, staged.size, Placement::File)? {
            self.stage(id, staged);
        }
        Ok(())
    }

    /// Whether the session or the store has a blob, without access to its bytes. If so it is counted.
    pub(crate) fn add_known(&self, id: BlobId, size: u64) -> Result<bool, WriteError> {
        self.require_unbroken()?;
        let mut in_flight = lock(&self.in_flight);
        while in_flight.contains(&id.0) {
            in_flight = self.landed.wait(in_flight).unwrap_or_else(PoisonError::into_inner);
        }
        self.store.gate.pin(self.writer, Target::Blob(id));
        let there = self.is_promised(Target::Blob(id)) || self.store.has_sound(&id, Placement::File)?;
        if there {
            self.promise(Target::Blob(id), Promise::of_blob(size, false));
            self.count(size);
        }
        Ok(there)
    }

    /// Fails once a batch of this session has failed.
    fn require_unbroken(&self) -> Result<(), WriteError> {
        match self.failed.get() {
            Some(Failed { why, no_space }) => {
                Err(WriteError::Poisoned { why: why.clone(), no_space: *no_space })
            }
            None => Ok(()),
        }
    }

    fn promised(&self, target: Target) -> Option<Promise> {
        lock(&self.promised).get(&target).copied()
    }

    fn is_promised(&self, target: Target) -> bool {
        self.promised(target).is_some()
    }

    /// Call this with `pending` locked when `queued`: a reader of the promise may rely on the queue.
    fn promise(&self, target: Target, promise: Promise) {
        lock(&self.promised).entry(target).or_insert(promise).queued |= promise.queued;
    }

    fn count(&self, size: u64) {
        let mut pending = lock(&self.pending);
        pending.added.blobs += 1;
        pending.added.bytes += size;
    }

    fn stage(&self, id: BlobId, staged: Staged) {
        let Staged { temp, size, sha256 } = staged;
        let row = BlobRow { placement: Placement::File, size, sha256 };
        self.store.note_size(size);
        if size <= MAX_INLINE {
            lock(&self.filed).insert(id.0);
        }
        let mut pending = lock(&self.pending);
        pending.files.push((id, row, temp));
        self.promise(Target::Blob(id), Promise::of_blob(size, true));
        pending.added.new_blobs += 1;
        pending.added.new_bytes += size;
    }

    /// Pins the blob and claims the right to store it; `None` when the session or the store has its bytes.
    fn claim(&self, id: BlobId, size: u64, wanted: Placement) -> Result<Option<Claim<'_, 's>>, WriteError> {
        self.require_unbroken()?;
        self.count(size);
        let mut in_flight = lock(&self.in_flight);
        while in_flight.contains(&id.0) {
            in_flight = self.landed.wait(in_flight).unwrap_or_else(PoisonError::into_inner);
        }
        self.store.gate.pin(self.writer, Target::Blob(id));
        let known = self.is_promised(Target::Blob(id));
        let small_executable = wanted == Placement::File && size <= MAX_INLINE;
        if known && (!small_executable || lock(&self.filed).contains(&id.0)) {
            return Ok(None);
        }
        in_flight.insert(id.0);
        drop(in_flight);
        let claim = Claim { session: self, digest: id.0 };
        if !self.store.has_sound(&id, wanted)? {
            return Ok(Some(claim));
        }
        self.promise(Target::Blob(id), Promise::of_blob(size, false));
        Ok(None)
    }

    /// Makes everything durable, together with what keeps `result` from the collector.
    ///
    /// # Errors
    /// When the disk or the database cannot write or failed to before, or when something of the result, or
    /// something that its records need, is missing. Then nothing is acknowledged.
    pub fn finish(self, result: &[Target], keep: &Keep) -> Result<Added, WriteError> {
        self.require_unbroken()?;
        let roots = match (&keep.root, result) {
            (Some(root), []) => return Err(WriteError::NoResult { root: root.clone() }),
            (Some(root), [.., last]) => vec![(root.clone(), *last)],
            (None, _) => Vec::new(),
        };
        self.end(result, &roots, keep)
    }

    /// Makes everything durable, with all of these roots besides what `keep` has for `result`.
    ///
    /// # Errors
    /// As [`Session::finish`]: then no root is set.
    pub fn finish_all(
        self,
        result: &[Target],
        roots: &[(RootName, Target)],
        keep: &Keep,
    ) -> Result<Added, WriteError> {
        self.require_unbroken()?;
        for (_, target) in roots {
            self.require_stored(*target)?;
        }
        self.end(result, roots, keep)
    }

    /// The SHA-256 of a blob that this session has stored or found in the store.
    ///
    /// # Errors
    /// When the database cannot read it.
    pub fn sha256(&self, blob: &BlobId) -> Result<Option<Sha256>, WriteError> {
        if let Some(sha256) = lock(&self.pending).sha256(blob) {
            return Ok(Some(sha256));
        }
        Ok(self.store.db.blob(blob)?.map(|row| row.sha256))
    }

    fn end(
        mut self,
        result: &[Target],
        roots: &[(RootName, Target)],
        keep: &Keep,
    ) -> Result<Added, WriteError> {
        for target in result.iter().copied().chain(keep.realised.relies_on()) {
            self.require_stored(target)?;
        }
        let added = lock(&self.pending).added;
        let mut extra = Rows::default();
        let cacher = match &keep.caching {
            Some(caching) => Some(self.store.cacher(&mut extra, &self.sizes(result)?, caching)?),
            None => None,
        };
        for (name, target) in roots {
            extra.put_root(name, &RootRow { target: *target, created: crate::clock::now() });
        }
        if let Some(holder) = keep.lease {
            let holder = holder.anchored();
            for target in result {
                extra.put_lease(self.store.free_lease_number(), &LeaseRow { target: *target, holder });
            }
        }
        {
            let mut totals = lock(&self.store.totals);
            totals.blobs_added += added.blobs;
            totals.bytes_added += added.bytes;
            totals.bytes_deduplicated += added.bytes - added.new_bytes;
            extra.put_meta("totals", totals.encode());
        }
        self.commit_all(extra, Some(&keep.realised), Durability::Synced)?;
        if let Some(cacher) = cacher {
            cacher.done();
        }
        crash::point(CrashPoint::CommitFinalSynced);
        self.end_unlogged();
        if !roots.is_empty() {
            self.store.roots_changed(roots.iter().map(|(name, _)| name));
        }
        Ok(added)
    }
}

/// Whether a payload has to be a plain file: large ones, executables, and ELF programs and shared objects,
/// which are mapped and executed.
fn belongs_in_file(size: u64, executable: bool, head: &[u8]) -> bool {
    size > MAX_INLINE || executable || is_elf_image(head)
}

/// An ELF file of type ET_EXEC (2) or ET_DYN (3) (ELF specification, e_type at offset 16).
fn is_elf_image(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF") && matches!(head.get(16..18), Some([2 | 3, 0] | [0, 2 | 3]))
}

impl Store {
    /// Whether the blob is stored as `wanted`, as far as can be determined without reading it.
    pub(crate) fn has_sound(&self, id: &BlobId, wanted: Placement) -> Result<bool, WriteError> {
        let Some(row) = self.db.blob(id)? else { return Ok(false) };
        // Inline bytes do not satisfy a payload that has to be a file.
        let other_place = row.placement == Placement::Inline && wanted == Placement::File;
        Ok(!other_place && self.presence_of_row(id, &row)?.is_sound())
    }
}
