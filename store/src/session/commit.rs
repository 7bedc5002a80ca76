//! Makes a session's queue durable, in an order that survives crashes.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use super::{Added, Failed, MAX_INLINE, Session, WriteError, lock};
use crate::crash::{self, CrashPoint};
use crate::db::{BlobRow, Durability, Placement, Rows, Target};
use crate::model::{BlobId, Sha256, TreeId};
use crate::objects::{Table, Temp};
use crate::realised::Realised;
use crate::room::Coming;

/// Bytes of queued small blobs after which they are written past the log.
const INLINE_BATCH: usize = 4 << 20;
/// Up to so many bytes of small blobs are logged at the end of a session: one write, no new table.
const MAX_LOGGED: usize = 1 << 20;
/// Payload files, small blobs, and bytes of trees after which a whole batch is committed. Each batch costs a
/// sync.
const FILE_BATCH: usize = 8192;
const SMALL_BATCH: usize = 1 << 17;
const TREE_BATCH: usize = 16 << 20;

/// What a session has queued and not committed yet.
#[derive(Default)]
pub(super) struct Pending {
    /// Small blobs with their bytes.
    pub(super) inline: Vec<(BlobId, BlobRow, Vec<u8>)>,
    pub(super) inline_bytes: usize,
    /// Small blobs whose bytes bypassed the log and that no row names yet.
    pub(super) unlogged: Vec<(BlobId, BlobRow)>,
    /// Tables that the database has not taken over yet, and the small blobs in them, which no row names.
    pub(super) tables: Vec<Table>,
    pub(super) in_tables: Vec<(BlobId, BlobRow)>,
    pub(super) files: Vec<(BlobId, BlobRow, Temp)>,
    pub(super) trees: Vec<(TreeId, Vec<u8>, Vec<Target>)>,
    pub(super) tree_bytes: usize,
    pub(super) added: Added,
}

impl Pending {
    /// The SHA-256 of a queued blob.
    pub(super) fn sha256(&self, blob: &BlobId) -> Option<Sha256> {
        let inline = self.inline.iter().map(|(id, row, _)| (id, row));
        let files = self.files.iter().map(|(id, row, _)| (id, row));
        let flushed = self.unlogged.iter().chain(&self.in_tables).map(|(id, row)| (id, row));
        let found = inline.chain(files).chain(flushed).find(|(id, _)| *id == blob);
        found.map(|(_, row)| row.sha256)
    }
}

/// A batch on its way to the disk: it has left the session's queue, so the session is broken unless it arrives.
struct Attempt<'a> {
    failed: &'a OnceLock<Failed>,
    arrived: bool,
}

impl<'a> Attempt<'a> {
    fn begin(session: &'a Session<'_>) -> Result<Self, WriteError> {
        session.require_unbroken()?;
        Ok(Self { failed: &session.failed, arrived: false })
    }

    fn end(mut self, outcome: Result<(), WriteError>) -> Result<(), WriteError> {
        self.arrived = true;
        if let Err(error) = &outcome {
            let _ = self.failed.set(Failed { why: error.to_string(), no_space: error.is_no_space() });
        }
        outcome
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        // Also on a panic.
        if !self.arrived {
            let _ = self.failed.set(Failed { why: "it was interrupted".to_owned(), no_space: false });
        }
    }
}

