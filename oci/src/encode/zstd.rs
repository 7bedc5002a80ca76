//! zstd: a frame for each block. RFC 8878 §3: frames may follow each other, and are one stream to a reader.

use std::io;

use super::Packer;

/// Block size in bytes: twice the window of the level.
pub(super) const BLOCK: usize = 4 << 20;
const LEVEL: i32 = 3;
pub(super) const ENCODER: &str = "zstd: libzstd 1.5.7, level 3, frames of 4194304 bytes";

pub(super) struct Zstd;

impl Packer for Zstd {
    fn block(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        zstd::bulk::compress(bytes, LEVEL)
    }

    fn end(&self) -> io::Result<Vec<u8>> {
        // Empty output would not be a stream. After other frames, this is an additional empty one.
        zstd::bulk::compress(&[], LEVEL)
    }
}
