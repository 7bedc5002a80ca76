//! What no row names: files and small blobs that a crash or a killed import left. They do not exist for anybody.

use std::sync::atomic::Ordering;

use super::{CollectError, Collection, SWEEP_BATCH};
use crate::db::{DbError, Durability, Placement, Rows, Target};
use crate::model::BlobId;
use crate::store::Store;

impl Store {
    /// Removes the files under `objects/` that no row names. Imports may go on.
    ///
    /// # Errors
    /// When a folder cannot be read or a file not be removed, or a collection is running.
    pub fn drop_strays(&self) -> Result<u64, CollectError> {
        self.gate.begin_collection().ok_or(CollectError::Running)?;
        self.clearing.store(true, Ordering::SeqCst);
        let collection = Collection(&self.gate);
        let files = self.sweep_strays(false);
        drop(collection);
        let unnamed = self.sweep_unnamed();
        self.clearing.store(false, Ordering::SeqCst);
        Ok(files? + unnamed?)
    }

    /// Removes small blobs that no row names. Only a session that was killed leaves some, and the store is
    /// marked then: looking for them reads all small blobs.
    pub(super) fn sweep_unnamed(&self) -> Result<u64, CollectError> {
        if !self.unlogged_before.swap(false, Ordering::SeqCst) {
            return Ok(0);
        }
        if self.gate.begin_collection().is_none() {
            self.unlogged_before.store(true, Ordering::SeqCst);
            return Ok(0);
        }
        let _collection = Collection(&self.gate);
        let mut count = 0;
        let mut batch = Vec::new();
        let remove = |batch: Vec<BlobId>| {
            let dead = self.gate.condemn(
                batch,
                |id| Target::Blob(*id),
                |dead: &[BlobId]| {
                    let mut rows = Rows::default();
                    dead.iter().for_each(|id| rows.delete_inline(id));
                    self.db.write(rows, Durability::Later)
                },
            )?;
            self.gate.bury(dead.iter().map(|id| id.0));
            Ok::<_, DbError>(dead.len() as u64)
        };
        for row in self.db.inlines()? {
            let (id, _) = row?;
            if self.db.blob(&id)?.is_none_or(|row| row.placement != Placement::Inline) {
                batch.push(id);
            }
            if batch.len() == SWEEP_BATCH {
                count += remove(std::mem::take(&mut batch))?;
            }
        }
        count += remove(batch)?;
        // What an earlier owner left is gone.
        self.end_unlogged();
        Ok(count)
    }

    pub(super) fn sweep_strays(&self, dry_run: bool) -> Result<u64, CollectError> {
        let mut count = 0;
        for byte in 0..=255 {
            let (blobs, _) = self.objects.list(byte)?;
            let mut strays = Vec::new();
            for blob in blobs {
                match self.db.blob(&blob)?.map(|row| row.placement) {
                    Some(Placement::File) => {}
                    // Named, and said to be corrupt: it is looked at before anything is done with it.
                    Some(Placement::Quarantined) if dry_run => {}
                    Some(Placement::Quarantined) => drop(self.take_back(&blob)?),
                    Some(Placement::Inline) | None => strays.push(blob),
                }
            }
            // A writer that published one of them has it pinned, and its row may be there by now.
            let dead = self.gate.condemn(strays, |blob| Target::Blob(*blob), |_| Ok::<_, DbError>(()))?;
            let mut outcome = Ok(());
            if !dry_run {
                outcome = dead.iter().try_for_each(|blob| self.objects.remove(blob));
            }
            self.gate.bury(dead.iter().map(|blob| blob.0));
            outcome?;
            count += dead.len() as u64;
        }
        Ok(count)
    }
}
