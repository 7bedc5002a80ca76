//! A zip in a file without a name: what it holds is said at its end, and comes at its beginning.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::super::content::ScratchFile;
use super::super::limits::Gauge;
use super::super::{UnpackError, ZipError};

/// All bytes of a zip.
pub(super) struct Spool<'a> {
    file: BufReader<Box<dyn ScratchFile>>,
    pub(super) length: u64,
    pub(super) gauge: &'a Gauge,
}

impl<'a> Spool<'a> {
    /// Copies all of `bytes` to `file`, which is empty.
    pub(super) fn new(
        mut bytes: Box<dyn Read + '_>,
        mut file: Box<dyn ScratchFile>,
        gauge: &'a Gauge,
    ) -> Result<Self, UnpackError> {
        let length = copy(&mut *bytes, &mut file, gauge)?;
        Ok(Self { file: BufReader::with_capacity(64 << 10, file), length, gauge })
    }

    /// `length` bytes from `offset` on.
    pub(super) fn read_at(&mut self, offset: u64, length: u64) -> Result<Vec<u8>, UnpackError> {
        self.seek(offset)?;
        self.read(offset, length)
    }

    /// Lets the next read begin at `offset`. What was read ahead stays where it can.
    pub(super) fn seek(&mut self, offset: u64) -> Result<(), UnpackError> {
        let at = self.file.stream_position().map_err(UnpackError::Spool)?;
        let moved = match i64::try_from(i128::from(offset) - i128::from(at)) {
            Ok(by) => self.file.seek_relative(by),
            Err(_) => self.file.seek(SeekFrom::Start(offset)).map(drop),
        };
        moved.map_err(UnpackError::Spool)
    }

    /// The next `length` bytes, which begin at `offset`.
    pub(super) fn read(&mut self, offset: u64, length: u64) -> Result<Vec<u8>, UnpackError> {
        let mut bytes = Vec::new();
        self.file.by_ref().take(length).read_to_end(&mut bytes).map_err(UnpackError::Spool)?;
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(UnpackError::Zip { offset, why: ZipError::Record }),
        }
    }

    /// A reader of the next `length` bytes.
    pub(super) fn data(&mut self, length: u64) -> io::Take<&mut BufReader<Box<dyn ScratchFile>>> {
        self.file.by_ref().take(length)
    }
}

/// Like `io::copy`, but that it tells whose error it was.
fn copy(from: &mut dyn Read, to: &mut dyn io::Write, gauge: &Gauge) -> Result<u64, UnpackError> {
    let (mut buffer, mut length) = (vec![0; 64 << 10], 0);
    loop {
        let count = from.read(&mut buffer).map_err(|error| gauge.reason(error))?;
        if count == 0 {
            return Ok(length);
        }
        to.write_all(&buffer[..count]).map_err(UnpackError::Spool)?;
        length += count as u64;
    }
}
