//! Scans of whole column families. A scan shows the rows as of its start.

use rocksdb::{Direction, IteratorMode, ReadOptions};

use super::error::bad_row;
use super::{BlobRow, CachedRow, Db, DbError, Family, LeaseRow, Realisation, RootRow, Target};
use crate::cached::CACHED;
use crate::model::{BlobId, Digest, RootName, Sha256, TreeId};

/// A row as in RocksDB: key and value.
type RawRow = (Box<[u8]>, Box<[u8]>);
/// A key with its value.
type Keyed<K> = (K, Box<[u8]>);
/// One step of a scan.
type Step<T> = Result<T, DbError>;

impl Db {
    /// An iterator over a column family from `start` on, as of now. Later writes are not visible.
    fn scan(&self, family: Family, start: &[u8]) -> Result<impl Iterator<Item = Step<RawRow>> + '_, DbError> {
        let mut options = ReadOptions::default();
        // A full scan must not evict what look-ups need from the cache.
        options.fill_cache(false);
        let mode = IteratorMode::From(start, Direction::Forward);
        let rows = self.db.iterator_cf_opt(self.family(family)?, options, mode);
        Ok(rows.map(|row| row.map_err(|e| DbError::new("read", &e))))
    }

    /// All rows of a column family, undecoded.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn raw(&self, family: Family) -> Result<impl Iterator<Item = Step<RawRow>> + '_, DbError> {
        self.scan(family, &[])
    }

    /// Whether a column family has a row with that key.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn has_raw(&self, family: Family, key: &[u8]) -> Result<bool, DbError> {
        let row = self.db.get_pinned_cf(self.family(family)?, key).map_err(|e| DbError::new("read", &e))?;
        Ok(row.is_some())
    }

    /// All blobs from `start` on, sorted by digest.
    ///
    /// # Errors
    /// When RocksDB cannot read, or a row is malformed.
    pub fn blobs_from(
        &self,
        start: &Digest,
    ) -> Result<impl Iterator<Item = Step<(BlobId, BlobRow)>> + '_, DbError> {
        Ok(self.scan(Family::Blob, start.as_bytes())?.map(|row| {
            let (key, value) = row?;
            let id = digest_key(Family::Blob, &key)?;
            Ok((BlobId(id), BlobRow::decode(&value).ok_or_else(|| bad_row(Family::Blob, &key))?))
        }))
    }

    /// All inline payloads, sorted by digest, not checked.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn inlines(&self) -> Result<impl Iterator<Item = Step<Keyed<BlobId>>> + '_, DbError> {
        Ok(self.scan(Family::Inline, &[])?.map(|row| {
            let (key, value) = row?;
            Ok((BlobId(digest_key(Family::Inline, &key)?), value))
        }))
    }

    /// All trees from `start` on with their texts, sorted by digest, not checked.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn trees_from(
        &self,
        start: &Digest,
    ) -> Result<impl Iterator<Item = Step<Keyed<TreeId>>> + '_, DbError> {
        Ok(self.scan(Family::Tree, start.as_bytes())?.map(|row| {
            let (key, value) = row?;
            Ok((TreeId(digest_key(Family::Tree, &key)?), value))
        }))
    }

    /// All realisations, each with the digest of its request.
    ///
    /// # Errors
    /// When RocksDB cannot read, or a row is malformed.
    pub fn realisations(&self) -> Result<impl Iterator<Item = Step<(Digest, Realisation)>> + '_, DbError> {
        Ok(self.scan(Family::Realisation, &[])?.map(|row| {
            let (key, value) = row?;
            let realisation =
                Realisation::decode(&value).ok_or_else(|| bad_row(Family::Realisation, &key))?;
            Ok((digest_key(Family::Realisation, &key)?, realisation))
        }))
    }

    /// The signed statements about something; about everything when it is `None`.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn attestations(&self, about: Option<&Digest>) -> Result<Vec<RawRow>, DbError> {
        let prefix = about.map_or(&[][..], |about| about.as_bytes());
        let rows = self.scan(Family::Attestation, prefix)?;
        rows.take_while(|row| row.as_ref().map_or(true, |(key, _)| key.starts_with(prefix))).collect()
    }

    /// The rows of the store's own state whose keys begin with `prefix`.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn meta_with<'a>(
        &'a self,
        prefix: &'a str,
    ) -> Result<impl Iterator<Item = Step<RawRow>> + 'a, DbError> {
        let rows = self.scan(Family::Meta, prefix.as_bytes())?;
        Ok(rows.take_while(|row| row.as_ref().map_or(true, |(key, _)| key.starts_with(prefix.as_bytes()))))
    }

    /// The leases of all cached blobs.
    ///
    /// # Errors
    /// When RocksDB cannot read, or a row is malformed.
    pub fn all_cached(&self) -> Result<impl Iterator<Item = Step<(BlobId, CachedRow)>> + '_, DbError> {
        Ok(self.meta_with(CACHED)?.map(|row| {
            let (key, value) = row?;
            let id =
                key.strip_prefix(CACHED.as_bytes()).and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
            id.zip(CachedRow::decode(&value)).ok_or_else(|| bad_row(Family::Meta, &key))
        }))
    }

    /// The leases of cached blobs, in the order of `ids`.
    ///
    /// # Errors
    /// When RocksDB cannot read, or a row is malformed.
    pub fn cached_rows(&self, ids: &[BlobId]) -> Result<Vec<Option<CachedRow>>, DbError> {
        let keys: Vec<String> = ids.iter().map(cached_key).collect();
        let rows = self.db.batched_multi_get_cf(self.family(Family::Meta)?, &keys, false);
        let decode = |(key, row): (&String, Result<Option<rocksdb::DBPinnableSlice<'_>>, _>)| {
            let Some(bytes) = row.map_err(|e| DbError::new("read", &e))? else { return Ok(None) };
            CachedRow::decode(&bytes).map(Some).ok_or_else(|| bad_row(Family::Meta, key.as_bytes()))
        };
        keys.iter().zip(rows).map(decode).collect()
    }

    /// All index entries from SHA-256 to digest.
    ///
    /// # Errors
    /// When RocksDB cannot read, or a row is malformed.
    pub fn sha256s(&self) -> Result<impl Iterator<Item = Step<(Sha256, BlobId)>> + '_, DbError> {
        Ok(self.scan(Family::Sha256, &[])?.map(|row| {
            let (key, value) = row?;
            let sha256 = Sha256::from_bytes(*digest_key(Family::Sha256, &key)?.as_bytes());
            Ok((sha256, BlobId(digest_key(Family::Sha256, &value)?)))
        }))
    }

    /// All roots, sorted by name.
    ///
    /// # Errors
    /// When RocksDB cannot read, or a row is malformed.
    pub fn roots(&self) -> Result<impl Iterator<Item = Step<(RootName, RootRow)>> + '_, DbError> {
        Ok(self.scan(Family::Root, &[])?.map(|row| {
            let (key, value) = row?;
            root_row(&key, &value)
        }))
    }

    /// The roots whose target has no row. Both are read from one snapshot: a root that is removed meanwhile
    /// with its target is not reported.
    ///
    /// # Errors
    /// When RocksDB cannot read, or a row is malformed.
    pub fn dangling_roots(&self) -> Result<Vec<(RootName, Target)>, DbError> {
        let moment = self.db.snapshot();
        let mut dangling = Vec::new();
        for row in moment.iterator_cf(self.family(Family::Root)?, IteratorMode::Start) {
            let (key, value) = row.map_err(|e| DbError::new("read", &e))?;
            let (name, RootRow { target, .. }) = root_row(&key, &value)?;
            let (family, id) = match target {
                Target::Tree(tree) => (Family::Tree, tree.0),
                Target::Blob(blob) => (Family::Blob, blob.0),
            };
            let kept = moment.get_pinned_cf(self.family(family)?, id.as_bytes());
            if kept.map_err(|e| DbError::new("read", &e))?.is_none() {
                dangling.push((name, target));
            }
        }
        Ok(dangling)
    }

    /// All leases, sorted by number.
    ///
    /// # Errors
    /// When RocksDB cannot read, or a row is malformed.
    pub fn leases(&self) -> Result<impl Iterator<Item = Step<(u64, LeaseRow)>> + '_, DbError> {
        Ok(self.scan(Family::Lease, &[])?.map(|row| {
            let (key, value) = row?;
            let number = <[u8; 8]>::try_from(&*key).ok().map(u64::from_be_bytes);
            number.zip(LeaseRow::decode(&value)).ok_or_else(|| bad_row(Family::Lease, &key))
        }))
    }
}

/// The key of a cached blob's lease among the store's own state.
pub(super) fn cached_key(id: &BlobId) -> String {
    format!("{CACHED}{id}")
}

fn root_row(key: &[u8], value: &[u8]) -> Result<(RootName, RootRow), DbError> {
    let name = std::str::from_utf8(key).ok().and_then(|text| text.parse().ok());
    name.zip(RootRow::decode(value)).ok_or_else(|| bad_row(Family::Root, key))
}

fn digest_key(family: Family, bytes: &[u8]) -> Result<Digest, DbError> {
    <[u8; 32]>::try_from(bytes).map(Digest::from_bytes).map_err(|_| bad_row(family, bytes))
}
