//! The digests and sizes of a layer, computed once.

use std::cell::RefCell;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use stele_store::model::Sha256;
use stele_store::{Cancelled, Progress};

use crate::content::{Content, Take};
use crate::encode::{Compression, Sizes, encode, encode_part};
use crate::layer::{Layer, LayerError, LayerReader};

/// The SHA-256 and size of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// Their SHA-256.
    pub sha256: Sha256,
    /// Their number.
    pub size: u64,
}

/// The digests of a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Of its tar: the diffID, on which builders vote.
    pub plain: Sum,
    /// Of the compressed bytes that are transferred.
    pub packed: Sum,
}

/// Why a layer could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The bytes of the layer cannot be generated.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The user stopped it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Compression or the receiver failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Hashes and counts the bytes that it passes on.
pub(crate) struct Hashing {
    hasher: sha2::Sha256,
    size: u64,
}

impl Hashing {
    pub(crate) fn new() -> Self {
        Self { hasher: sha2::Sha256::new(), size: 0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> Sum {
        Sum { sha256: Sha256::from_bytes(self.hasher.finalize().into()), size: self.size }
    }
}

/// Hashes and counts the bytes that pass; fails beyond a limit, and when the user stops it.
pub(crate) struct Hashed<'a, R> {
    from: R,
    hashing: Hashing,
    passed: u64,
    max: u64,
    progress: Option<&'a Progress>,
}

impl<'a, R: Read> Hashed<'a, R> {
    pub(crate) fn new(from: R, max: u64, progress: Option<&'a Progress>) -> Self {
        Self { from, hashing: Hashing::new(), passed: 0, max, progress }
    }

    /// Reads to the end; returns the sum of all bytes.
    pub(crate) fn finish(mut self) -> io::Result<Sum> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(self.hashing.finish())
    }
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.hashing.update(&into[..count]);
        self.passed += count as u64;
        if self.passed > self.max {
            return Err(io::Error::other(format!("it has more than {} bytes", self.max)));
        }
        if let Some(progress) = self.progress {
            progress.check().map_err(io::Error::other)?;
            progress.add(0, count as u64);
        }
        Ok(count)
    }
}

/// Reads a layer; keeps the errors that [`Read`] cannot express.
struct Watched<'a, 'c, C: ?Sized> {
    reader: LayerReader<'c, C>,
    hashing: Option<Hashing>,
    progress: &'a Progress,
    error: &'a RefCell<Option<StreamError>>,
}

impl<C: Content + ?Sized> Read for Watched<'_, '_, C> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self
            .progress
            .check()
            .map_err(StreamError::from)
            .and_then(|()| self.reader.next(into).map_err(StreamError::from));
        match read {
            Ok(count) => {
                if let Some(hashing) = &mut self.hashing {
                    hashing.update(&into[..count]);
                }
                self.progress.add(0, count as u64);
                Ok(count)
            }
            Err(error) => {
                let text = error.to_string();
                self.error.replace(Some(error));
                Err(io::Error::other(text))
            }
        }
    }
}

/// Computes the digests of a layer with a compression. Every file in it is verified against its digest.
///
/// # Errors
/// See [`StreamError`].
pub fn measure<C: Content + ?Sized>(
    content: &C,
    layer: &Layer,
    compression: Compression,
    progress: &Progress,
) -> Result<Measured, StreamError> {
    measure_and(content, layer, compression, progress, &mut |_| {})
}

/// The same; what is transferred is passed on to `also`.
pub(crate) fn measure_and<C: Content + ?Sized>(
    content: &C,
    layer: &Layer,
    compression: Compression,
    progress: &Progress,
    also: &mut dyn FnMut(&[u8]),
) -> Result<Measured, StreamError> {
    let reader = LayerReader::new(content, layer);
    // Without compression, the hash of the output is that of the input.
    let plain = (compression != Compression::None).then(Hashing::new);
    let error = RefCell::new(None);
    let mut from = Watched { reader, hashing: plain, progress, error: &error };
    let mut packed = Hashing::new();
    let outcome = encode(compression, &mut from, &mut |bytes| {
        packed.update(bytes);
        also(bytes);
        Ok(())
    });
    if let Some(error) = error.take() {
        return Err(error);
    }
    outcome?;
    let packed = packed.finish();
    Ok(Measured { plain: from.hashing.map_or(packed, Hashing::finish), packed })
}

