//! What is kept because other programs use the store as their cache: blobs without a root, each for a time after it was
//! last asked about, and results, which are blobs that are found by a key.
//!
//! A lease of a cached blob has the blob's digest as its key, not a number, so that asking about a blob again replaces
//! one row. And it is written for longer than was asked, and again only once less than what was asked is left: a blob
//! that is asked about all day costs a few rows, not one for each question.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use crate::clock;
use crate::db::{BlobRow, CachedRow, DbError, Durability, Holder, Rows};
use crate::gate::WriterId;
use crate::model::{BlobId, Digest, Sha256};
use crate::session::WriteError;
use crate::store::{ReadError, Store};

/// The key prefix of the leases of cached blobs among the store's own state.
pub(crate) const CACHED: &str = "cached/";
/// That of results.
pub(crate) const RESULT: &str = "result/";
/// The version byte of a result's row, which a blob's digest follows.
const RESULT_VERSION: u8 = 1;
/// How many rows are removed in one batch: those who ask wait for it.
const BATCH: usize = 2048;

/// A blob by one of its digests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Name {
    /// By its identity.
    Blake3(BlobId),
    /// By its SHA-256.
    Sha256(Sha256),
}

/// What a finished session's result is cached for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caching {
    /// For how many seconds it is kept at least.
    pub seconds: u64,
    /// The key by which the last blob of the result can be found.
    pub key: Option<Digest>,
    /// How many bytes all cached blobs may have.
    pub max_bytes: Option<u64>,
}

/// How much is cached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CachedTotal {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is known of the cached blobs; `None` until they are counted.
#[derive(Default)]
pub(crate) struct Cached(Option<CachedTotal>);

/// Pins of a question, until it is answered.
struct Pins<'a>(&'a Store, WriterId);

impl Drop for Pins<'_> {
    fn drop(&mut self) {
        self.0.gate.leave(self.1);
    }
}

