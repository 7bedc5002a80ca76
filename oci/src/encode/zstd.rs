//! zstd: a frame for each block. RFC 8878 §3: frames may follow each other, and are one stream to a reader.

use std::io;

use super::Packer;

/// Bytes of a block: twice what the level looks back.
pub(super) const BLOCK: usize = 4 << 20;
const LEVEL: i32 = 3;
pub(super) const ENCODER: &str = "zstd: libzstd 1.5.7, level 3, frames of 4194304 bytes";

pub(super) struct Zstd;

impl Packer for Zstd {
    fn begin(&self) -> Vec<u8> {
        Vec::new()
    }

    fn block(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        zstd::bulk::compress(bytes, LEVEL)
    }

    fn count(&mut self, _: &[u8]) {}

    fn end(&self) -> io::Result<Vec<u8>> {
        // Nothing at all would be no stream. Of anything else this is an empty frame more, which has no bytes in it.
        zstd::bulk::compress(&[], LEVEL)
    }
}
