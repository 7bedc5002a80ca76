//! Reclaiming the disk space of removed rows: RocksDB keeps a row's bytes until it compacts its tables, which
//! needs as much space as the live rows take.

use crate::db::{DbError, Placement};
use crate::model::Digest;
use crate::store::Store;

/// Tables are compacted when they hold more than one and a half times the live bytes, and this many bytes more.
const SLACK: u64 = 4 << 20;
/// Space that stays free beside the new tables, in bytes.
const MARGIN: u64 = 1 << 20;

impl Store {
    /// Compacts the tables of small blobs, when they hold much dead data and there is space for the live data.
    pub(crate) fn reclaim(&self) -> Result<(), DbError> {
        // A flush that fails ends all writing, and tables are made with new files.
        if !self.has_inodes() {
            return Ok(());
        }
        // What was removed from buffers never comes to the disk, and what was removed from tables is seen there.
        self.db.flush_inline()?;
        let mut live = 0;
        for row in self.db.blobs_from(&Digest::from_bytes([0; 32]))? {
            let (_, row) = row?;
            live += if row.placement == Placement::Inline { row.size } else { 0 };
        }
        if self.db.small_table_bytes()? <= live + live / 2 + SLACK {
            return Ok(());
        }
        // The ballast is there for this, too.
        if self.has_room_for(live) || (self.remove_ballast() && self.has_room_for(live)) {
            let compacted = self.db.compact();
            self.keep_ballast();
            return compacted;
        }
        // Step by step, each part needs only its own space, but tables of the first level have rows of every
        // part.
        if self.db.small_tables_overlap()? {
            return Ok(());
        }
        for part in 0..=u8::MAX {
            if !self.has_room_for(live / 128) {
                break;
            }
            self.db.compact_small(part)?;
        }
        Ok(())
    }

    fn has_room_for(&self, live: u64) -> bool {
        let needed = live.saturating_add(live / 16).saturating_add(MARGIN);
        self.left() > needed && self.is_granted(needed)
    }
}
