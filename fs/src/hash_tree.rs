//! Reading any part of a payload so that wrong bytes are never handed out.
//!
//! BLAKE3 is a hash tree (the BLAKE3 paper, section 2.1): the digest of a blob is made of the chaining values of its
//! parts. The first read goes over the whole payload, checks its digest, and keeps the chaining value of each
//! 64 KiB; every read then checks the groups that it touches, so that a disk which goes bad later is noticed
//! as well.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};

use stele_store::model::{BlobId, Digest};

/// How many bytes are checked together. A power of two of BLAKE3's 1,024-byte chunks.
const STEP: usize = 64 << 10;
const GROUP: u64 = STEP as u64;

/// Why a part of a payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashTreeError {
    /// The bytes are not those that the digest names.
    #[error("the payload is not what its name says")]
    Corrupt,
    /// The file gave an error.
    #[error("the payload cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// The chaining values of a payload's groups, checked against its digest.
pub(crate) struct HashTree {
    size: u64,
    groups: Vec<ChainingValue>,
}

impl HashTree {
    /// Goes over the whole payload.
    pub(crate) fn of(file: &File, size: u64, blob: &BlobId) -> Result<Self, HashTreeError> {
        let mut buffer = vec![0; STEP];
        let mut groups = Vec::new();
        let mut at = 0;
        let mut whole = None;
        while at < size {
            let part = read_group(file, &mut buffer, at, size)?;
            if size <= GROUP {
                whole = Some(Digest::of(part));
            }
            groups.push(chaining_value(part, at));
            at += GROUP;
        }
        let actual = match groups.len() {
            0 => Digest::of(&[]),
            // Of a blob of one group the value without the root's flag is not the digest.
            1 => whole.ok_or(HashTreeError::Corrupt)?,
            _ => {
                let (left, right) = split(&groups, size);
                Digest::from_bytes(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes())
            }
        };
        if actual != blob.0 || file.metadata()?.len() != size {
            return Err(HashTreeError::Corrupt);
        }
        Ok(Self { size, groups })
    }

    /// How much memory this takes, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        64 + self.groups.len() as u64 * 32
    }

    /// The bytes from `offset` on, `length` of them or as many as there are.
    pub(crate) fn read(&self, file: &File, offset: u64, length: u64) -> Result<Vec<u8>, HashTreeError> {
        let end = self.size.min(offset.saturating_add(length));
        if offset >= end {
            return Ok(Vec::new());
        }
        let first = offset / GROUP * GROUP;
        let last = end.div_ceil(GROUP) * GROUP;
        // At most what the kernel asks for at once, and a group at either end.
        #[allow(clippy::cast_possible_truncation)]
        let mut buffer = vec![0; (last.min(self.size) - first) as usize];
        file.read_exact_at(&mut buffer, first).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => HashTreeError::Corrupt,
            _ => e.into(),
        })?;
        let mut at = first;
        for part in buffer.chunks(STEP) {
            #[allow(clippy::cast_possible_truncation)]
            let expected = self.groups.get((at / GROUP) as usize);
            if expected != Some(&chaining_value(part, at)) {
                return Err(HashTreeError::Corrupt);
            }
            at += GROUP;
        }
        #[allow(clippy::cast_possible_truncation)]
        let (skip, keep) = ((offset - first) as usize, (end - first) as usize);
        buffer.truncate(keep);
        buffer.drain(..skip);
        Ok(buffer)
    }
}

fn read_group<'a>(file: &File, buffer: &'a mut [u8], at: u64, size: u64) -> Result<&'a [u8], HashTreeError> {
    // At most GROUP.
    #[allow(clippy::cast_possible_truncation)]
    let part = &mut buffer[..(size - at).min(GROUP) as usize];
    match file.read_exact_at(part, at) {
        Ok(()) => Ok(part),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(HashTreeError::Corrupt),
        Err(e) => Err(e.into()),
    }
}

fn chaining_value(part: &[u8], at: u64) -> ChainingValue {
    blake3::Hasher::new().set_input_offset(at).update(part).finalize_non_root()
}

/// The two subtrees of a payload of `size` bytes that has more than one group.
fn split(groups: &[ChainingValue], size: u64) -> (ChainingValue, ChainingValue) {
    let left = left_subtree_len(size);
    #[allow(clippy::cast_possible_truncation)]
    let (first, second) = groups.split_at((left / GROUP) as usize);
    (merge(first, left), merge(second, size - left))
}

fn merge(groups: &[ChainingValue], size: u64) -> ChainingValue {
    if let [one] = groups {
        return *one;
    }
    let (left, right) = split(groups, size);
    merge_subtrees_non_root(&left, &right, Mode::Hash)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn payload(size: usize) -> (File, BlobId, Vec<u8>) {
        let bytes: Vec<u8> =
            (0..size).map(|n| (n * 7 + n / 255) & 0xff).map(|n| u8::try_from(n).unwrap()).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let blob = BlobId(Digest::of(&bytes));
        (file, blob, bytes)
    }

    const SIZES: [usize; 12] =
        [0, 1, 1024, 65_535, 65_536, 65_537, 131_072, 131_073, 200_000, 262_144, 262_145, 1_000_003];

    #[test]
    fn a_flipped_bit_is_found_by_the_first_read_and_by_every_later_one() {
        for size in SIZES.into_iter().filter(|size| *size > 0) {
            for at in [0, size / 2, size - 1] {
                let (file, blob, bytes) = payload(size);
                let sound = HashTree::of(&file, size as u64, &blob).unwrap();
                file.write_at(&[bytes[at] ^ 1], at as u64).unwrap();
                assert!(
                    matches!(HashTree::of(&file, size as u64, &blob), Err(HashTreeError::Corrupt)),
                    "{size} {at}"
                );
                let read = sound.read(&file, at as u64, 1);
                assert!(matches!(read, Err(HashTreeError::Corrupt)), "{size} {at}");
            }
        }
    }

    #[test]
    fn a_payload_that_is_shorter_or_longer_is_corrupt() {
        let (file, blob, _) = payload(100_000);
        file.set_len(99_999).unwrap();
        assert!(matches!(HashTree::of(&file, 100_000, &blob), Err(HashTreeError::Corrupt)));
        let (file, blob, _) = payload(100_000);
        file.set_len(100_001).unwrap();
        assert!(matches!(HashTree::of(&file, 100_000, &blob), Err(HashTreeError::Corrupt)));
    }

    #[test]
    fn any_part_of_any_size_reads_as_it_was_written() {
        for size in SIZES {
            let (file, blob, bytes) = payload(size);
            let hash_tree = HashTree::of(&file, size as u64, &blob).unwrap();
            for offset in [0, 1, 65_535, 65_536, size / 3, size.saturating_sub(1), size, size + 5] {
                for length in [0, 1, 4096, 65_536, 70_000, size + 1] {
                    let expected =
                        &bytes[offset.min(size)..(offset + length).min(size).max(offset.min(size))];
                    assert_eq!(hash_tree.read(&file, offset as u64, length as u64).unwrap(), expected);
                }
            }
        }
    }
}
