//! Unnamed content: files and small blobs without rows, left by a crash or a killed import. They are never
//! read.

use std::sync::atomic::Ordering;

use super::{CollectError, Collection, SWEEP_BATCH};
use crate::db::{DbError, Placement, Rows, Target};
use crate::model::BlobId;
use crate::store::Store;

impl Store {
    /// Removes the files under `objects/` that no row names. Imports may go on.
    ///
    /// # Errors
    /// When a folder cannot be read or a file cannot be removed, or a collection is running.
    pub fn drop_strays(&self) -> Result<u64, CollectError> {
        self.gate.begin_collection().ok_or(CollectError::Running)?;
        self.clearing.store(true, Ordering::SeqCst);
        let collection = Collection(&self.gate);
        let files = self.sweep_strays(false);
        drop(collection);
        let unnamed = self.sweep_unnamed();
        let reclaimed = if matches!(unnamed, Ok(1..)) { self.reclaim() } else { Ok(()) };
        self.clearing.store(false, Ordering::SeqCst);
        reclaimed?;
        Ok(files? + unnamed?)
    }

    /// Removes small blobs that no row names. Only a killed session leaves some, and marks the store: the
    /// search reads all small blobs.
    pub(super) fn sweep_unnamed(&self) -> Result<u64, CollectError> {
        if !self.unlogged_before.swap(false, Ordering::SeqCst) {
            return Ok(0);
        }
        if self.gate.begin_collection().is_none() {
            self.unlogged_before.store(true, Ordering::SeqCst);
            return Ok(0);
        }
        let collection = Collection(&self.gate);
        let mut count = 0;
        let mut batch = Vec::new();
        for row in self.db.inlines()? {
            batch.push(row?.0);
            if batch.len() == SWEEP_BATCH {
                count += self.remove_unnamed(std::mem::take(&mut batch))?;
            }
        }
        count += self.remove_unnamed(batch)?;
        drop(collection);
        // The tombstones are not in the log either.
        self.db.flush_inline()?;
        // What an earlier owner left is gone.
        self.end_unlogged();
        Ok(count)
    }

    /// Removes those of `candidates` that no row names, while a collection runs; what another writer relies on,
    /// or is about to name, stays. Bypasses the log, since a full disk cannot grow it: the caller flushes.
    fn remove_unnamed(&self, candidates: Vec<BlobId>) -> Result<u64, DbError> {
        let mut unnamed = Vec::new();
        for id in candidates {
            if self.db.blob(&id)?.is_none_or(|row| row.placement != Placement::Inline) {
                unnamed.push(id);
            }
        }
        let remove = |dead: &[BlobId]| {
            let mut rows = Rows::default();
            dead.iter().for_each(|id| rows.delete_inline(id));
            if rows.is_empty() { Ok(()) } else { self.db.write_unlogged(rows) }
        };
        let dead = self.gate.mark_for_deletion(unnamed, |id| Target::Blob(*id), remove)?;
        self.gate.finish_deletion(dead.iter().map(|id| id.0));
        Ok(dead.len() as u64)
    }

    /// A session has ended without naming all that it wrote past the log. Removes that and frees its space;
    /// unless `all` of it is known, or while a collection runs, the next collection searches for it.
    pub(crate) fn give_up_unlogged(&self, written: Vec<BlobId>, all: bool) {
        let removed = (|| {
            let Some(_) = self.gate.begin_collection() else { return Ok(false) };
            self.clearing.store(true, Ordering::SeqCst);
            let _collection = Collection(&self.gate);
            for batch in written.chunks(SWEEP_BATCH) {
                self.remove_unnamed(batch.to_vec())?;
            }
            Ok::<_, DbError>(true)
        })();
        if !matches!(removed, Ok(false)) {
            self.clearing.store(false, Ordering::SeqCst);
        }
        // A failure here is not the session's: the space is only not freed yet.
        let flushed = removed.is_ok() && self.reclaim().is_ok();
        if all && flushed && matches!(removed, Ok(true)) {
            self.end_unlogged();
        } else {
            self.unlogged_before.store(true, Ordering::SeqCst);
        }
    }

    pub(super) fn sweep_strays(&self, dry_run: bool) -> Result<u64, CollectError> {
        let mut count = 0;
        for byte in 0..=255 {
            let (blobs, _) = self.objects.list(byte)?;
            let mut strays = Vec::new();
            for blob in blobs {
                match self.db.blob(&blob)?.map(|row| row.placement) {
                    Some(Placement::File) => {}
                    // Named, and recorded as corrupt: check it first.
                    Some(Placement::Quarantined) if dry_run => {}
                    Some(Placement::Quarantined) => drop(self.take_back(&blob)?),
                    Some(Placement::Inline) | None => strays.push(blob),
                }
            }
            // A writer that published one of them has it pinned, and its row may exist by now.
            let dead =
                self.gate.mark_for_deletion(strays, |blob| Target::Blob(*blob), |_| Ok::<_, DbError>(()))?;
            let mut outcome = Ok(());
            if !dry_run {
                outcome = dead.iter().try_for_each(|blob| self.objects.remove(blob));
            }
            self.gate.finish_deletion(dead.iter().map(|blob| blob.0));
            outcome?;
            count += dead.len() as u64;
        }
        Ok(count)
    }
}
