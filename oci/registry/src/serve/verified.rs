//! What was compared with its digest before: a blob that comes from the very same files again is not hashed again.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::name::Sha256Digest;

/// How many blobs are remembered; after that, all are forgotten.
const MAX: usize = 4096;

/// What a blob was sent from: its bytes that are in no file, and of the files what changes with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity([u8; 32]);

/// The blobs that were compared with their digests, whole, and what they came from.
#[derive(Default)]
pub struct Verified(Mutex<HashMap<Sha256Digest, Identity>>);

impl Verified {
    /// What a blob came from when it matched its digest.
    pub fn of(&self, digest: &Sha256Digest) -> Option<Identity> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied()
    }

    /// Remembers that a blob matched its digest.
    pub fn remember(&self, digest: &Sha256Digest, identity: Identity) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(digest.clone(), identity);
    }

    /// Forgets a blob: the next transfer is compared again.
    pub fn forget(&self, digest: &Sha256Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(digest);
    }
}

/// Computes an [`Identity`].
#[derive(Default)]
pub struct Identifying {
    hasher: Sha256,
    /// Bytes since the last file.
    bytes: u64,
}

impl Identifying {
    /// Some bytes that are in no file.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hasher.update(bytes);
    }

    /// A part of a file. Any write to it changes its times (inode(7)).
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn file(&mut self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        let is = file.metadata()?;
        let times = [is.mtime(), is.mtime_nsec(), is.ctime(), is.ctime_nsec()].map(i64::cast_unsigned);
        let [written, written_part, changed, changed_part] = times;
        let before = std::mem::take(&mut self.bytes);
        let numbers = [
            before,
            is.dev(),
            is.ino(),
            is.size(),
            written,
            written_part,
            changed,
            changed_part,
            offset,
            length,
        ];
        numbers.iter().for_each(|number| self.hasher.update(number.to_le_bytes()));
        Ok(())
    }

    /// Of all that came.
    pub fn finish(mut self) -> Identity {
        self.hasher.update(self.bytes.to_le_bytes());
        Identity(self.hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(before: &[u8], file: &File, length: u64) -> Identity {
        let mut identifying = Identifying::default();
        before.chunks(2).for_each(|chunk| identifying.bytes(chunk));
        identifying.file(file, 0, length).unwrap();
        identifying.finish()
    }

    #[test]
    fn an_identity_changes_with_bytes_parts_and_the_file_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        std::fs::write(&one, "abcd").unwrap();
        std::fs::write(&other, "abcd").unwrap();
        let [first, second] = [&one, &other].map(|path| File::open(path).unwrap());
        let same = identity(b"head", &first, 4);
        assert_eq!(same, identity(b"head", &File::open(&one).unwrap(), 4));
        assert_ne!(same, identity(b"heat", &first, 4));
        assert_ne!(same, identity(b"head", &first, 3));
        assert_ne!(same, identity(b"head", &second, 4));
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&one, "abce").unwrap();
        assert_ne!(same, identity(b"head", &first, 4));
    }
}
