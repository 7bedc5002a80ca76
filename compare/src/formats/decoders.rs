//! Decompressors, all in Rust, bounded in memory. An input that makes no progress is interrupted when the time is over.

use std::io::{self, BufRead, BufReader, Read};
use std::time::Instant;

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::super::Bytes;
use super::super::meter::Meter;
use super::super::report::Format;

/// Between the source and a decoder: some thousand empty streams fit in, which take a second or two.
const BUFFER: usize = 8 << 10;

/// Ends when the time is over: a decoder may read for long without giving anything.
struct Timed<'a> {
    bytes: &'a mut dyn Bytes,
    deadline: Option<Instant>,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => self.bytes.read(buffer),
        }
    }
}

/// What is compressed in `bytes`.
pub(super) fn decoder<'a>(meter: &Meter<'_>, format: Format, bytes: &'a mut dyn Bytes) -> Box<dyn Read + 'a> {
    let bytes = BufReader::with_capacity(BUFFER, Timed { bytes, deadline: meter.deadline });
    let window = meter.limits.window;
    match format {
        Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(bytes)),
        Format::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(bytes)),
        Format::Xz => {
            // The largest value would mean that there is no limit.
            let kib = u32::try_from(window / 1024).unwrap_or(u32::MAX - 1);
            Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, kib))
        }
        Format::Zstd => Box::new(Frames::new(bytes, window)),
        _ => Box::new(flate2::bufread::DeflateDecoder::new(bytes)),
    }
}

/// All frames of a zstd stream: the crate's own reader stops behind the first.
struct Frames<R> {
    bytes: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(bytes: R, window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Self { bytes, decoder, in_frame: false }
    }

    /// Begins the next frame; whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.bytes.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.bytes) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut self.bytes.by_ref().take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
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
            if count > 0 {
                return Ok(count);
            }
            self.in_frame = false;
        }
    }
}