/// Passes the compressed bytes of a layer to `to`; returns their sum. Files are not verified against their digests: the
/// caller compares the whole.
///
/// # Errors
/// See [`StreamError`].
pub fn stream<C: Content + ?Sized>(
    content: &C,
    layer: &Layer,
    compression: Compression,
    progress: &Progress,
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Sum, StreamError> {
    let reader = LayerReader::unchecked(content, layer);
    let error = RefCell::new(None);
    let mut from = Watched { reader, hashing: None, progress, error: &error };
    let mut packed = Hashing::new();
    let outcome = encode(compression, &mut from, &mut |bytes| {
        packed.update(bytes);
        to(bytes)
    });
    match error.take() {
        Some(error) => Err(error),
        None => Ok(outcome.map(|()| packed.finish())?),
    }
}

/// The least number of bytes that are passed as a part of a file: a descriptor costs as much as copying some more.
const LEAST_OF_FILE: u64 = 128 << 10;
/// Bytes that are gathered before they are passed on.
const GATHERED: usize = 256 << 10;

/// Passes `length` bytes of a layer that is not compressed from `first` on to `to`, or as many as there are: of large
/// files not their bytes, but where they are. Nothing is verified.
///
/// # Errors
/// See [`StreamError`].
pub(crate) fn stream_files<C: Content + ?Sized>(
    content: &C,
    layer: &Layer,
    (first, length): (u64, u64),
    progress: &Progress,
    to: &mut dyn Take,
) -> Result<(), StreamError> {
    let mut reader = LayerReader::unchecked(content, layer);
    reader.skip(first)?;
    let (mut left, mut buffer, mut filled) = (length, vec![0; GATHERED], 0);
    loop {
        progress.check()?;
        let part = reader.next_file(LEAST_OF_FILE, left)?;
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(GATHERED - filled);
        let read = if part.is_some() { 0 } else { reader.next(&mut buffer[filled..filled + room])? };
        filled += read;
        left -= read as u64;
        if filled == GATHERED || (read == 0 && filled > 0) {
            to.bytes(&buffer[..filled])?;
            filled = 0;
        }
        match part {
            Some(part) => {
                let Some(file) = part.file() else {
                    return Err(io::Error::from(io::ErrorKind::NotFound).into());
                };
                to.file(file, part.offset, part.length)?;
                left -= part.length;
            }
            None if read == 0 => return Ok(()),
            None => {}
        }
    }
}

/// Passes `length` of the compressed bytes of a layer from `first` on to `to`, or as many as there are. Neither they
/// nor files are verified.
///
/// # Errors
/// See [`StreamError`].
pub(crate) fn stream_part<C: Content + ?Sized>(
    content: &C,
    layer: &Layer,
    compression: Compression,
    measured: &Measured,
    part: (u64, u64),
    progress: &Progress,
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), StreamError> {
    let error = RefCell::new(None);
    let open = |at: u64| -> io::Result<Box<dyn Read + '_>> {
        let mut reader = LayerReader::unchecked(content, layer);
        reader.skip(at).map_err(|failed| {
            let text = failed.to_string();
            error.replace(Some(failed.into()));
            io::Error::other(text)
        })?;
        Ok(Box::new(Watched { reader, hashing: None, progress, error: &error }))
    };
    let sizes = Sizes { plain: measured.plain.size, packed: measured.packed.size };
    let outcome = encode_part(compression, sizes, &open, part, to);
    match error.take() {
        Some(error) => Err(error),
        None => Ok(outcome?),
    }
}
