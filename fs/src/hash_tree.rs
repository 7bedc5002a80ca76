//! Reading any part of a payload so that wrong bytes are never returned.
//!
//! BLAKE3 is a hash tree (the BLAKE3 paper, section 2.1): the digest of a blob is computed from the chaining values of
//! its parts. The first read covers the whole payload, checks its digest, and keeps the chaining value of each 64 KiB;
//! every read then checks the groups that it touches, so that a disk which goes bad later is noticed as well.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::thread;

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};

use rustix::fs::Advice;

use stele_store::model::{BlobId, Digest};

/// The number of bytes checked together. A power of two of BLAKE3's 1,024-byte chunks.
const STEP: usize = 64 << 10;
const GROUP: u64 = STEP as u64;
/// How much of a payload is read at once when all of it is hashed.
const PIECE: usize = 1 << 20;
/// The least that is worth a thread.
const SHARE: u64 = 16 << 20;

/// Why a part of a payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashTreeError {
    /// The bytes do not match the digest.
    #[error("the payload does not match its digest")]
    Corrupt,
    /// The file cannot be read.
    #[error("the payload cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// The chaining values of a payload's groups, checked against its digest.
pub(crate) struct HashTree {
    size: u64,
    groups: Vec<ChainingValue>,
}

impl HashTree {
    /// Reads the whole payload. Returns also the bytes from `offset` on, `length` of them or as many as there are: they
    /// pass by, and a small file is not read twice.
    pub(crate) fn of(
        file: &File,
        size: u64,
        blob: &BlobId,
        (offset, length): (u64, u64),
    ) -> Result<(Self, Vec<u8>), HashTreeError> {
        let wanted = offset.min(size)..offset.saturating_add(length).min(size);
        // The disk begins with all of a small file at once, and reads far ahead in a large one.
        let advice = if size <= PIECE as u64 { Advice::WillNeed } else { Advice::Sequential };
        let _ = rustix::fs::fadvise(file, 0, NonZero::new(size), advice);
        let threads =
            thread::available_parallelism().map_or(1, |it| it.get() as u64).min(size / SHARE).max(1);
        let share = size.div_ceil(threads).next_multiple_of(GROUP);
        let ranges: Vec<Range<u64>> =
            (0..threads).map(|at| (at * share).min(size)..((at + 1) * share).min(size)).collect();
        let parts: Vec<_> = if let [whole] = &ranges[..] {
            vec![hash(file, whole.clone(), &wanted)]
        } else {
            thread::scope(|scope| {
                let work = |range: &Range<u64>| {
                    let (range, wanted) = (range.clone(), wanted.clone());
                    scope.spawn(move || hash(file, range, &wanted))
                };
                let workers: Vec<_> = ranges.iter().map(work).collect();
                let lost = |_| Err(io::Error::other("a thread that hashes it ended").into());
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(lost)).collect()
            })
        };
        let (mut groups, mut bytes) = (Vec::new(), Vec::new());
        let mut whole = None;
        for part in parts {
            let Hashed { groups: more, wanted, whole: only } = part?;
            groups.extend(more);
            bytes.extend(wanted);
            whole = whole.or(only);
        }
        let actual = match groups.len() {
            0 => Digest::of(&[]),
            // For a blob of one group the value without the root flag is not the digest.
            1 => whole.ok_or(HashTreeError::Corrupt)?,
            _ => {
                let (left, right) = split(&groups, size);
                Digest::from_bytes(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes())
            }
        };
        if actual != blob.0 || file.metadata()?.len() != size {
            return Err(HashTreeError::Corrupt);
        }
        Ok((Self { size, groups }, bytes))
    }

    /// Its size in memory, in bytes.
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

/// What was computed of a part of a payload.
struct Hashed {
    groups: Vec<ChainingValue>,
    /// The bytes of it that are wanted.
    wanted: Vec<u8>,
    /// The digest, when it is all in one group.
    whole: Option<Digest>,
}

