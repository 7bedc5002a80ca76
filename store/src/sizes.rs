//! The sizes of large blobs: a hint that a file is most likely in the store already.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::db::DbError;
use crate::model::Digest;
use crate::session::WriteError;
use crate::store::Store;

/// Only sizes of blobs from this size on, in bytes, are remembered.
const LARGE: u64 = 8 << 20;

impl Store {
    /// Whether a large blob of that size is, or was, in the store. The first call reads all rows of blobs, which
    /// takes half a second at a million; later ones read memory.
    pub(crate) fn may_have_size(&self, size: u64) -> Result<bool, WriteError> {
        let sizes = match self.sizes.get() {
            Some(sizes) => sizes,
            None => {
                let scan = || -> Result<HashSet<u64>, DbError> {
                    let rows = self.db.blobs_from(&Digest::from_bytes([0; 32]))?;
                    let large = rows.filter_map(|row| match row {
                        Ok((_, row)) => (row.size >= LARGE).then_some(Ok(row.size)),
                        Err(e) => Some(Err(e)),
                    });
                    large.collect()
                };
                let found = scan()?;
                self.sizes.get_or_init(|| Mutex::new(found))
            }
        };
        Ok(sizes.lock().unwrap_or_else(PoisonError::into_inner).contains(&size))
    }

    /// Records that a blob of that size is being stored. A missed hint costs a second write, nothing else.
    pub(crate) fn note_size(&self, size: u64) {
        if let Some(sizes) = self.sizes.get()
            && size >= LARGE
        {
            sizes.lock().unwrap_or_else(PoisonError::into_inner).insert(size);
        }
    }
}