impl Store {
    fn cached(&self) -> MutexGuard<'_, Cached> {
        // A panic leaves at most a wrong count.
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of those of `names` whose bytes can be read, in their order. Each of them is kept for `seconds` from
    /// now on; in a store that is open read-only nothing removes them.
    ///
    /// # Errors
    /// When the database cannot be read or written, or a file.
    pub fn cache_blobs(
        &self,
        names: &[Name],
        seconds: u64,
    ) -> Result<Vec<Option<(BlobId, BlobRow)>>, ReadError> {
        let pins = Pins(self, self.gate.enter());
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            let id = match name {
                Name::Blake3(id) => Some(*id),
                Name::Sha256(sha256) => self.blob_by_sha256(sha256)?,
            };
            ids.push(id);
        }
        // Pinned first and looked for afterwards, or a collection removes what was seen.
        for id in ids.iter().flatten() {
            self.gate.pin(pins.1, crate::db::Target::Blob(*id));
        }
        let asked: Vec<BlobId> = ids.iter().flatten().copied().collect();
        let mut found = HashMap::new();
        for (id, row) in asked.iter().zip(self.db.blobs(&asked)?) {
            if let Some(row) = row
                && self.presence_of_row(id, &row)?.is_sound()
            {
                found.insert(*id, row);
            }
        }
        if !self.is_read_only() {
            self.keep_cached(&found, seconds)?;
        }
        Ok(ids.into_iter().map(|id| id.and_then(|id| Some((id, *found.get(&id)?)))).collect())
    }

    fn keep_cached(&self, blobs: &HashMap<BlobId, BlobRow>, seconds: u64) -> Result<(), DbError> {
        let ids: Vec<BlobId> = blobs.keys().copied().collect();
        let is_short = |row: &Option<CachedRow>| !row.is_some_and(|row| row.holder.holds_for(seconds));
        if !self.db.cached_rows(&ids)?.iter().any(is_short) {
            return Ok(());
        }
        let mut cached = self.cached();
        let mut rows = Rows::default();
        let holder = lease(seconds);
        let before = self.db.cached_rows(&ids)?;
        let (short, had): (Vec<_>, Vec<_>) =
            ids.iter().zip(before).filter(|(_, row)| is_short(row)).map(|(id, row)| (*id, row)).unzip();
        let mut more = CachedTotal::default();
        for (id, had) in short.iter().zip(had) {
            let size = blobs.get(id).map_or(0, |row| row.size);
            rows.put_cached(id, &CachedRow { size, holder });
            if had.is_none() {
                more = CachedTotal { blobs: more.blobs + 1, bytes: more.bytes + size };
            }
        }
        self.db.write(rows, Durability::Synced)?;
        cached.add(more);
        Ok(())
    }

    /// How much is cached. Counted once, and then kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cached_total(&self) -> Result<CachedTotal, DbError> {
        self.total_of(&mut self.cached())
    }

    fn total_of(&self, cached: &mut Cached) -> Result<CachedTotal, DbError> {
        if let Some(total) = cached.0 {
            return Ok(total);
        }
        let mut total = CachedTotal::default();
        for row in self.db.all_cached()? {
            total = CachedTotal { blobs: total.blobs + 1, bytes: total.bytes + row?.1.size };
        }
        cached.0 = Some(total);
        Ok(total)
    }

    /// Adds the rows that cache blobs at a session's end, and returns what must be passed to [`Cacher::done`] once they
    /// are written: until then nobody else writes such rows.
    pub(crate) fn cacher(
        &self,
        rows: &mut Rows,
        blobs: &[(BlobId, u64)],
        caching: &Caching,
    ) -> Result<Cacher<'_>, WriteError> {
        let mut cached = self.cached();
        let mut more = CachedTotal::default();
        let sizes: HashMap<BlobId, u64> = blobs.iter().copied().collect();
        let ids: Vec<BlobId> = sizes.keys().copied().collect();
        let holder = lease(caching.seconds);
        for (id, had) in ids.iter().zip(self.db.cached_rows(&ids)?) {
            let size = sizes[id];
            rows.put_cached(id, &CachedRow { size, holder });
            if had.is_none() {
                more = CachedTotal { blobs: more.blobs + 1, bytes: more.bytes + size };
            }
        }
        if let Some(max) = caching.max_bytes {
            let kept = self.total_of(&mut cached)?.bytes;
            if more.bytes > 0 && kept.saturating_add(more.bytes) > max {
                return Err(WriteError::CacheFull { kept, coming: more.bytes, max });
            }
        }
        if let (Some(key), Some((blob, _))) = (&caching.key, blobs.last()) {
            rows.put_meta(&result_key(key), [&[RESULT_VERSION][..], blob.0.as_bytes()].concat());
        }
        Ok(Cacher { cached, more })
    }

    /// The blob that was last cached under a key; it may be gone.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cached_result(&self, key: &Digest) -> Result<Option<BlobId>, ReadError> {
        Ok(self.db.meta(&result_key(key))?.and_then(|row| result_of(&row)))
    }

    /// Removes the leases of cached blobs that are over; all of them, if `all`.
    pub(crate) fn drop_cached(&self, all: bool) -> Result<(), DbError> {
        let is_over = |row: &CachedRow| all || !row.holder.holds();
        let mut over = Vec::new();
        for row in self.db.all_cached()? {
            let (id, row) = row?;
            if is_over(&row) {
                over.push(id);
            }
        }
        for batch in over.chunks(BATCH) {
            let mut cached = self.cached();
            let mut rows = Rows::default();
            // Somebody may have asked about it since.
            for (id, row) in batch.iter().zip(self.db.cached_rows(batch)?) {
                if row.is_some_and(|row| is_over(&row)) {
                    rows.delete_cached(id);
                }
            }
            cached.0 = None;
            self.db.write(rows, Durability::Later)?;
        }
        Ok(())
    }

    /// Removes the keys of results that are gone.
    pub(crate) fn drop_results(&self) -> Result<(), DbError> {
        let mut gone = Vec::new();
        for row in self.db.meta_with(RESULT)? {
            let (key, value) = row?;
            let there = result_of(&value).map(|blob| self.db.blob(&blob)).transpose()?.flatten().is_some();
            if !there && let Ok(key) = String::from_utf8(key.into_vec()) {
                gone.push((key, value));
            }
        }
        for batch in gone.chunks(BATCH) {
            let _cached = self.cached();
            let mut rows = Rows::default();
            for (key, value) in batch {
                // It may name another blob since.
                if self.db.meta(key)?.as_deref() == Some(value) {
                    rows.delete_meta(key);
                }
            }
            self.db.write(rows, Durability::Later)?;
        }
        Ok(())
    }
}

impl Cached {
    fn add(&mut self, more: CachedTotal) {
        if let Some(total) = &mut self.0 {
            total.blobs += more.blobs;
            total.bytes += more.bytes;
        }
    }
}

/// Keeps others from writing leases of cached blobs until those of a session are written.
pub(crate) struct Cacher<'a> {
    cached: MutexGuard<'a, Cached>,
    more: CachedTotal,
}

impl Cacher<'_> {
    /// The rows are written.
    pub(crate) fn done(mut self) {
        self.cached.add(self.more);
    }
}

