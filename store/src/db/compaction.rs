//! Merging RocksDB's tables, which gives the disk back what was deleted.

use std::time::Duration;

use rocksdb::WaitForCompactOptions;

use super::{Db, DbError, Family};

impl Db {
    /// Compacts the column families with many deletions, so that the disk gets its space back.
    ///
    /// # Errors
    /// When a column family is missing.
    pub fn compact(&self) -> Result<(), DbError> {
        for family in [Family::Blob, Family::Inline, Family::Sha256, Family::Tree] {
            self.db.compact_range_cf(self.family(family)?, None::<&[u8]>, None::<&[u8]>);
        }
        Ok(())
    }

    /// The same for the small blobs whose digests begin with `byte`.
    ///
    /// # Errors
    /// When the column family is missing.
    pub fn compact_small(&self, byte: u8) -> Result<(), DbError> {
        let family = self.family(Family::Inline)?;
        let end = byte.checked_add(1).map(|end| [end]);
        self.db.compact_range_cf(family, Some([byte]), end);
        Ok(())
    }

    /// Enables or disables automatic compaction of the tables of small blobs.
    ///
    /// # Errors
    /// When RocksDB fails.
    pub fn let_compact(&self, let_it: bool) -> Result<(), DbError> {
        let value = if let_it { "false" } else { "true" };
        let options = [("disable_auto_compactions", value)];
        self.db
            .set_options_cf(self.family(Family::Inline)?, &options)
            .map_err(|e| DbError::new("be set up", &e))
    }

    /// Waits until no compaction runs, and the tables that it replaced are removed; for at most `limit`.
    pub fn wait_for_compactions(&self, limit: Duration) {
        let mut options = WaitForCompactOptions::default();
        options.set_abort_on_pause(true);
        options.set_timeout(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
        // That time is over, or it was stopped: whoever waits looks again anyway.
        let _ = self.db.wait_for_compact(&options);
    }
}
