//! What a layer is called: its digests and sizes, found out once.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use stele_store::model::Sha256;
use stele_store::{Cancelled, Progress};

use crate::content::Content;
use crate::encode::{Compression, encode};
use crate::layer::{Layer, LayerError, LayerReader};

/// The SHA-256 of some bytes, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// Their SHA-256.
    pub sha256: Sha256,
    /// How many.
    pub size: u64,
}

/// What a layer is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Of its tar: the diffID, on which builders vote.
    pub plain: Sum,
    /// Of the packed bytes that go on their way.
    pub packed: Sum,
}

/// Why a layer could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The layer has no bytes.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// It could not be packed, or nobody took it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Hashes and counts what it passes on.
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

/// Hashes and counts what passes; fails beyond a bound, and when somebody asks to stop.
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

    /// Reads to the end; what all of it was.
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

/// Reads a layer; keeps the errors that a [`Read`] cannot say.
struct Watched<'a, 'c, C: ?Sized> {
    reader: LayerReader<'c, C>,
    hashing: Option<Hashing>,
    progress: &'a Progress,
    error: Option<StreamError>,
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
                self.error = Some(error);
                Err(io::Error::other(text))
            }
        }
    }
}

/// Finds out what a layer is called when it is packed so. Every file in it is compared with its digest.
///
/// # Errors
/// See [`StreamError`].
pub fn measure<C: Content + ?Sized>(
    content: &C,
    layer: &Layer,
    compression: Compression,
    progress: &Progress,
) -> Result<Measured, StreamError> {
    let reader = LayerReader::new(content, layer);
    // Unpacked, what is hashed on the way out is what was read.
    let plain = (compression != Compression::None).then(Hashing::new);
    let mut from = Watched { reader, hashing: plain, progress, error: None };
    let mut packed = Hashing::new();
    let outcome = encode(compression, &mut from, &mut |bytes| {
        packed.update(bytes);
        Ok(())
    });
    if let Some(error) = from.error {
        return Err(error);
    }
    outcome?;
    let packed = packed.finish();
    Ok(Measured { plain: from.hashing.map_or(packed, Hashing::finish), packed })
}

/// Gives the packed bytes of a layer to `to`; what they were. Files are not compared with their digests: who knows
/// what they have to be compares the whole.
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
    let mut from = Watched { reader, hashing: None, progress, error: None };
    let mut packed = Hashing::new();
    let outcome = encode(compression, &mut from, &mut |bytes| {
        packed.update(bytes);
        to(bytes)
    });
    match from.error {
        Some(error) => Err(error),
        None => Ok(outcome.map(|()| packed.finish())?),
    }
}
