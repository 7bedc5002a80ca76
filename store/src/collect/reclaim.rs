//! Giving the disk back what removed rows took: RocksDB keeps a row's bytes until it writes its tables anew, which
//! takes as much room as what stays.

use crate::db::{DbError, Placement};
use crate::model::Digest;
use crate::store::Store;

/// Tables are written anew when they hold more than half again as much as what lives, and by this many bytes.
const SLACK: u64 = 4 << 20;
/// Room that is left beside what is written anew, in bytes.
const MARGIN: u64 = 1 << 20;

impl Store {
    /// Writes the tables of small blobs anew, when they hold much that is dead and there is room for what is not.
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
        // One step after the other each needs the room of its part alone, but tables of the first level have rows of
        // every part.
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
        self.left() > live.saturating_add(live / 16).saturating_add(MARGIN)
    }
}
