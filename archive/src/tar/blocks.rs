//! A tar as the blocks of 512 bytes that it consists of.

use std::io::{self, Read};

use super::super::format::HEAD;
use super::super::limits::Gauge;
use super::super::{TarError, UnpackError};

/// The rest of a tar.
pub(super) struct Blocks<'a> {
    bytes: Box<dyn Read + 'a>,
    gauge: &'a Gauge,
    /// How many bytes were read.
    pub(super) offset: u64,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(bytes: Box<dyn Read + 'a>, gauge: &'a Gauge) -> Self {
        Self { bytes, gauge, offset: 0 }
    }

    /// The next block; none at the end of the bytes.
    pub(super) fn next(&mut self) -> Result<Option<[u8; HEAD]>, UnpackError> {
        let (mut block, begin) = ([0; HEAD], self.offset);
        match self.fill(&mut block)? {
            0 => Ok(None),
            HEAD => Ok(Some(block)),
            _ => Err(UnpackError::Tar { offset: begin, why: TarError::Truncated }),
        }
    }

    /// The next `size` bytes, and behind them what fills up their last block. What that holds nobody looks at.
    pub(super) fn bytes(&mut self, size: usize) -> Result<Vec<u8>, UnpackError> {
        let begin = self.offset;
        let mut bytes = Vec::new();
        let mut data = self.data(size as u64);
        data.read_to_end(&mut bytes).map_err(|error| self.gauge.reason(error))?;
        if bytes.len() < size || !self.skip_padding(size as u64)? {
            return Err(UnpackError::Tar { offset: begin, why: TarError::Truncated });
        }
        Ok(bytes)
    }

    /// A reader of the next `size` bytes.
    pub(super) fn data(&mut self, size: u64) -> Data<'_, 'a> {
        Data { blocks: self, left: size }
    }

    /// Skips what fills up the last block of `size` bytes; whether it was there.
    pub(super) fn skip_padding(&mut self, size: u64) -> Result<bool, UnpackError> {
        let mut padding = [0; HEAD];
        let length = padding_of(size);
        Ok(self.fill(&mut padding[..length])? == length)
    }

    /// Reads what is left, up to the end of the bytes: zeros.
    pub(super) fn expect_zeros(&mut self) -> Result<(), UnpackError> {
        let mut buffer = [0; 8 * HEAD];
        loop {
            let begin = self.offset;
            let count = self.fill(&mut buffer)?;
            if let Some(at) = buffer[..count].iter().position(|&byte| byte != 0) {
                return Err(UnpackError::Tar { offset: begin + at as u64, why: TarError::Trailing });
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Fills `buffer`; how many bytes there were for it.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.bytes.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => return Err(self.gauge.reason(error)),
            }
        }
        self.offset += filled as u64;
        Ok(filled)
    }
}

fn padding_of(size: u64) -> usize {
    let block = HEAD as u64;
    usize::try_from((block - size % block) % block).unwrap_or_default()
}

/// Bytes of an entry.
pub(super) struct Data<'b, 'a> {
    blocks: &'b mut Blocks<'a>,
    /// How many are to come.
    left: u64,
}

impl Read for Data<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.blocks.bytes.read(&mut buffer[..room])?;
        self.blocks.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}
