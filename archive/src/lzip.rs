//! lzip, member by member: the crate's own reader allocates a dictionary of any size that a member requests.
//!
//! The lzip manual, "File format".

use std::io::{self, BufRead, Read};

use flate2::Crc;
use lzma_rust2::LzmaReader;

/// All members of an lzip stream.
pub(super) struct LzipMembers<R> {
    /// Between two members, the rest of the stream.
    rest: Option<Rest<R>>,
    /// Within one, its decoder.
    member: Option<LzmaReader<Rest<R>>>,
    crc: Crc,
    /// The number of bytes that the member yielded.
    given: u64,
    /// Maximum size of a dictionary in bytes.
    window: u64,
}

/// A stream after a decoder has read ahead and returned what it did not need.
struct Rest<R> {
    back: io::Cursor<Vec<u8>>,
    bytes: R,
    /// The number of bytes read of the member.
    read: u64,
}

impl<R: Read> Read for Rest<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.back.read(buffer)? {
            0 => self.bytes.read(buffer)?,
            count => count,
        };
        self.read += count as u64;
        Ok(count)
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<R: BufRead> LzipMembers<R> {
    pub(super) fn new(bytes: R, window: u64) -> Self {
        let rest = Rest { back: io::Cursor::new(Vec::new()), bytes, read: 0 };
        Self { rest: Some(rest), member: None, crc: Crc::new(), given: 0, window }
    }

    /// Begins the next member; returns whether there is one.
    fn begin(&mut self, mut rest: Rest<R>) -> io::Result<bool> {
        rest.read = 0;
        let mut magic = Vec::with_capacity(6);
        rest.by_ref().take(6).read_to_end(&mut magic)?;
        let &[b'L', b'Z', b'I', b'P', 1, code] = magic.as_slice() else {
            return if magic.is_empty() {
                Ok(false)
            } else {
                Err(damaged("a member does not begin with its magic"))
            };
        };
        // A power of two, less some of its sixteenths.
        let base = 1_u64.checked_shl(u32::from(code & 31)).unwrap_or(0);
        let dictionary = base - base / 16 * u64::from(code >> 5);
        if !(4 << 10..=512 << 20).contains(&dictionary) {
            return Err(damaged("a member's dictionary has an invalid size"));
        }
        if dictionary > self.window {
            return Err(damaged("a member's dictionary is larger than the allowed window"));
        }
        let dictionary = u32::try_from(dictionary).map_err(io::Error::other)?;
        // lzip fixes the three parameters of LZMA, and ends every member with a marker.
        self.member = Some(LzmaReader::new(rest, u64::MAX, 3, 0, 2, dictionary, None)?);
        (self.crc, self.given) = (Crc::new(), 0);
        Ok(true)
    }

    /// Compares the trailer of a member with its output.
    fn end(&mut self, member: LzmaReader<Rest<R>>) -> io::Result<Rest<R>> {
        let (mut rest, unused) = member.into_parts();
        rest.read -= unused.len() as u64;
        let at = usize::try_from(rest.back.position()).unwrap_or(usize::MAX);
        let before = rest.back.get_ref().get(at..).unwrap_or_default();
        rest.back = io::Cursor::new([&unused, before].concat());
        let mut trailer = [0; 20];
        rest.read_exact(&mut trailer)?;
        let crc = trailer[..4] == self.crc.sum().to_le_bytes();
        let size = trailer[4..12] == self.given.to_le_bytes();
        let length = trailer[12..] == rest.read.to_le_bytes();
        if !crc || !size || !length {
            return Err(damaged("a member's checksum or length is wrong"));
        }
        Ok(rest)
    }
}

impl<R: BufRead> Read for LzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(rest) = self.rest.take()
                && !self.begin(rest)?
            {
                return Ok(0);
            }
            let Some(mut member) = self.member.take() else { return Ok(0) };
            let count = member.read(buffer)?;
            if count > 0 {
                self.crc.update(&buffer[..count]);
                self.given += count as u64;
                self.member = Some(member);
                return Ok(count);
            }
            self.rest = Some(self.end(member)?);
        }
    }
}