impl Session<'_> {
    /// Makes what was added so far visible to all readers, if there is anything. The session's end makes it
    /// durable.
    ///
    /// # Errors
    /// When the disk or the database cannot write it.
    pub fn commit(&self) -> Result<(), WriteError> {
        self.require_unbroken()?;
        let nothing = {
            let pending = lock(&self.pending);
            pending.files.is_empty()
                && pending.trees.is_empty()
                && pending.inline.is_empty()
                && pending.unlogged.is_empty()
                && pending.in_tables.is_empty()
        };
        if nothing { Ok(()) } else { self.commit_all(Rows::default(), None, Durability::Later) }
    }

    /// Commits the queue when it is full enough.
    ///
    /// # Errors
    /// When the disk or the database cannot write it.
    pub fn commit_if_full(&self) -> Result<(), WriteError> {
        let (inline, whole) = {
            let pending = lock(&self.pending);
            let whole = pending.files.len() >= FILE_BATCH
                || pending.unlogged.len() >= SMALL_BATCH
                || pending.tree_bytes >= TREE_BATCH;
            (pending.inline_bytes >= INLINE_BATCH, whole)
        };
        if whole {
            return self.commit_all(Rows::default(), None, Durability::Later);
        }
        if inline {
            self.store.require_room_for(self.coming())?;
            let _order = lock(&self.store.commits);
            let attempt = Attempt::begin(self)?;
            return attempt.end(self.write_unlogged());
        }
        Ok(())
    }

    /// What was accepted and is neither on the disk nor in the database's buffers.
    fn coming(&self) -> Coming {
        let pending = lock(&self.pending);
        Coming {
            blobs: (pending.inline.len() + pending.unlogged.len() + pending.in_tables.len()) as u64,
            blob_bytes: pending.inline_bytes as u64,
            tree_bytes: pending.tree_bytes as u64,
        }
    }

    /// Writes the queued small blobs past the log. The caller holds the store's `commits`.
    fn write_unlogged(&self) -> Result<(), WriteError> {
        let inline = {
            let mut pending = lock(&self.pending);
            pending.inline_bytes = 0;
            std::mem::take(&mut pending.inline)
        };
        if inline.is_empty() {
            return Ok(());
        }
        if self.store.writes_tables() {
            return self.write_table(inline);
        }
        if !self.unlogged.swap(true, Ordering::SeqCst) {
            self.store.begin_unlogged()?;
        }
        let mut rows = Rows::default();
        let mut named = Vec::with_capacity(inline.len());
        for (id, row, bytes) in inline {
            rows.put_inline(&id, bytes);
            named.push((id, row));
        }
        self.store.db.write_unlogged(rows)?;
        lock(&self.pending).unlogged.append(&mut named);
        Ok(())
    }

    /// Writes small blobs to a table of their own.
    fn write_table(&self, mut inline: Vec<(BlobId, BlobRow, Vec<u8>)>) -> Result<(), WriteError> {
        inline.sort_unstable_by_key(|(id, ..)| *id);
        let table = self.store.objects.table();
        self.store.db.write_table(table.path(), inline.iter().map(|(id, _, bytes)| (id, &**bytes)))?;
        let mut pending = lock(&self.pending);
        pending.tables.push(table);
        pending.in_tables.extend(inline.into_iter().map(|(id, row, _)| (id, row)));
        Ok(())
    }

    /// Commits all that has gathered, with the rows of `extra` and of what becomes known with them.
    pub(super) fn commit_all(
        &self,
        mut extra: Rows,
        realised: Option<&Realised>,
        durability: Durability,
    ) -> Result<(), WriteError> {
        self.store.require_room_for(self.coming())?;
        let mut commits = lock(&self.store.commits);
        let attempt = Attempt::begin(self)?;
        let alone = *commits == self.commits_seen.load(Ordering::SeqCst);
        // Existing rows are read under the lock, or another session's realisation could be replaced.
        let known = realised.map_or(Ok(()), |realised| realised.put(&mut extra, &self.store.db));
        let outcome =
            known.map_err(WriteError::from).and_then(|()| self.commit_batch(extra, durability, alone));
        *commits += 1;
        self.commits_seen.store(*commits, Ordering::SeqCst);
        attempt.end(outcome)
    }

    /// `alone`: no other session has committed anything since this one last read rows.
    fn commit_batch(&self, extra: Rows, durability: Durability, alone: bool) -> Result<(), WriteError> {
        // All that these trees name is committed in this batch or was committed before.
        let (inline_bytes, mut files, trees) = {
            let mut pending = lock(&self.pending);
            pending.tree_bytes = 0;
            (pending.inline_bytes, std::mem::take(&mut pending.files), std::mem::take(&mut pending.trees))
        };
        if inline_bytes >= MAX_LOGGED {
            self.write_unlogged()?;
        }
        let mut rows = Rows::default();
        let (inline, unlogged, in_tables, tables) = {
            let mut pending = lock(&self.pending);
            pending.inline_bytes = 0;
            (
                std::mem::take(&mut pending.inline),
                std::mem::take(&mut pending.unlogged),
                std::mem::take(&mut pending.in_tables),
                std::mem::take(&mut pending.tables),
            )
        };
        let must_flush = !unlogged.is_empty();
        let bytes_here = inline.into_iter().map(|(id, row, bytes)| (id, row, Some(bytes)));
        let bytes_there = unlogged.into_iter().chain(in_tables).map(|(id, row)| (id, row, None));
        for (id, row, bytes) in bytes_here.chain(bytes_there) {
            // Another session may have stored the same blob as a file meanwhile, as an executable.
            if !alone && self.store.has_sound(&id, Placement::File)? {
                rows.delete_inline(&id);
                continue;
            }
            rows.put_blob(&id, &row);
            if let Some(bytes) = bytes {
                rows.put_inline(&id, bytes);
            }
        }
        if !alone {
            // If another session has published the blob, this file is not needed, and must not replace a
            // durable one while it is not durable itself.
            let mut needed = Vec::with_capacity(files.len());
            for file in files {
                if !self.store.has_sound(&file.0, Placement::File)? {
                    needed.push(file);
                }
            }
            files = needed;
        }
        // Tables and files are made durable at the same time; no row names either before both are durable.
        std::thread::scope(|scope| -> Result<(), WriteError> {
            let flush = must_flush.then(|| scope.spawn(|| self.store.db.flush_inline()));
            let published = self.publish(&mut files);
            if let Some(flush) = flush {
                flush.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                crash::point(CrashPoint::CommitInlineFlushed);
            }
            published
        })?;
        for table in tables {
            self.store.db.take_table(table.path())?;
        }
        for (id, row, _) in &files {
            // The blob may have been inline until now.
            if row.size <= MAX_INLINE {
                rows.delete_inline(id);
            }
            rows.put_blob(id, row);
        }
        let mut reached = Vec::new();
        for (id, text, named) in trees {
            rows.put_tree(&id, text);
            reached.extend(named);
        }
        rows.append(extra);
        if !rows.is_empty() {
            self.store.db.write(rows, durability)?;
        }
        crash::point(CrashPoint::CommitRowsWritten);
        // The trees are stored and pinned: they protect what they name.
        self.forget(&reached, true);
        Ok(())
    }

    fn publish(&self, files: &mut [(BlobId, BlobRow, Temp)]) -> Result<(), WriteError> {
        if files.is_empty() {
            return Ok(());
        }
        for (id, ..) in &*files {
            self.store.gate.wait_until_deleted(&id.0);
        }
        Ok(self.store.objects.publish(files)?)
    }

    /// Everything that bypassed the log is named.
    pub(super) fn end_unlogged(&mut self) {
        if std::mem::take(self.unlogged.get_mut()) {
            self.store.end_unlogged();
        }
    }
}

impl Session<'_> {
    /// The blobs of a result, with their sizes.
    pub(super) fn sizes(&self, result: &[Target]) -> Result<Vec<(BlobId, u64)>, WriteError> {
        let mut sizes = Vec::with_capacity(result.len());
        for target in result {
            let Target::Blob(blob) = target else { continue };
            let size = match self.promised(*target) {
                Some(promise) => Some(promise.size),
                None => self.store.db.blob(blob)?.map(|row| row.size),
            };
            sizes.push((*blob, size.unwrap_or(0)));
        }
        Ok(sizes)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let unlogged = std::mem::take(self.unlogged.get_mut());
        let (written, tables) = {
            let mut pending = lock(&self.pending);
            (std::mem::take(&mut pending.unlogged), std::mem::take(&mut pending.tables))
        };
        self.store.gate.leave(self.writer);
        // First, so that there is room for the rest.
        drop(tables);
        // What a session that is given up wrote round the log goes at once. Of a batch that failed it is not known.
        if unlogged {
            let written = written.into_iter().map(|(id, _)| id).collect();
            self.store.give_up_unlogged(written, self.failed.get().is_none());
        }
    }
}
