//! What can be taken over of an old database: every row that is what its key says.

use std::path::Path;

use super::{RebuildError, Rebuilt};
use crate::db::{BlobRow, Db, DbError, Durability, Family, Placement, Rows, Target};
use crate::model::{Digest, RootName, Sha256};
use crate::progress::Progress;

/// Rows that are written in one batch.
const BATCH: usize = 4096;

/// What an old database gave.
#[derive(Default)]
pub(super) struct Salvaged {
    pub(super) roots: Vec<(RootName, Target)>,
    /// Whether every row of it could be read and was right.
    pub(super) whole: bool,
    /// Whether it was a database in use, and not one whose own rebuild was cut off.
    pub(super) settled: bool,
}

/// Takes over what can be read of an old database and is what its key says.
pub(super) fn salvage(
    path: &Path,
    new: &Db,
    rebuilt: &mut Rebuilt,
    progress: &Progress,
) -> Result<Salvaged, RebuildError> {
    let opened = Db::open_read_only(path);
    let (old, mut whole) = match opened {
        Ok(old) => (old, true),
        // RocksDB's own repair drops what it cannot read; so the result is not the whole.
        Err(_) => match Db::repair(path).and_then(|()| Db::open_read_only(path)) {
            Ok(old) => (old, false),
            Err(_) => return Ok(Salvaged::default()),
        },
    };
    let mut batch = Batch { db: new, rows: Rows::default(), count: 0 };
    // A block that cannot be read ends a scan of its column family; the others are still tried.
    for row in old.trees_from(&Digest::from_bytes([0; 32]))? {
        progress.check()?;
        match row {
            Ok((id, text)) if Digest::of(&text) == id.0 => {
                batch.put(|rows| rows.put_tree(&id, text.into()))?;
            }
            _ => whole = false,
        }
    }
    // Of every blob that was known there is a row from here on: "in quarantine" until its payload is found. A
    // tree that names a lost blob is then still a tree, and storing that blob again makes it whole.
    for row in old.blobs_from(&Digest::from_bytes([0; 32]))? {
        progress.check()?;
        match row {
            // A newer database was here first: what it gave is not taken back.
            Ok((id, _)) if new.blob(&id)?.is_some() => {}
            Ok((id, row)) => {
                let row = BlobRow { placement: Placement::Quarantined, ..row };
                batch.put(|rows| rows.put_blob(&id, &row))?;
            }
            Err(_) => whole = false,
        }
    }
    for row in old.inlines()? {
        progress.check()?;
        match row {
            Ok((id, bytes)) if Digest::of(&bytes) == id.0 => {
                let row = BlobRow {
                    placement: Placement::Inline,
                    size: bytes.len() as u64,
                    sha256: Sha256::of(&bytes),
                };
                rebuilt.inline_blobs += 1;
                progress.add(1, row.size);
                batch.put(|rows| {
                    rows.put_blob(&id, &row);
                    rows.put_inline(&id, bytes.into());
                })?;
            }
            _ => whole = false,
        }
    }
    let mut found = Vec::new();
    for row in old.roots()? {
        match row {
            Ok((name, row)) => found.push((name, row.target)),
            Err(_) => whole = false,
        }
    }
    for row in old.leases()? {
        match row {
            Ok((number, lease)) => batch.put(|rows| rows.put_lease(number, &lease))?,
            Err(_) => whole = false,
        }
    }
    for family in [Family::Action, Family::Realisation, Family::Attestation] {
        for row in old.raw(family)? {
            match row {
                Ok((key, value)) => batch.put(|rows| rows.put_raw(family, &key, value.into()))?,
                Err(_) => whole = false,
            }
        }
    }
    match old.meta("totals") {
        Ok(Some(_)) if new.meta("totals")?.is_some() => {}
        Ok(Some(totals)) => batch.put(|rows| rows.put_meta("totals", totals))?,
        Ok(None) => {}
        Err(_) => whole = false,
    }
    batch.write()?;
    let settled = matches!(old.meta("rebuilding"), Ok(None));
    Ok(Salvaged { roots: found, whole, settled })
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
