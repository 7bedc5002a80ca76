//! The compressed bytes of a layer. No C code decodes untrusted input.

use std::io::{self, BufRead, BufReader, Read};

use stele_archive::{compression_of, decompressed};

use crate::encode::Compression;

/// The compression of `bytes`, from their magic number; the media type is ignored, since it is wrong in some images.
pub(super) fn sniff(bytes: &mut impl BufRead) -> io::Result<Compression> {
    Ok(match compression_of(bytes.fill_buf()?) {
        Some(stele_archive::Compression::Gzip) => Compression::Gzip,
        Some(stele_archive::Compression::Zstd) => Compression::Zstd,
        _ => Compression::None,
    })
}

/// The decompressed `bytes`, to their very end: anything after the last member or frame is an error.
pub(super) fn unpacked<'a>(
    mut bytes: impl BufRead + 'a,
    window: u64,
) -> io::Result<(Compression, Box<dyn Read + 'a>)> {
    let compression = sniff(&mut bytes)?;
    let reader = match compression {
        Compression::None => Box::new(bytes),
        Compression::Gzip => decompressed(stele_archive::Compression::Gzip, bytes, window),
        Compression::Zstd => decompressed(stele_archive::Compression::Zstd, bytes, window),
    };
    Ok((compression, reader))
}

/// A buffer before a decoder.
pub(super) fn buffered<R: Read>(reader: R) -> BufReader<R> {
    BufReader::with_capacity(256 << 10, reader)
}
