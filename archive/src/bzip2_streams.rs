//! All streams of a bzip2 file.

use std::io::{self, BufRead, Read};

use bzip2::{Decompress, Status};

/// So many streams may hold less than [`SMALL`] bytes on average. The decoder clears 3.6 MB for each, so that streams
/// of 14 bytes, which hold nothing, would keep it busy for ten seconds for each MB of them.
const MAX_SMALL: u64 = 1000;
const SMALL: u64 = 4096;

/// Like the crate's own reader of many streams, but that it counts them.
pub(super) struct Bzip2Streams<R> {
    bytes: R,
    stream: Option<Decompress>,
    streams: u64,
    /// How many bytes all streams gave.
    given: u64,
}

impl<R: BufRead> Bzip2Streams<R> {
    pub(super) fn new(bytes: R) -> Self {
        Self { bytes, stream: None, streams: 0, given: 0 }
    }
}

impl<R: BufRead> Read for Bzip2Streams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let input = self.bytes.fill_buf()?;
            let at_end = input.is_empty();
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None if at_end => return Ok(0),
                None => {
                    self.streams += 1;
                    if self.streams > MAX_SMALL + self.given / SMALL {
                        return Err(io::Error::other("it consists of too many small streams"));
                    }
                    self.stream.insert(Decompress::new(false))
                }
            };
            let (read, given) = (stream.total_in(), stream.total_out());
            let status = stream.decompress(input, buffer).map_err(io::Error::other)?;
            let count = |now: u64, before: u64| usize::try_from(now - before).map_err(io::Error::other);
            let (read, given) = (count(stream.total_in(), read)?, count(stream.total_out(), given)?);
            self.bytes.consume(read);
            self.given += given as u64;
            if status == Status::StreamEnd {
                self.stream = None;
            } else if at_end && given == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if given > 0 {
                return Ok(given);
            }
        }
    }
}
