//! The data of a zip entry, checked while they are read.

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::super::EntryError;

/// Reads an entry's data. At the end the length and the checksum match the stated ones, and no compressed byte is left,
/// or [`Data::fault`] has the reason.
pub(super) struct Data<R> {
    packed: R,
    /// `None` for stored data.
    inflate: Option<Decompress>,
    /// The number of bytes to come, and the checksum of all of them.
    left: u64,
    expected: u32,
    crc: Crc,
    ended: bool,
    pub(super) fault: Option<EntryError>,
}

impl<R: BufRead> Data<R> {
    pub(super) fn new(packed: R, deflated: bool, size: u64, crc: u32) -> Self {
        let inflate = deflated.then(|| Decompress::new(false));
        Self { packed, inflate, left: size, expected: crc, crc: Crc::new(), ended: false, fault: None }
    }

    fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(inflate) = &mut self.inflate else { return self.packed.read(buffer) };
        loop {
            let input = self.packed.fill_buf()?;
            let at_end = input.is_empty();
            let (read, given) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(input, buffer, FlushDecompress::None);
            let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or_default();
            self.packed.consume(count(inflate.total_in(), read));
            let given = count(inflate.total_out(), given);
            match status {
                Ok(Status::StreamEnd) => {
                    self.inflate = None;
                    // Anything left belongs to no entry.
                    self.ended = true;
                    return Ok(given);
                }
                Ok(Status::Ok | Status::BufError) if given > 0 => return Ok(given),
                Ok(Status::Ok | Status::BufError) if !at_end => {}
                _ => {
                    self.fault = Some(EntryError::Deflate);
                    return Err(io::Error::other("deflate"));
                }
            }
        }
    }

    /// Called when all bytes were read.
    fn end(&mut self) -> io::Result<usize> {
        let rest = self.packed.fill_buf()?.len();
        if self.left > 0 || rest > 0 {
            self.fault = Some(EntryError::Deflate);
        } else if self.crc.sum() != self.expected {
            self.fault = Some(EntryError::Crc { found: self.crc.sum(), expected: self.expected });
        }
        match self.fault {
            None => Ok(0),
            Some(_) => Err(io::Error::other("the entry is damaged")),
        }
    }
}

impl<R: BufRead> Read for Data<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = if self.ended { 0 } else { self.next(buffer)? };
        if count == 0 {
            self.ended = true;
            return self.end();
        }
        self.crc.update(&buffer[..count]);
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.fault = Some(EntryError::Deflate);
                return Err(io::Error::other("the entry is longer than stated"));
            }
        }
        Ok(count)
    }
}
