//! A stream within a stream: chunks with their lengths, and an empty one at the end.

use std::io::{self, Read, Write};

/// The maximum length of a chunk in bytes.
const MAX_CHUNK: usize = 1 << 20;
/// How much is read at once.
const STEP: usize = 256 << 10;

/// Copies all of `from` as chunks. A failure to read ends them as the end does: the stream says itself whether it is
/// whole.
///
/// # Errors
/// When `to` cannot be written.
pub(super) fn send(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut bytes = vec![0; STEP];
    loop {
        let count = match from.read(&mut bytes) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        let length = u32::try_from(count).map_err(io::Error::other)?;
        to.write_all(&length.to_le_bytes())?;
        to.write_all(&bytes[..count])?;
        if count == 0 {
            return to.flush();
        }
    }
}

/// Copies chunks up to their end into `to`.
///
/// # Errors
/// When they end early, one is malformed, or `to` cannot be written: then the rest is not read, however much it is.
pub(super) fn receive(from: &mut impl Read, mut to: impl Write) -> io::Result<()> {
    let mut bytes = vec![0; STEP];
    loop {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length == 0 {
            return Ok(());
        }
        if length > MAX_CHUNK {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a chunk of {length} bytes")));
        }
        let mut left = length;
        while left > 0 {
            let room = left.min(STEP);
            // What arrived of a chunk is passed on, even if its rest never comes.
            let count = match from.read(&mut bytes[..room]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            left -= count;
            to.write_all(&bytes[..count])?;
        }
    }
}
