//! Transports: how the bytes of a layer are compressed for transfer. What builders vote on never depends on them.
//!
//! A layer is cut into blocks of a fixed size, and each is compressed independently. So the compressed bytes depend
//! neither on the number of processors nor on how the input arrives, and a reader can begin at any block.

mod blocks;
mod gzip;
mod part;
mod zstd;

use std::io::{self, Read};
use std::num::NonZero;
use std::thread;

use serde::{Deserialize, Serialize};

use blocks::blocks;
pub(crate) use part::Sizes;
use part::{Open, Stream};

/// The compression of a layer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// None: no digest depends on an encoder.
    #[default]
    None,
    /// gzip (RFC 1952): supported by every reader of images.
    Gzip,
    /// zstd (RFC 8878): smaller and faster; readers before 2020 do not support it.
    Zstd,
}

impl Compression {
    /// All of them, with their names.
    pub const ALL: &[(&str, Self)] = &[("none", Self::None), ("gzip", Self::Gzip), ("zstd", Self::Zstd)];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(it, _)| *it == name).map(|(_, compression)| *compression)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }

    /// What the compressed bytes depend on besides the input: the encoder with its version and its settings.
    /// `Cargo.toml` pins the versions; the golden digests detect a change.
    pub fn encoder(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => gzip::ENCODER,
            Self::Zstd => zstd::ENCODER,
        }
    }

    fn block(self) -> usize {
        match self {
            Self::None => 1 << 20,
            Self::Gzip => gzip::BLOCK,
            Self::Zstd => zstd::BLOCK,
        }
    }
}

/// An encoder of streams.
trait Packer: Sync {
    /// One block, compressed. Several threads compress blocks at the same time.
    fn block(&self, bytes: &[u8]) -> io::Result<Vec<u8>>;
    /// The bytes after the last block.
    fn end(&self) -> io::Result<Vec<u8>>;
}

/// Compresses all of `from` into `to`.
///
/// # Errors
/// Those of `from` and `to`.
pub fn encode(
    compression: Compression,
    from: &mut dyn Read,
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    match compression {
        Compression::None => {
            let mut block = vec![0; compression.block()];
            loop {
                match fill(from, &mut block)? {
                    0 => return Ok(()),
                    count => to(&block[..count])?,
                }
            }
        }
        Compression::Gzip => pack(&gzip::Gzip, compression.block(), threads, from, to),
        Compression::Zstd => pack(&zstd::Zstd, compression.block(), threads, from, to),
    }
}

/// Compresses a layer of these sizes, of which `open` gives the bytes from an offset on, and passes `length` bytes of
/// the result from `first` on to `to`, or as many as there are.
///
/// # Errors
/// Those of `open` and `to`, and when there are not as many bytes as the sizes say.
pub(crate) fn encode_part<'a>(
    compression: Compression,
    sizes: Sizes,
    open: &'a Open<'a>,
    (first, length): (u64, u64),
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let block = compression.block();
    match compression {
        Compression::None => copy_part(&mut *open(first)?, length, to),
        Compression::Gzip => {
            Stream { packer: &gzip::Gzip, block, threads, sizes, open }.part(first, length, to)
        }
        Compression::Zstd => {
            Stream { packer: &zstd::Zstd, block, threads, sizes, open }.part(first, length, to)
        }
    }
}

fn pack<P: Packer>(
    packer: &P,
    block: usize,
    threads: usize,
    from: &mut dyn Read,
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut ended = false;
    let mut next = || {
        if ended {
            return Ok(None);
        }
        let mut bytes = vec![0; block];
        let count = fill(from, &mut bytes)?;
        bytes.truncate(count);
        ended = count < block;
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    };
    blocks(packer, threads, threads, &mut next, &mut |packed| to(packed).map(|()| true))?;
    to(&packer.end()?)
}

fn copy_part(
    from: &mut dyn Read,
    length: u64,
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let (mut buffer, mut left) = (vec![0; 1 << 18], length);
    while left > 0 {
        let max = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        match fill(from, &mut buffer[..max])? {
            0 => break,
            count => {
                to(&buffer[..count])?;
                left -= count as u64;
            }
        }
    }
    Ok(())
}

/// Reads until `block` is full or the input ends; returns the number of bytes.
pub(crate) fn fill(from: &mut dyn Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match from.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::content::in_memory::mixed;

    /// Yields its bytes a few at a time.
    struct Dripping<'a>(&'a [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn packed(compression: Compression, bytes: &[u8], drip: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut to = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        encode(compression, &mut Dripping(bytes, drip), &mut to).unwrap();
        out
    }

    fn unpacked_by(program: &str, bytes: &[u8]) -> Vec<u8> {
        let child = Command::new(program).arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|e| panic!("{program} is installed: {e}"));
        let mut stdin = child.stdin.take().unwrap();
        let bytes = bytes.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn other_decoders_read_the_compressed_bytes() {
        for length in [0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 9_000_001] {
            let bytes = mixed(length);
            for (compression, program) in [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd")] {
                let packed = packed(compression, &bytes, usize::MAX);
                assert!(unpacked_by(program, &packed) == bytes, "{program}, {length} bytes");
            }
            assert!(packed(Compression::None, &bytes, 7000) == bytes);
        }
    }

    #[test]
    fn neither_the_reader_nor_the_number_of_processors_changes_a_byte() {
        let bytes = mixed(9_000_001);
        for compression in [Compression::Gzip, Compression::Zstd] {
            let whole = packed(compression, &bytes, usize::MAX);
            assert!(packed(compression, &bytes, 4097) == whole);
            for threads in [1, 3] {
                let mut out = Vec::new();
                let mut to = |bytes: &[u8]| {
                    out.extend_from_slice(bytes);
                    Ok(())
                };
                let block = compression.block();
                let from = &mut &bytes[..];
                match compression {
                    Compression::Gzip => pack(&gzip::Gzip, block, threads, from, &mut to).unwrap(),
                    _ => pack(&zstd::Zstd, block, threads, from, &mut to).unwrap(),
                }
                assert!(out == whole, "{compression:?} with {threads} threads");
            }
        }
    }
}
