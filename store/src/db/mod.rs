//! RocksDB behind typed rows. No other folder uses RocksDB.

mod batch;
mod compaction;
mod counts;
mod directory;
mod error;
mod options;
mod outputs;
mod rows;
mod scan;
mod table;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rocksdb::{DB, WriteBatch, WriteOptions};

use crate::folder::Folder;
use crate::model::{BlobId, Digest, RootName, Sha256, TreeId};
use directory::DatabaseDir;
use error::bad_row;

pub use batch::{Durability, Rows};
pub use counts::{COUNTS, Counts};
pub use error::{DESCRIPTORS, DbError};
pub use outputs::{MAX_NAME as MAX_OUTPUT_NAME, Origin, Outputs, Realisation, is_name as is_output_name};
pub use rows::{BlobRow, CachedRow, Holder, LeaseRow, Placement, RootRow, Target, Totals};

/// A column family. `docs/formats.md` specifies their keys and values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// Digest → size, SHA-256 and placement of a blob.
    Blob,
    /// Digest → bytes of a small blob.
    Inline,
    /// SHA-256 → digest.
    Sha256,
    /// Digest → canonical text of a tree.
    Tree,
    /// Digest → a request's text.
    Action,
    /// Digest → outputs.
    Realisation,
    /// Name → target of a root.
    Root,
    /// Number → target and duration of a lease.
    Lease,
    /// Digest of what it is about, and SHA-256 → a signed statement.
    Attestation,
    /// The store's own state.
    Meta,
}

impl Family {
    /// All of them, in the order of `docs/formats.md`.
    pub const ALL: &[Self] = &[
        Self::Blob,
        Self::Inline,
        Self::Sha256,
        Self::Tree,
        Self::Action,
        Self::Realisation,
        Self::Root,
        Self::Lease,
        Self::Attestation,
        Self::Meta,
    ];

    /// RocksDB's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Inline => "inline",
            Self::Sha256 => "sha256",
            Self::Tree => "tree",
            Self::Action => "action",
            Self::Realisation => "realisation",
            Self::Root => "root",
            Self::Lease => "lease",
            Self::Attestation => "attestation",
            Self::Meta => "meta",
        }
    }
}

/// An open database.
pub struct Db {
    db: DB,
    /// Whether a write failed: RocksDB may refuse all others until it is opened anew.
    stopped: AtomicBool,
    /// How much it names. `None` if an earlier version wrote it, and nobody has asked yet.
    counts: Mutex<Option<Counts>>,
    /// Last, since fields are dropped in order.
    place: DatabaseDir,
}

impl Db {
    /// Opens the database in the folder `name` of a store, creating it if missing.
    ///
    /// # Errors
    /// When RocksDB fails.
    pub fn open(store: &Folder, name: &str) -> Result<Self, DbError> {
        let place = match store.make(name, 0o755) {
            Ok(()) => DatabaseDir::open(store, name, "be opened")?,
            Err(e) => return Err(DbError::of_folder("be opened", &e.path, &e.source)),
        };
        // RocksDB reserves the room of a whole log, also when it opens on a full disk, where only the ballast is left.
        let disk = rustix::fs::fstatvfs(store).map(|disk| disk.f_blocks.saturating_mul(disk.f_frsize));
        let log = disk.map_or(options::MAX_LOG, |bytes| (bytes / 64).clamp(1 << 20, options::MAX_LOG));
        match DB::open_cf_descriptors(&options::database(log), place.path(), options::families()) {
            Ok(db) => {
                let db = Self { db, stopped: AtomicBool::new(false), counts: Mutex::default(), place };
                db.read_counts()?;
                Ok(db)
            }
            Err(e) => Err(place.failed("be opened", &e)),
        }
    }

    /// Opens the database without ever writing to its folder.
    ///
    /// # Errors
    /// When RocksDB fails, or there is no database.
    pub fn open_read_only(store: &Folder, name: &str) -> Result<Self, DbError> {
        let names = Family::ALL.iter().map(|family| family.name());
        let place = DatabaseDir::open(store, name, "be opened for reading")?;
        let db = DB::open_cf_for_read_only(&rocksdb::Options::default(), place.path(), names, false)
            .map_err(|e| DbError::new("be opened for reading", &e))?;
        let db = Self { db, stopped: AtomicBool::new(false), counts: Mutex::default(), place };
        // Of a damaged one all is counted, if somebody asks.
        let _ = db.read_counts();
        Ok(db)
    }

