//! Making what a session gathered durable, in the order that survives crashes.

use std::sync::atomic::Ordering;

use super::{Added, INLINE_MOST, Session, WriteError, lock};
use crate::crash::{self, CrashPoint};
use crate::db::{BlobRow, Durability, Rows};
use crate::model::{BlobId, Digest, TreeId};
use crate::objects::Temp;

/// Bytes of small blobs after which they go to the database round its log.
const INLINE_BATCH: usize = 4 << 20;
/// Up to so many bytes of small blobs go through the log at the end of a session: one write, no new table.
const LOGGED_MOST: usize = 1 << 20;
/// Payload files, small blobs, and bytes of trees, after which a whole batch is committed. Each costs a sync.
const FILE_BATCH: usize = 8192;
const SMALL_BATCH: usize = 1 << 17;
const TREE_BATCH: usize = 16 << 20;

/// What a session gathered and did not commit yet.
#[derive(Default)]
pub(super) struct Pending {
    /// Small blobs whose bytes are here.
    pub(super) inline: Vec<(BlobId, BlobRow, Vec<u8>)>,
    pub(super) inline_bytes: usize,
    /// Small blobs whose bytes went round the log and that no row names yet.
    pub(super) unlogged: Vec<(BlobId, BlobRow)>,
    pub(super) files: Vec<(BlobId, Temp)>,
    pub(super) file_rows: Vec<(BlobId, BlobRow)>,
    pub(super) trees: Vec<(TreeId, Vec<u8>, Vec<Digest>)>,
    pub(super) tree_bytes: usize,
    pub(super) added: Added,
}

impl Session<'_> {
    /// Commits what has gathered, when it is enough.
    ///
    /// # Errors
    /// When the disk or the database will not take it.
    pub(crate) fn commit_if_full(&self) -> Result<(), WriteError> {
        let (inline, whole) = {
            let pending = lock(&self.pending);
            let whole = pending.files.len() >= FILE_BATCH
                || pending.unlogged.len() >= SMALL_BATCH
                || pending.tree_bytes >= TREE_BATCH;
            (pending.inline_bytes >= INLINE_BATCH, whole)
        };
        if whole {
            return self.commit_all(Rows::default(), Durability::Later);
        }
        if inline {
            let _order = lock(&self.commit);
            self.write_unlogged()?;
        }
        Ok(())
    }

    /// Writes the small blobs that have gathered round the log. To be called with `commit` held.
    fn write_unlogged(&self) -> Result<(), WriteError> {
        let inline = {
            let mut pending = lock(&self.pending);
            pending.inline_bytes = 0;
            std::mem::take(&mut pending.inline)
        };
        if inline.is_empty() {
            return Ok(());
        }
        self.store.require_room()?;
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

    pub(super) fn commit_all(&self, extra: Rows, durability: Durability) -> Result<(), WriteError> {
        let _order = lock(&self.commit);
        self.store.require_room()?;
        // All that the trees taken here name is taken here too, or was committed before.
        let (inline_bytes, mut files, file_rows, trees) = {
            let mut pending = lock(&self.pending);
            pending.tree_bytes = 0;
            (
                pending.inline_bytes,
                std::mem::take(&mut pending.files),
                std::mem::take(&mut pending.file_rows),
                std::mem::take(&mut pending.trees),
            )
        };
        if inline_bytes >= LOGGED_MOST {
            self.write_unlogged()?;
        }
        let mut rows = Rows::default();
        let (inline, unlogged) = {
            let mut pending = lock(&self.pending);
            pending.inline_bytes = 0;
            (std::mem::take(&mut pending.inline), std::mem::take(&mut pending.unlogged))
        };
        for (id, row, bytes) in inline {
            rows.put_blob(&id, &row);
            rows.put_inline(&id, bytes);
        }
        if !unlogged.is_empty() {
            self.store.db.flush_inline()?;
            crash::point(CrashPoint::CommitInlineFlushed);
            for (id, row) in unlogged {
                rows.put_blob(&id, &row);
            }
        }
        if !files.is_empty() {
            for (id, _) in &files {
                self.store.gate.wait_until_buried(&id.0);
            }
            self.store.objects.publish(&mut files)?;
        }
        for (id, row) in &file_rows {
            // The blob may have lain in the database until now.
            if row.size <= INLINE_MOST {
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
        // The trees are stored and pinned: what they name is safe without a pin of its own.
        self.store.gate.unpin(self.writer, reached.into_iter());
        Ok(())
    }

    /// Nothing that went round the log is without a name any more.
    pub(super) fn end_unlogged(&mut self) {
        if std::mem::take(self.unlogged.get_mut()) {
            self.store.end_unlogged();
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // A session that failed names what it wrote round the log, so that the collector finds it. If that
        // fails too, the mark stays, and the next opening of the store looks for it.
        if *self.unlogged.get_mut() {
            let unlogged = std::mem::take(&mut lock(&self.pending).unlogged);
            let mut rows = Rows::default();
            for (id, row) in &unlogged {
                rows.put_blob(id, row);
            }
            let named =
                self.store.db.flush_inline().and_then(|()| self.store.db.write(rows, Durability::Later));
            if named.is_ok() {
                self.end_unlogged();
            }
        }
        self.store.gate.leave(self.writer);
    }
}
