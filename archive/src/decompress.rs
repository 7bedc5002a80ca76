//! The compressions around an archive are taken off, one by one, while it is read.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::bzip2_streams::Bzip2Streams;
use super::format::{Detected, Format, HEAD, recognise};
use super::limits::{Decompressed, Gauge};
use super::lzip::LzipMembers;
use super::{Compression, UnpackError};

/// Between two decoders.
const BUFFER: usize = 64 << 10;

/// An archive without its compressions.
pub(super) struct Opened<'a> {
    pub(super) format: Format,
    /// What they were, from the outside in.
    pub(super) compressions: Vec<Compression>,
    pub(super) bytes: Box<dyn Read + 'a>,
}

/// Takes off what `bytes` are compressed with until an archive begins.
pub(super) fn open<'a>(mut bytes: Box<dyn Read + 'a>, gauge: &'a Gauge) -> Result<Opened<'a>, UnpackError> {
    let mut compressions = Vec::new();
    loop {
        let mut head = Vec::with_capacity(HEAD);
        let read = bytes.by_ref().take(HEAD as u64).read_to_end(&mut head);
        read.map_err(|error| gauge.reason(error))?;
        let seen = recognise(&head);
        let whole = Cursor::new(head).chain(bytes);
        match seen {
            Detected::Archive(format) => {
                let bytes = Box::new(BufReader::with_capacity(BUFFER, whole));
                return Ok(Opened { format, compressions, bytes });
            }
            Detected::Neither(seems) => return Err(UnpackError::NotAnArchive { compressions, seems }),
            Detected::Compressed(_) if compressions.len() == gauge.limits.nesting => {
                return Err(UnpackError::Nesting { max: gauge.limits.nesting });
            }
            Detected::Compressed(compression) => {
                compressions.push(compression);
                let bytes_inside = BufReader::with_capacity(BUFFER, whole);
                let decoder = decompressed(compression, bytes_inside, gauge.limits.window);
                bytes = Box::new(Decompressed { decoder, compression, gauge, offset: 0 });
            }
        }
    }
}

/// What is inside `bytes`, to their very end: what stands behind the last member, stream or frame is an error. A
/// decoder
/// looks back at most `window` bytes; `gzip` and `bzip2` cannot look back further than 1 MiB.
pub fn decompressed<'a>(
    compression: Compression,
    bytes: impl BufRead + 'a,
    window: u64,
) -> Box<dyn Read + 'a> {
    match compression {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(bytes)),
        Compression::Bzip2 => Box::new(Bzip2Streams::new(bytes)),
        Compression::Xz => {
            // The largest value would mean that there is no limit.
            let kib = u32::try_from(window / 1024).unwrap_or(u32::MAX - 1);
            Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, kib))
        }
        Compression::Lzip => Box::new(LzipMembers::new(bytes, window)),
        Compression::Zstd => Box::new(ZstdFrames::new(bytes, window)),
    }
}

/// All frames of a zstd stream: the crate's own reader stops behind the first, and compares no checksum.
struct ZstdFrames<R> {
    bytes: R,
    decoder: FrameDecoder,
    in_frame: bool,
    /// Bytes that the frame has given.
    given: u64,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(bytes: R, window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Self { bytes, decoder, in_frame: false, given: 0 }
    }

    /// Begins the next frame; whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.bytes.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.bytes) {
                Ok(()) => {
                    (self.in_frame, self.given) = (true, 0);
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.bytes.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// The frame is read: does it hold what its header and its end say?
    fn end(&mut self) -> io::Result<()> {
        self.in_frame = false;
        // The crate says 0 also when nothing is stated, so that a frame that states 0 may hold more.
        let stated = self.decoder.content_size();
        if stated != 0 && stated != self.given {
            return Err(io::Error::other("a frame is not as long as it says"));
        }
        let stated = self.decoder.get_checksum_from_data();
        if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("a frame's checksum is not that of its content"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame && !self.begin()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let blocks = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.bytes, blocks).map_err(io::Error::other)?;
            }
            let count = self.decoder.read(buffer)?;
            self.given += count as u64;
            if count > 0 {
                return Ok(count);
            }
            self.end()?;
        }
    }
}
