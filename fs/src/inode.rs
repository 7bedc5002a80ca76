//! Inode numbers. A file's number is its content, so that the same file in two trees is one inode with one page cache,
//! and the meaning of a file's number needs no table.
//!
//! | bits | of a file's number |
//! | --- | --- |
//! | 63 | 1 |
//! | 2 to 61 | the first 60 bits of the blob's digest |
//! | 0 | 1 when it is executable |
//!
//! All other numbers are assigned as directories and symbolic links are looked up, for the kernel requires a directory
//! to have one place. In the mount of builds, which must learn nothing of each other, these numbers are derived from
//! the place itself ([`of_place`]). A number is never used for two things within one mount.
//!
//! Two blobs whose digests begin with the same 60 bits can be made, with effort. [`generation`] and [`check`] are
//! further bits of the digest, which the kernel and the server compare: such blobs give errors, never each other's
//! bytes.

use stele_store::model::{BlobId, Digest, DigestPrefix};

/// The mount's own directory (FUSE_ROOT_ID in the kernel's fuse.h).
pub const ROOT: u64 = 1;
/// The directory `by-name`.
pub const BY_NAME: u64 = 2;
/// The first number that is assigned.
pub const FIRST: u64 = 16;

const FILE: u64 = 1 << 63;

/// The number in listings of entries that the kernel does not know: 0 would mean that there is no entry.
pub const UNTOLD: u64 = FILE - 1;

fn word(digest: &Digest, at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest.as_bytes()[at..at + 8]);
    u64::from_be_bytes(bytes)
}

/// The number of a file.
pub fn of_file(blob: &BlobId, executable: bool) -> u64 {
    FILE | (word(&blob.0, 0) >> 4) << 2 | u64::from(executable)
}

/// The number of the place that these bytes encode.
pub fn of_place(bytes: &[u8]) -> u64 {
    // Above all numbers that can be assigned, and below the reserved one.
    1 << 62 | word(&Digest::of(bytes), 0) >> 3
}

/// What a file's number encodes: the first bits of its digest, and whether it is executable. `None` when it is not a
/// file's.
pub fn file(ino: u64) -> Option<(DigestPrefix, bool)> {
    if ino & FILE == 0 {
        return None;
    }
    let digits = format!("{:015x}", (ino & !FILE) >> 2);
    Some((DigestPrefix::parse(&digits)?, ino & 1 != 0))
}

/// Bits 64 to 127 of a digest: the handle of an open file.
pub fn check(blob: &BlobId) -> u64 {
    word(&blob.0, 8)
}

/// Bits 128 to 159 of a digest: the generation of an inode, of which the kernel keeps 32 bits.
pub fn generation(blob: &BlobId) -> u64 {
    word(&blob.0, 16) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assigned_numbers_are_not_those_of_files() {
        for ino in [0, ROOT, BY_NAME, FIRST, FILE - 1] {
            assert!(file(ino).is_none(), "{ino}");
        }
    }

    #[test]
    fn a_files_number_encodes_the_prefix_of_its_digest() {
        for seed in 0u32..1000 {
            let blob = BlobId(Digest::of(&seed.to_le_bytes()));
            for executable in [false, true] {
                let (prefix, bit) = file(of_file(&blob, executable)).unwrap();
                assert_eq!(prefix.text(), blob.0.to_string()[..15]);
                assert_eq!(bit, executable);
            }
        }
    }
}
