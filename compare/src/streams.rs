//! Reading pieces of contents, and comparing them.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::meter::{Halt, Meter};
use super::report::Bound;
use super::{Bytes, ScratchFile};

pub(crate) const CHUNK: usize = 64 << 10;

/// A part of some bytes.
pub(crate) struct Window<'a> {
    bytes: &'a mut dyn Bytes,
    start: u64,
    length: u64,
    at: u64,
}

impl<'a> Window<'a> {
    /// `length` bytes from `start` on, or as many as there are.
    pub(crate) fn new(bytes: &'a mut dyn Bytes, start: u64, length: u64) -> io::Result<Self> {
        let end = bytes.seek(SeekFrom::End(0))?;
        let start = start.min(end);
        Ok(Self { bytes, start, length: length.min(end - start), at: 0 })
    }
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at);
        let max = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.bytes.seek(SeekFrom::Start(self.start.saturating_add(self.at)))?;
        let count = self.bytes.read(&mut buffer[..max])?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Reads until `buffer` is full or the bytes end.
pub(crate) fn fill(bytes: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match bytes.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// At most `max` bytes from `offset` on.
pub(crate) fn read_at(bytes: &mut dyn Bytes, offset: u64, max: u64) -> io::Result<Vec<u8>> {
    bytes.seek(SeekFrom::Start(offset))?;
    let mut read = Vec::new();
    bytes.take(max).read_to_end(&mut read)?;
    Ok(read)
}

/// Exactly `N` bytes from `offset` on.
pub(crate) fn exactly<const N: usize>(bytes: &mut dyn Bytes, offset: u64) -> io::Result<[u8; N]> {
    let mut read = [0; N];
    bytes.seek(SeekFrom::Start(offset))?;
    bytes.read_exact(&mut read)?;
    Ok(read)
}

pub(crate) fn length(bytes: &mut dyn Bytes) -> io::Result<u64> {
    bytes.seek(SeekFrom::End(0))
}

/// Whether both hold the same bytes.
pub(crate) fn same(meter: &mut Meter<'_>, a: &mut dyn Bytes, b: &mut dyn Bytes) -> Result<bool, Halt> {
    if length(a)? != length(b)? {
        return Ok(false);
    }
    a.rewind()?;
    b.rewind()?;
    let (mut before, mut after) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        meter.tick(2 * CHUNK as u64)?;
        let (m, n) = (fill(a, &mut before)?, fill(b, &mut after)?);
        if before[..m] != after[..n] {
            return Ok(false);
        }
        if m == 0 {
            return Ok(true);
        }
    }
}

/// What a reader gave, to be read from any place: in memory, or in a scratch file.
pub(crate) enum Spooled {
    Memory(Cursor<Vec<u8>>),
    File(Box<dyn ScratchFile>),
}

impl Read for Spooled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

impl Seek for Spooled {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => bytes.seek(to),
            Self::File(file) => file.seek(to),
        }
    }
}

/// Reads all of a reader. An error of the reader is given beside what came before it.
pub(crate) fn spool(
    meter: &mut Meter<'_>,
    from: &mut dyn Read,
) -> Result<(Spooled, Option<io::Error>), Halt> {
    // Where there is no room, the rest can still be compared.
    let no_room = |_: io::Error| Halt::Exhausted(Bound::Room);
    let (mut memory, mut file) = (Vec::new(), None);
    let mut buffer = vec![0; CHUNK];
    let error = loop {
        meter.tick(CHUNK as u64)?;
        let count = match from.read(&mut buffer) {
            Ok(0) => break None,
            Ok(count) => count,
            Err(error) => break Some(error),
        };
        if file.is_none() && memory.len() + count > meter.limits.memory {
            let make = meter.scratch.ok_or(Halt::Exhausted(Bound::Room))?;
            let mut made = make().map_err(no_room)?;
            made.write_all(&memory).map_err(no_room)?;
            (memory, file) = (Vec::new(), Some(made));
        }
        match &mut file {
            Some(file) => file.write_all(&buffer[..count]).map_err(no_room)?,
            None => memory.extend_from_slice(&buffer[..count]),
        }
    };
    let spooled = match file {
        Some(mut file) => {
            file.flush().map_err(no_room)?;
            Spooled::File(file)
        }
        None => Spooled::Memory(Cursor::new(memory)),
    };
    Ok((spooled, error))
}
