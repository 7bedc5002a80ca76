//! gzip: one member, whose deflate stream consists of independent blocks.

use std::io;

use miniz_oxide::DataFormat;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output};

use super::Packer;

/// Block size in bytes: a multiple of deflate's window, so that cutting costs little.
pub(super) const BLOCK: usize = 1 << 20;
const LEVEL: u8 = 6;
pub(super) const ENCODER: &str = "gzip: miniz_oxide 0.9.1, level 6, blocks of 1048576 bytes";

/// RFC 1952: magic, deflate, no flags, no time, no extra flags, and no particular operating system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// RFC 1951: an empty last block with fixed codes.
const LAST: [u8; 2] = [0x03, 0x00];

/// The trailer of a member.
#[derive(Default)]
pub(super) struct Gzip {
    crc: crc32fast::Hasher,
    /// Modulo 2³², as the format requires.
    length: u32,
}

impl Packer for Gzip {
    const COUNTS: bool = true;

    fn begin(&self) -> Vec<u8> {
        HEAD.to_vec()
    }

    fn block(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut deflate = Box::<CompressorOxide>::default();
        deflate.set_format_and_level(DataFormat::Raw, LEVEL);
        let mut packed = Vec::with_capacity(bytes.len() / 2);
        // A flush ends at a whole byte, so that blocks can be concatenated.
        let (status, taken) = compress_to_output(&mut deflate, bytes, TDEFLFlush::Sync, |part| {
            packed.extend_from_slice(part);
            true
        });
        match status {
            TDEFLStatus::Okay if taken == bytes.len() => Ok(packed),
            status => Err(io::Error::other(format!("deflate failed: {status:?}"))),
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        // A block is less than 4 GiB.
        self.length = self.length.wrapping_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }

    fn end(&self) -> io::Result<Vec<u8>> {
        let crc = self.crc.clone().finalize();
        Ok([&LAST[..], &crc.to_le_bytes(), &self.length.to_le_bytes()].concat())
    }
}