    /// Runs RocksDB's repair on a damaged database. It silently drops what it cannot repair: every row read
    /// from the result must be checked against its key.
    ///
    /// # Errors
    /// When RocksDB fails.
    pub fn repair(store: &Folder, name: &str) -> Result<(), DbError> {
        let place = DatabaseDir::open(store, name, "be repaired")?;
        DB::repair(&options::database(options::MAX_LOG), place.path())
            .map_err(|e| DbError::new("be repaired", &e))
    }

    fn family(&self, family: Family) -> Result<&rocksdb::ColumnFamily, DbError> {
        self.db.cf_handle(family.name()).ok_or_else(|| DbError::Damaged {
            doing: "find a column family",
            message: format!("`{}` is missing", family.name()),
        })
    }

    /// Whether a write failed, on behalf of somebody or in the background. RocksDB may refuse all others until it is
    /// opened anew: it goes on by itself after ENOSPC, and not after EDQUOT.
    pub fn is_stopped(&self) -> bool {
        let failed = || self.number(Family::Meta, "rocksdb.background-errors").is_ok_and(|count| count > 0);
        self.stopped.load(Ordering::SeqCst) || failed()
    }

    fn failed(&self, doing: &'static str, error: &rocksdb::Error) -> DbError {
        self.stopped.store(true, Ordering::SeqCst);
        self.place.failed(doing, error)
    }

    /// Writes `rows` as one batch.
    ///
    /// # Errors
    /// When RocksDB fails; then nothing of the batch is visible.
    pub fn write(&self, rows: Rows, durability: Durability) -> Result<(), DbError> {
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        self.write_with(rows, &options)
    }

    fn write_with(&self, rows: Rows, options: &WriteOptions) -> Result<(), DbError> {
        let mut batch = WriteBatch::default();
        let counts = self.change_counts(&rows, &mut batch)?;
        for (family, key, value) in rows.writes {
            let family = self.family(family)?;
            match value {
                Some(value) => batch.put_cf(family, key, value),
                None => batch.delete_cf(family, key),
            }
        }
        self.db.write_opt(batch, options).map_err(|e| self.failed("write", &e))?;
        if let Some(counts) = counts {
            counts.done();
        }
        Ok(())
    }

    /// Writes `rows` past the log: they are durable only after [`Db::flush_inline`], and until then a crash may
    /// lose any of them.
    ///
    /// # Errors
    /// When RocksDB fails.
    pub fn write_unlogged(&self, rows: Rows) -> Result<(), DbError> {
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        self.write_with(rows, &options)
    }

    /// Makes the column family `inline` durable.
    ///
    /// # Errors
    /// When RocksDB fails.
    pub fn flush_inline(&self) -> Result<(), DbError> {
        self.db.flush_cf(self.family(Family::Inline)?).map_err(|e| self.failed("flush", &e))
    }

    /// Writes all that is in memory to table files, so that the next opening has no log to replay.
    ///
    /// # Errors
    /// When RocksDB fails.
    pub fn flush(&self) -> Result<(), DbError> {
        for family in Family::ALL {
            self.db.flush_cf(self.family(*family)?).map_err(|e| self.failed("flush", &e))?;
        }
        Ok(())
    }

    /// Bytes in memory that are not in tables yet.
    ///
    /// # Errors
    /// When RocksDB does not report it.
    pub fn buffered(&self) -> Result<u64, DbError> {
        Family::ALL.iter().map(|family| self.number(*family, "rocksdb.cur-size-all-mem-tables")).sum()
    }

    /// Bytes of the tables of small blobs.
    ///
    /// # Errors
    /// When RocksDB does not report it.
    pub fn small_table_bytes(&self) -> Result<u64, DbError> {
        self.number(Family::Inline, "rocksdb.live-sst-files-size")
    }

    /// Whether there are tables of small blobs with overlapping key ranges.
    ///
    /// # Errors
    /// When RocksDB does not report it.
    pub fn small_tables_overlap(&self) -> Result<bool, DbError> {
        Ok(self.number(Family::Inline, "rocksdb.num-files-at-level0")? > 0)
    }

    /// About how many trees and blobs there are: what is overwritten or removed may be counted for a while.
    ///
    /// # Errors
    /// When RocksDB does not report it.
    pub fn about_trees_and_blobs(&self) -> Result<(u64, u64), DbError> {
        let about = |family| self.number(family, "rocksdb.estimate-num-keys");
        Ok((about(Family::Tree)?, about(Family::Blob)?))
    }

