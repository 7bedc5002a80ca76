//! The bytes of a layer on their way in: counted, hashed and unpacked. What strangers packed meets no C.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::encode::Compression;

/// How `bytes` are packed, as they begin; what the media type says is not asked, since there are images in which it is
/// wrong.
pub(super) fn sniff(bytes: &mut impl BufRead) -> io::Result<Compression> {
    Ok(match bytes.fill_buf()? {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        // A frame, or one that is skipped (RFC 8878 §3.1.2).
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    })
}

/// The bytes that are packed in `bytes`, to their very end: what stands behind the last member or frame is an error.
pub(super) fn unpacked<'a>(
    mut bytes: impl BufRead + 'a,
    window: u64,
) -> io::Result<(Compression, Box<dyn Read + 'a>)> {
    let compression = sniff(&mut bytes)?;
    let reader: Box<dyn Read + 'a> = match compression {
        Compression::None => Box::new(bytes),
        Compression::Gzip => Box::new(MultiGzDecoder::new(bytes)),
        Compression::Zstd => Box::new(Frames::new(bytes, window)),
    };
    Ok((compression, reader))
}

/// A buffer before a decoder.
pub(super) fn buffered<R: Read>(reader: R) -> BufReader<R> {
    BufReader::with_capacity(256 << 10, reader)
}

/// The frames of a zstd stream, one behind the other, each with its length and checksum compared.
struct Frames<R> {
    bytes: R,
    decoder: FrameDecoder,
    open: bool,
    given: u64,
}

impl<R: BufRead> Frames<R> {
    fn new(bytes: R, window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Self { bytes, decoder, open: false, given: 0 }
    }

    /// Begins the next frame that holds something. Whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        use FrameDecoderError::ReadFrameHeaderError as Header;
        loop {
            if self.bytes.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.init(&mut self.bytes) {
                Ok(()) => {
                    self.open = true;
                    self.given = 0;
                    return Ok(true);
                }
                Err(Header(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let mut skipped = (&mut self.bytes).take(length.into());
                    if io::copy(&mut skipped, &mut io::sink())? != u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.open = false;
        let length = self.decoder.content_size();
        // The crate says 0 for a frame that states no length.
        if length > 0 && length != self.given {
            return Err(io::Error::other("a frame has another length than it says"));
        }
        match self.decoder.get_checksum_from_data() {
            Some(stated) if self.decoder.get_calculated_checksum() != Some(stated) => {
                Err(io::Error::other("a frame has another checksum than it says"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !into.is_empty() {
            if !self.open && !self.advance()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.bytes, one).map_err(io::Error::other)?;
            }
            match self.decoder.read(into)? {
                0 => self.close()?,
                count => {
                    self.given += count as u64;
                    return Ok(count);
                }
            }
        }
        Ok(0)
    }
}
