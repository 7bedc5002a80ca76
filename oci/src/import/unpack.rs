//! The bytes of a layer on their way in. What strangers packed meets no C.

use std::io::{self, BufRead, BufReader, Read};

use stele_archive::{compression_of, decompressed};

use crate::encode::Compression;

/// How `bytes` are packed, as they begin; what the media type says is not asked, since there are images in which it is
/// wrong.
pub(super) fn sniff(bytes: &mut impl BufRead) -> io::Result<Compression> {
    Ok(match compression_of(bytes.fill_buf()?) {
        Some(stele_archive::Compression::Gzip) => Compression::Gzip,
        Some(stele_archive::Compression::Zstd) => Compression::Zstd,
        _ => Compression::None,
    })
}

/// The bytes that are packed in `bytes`, to their very end: what stands behind the last member or frame is an error.
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