/// A lease of a third more than `seconds`: for that third it need not be renewed.
fn lease(seconds: u64) -> Holder {
    let seconds = seconds.saturating_add(seconds / 3).saturating_add(1);
    Holder::Until(clock::now().saturating_add(seconds)).anchored()
}

fn result_key(key: &Digest) -> String {
    format!("{RESULT}{key}")
}

fn result_of(row: &[u8]) -> Option<BlobId> {
    let blob: [u8; 32] = row.strip_prefix(&[RESULT_VERSION])?.try_into().ok()?;
    Some(BlobId(Digest::from_bytes(blob)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Target;
    use crate::{Keep, Progress};

    const HOURS: u64 = 3 * 3600;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        (dir, store)
    }

    fn cache(store: &Store, bytes: &[u8], caching: Caching) -> Result<BlobId, WriteError> {
        let session = store.session().unwrap();
        let blob = session.add_blob(bytes, false)?;
        let keep = Keep { caching: Some(caching), ..Keep::default() };
        session.finish(&[Target::Blob(blob)], &keep).map(|_| blob)
    }

    fn caching(seconds: u64) -> Caching {
        Caching { seconds, key: None, max_bytes: None }
    }

    fn collect(store: &Store) {
        store.collect(false, &Progress::default()).unwrap();
    }

    fn has(store: &Store, blob: BlobId) -> bool {
        store.presence(Target::Blob(blob)).unwrap().is_sound()
    }

    #[test]
    fn what_was_cached_or_asked_about_stays_for_its_time_and_what_was_not_goes() {
        let (dir, store) = store();
        let kept = cache(&store, b"kept", caching(HOURS)).unwrap();
        let over = cache(&store, b"over", caching(0)).unwrap();
        let asked = cache(&store, b"asked", caching(0)).unwrap();
        let sha256 = Name::Sha256(Sha256::of(b"asked"));
        let absent = Name::Sha256(Sha256::of(b"absent"));
        let found = store.cache_blobs(&[absent, sha256, Name::Blake3(kept)], HOURS).unwrap();
        assert_eq!(
            found.iter().map(|it| it.map(|(id, _)| id)).collect::<Vec<_>>(),
            [None, Some(asked), Some(kept)]
        );
        store.close().unwrap();
        drop(store);
        let store = Store::open(&dir.path().join("store")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2100));
        collect(&store);
        assert_eq!([kept, asked, over].map(|blob| has(&store, blob)), [true, true, false]);
        store.end_timed_leases().unwrap();
        collect(&store);
        assert_eq!([kept, asked].map(|blob| has(&store, blob)), [false, false]);
        assert_eq!(store.cached_total().unwrap(), CachedTotal::default());
    }

    #[test]
    fn a_key_goes_with_its_result_and_not_before() {
        let (_dir, store) = store();
        let key = Digest::of(b"key");
        let first = cache(&store, b"first", Caching { key: Some(key), ..caching(0) }).unwrap();
        assert_eq!(store.cached_result(&key).unwrap(), Some(first));
        let second = cache(&store, b"second", Caching { key: Some(key), ..caching(HOURS) }).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2100));
        collect(&store);
        assert_eq!(store.cached_result(&key).unwrap(), Some(second));
        assert!(!has(&store, first));
        store.end_timed_leases().unwrap();
        collect(&store);
        assert_eq!(store.cached_result(&key).unwrap(), None);
    }

    #[test]
    fn a_quota_counts_each_blob_once_and_refuses_without_keeping_anything() {
        let (_dir, store) = store();
        let quota = Caching { max_bytes: Some(10), ..caching(HOURS) };
        cache(&store, b"1234567", quota).unwrap();
        cache(&store, b"1234567", quota).unwrap();
        assert_eq!(store.cached_total().unwrap(), CachedTotal { blobs: 1, bytes: 7 });
        let refused = cache(&store, b"abcd", quota);
        assert!(matches!(refused, Err(WriteError::CacheFull { kept: 7, coming: 4, max: 10 })), "{refused:?}");
        assert!(!has(&store, BlobId(Digest::of(b"abcd"))));
        cache(&store, b"abc", quota).unwrap();
        assert_eq!(store.cached_total().unwrap(), CachedTotal { blobs: 2, bytes: 10 });
    }

    #[test]
    fn asking_again_writes_nothing_while_enough_is_left() {
        let (_dir, store) = store();
        let blob = cache(&store, b"blob", caching(HOURS)).unwrap();
        let before = store.change_number();
        store.cache_blobs(&[Name::Blake3(blob)], HOURS).unwrap();
        assert_eq!(store.change_number(), before);
        store.cache_blobs(&[Name::Blake3(blob)], 2 * HOURS).unwrap();
        assert_ne!(store.change_number(), before);
    }
}
