//! How much the database names: kept with each batch that changes it, so that nothing has to be read to tell.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use rocksdb::WriteBatch;

use super::error::bad_row;
use super::{BlobRow, Db, DbError, Family, Placement, Rows};
use crate::model::Digest;

/// The key of the row in `meta`.
pub const COUNTS: &str = "counts";
/// The version byte of the row.
const VERSION: u8 = 1;
/// The size of the row.
const ROW: usize = 1 + 8 * 8;
/// The unit in which a payload's file takes room on most disks, in bytes.
const BLOCK: u64 = 4096;

/// How many trees and blobs there are, and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Trees.
    pub trees: u64,
    /// Their canonical texts, in bytes.
    pub tree_bytes: u64,
    /// Blobs in the database.
    pub inline_blobs: u64,
    /// Their bytes.
    pub inline_bytes: u64,
    /// Blobs in files of their own.
    pub file_blobs: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// What these files take on a disk, in whole blocks of 4 KiB, in bytes.
    pub file_room: u64,
    /// Blobs that were found corrupt and can be repaired by storing them again.
    pub quarantined_blobs: u64,
}

impl Counts {
    fn numbers(&mut self) -> [&mut u64; 8] {
        [
            &mut self.trees,
            &mut self.tree_bytes,
            &mut self.inline_blobs,
            &mut self.inline_bytes,
            &mut self.file_blobs,
            &mut self.file_bytes,
            &mut self.file_room,
            &mut self.quarantined_blobs,
        ]
    }

    fn encode(mut self) -> Vec<u8> {
        let mut row = vec![VERSION];
        self.numbers().iter().for_each(|number| row.extend_from_slice(&number.to_le_bytes()));
        row
    }

    /// None of another version or size: then all is counted again.
    fn decode(row: &[u8]) -> Option<Self> {
        let (VERSION, ROW) = (*row.first()?, row.len()) else { return None };
        let mut counts = Self::default();
        for (number, bytes) in counts.numbers().into_iter().zip(row[1..].chunks(8)) {
            *number = u64::from_le_bytes(bytes.try_into().ok()?);
        }
        Some(counts)
    }

    /// Adds what a row counts for, or takes it away.
    fn change(&mut self, of: &Counted, adds: bool) {
        let mut one = of.counts();
        for (number, change) in self.numbers().into_iter().zip(one.numbers()) {
            *number = if adds { number.wrapping_add(*change) } else { number.wrapping_sub(*change) };
        }
    }
}

/// A row that counts.
#[derive(Clone, Copy)]
enum Counted {
    Tree(u64),
    Blob(BlobRow),
}

impl Counted {
    fn of(family: Family, key: &[u8], value: &[u8]) -> Result<Self, DbError> {
        match family {
            Family::Tree => Ok(Self::Tree(value.len() as u64)),
            _ => BlobRow::decode(value).map(Self::Blob).ok_or_else(|| bad_row(family, key)),
        }
    }

    fn counts(&self) -> Counts {
        let none = Counts::default();
        match self {
            Self::Tree(bytes) => Counts { trees: 1, tree_bytes: *bytes, ..none },
            Self::Blob(BlobRow { placement, size, .. }) => match placement {
                Placement::Inline => Counts { inline_blobs: 1, inline_bytes: *size, ..none },
                Placement::File => {
                    let file_room = size.div_ceil(BLOCK).saturating_mul(BLOCK);
                    Counts { file_blobs: 1, file_bytes: *size, file_room, ..none }
                }
                Placement::Quarantined => Counts { quarantined_blobs: 1, ..none },
            },
        }
    }
}

/// The counts, while a batch that changes them is written.
pub(super) struct Changing<'a> {
    known: MutexGuard<'a, Option<Counts>>,
    next: Option<Counts>,
}

impl Changing<'_> {
    /// The batch was written.
    pub fn done(mut self) {
        *self.known = self.next;
    }
}

impl Db {
    /// Adds the change of the counts to a batch of these rows. `None` if they change nothing that is counted.
    pub(super) fn change_counts<'a>(
        &'a self,
        rows: &Rows,
        batch: &mut WriteBatch,
    ) -> Result<Option<Changing<'a>>, DbError> {
        let counts = |family: &Family| matches!(family, Family::Blob | Family::Tree);
        if !rows.writes.iter().any(|(family, ..)| counts(family)) {
            return Ok(None);
        }
        let known = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut next) = *known else { return Ok(Some(Changing { next: None, known })) };
        // A batch may write a row more than once.
        let mut written: HashMap<(Family, &[u8]), Option<Counted>> = HashMap::new();
        for (family, key, value) in rows.writes.iter().filter(|(family, ..)| counts(family)) {
            let before = match written.get(&(*family, &**key)) {
                Some(before) => *before,
                None => match self.db.get_pinned_cf(self.family(*family)?, key) {
                    // A damaged row counts for nothing, and may be replaced.
                    Ok(row) => row.and_then(|row| Counted::of(*family, key, &row).ok()),
                    Err(e) => return Err(DbError::new("read", &e)),
                },
            };
            let after = value.as_ref().map(|value| Counted::of(*family, key, value)).transpose()?;
            if let Some(before) = &before {
                next.change(before, false);
            }
            if let Some(after) = &after {
                next.change(after, true);
            }
            written.insert((*family, key), after);
        }
        batch.put_cf(self.family(Family::Meta)?, COUNTS, next.encode());
        Ok(Some(Changing { known, next: Some(next) }))
    }

    /// The counts that were kept, or those of an empty database. Of one that an earlier version wrote none are known.
    pub(super) fn read_counts(&self) -> Result<(), DbError> {
        let kept = self.meta(COUNTS)?.and_then(|row| Counts::decode(&row));
        let zero = Digest::from_bytes([0; 32]);
        let is_empty =
            || Ok(self.blobs_from(&zero)?.next().is_none() && self.trees_from(&zero)?.next().is_none());
        let counts = match kept {
            None if is_empty()? => Some(Counts::default()),
            kept => kept,
        };
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        Ok(())
    }

    /// The counts. If none are known all rows are read once, while nobody else writes.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn counts(&self) -> Result<Counts, DbError> {
        let mut known = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some(counts) => Ok(counts),
            None => Ok(*known.insert(self.count()?)),
        }
    }

    /// Counts all rows, and corrects the counts that were kept. Returns whether they were right.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn recount(&self) -> Result<bool, DbError> {
        let mut known = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.count()?;
        let right = known.is_none_or(|known| known == found);
        *known = Some(found);
        Ok(right)
    }

    fn count(&self) -> Result<Counts, DbError> {
        let mut counts = Counts::default();
        let zero = Digest::from_bytes([0; 32]);
        for row in self.blobs_from(&zero)? {
            counts.change(&Counted::Blob(row?.1), true);
        }
        for row in self.trees_from(&zero)? {
            counts.change(&Counted::Tree(row?.1.len() as u64), true);
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written_and_any_other_is_not() {
        let mut counts = Counts::default();
        counts.numbers().into_iter().enumerate().for_each(|(number, field)| *field = number as u64 * 3 + 1);
        let row = counts.encode();
        assert_eq!(row.len(), ROW);
        assert_eq!(Counts::decode(&row), Some(counts));
        for other in [&row[..64], &[2; 65], &[][..], &[row.clone(), vec![0]].concat()] {
            assert_eq!(Counts::decode(other), None);
        }
    }
}
