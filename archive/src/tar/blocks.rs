//! A tar as blocks of 512 bytes.

use std::io::{self, Read};

use super::super::TarError;
use super::super::format::HEAD;
use super::TarReadError;

/// The rest of a tar.
pub(super) struct Blocks<R> {
    pub(super) bytes: R,
    /// The number of bytes read.
    pub(super) offset: u64,
}

/// What was read instead of a block.
#[expect(clippy::large_enum_variant, reason = "one lives at a time, on the stack")]
pub(super) enum Next {
    Block([u8; HEAD]),
    /// The bytes end inside of it.
    Partial,
    /// The bytes end before it.
    End,
}

impl<R: Read> Blocks<R> {
    pub(super) fn new(bytes: R) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Next> {
        let mut block = [0; HEAD];
        Ok(match self.fill(&mut block)? {
            0 => Next::End,
            HEAD => Next::Block(block),
            _ => Next::Partial,
        })
    }

    /// The next `size` bytes, without the padding of their last block, which is ignored.
    pub(super) fn bytes(&mut self, size: usize) -> Result<Vec<u8>, TarReadError> {
        let begin = self.offset;
        let mut bytes = Vec::new();
        let read = (&mut self.bytes).take(size as u64).read_to_end(&mut bytes)?;
        self.offset += read as u64;
        let padding = padding_of(size as u64);
        if read < size || self.skip(padding as u64)? < padding as u64 {
            return Err(TarReadError::Framing { offset: begin, why: TarError::Truncated });
        }
        Ok(bytes)
    }

    /// Skips `count` bytes; returns how many there were.
    pub(super) fn skip(&mut self, count: u64) -> io::Result<u64> {
        let skipped = io::copy(&mut (&mut self.bytes).take(count), &mut io::sink())?;
        self.offset += skipped;
        Ok(skipped)
    }

    /// Reads the rest of the bytes, which must be zeros.
    pub(super) fn expect_zeros(&mut self) -> Result<(), TarReadError> {
        let mut buffer = [0; 8 * HEAD];
        loop {
            let begin = self.offset;
            let count = self.fill(&mut buffer)?;
            if let Some(at) = buffer[..count].iter().position(|&byte| byte != 0) {
                let offset = begin + at as u64;
                return Err(TarReadError::Framing { offset, why: TarError::Trailing });
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Fills `buffer`; returns the number of bytes, less at the end.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.bytes.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.offset += filled as u64;
        Ok(filled)
    }
}

/// The number of bytes that pad the last block of `size` bytes.
pub(super) fn padding_of(size: u64) -> usize {
    let block = HEAD as u64;
    usize::try_from((block - size % block) % block).unwrap_or_default()
}
