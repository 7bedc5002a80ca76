//! Salvages rows from an old database: every row that matches its key.

use super::{RebuildError, Rebuilt};
use crate::db::{BlobRow, COUNTS, Db, DbError, Durability, Family, Placement, RootRow, Rows};
use crate::folder::Folder;
use crate::model::{Digest, RootName, Sha256};
use crate::progress::Progress;

/// Rows that are written in one batch.
const BATCH: usize = 4096;

/// Rows of `meta` about the old database itself: the new one has its own.
const OF_THE_DATABASE: &[&[u8]] =
    &[b"format", b"features", b"epoch", b"clean", COUNTS.as_bytes(), b"unlogged", b"rebuilding"];

/// The result of salvaging a database.
#[derive(Default)]
pub(super) struct Salvaged {
    pub(super) roots: Vec<(RootName, RootRow)>,
    /// Whether every row could be read and was valid.
    pub(super) whole: bool,
    /// Whether it was a database in use, not one from an interrupted rebuild.
    pub(super) settled: bool,
}

/// Takes over what can be read of an old database: every row of every column family, except rows derived from
/// others or about that database itself. Content must match the digest that is its key. With `content_only` a
/// newer database was complete: what it lacks was removed, and only blobs and trees are taken.
pub(super) fn salvage(
    (folder, name): (&Folder, &str),
    new: &Db,
    content_only: bool,
    rebuilt: &mut Rebuilt,
    progress: &Progress,
) -> Result<Salvaged, RebuildError> {
    let opened = Db::open_read_only(folder, name);
    let (old, mut whole) = match opened {
        Ok(old) => (old, true),
        // RocksDB's own repair drops what it cannot read, so the result is incomplete.
        Err(_) => match Db::repair(folder, name).and_then(|()| Db::open_read_only(folder, name)) {
            Ok(old) => (old, false),
            Err(_) => return Ok(Salvaged::default()),
        },
    };
    let batch = Batch { db: new, rows: Rows::default(), count: 0 };
    let mut salvage = Salvage { old: &old, new, batch, rebuilt, progress };
    let mut roots = Vec::new();
    // An unreadable block ends the scan of its column family; the others are still scanned.
    for family in Family::ALL {
        whole &= match family {
            Family::Tree => salvage.trees()?,
            Family::Blob => salvage.blobs()?,
            Family::Inline => salvage.inlines()?,
            // Rewritten with each blob.
            Family::Sha256 => true,
            _ if content_only => true,
            // Restored later, if their targets exist.
            Family::Root => salvage.roots(&mut roots)?,
            _ => salvage.others(*family)?,
        };
    }
    salvage.batch.write()?;
    let settled = matches!(old.meta("rebuilding"), Ok(None));
    Ok(Salvaged { roots, whole, settled })
}

struct Salvage<'a> {
    old: &'a Db,
    new: &'a Db,
    batch: Batch<'a>,
    rebuilt: &'a mut Rebuilt,
    progress: &'a Progress,
}

/// Each method returns whether every row of its family could be read and was valid.
impl Salvage<'_> {
    fn trees(&mut self) -> Result<bool, RebuildError> {
        let mut whole = true;
        for row in self.old.trees_from(&Digest::from_bytes([0; 32]))? {
            self.progress.check()?;
            match row {
                Ok((id, text)) if Digest::of(&text) == id.0 => {
                    self.batch.put(|rows| rows.put_tree(&id, text.into()))?;
                }
                _ => whole = false,
            }
        }
        Ok(whole)
    }

    /// From here on every known blob has a row: "in quarantine" until its payload is found. A tree that names a
    /// lost blob is then still a tree, and storing that blob again completes it.
    fn blobs(&mut self) -> Result<bool, RebuildError> {
        let mut whole = true;
        for row in self.old.blobs_from(&Digest::from_bytes([0; 32]))? {
            self.progress.check()?;
            match row {
                // A newer database came first: its row stays.
                Ok((id, _)) if self.new.blob(&id)?.is_some() => {}
                Ok((id, row)) => {
                    let row = BlobRow { placement: Placement::Quarantined, ..row };
                    self.batch.put(|rows| rows.put_blob(&id, &row))?;
                }
                Err(_) => whole = false,
            }
        }
        Ok(whole)
    }

    fn inlines(&mut self) -> Result<bool, RebuildError> {
        let mut whole = true;
        for row in self.old.inlines()? {
            self.progress.check()?;
            match row {
                Ok((id, bytes)) if Digest::of(&bytes) == id.0 => {
                    let row = BlobRow {
                        placement: Placement::Inline,
                        size: bytes.len() as u64,
                        sha256: Sha256::of(&bytes),
                    };
                    self.rebuilt.inline_blobs += 1;
                    self.progress.add(1, row.size);
                    self.batch.put(|rows| {
                        rows.put_blob(&id, &row);
                        rows.put_inline(&id, bytes.into());
                    })?;
                }
                _ => whole = false,
            }
        }
        Ok(whole)
    }

    fn roots(&mut self, found: &mut Vec<(RootName, RootRow)>) -> Result<bool, RebuildError> {
        let mut whole = true;
        for row in self.old.roots()? {
            match row {
                Ok(root) => found.push(root),
                Err(_) => whole = false,
            }
        }
        Ok(whole)
    }

    /// Rows that cannot be verified, unchanged; of two databases the newer one's.
    fn others(&mut self, family: Family) -> Result<bool, RebuildError> {
        let mut whole = true;
        for row in self.old.raw(family)? {
            self.progress.check()?;
            match row {
                Ok((key, _)) if family == Family::Meta && OF_THE_DATABASE.contains(&&*key) => {}
                Ok((key, _)) if self.new.has_raw(family, &key)? => {}
                Ok((key, value)) => self.batch.put(|rows| rows.put_raw(family, &key, value.into()))?,
                Err(_) => whole = false,
            }
        }
        Ok(whole)
    }
}

/// Rows on their way into the new database.
pub(super) struct Batch<'a> {
    pub(super) db: &'a Db,
    pub(super) rows: Rows,
    pub(super) count: usize,
}

impl Batch<'_> {
    pub(super) fn put(&mut self, put: impl FnOnce(&mut Rows)) -> Result<(), DbError> {
        put(&mut self.rows);
        self.count += 1;
        if self.count >= BATCH { self.write() } else { Ok(()) }
    }

    pub(super) fn write(&mut self) -> Result<(), DbError> {
        self.count = 0;
        self.db.write(std::mem::take(&mut self.rows), Durability::Later)
    }
}
