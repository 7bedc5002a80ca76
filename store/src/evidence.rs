//! Evidence: signed statements, kept by what they are about.
//!
//! The store keeps their bytes and understands nothing of them: whose signature counts is decided by a policy, each
//! time anew. Evidence protects nothing from the garbage collector, and survives it: a vote is useful even where its
//! output is gone.

use crate::db::{DbError, Durability, Family, Rows};
use crate::model::{Digest, Sha256};
use crate::store::{ReadError, Store};

/// The maximum size of one piece of evidence, in bytes.
pub const MAX_EVIDENCE: usize = 16 << 20;

/// A piece of evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// What it is about: the digest of an action or a request, or that of an artifact.
    pub about: Digest,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why evidence could not be kept or removed.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The store is open read-only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// Too large.
    #[error("the evidence has {size} bytes, more than {MAX_EVIDENCE}")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Store {
    /// Keeps evidence, durably when this returns: each a digest that it is about, and its bytes. Returns how many were
    /// new.
    ///
    /// # Errors
    /// When one is too large, or the database cannot be written; then none of them is kept.
    pub fn add_evidence(&self, evidence: Vec<(Digest, Vec<u8>)>) -> Result<usize, EvidenceError> {
        if self.is_read_only() {
            return Err(EvidenceError::ReadOnly);
        }
        let mut rows = Rows::default();
        let mut new = 0;
        for (about, bytes) in evidence {
            if bytes.len() > MAX_EVIDENCE {
                return Err(EvidenceError::TooLarge { size: bytes.len() });
            }
            let key = key(&about, &Sha256::of(&bytes));
            if !self.db.has_raw(Family::Attestation, &key)? {
                rows.put_raw(Family::Attestation, &key, bytes);
                new += 1;
            }
        }
        if !rows.is_empty() {
            self.db.write(rows, Durability::Synced)?;
        }
        Ok(new)
    }

    /// Whether there is this evidence.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_evidence(&self, about: &Digest, sha256: &Sha256) -> Result<bool, ReadError> {
        Ok(self.db.has_raw(Family::Attestation, &key(about, sha256))?)
    }

    /// The evidence about something, sorted by SHA-256; with `None`, about everything.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn evidence(&self, about: Option<&Digest>) -> Result<Vec<Evidence>, ReadError> {
        let mut found = Vec::new();
        for (key, bytes) in self.db.attestations(about)? {
            // A row whose key is of another form is a later version's.
            let Some((about, sha256)) = split(&key) else { continue };
            found.push(Evidence { about, sha256, bytes: bytes.into_vec() });
        }
        Ok(found)
    }

    /// Removes a piece of evidence. Returns whether it was there.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn remove_evidence(&self, about: &Digest, sha256: &Sha256) -> Result<bool, EvidenceError> {
        if self.is_read_only() {
            return Err(EvidenceError::ReadOnly);
        }
        let key = key(about, sha256);
        let was_there = self.db.has_raw(Family::Attestation, &key)?;
        if was_there {
            let mut rows = Rows::default();
            rows.delete_raw(Family::Attestation, &key);
            self.db.write(rows, Durability::Synced)?;
        }
        Ok(was_there)
    }
}

fn key(about: &Digest, sha256: &Sha256) -> Vec<u8> {
    [&about.as_bytes()[..], &sha256.as_bytes()[..]].concat()
}

fn split(key: &[u8]) -> Option<(Digest, Sha256)> {
    let (about, sha256) = key.split_first_chunk::<32>()?;
    let sha256: [u8; 32] = sha256.try_into().ok()?;
    Some((Digest::from_bytes(*about), Sha256::from_bytes(sha256)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Progress;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        (dir, store)
    }

    #[test]
    fn evidence_that_is_too_large_is_refused_with_all_that_came_with_it() {
        let (_dir, store) = store();
        let about = Digest::of(b"action");
        let evidence = vec![(about, b"small".to_vec()), (about, vec![0; MAX_EVIDENCE + 1])];
        assert!(matches!(store.add_evidence(evidence), Err(EvidenceError::TooLarge { .. })));
        assert_eq!(store.evidence(None).unwrap(), []);
    }

    #[test]
    fn the_same_evidence_is_kept_once_and_only_about_what_it_is_about() {
        let (_dir, store) = store();
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let add = |about, text: &str| store.add_evidence(vec![(about, text.as_bytes().to_vec())]).unwrap();
        assert_eq!((add(one, "a"), add(one, "a"), add(one, "b"), add(other, "a")), (1, 0, 1, 1));
        assert_eq!(store.evidence(Some(&one)).unwrap().len(), 2);
        assert_eq!(store.evidence(Some(&other)).unwrap().len(), 1);
        assert_eq!(store.evidence(Some(&Digest::of(b"third"))).unwrap(), []);
        assert!(store.remove_evidence(&one, &Sha256::of(b"a")).unwrap());
        assert!(!store.remove_evidence(&one, &Sha256::of(b"a")).unwrap());
        let left: Vec<_> = store.evidence(None).unwrap().into_iter().map(|it| it.bytes).collect();
        assert_eq!(left.len(), 2);
        assert!(store.evidence(Some(&one)).unwrap().iter().all(|it| it.bytes == b"b"));
    }

    #[test]
    fn evidence_survives_a_collection_and_a_restart() {
        let (dir, store) = store();
        let about = Digest::of(b"action");
        store.add_evidence(vec![(about, b"signed".to_vec())]).unwrap();
        store.collect(false, &Progress::default()).unwrap();
        store.close().unwrap();
        drop(store);
        let store = Store::open(&dir.path().join("store")).unwrap();
        assert_eq!(store.evidence(Some(&about)).unwrap()[0].sha256, Sha256::of(b"signed"));
    }
}