    fn number(&self, family: Family, property: &str) -> Result<u64, DbError> {
        let value = self.db.property_int_value_cf(self.family(family)?, property);
        Ok(value.map_err(|e| DbError::new("tell its size", &e))?.unwrap_or(0))
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, DbError> {
        self.db.get_cf(self.family(family)?, key).map_err(|e| DbError::new("read", &e))
    }

    /// The row of a blob.
    ///
    /// # Errors
    /// When RocksDB cannot read, or the row is malformed.
    pub fn blob(&self, id: &BlobId) -> Result<Option<BlobRow>, DbError> {
        let key = id.0.as_bytes();
        let Some(bytes) = self.get(Family::Blob, key)? else { return Ok(None) };
        BlobRow::decode(&bytes).map(Some).ok_or_else(|| bad_row(Family::Blob, key))
    }

    /// The rows of blobs, in the order of `ids`.
    ///
    /// # Errors
    /// When RocksDB cannot read, or a row is malformed.
    pub fn blobs(&self, ids: &[BlobId]) -> Result<Vec<Option<BlobRow>>, DbError> {
        let keys = ids.iter().map(|id| id.0.as_bytes());
        let rows = self.db.batched_multi_get_cf(self.family(Family::Blob)?, keys, false);
        let decode = |(id, row): (&BlobId, Result<Option<rocksdb::DBPinnableSlice<'_>>, _>)| {
            let Some(bytes) = row.map_err(|e| DbError::new("read", &e))? else { return Ok(None) };
            BlobRow::decode(&bytes).map(Some).ok_or_else(|| bad_row(Family::Blob, id.0.as_bytes()))
        };
        ids.iter().zip(rows).map(decode).collect()
    }

    /// Whether the bytes of a small blob may exist, by filters and memory alone: `false` is certain.
    ///
    /// # Errors
    /// When the column family is missing.
    pub fn may_have_inline(&self, id: &BlobId) -> Result<bool, DbError> {
        Ok(self.db.key_may_exist_cf(self.family(Family::Inline)?, id.0.as_bytes()))
    }

    /// The bytes of a small blob, not checked against its digest.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn inline(&self, id: &BlobId) -> Result<Option<Vec<u8>>, DbError> {
        self.get(Family::Inline, id.0.as_bytes())
    }

    /// The blob with that SHA-256.
    ///
    /// # Errors
    /// When RocksDB cannot read, or the row is malformed.
    pub fn by_sha256(&self, sha256: &Sha256) -> Result<Option<BlobId>, DbError> {
        let Some(bytes) = self.get(Family::Sha256, sha256.as_bytes())? else { return Ok(None) };
        let id = <[u8; 32]>::try_from(bytes).map_err(|_| bad_row(Family::Sha256, sha256.as_bytes()))?;
        Ok(Some(BlobId(Digest::from_bytes(id))))
    }

    /// The canonical text of a tree, not checked against its digest.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn tree(&self, id: &TreeId) -> Result<Option<Vec<u8>>, DbError> {
        self.get(Family::Tree, id.0.as_bytes())
    }

    /// Whether a tree exists.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn has_tree(&self, id: &TreeId) -> Result<bool, DbError> {
        let family = self.family(Family::Tree)?;
        let row = self.db.get_pinned_cf(family, id.0.as_bytes()).map_err(|e| DbError::new("read", &e))?;
        Ok(row.is_some())
    }

    /// A root by name.
    ///
    /// # Errors
    /// When RocksDB cannot read, or the row is malformed.
    pub fn root(&self, name: &RootName) -> Result<Option<RootRow>, DbError> {
        let key = name.as_str().as_bytes();
        let Some(bytes) = self.get(Family::Root, key)? else { return Ok(None) };
        RootRow::decode(&bytes).map(Some).ok_or_else(|| bad_row(Family::Root, key))
    }

    /// The realisation of the request with that digest.
    ///
    /// # Errors
    /// When RocksDB cannot read, or the row is malformed.
    pub fn realisation(&self, of: &Digest) -> Result<Option<Realisation>, DbError> {
        let key = of.as_bytes();
        let Some(bytes) = self.get(Family::Realisation, key)? else { return Ok(None) };
        Realisation::decode(&bytes).map(Some).ok_or_else(|| bad_row(Family::Realisation, key))
    }

    /// The canonical text of a realised request.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn request(&self, of: &Digest) -> Result<Option<Vec<u8>>, DbError> {
        self.get(Family::Action, of.as_bytes())
    }

    /// RocksDB's sequence number of the last write.
    pub fn change_number(&self) -> u64 {
        self.db.latest_sequence_number()
    }

    /// A row of the store's own state.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, DbError> {
        self.get(Family::Meta, key.as_bytes())
    }
}