/// Reads a range, which begins with a group.
fn hash(file: &File, range: Range<u64>, wanted: &Range<u64>) -> Result<Hashed, HashTreeError> {
    let mut hashed = Hashed { groups: Vec::new(), wanted: Vec::new(), whole: None };
    // At most PIECE.
    #[allow(clippy::cast_possible_truncation)]
    let length = |at: u64| (range.end - at).min(PIECE as u64) as usize;
    let mut buffer = vec![0; length(range.start)];
    let mut at = range.start;
    while at < range.end {
        let piece = &mut buffer[..length(at)];
        file.read_exact_at(piece, at).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => HashTreeError::Corrupt,
            _ => e.into(),
        })?;
        if range.start == 0 && range.end <= GROUP {
            hashed.whole = Some(Digest::of(piece));
        }
        let mut group = at;
        for part in piece.chunks(STEP) {
            hashed.groups.push(chaining_value(part, group));
            group += GROUP;
        }
        let end = at + piece.len() as u64;
        let (from, to) = (wanted.start.clamp(at, end), wanted.end.clamp(at, end));
        #[allow(clippy::cast_possible_truncation)]
        hashed.wanted.extend_from_slice(&piece[(from - at) as usize..(to - at) as usize]);
        at = end;
    }
    Ok(hashed)
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
    fn a_flipped_bit_is_detected_by_the_first_read_and_by_every_later_one() {
        for size in SIZES.into_iter().filter(|size| *size > 0) {
            for at in [0, size / 2, size - 1] {
                let (file, blob, bytes) = payload(size);
                let sound = HashTree::of(&file, size as u64, &blob, (0, 0)).unwrap().0;
                file.write_at(&[bytes[at] ^ 1], at as u64).unwrap();
                assert!(
                    matches!(HashTree::of(&file, size as u64, &blob, (0, 9)), Err(HashTreeError::Corrupt)),
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
        assert!(matches!(HashTree::of(&file, 100_000, &blob, (0, 0)), Err(HashTreeError::Corrupt)));
        let (file, blob, _) = payload(100_000);
        file.set_len(100_001).unwrap();
        assert!(matches!(HashTree::of(&file, 100_000, &blob, (0, 0)), Err(HashTreeError::Corrupt)));
    }

    #[test]
    fn any_part_of_any_size_reads_as_it_was_written() {
        for size in SIZES {
            let (file, blob, bytes) = payload(size);
            let hash_tree = HashTree::of(&file, size as u64, &blob, (0, 0)).unwrap().0;
            for offset in [0, 1, 65_535, 65_536, size / 3, size.saturating_sub(1), size, size + 5] {
                for length in [0, 1, 4096, 65_536, 70_000, size + 1] {
                    let expected =
                        &bytes[offset.min(size)..(offset + length).min(size).max(offset.min(size))];
                    assert_eq!(hash_tree.read(&file, offset as u64, length as u64).unwrap(), expected);
                    let part = (offset as u64, length as u64);
                    assert_eq!(HashTree::of(&file, size as u64, &blob, part).unwrap().1, expected);
                }
            }
        }
    }
    #[test]
    fn a_payload_that_several_threads_hash_is_the_same_one() {
        // Neither a multiple of a group nor of a piece, and enough for as many threads as there are.
        let size = 5 * usize::try_from(SHARE).unwrap() + 70_001;
        let (file, blob, bytes) = payload(size);
        let part = (SHARE - 5, 2 * SHARE);
        let (hash_tree, read) = HashTree::of(&file, size as u64, &blob, part).unwrap();
        let at = usize::try_from(SHARE).unwrap() - 5;
        assert!(read == bytes[at..at + 2 * usize::try_from(SHARE).unwrap()]);
        assert!(hash_tree.read(&file, 0, size as u64).unwrap() == bytes);
        file.write_at(&[bytes[size - 1] ^ 1], size as u64 - 1).unwrap();
        assert!(matches!(HashTree::of(&file, size as u64, &blob, part), Err(HashTreeError::Corrupt)));
    }
}
