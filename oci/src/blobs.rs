//! The blobs of an image, made on demand: what is exported, and what an endpoint would serve.

use std::collections::BTreeSet;
use std::io;

use stele_store::Progress;

use crate::content::Content;
use crate::document::sum;
use crate::encode::Compression;
use crate::layer::LayerReader;
use crate::measure::{StreamError, Sum, stream};
use crate::record::{ImageLayer, Record};

/// A blob, by what it is called.
#[derive(Clone, Copy, Debug)]
pub struct Blob<'a> {
    /// Its SHA-256 and size.
    pub sum: Sum,
    /// Where its bytes come from.
    pub source: BlobSource<'a>,
}

/// Where the bytes of a blob come from.
#[derive(Clone, Copy, Debug)]
pub enum BlobSource<'a> {
    /// They are here: a document.
    Document(&'a [u8]),
    /// They are made: a layer.
    Layer(&'a ImageLayer),
}

/// Why a blob could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// What was imported is not as this program writes layers.
    #[error(
        "the layer {origin} was imported, and its bytes cannot be made again from the files that were in it"
    )]
    Inexact {
        /// What the layer is called.
        origin: String,
    },
    /// What was made is not what it was before.
    #[error("the layer {origin} came to other bytes: sha256:{found}, and it has to be sha256:{wanted}")]
    Other {
        /// What the layer is called.
        origin: String,
        /// What came of it.
        found: stele_store::model::Sha256,
        /// What it was.
        wanted: stele_store::model::Sha256,
    },
    /// A layer could not be read.
    #[error("layer {origin}: {source}")]
    Stream {
        /// What the layer is called.
        origin: String,
        /// Why.
        source: StreamError,
    },
    /// Nobody takes it.
    #[error(transparent)]
    Sink(#[from] io::Error),
}

impl Record {
    /// All blobs, each once: of each image its layers, config and manifest, and the index.
    pub fn blobs(&self) -> Vec<Blob<'_>> {
        let mut seen = BTreeSet::new();
        let mut blobs = Vec::new();
        let mut add = |blob: Blob<'_>| seen.insert(*blob.sum.sha256.as_bytes());
        let document = |bytes| Blob { sum: sum(bytes), source: BlobSource::Document(bytes) };
        for image in self.images() {
            let layers = image.layers.iter();
            let layers = layers.map(|it| Blob { sum: it.measured.packed, source: BlobSource::Layer(it) });
            blobs.extend(
                layers.chain([document(&image.config), document(&image.manifest)]).filter(|it| add(*it)),
            );
        }
        blobs.extend(Some(document(self.document())).filter(|it| add(*it)));
        blobs
    }
}

impl Blob<'_> {
    /// Gives all bytes to `to`, and fails when they were not those that the blob's name says. Whoever takes them must
    /// not let anybody see them before.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub fn write<C: Content + ?Sized>(
        &self,
        content: &C,
        progress: &Progress,
        to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), BlobError> {
        match self.source {
            BlobSource::Document(bytes) => Ok(to(bytes)?),
            BlobSource::Layer(layer) => {
                write_layer(content, layer, layer.compression, self.sum, progress, to)
            }
        }
    }

    /// Gives `length` bytes from `offset` on to `to`, or as many as there are. They are not compared with anything:
    /// whoever has all of them does that. What lies before costs no reading of files when the layer is not packed.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub fn write_range<C: Content + ?Sized>(
        &self,
        content: &C,
        offset: u64,
        length: u64,
        progress: &Progress,
        to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), BlobError> {
        let layer = match self.source {
            BlobSource::Document(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let count = usize::try_from(length).map_or(rest.len(), |length| length.min(rest.len()));
                return Ok(to(&rest[..count])?);
            }
            BlobSource::Layer(layer) => layer,
        };
        check_exact(layer)?;
        let fails = |source| BlobError::Stream { origin: layer.origin.clone(), source };
        if layer.compression == Compression::None {
            let mut reader = LayerReader::unchecked(content, &layer.layer);
            reader.skip(offset).map_err(|e| fails(e.into()))?;
            let mut buffer = vec![0; 1 << 18];
            let mut left = length;
            while left > 0 {
                progress.check().map_err(|e| fails(e.into()))?;
                let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
                match reader.next(&mut buffer[..most]).map_err(|e| fails(e.into()))? {
                    0 => break,
                    count => {
                        to(&buffer[..count])?;
                        left -= count as u64;
                    }
                }
            }
            return Ok(());
        }
        let (mut skip, mut left, mut done) = (offset, length, length == 0);
        if done {
            return Ok(());
        }
        let outcome = stream(content, &layer.layer, layer.compression, progress, &mut |bytes| {
            let length = bytes.len() as u64;
            let before = skip.min(length);
            if before < length && left > 0 {
                let bytes = &bytes[usize::try_from(before).unwrap_or(0)..];
                let count = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                to(&bytes[..count])?;
                left -= count as u64;
            }
            skip -= before;
            done = left == 0;
            // There is no other way to tell the encoder that nobody wants the rest.
            if done { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
        });
        match outcome {
            Err(_) if done => Ok(()),
            other => other.map(drop).map_err(fails),
        }
    }
}

fn check_exact(layer: &ImageLayer) -> Result<(), BlobError> {
    if layer.exact { Ok(()) } else { Err(BlobError::Inexact { origin: layer.origin.clone() }) }
}

/// Gives the bytes of a layer, packed so, to `to`; they have to be `wanted`.
pub(crate) fn write_layer<C: Content + ?Sized>(
    content: &C,
    layer: &ImageLayer,
    compression: Compression,
    wanted: Sum,
    progress: &Progress,
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), BlobError> {
    check_exact(layer)?;
    let origin = || layer.origin.clone();
    let mut lost = None;
    let streamed = stream(content, &layer.layer, compression, progress, &mut |bytes| {
        to(bytes).map_err(|error| {
            let kind = error.kind();
            lost = Some(error);
            kind.into()
        })
    });
    if let Some(error) = lost {
        return Err(BlobError::Sink(error));
    }
    let found = streamed.map_err(|source| BlobError::Stream { origin: origin(), source })?;
    if found == wanted {
        return Ok(());
    }
    // Which file it is, a second look says: it compares each with its digest.
    let nothing = Progress::default();
    crate::measure::measure(content, &layer.layer, Compression::None, &nothing)
        .map_err(|source| BlobError::Stream { origin: origin(), source })?;
    Err(BlobError::Other { origin: origin(), found: found.sha256, wanted: wanted.sha256 })
}
