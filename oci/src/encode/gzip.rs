//! gzip: a member for each block. RFC 1952 §2.2: members may follow each other, and are one stream to a reader.

use std::io;

use libdeflater::{CompressionLvl, Compressor};

use super::Packer;

/// Block size in bytes: a multiple of deflate's window, so that cutting costs little.
pub(super) const BLOCK: usize = 1 << 20;
const LEVEL: i32 = 6;
pub(super) const ENCODER: &str = "gzip: libdeflate 1.26, level 6, members of 1048576 bytes";

pub(super) struct Gzip;

impl Packer for Gzip {
    fn block(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let level = CompressionLvl::new(LEVEL).map_err(|_| io::Error::other("no such level of deflate"))?;
        let mut compressor = Compressor::new(level);
        let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
        let length = compressor.gzip_compress(bytes, &mut packed).map_err(io::Error::other)?;
        packed.truncate(length);
        Ok(packed)
    }

    fn end(&self) -> io::Result<Vec<u8>> {
        // Empty output would not be a stream. After other members, this is an additional empty one.
        self.block(&[])
    }
}
