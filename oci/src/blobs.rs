//! The blobs of an image, made on demand: what is exported, and what an endpoint would serve.

use std::collections::BTreeSet;
use std::io;

use stele_store::model::Digest;
use stele_store::{Cancelled, Progress, ReadError};

use crate::content::Content;
use crate::document::{digest_text, sum};
use crate::encode::Compression;
use crate::layer::LayerReader;
use crate::measure::{StreamError, Sum, stream};
use crate::record::{ImageLayer, Payload, Record};

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
    /// The store has them: what was attached.
    Payload(&'a Payload),
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
    /// What was attached cannot be read.
    #[error("what was attached, {digest}: {source}")]
    Payload {
        /// What the blob is called.
        digest: String,
        /// Why.
        source: ReadError,
    },
    /// Somebody stopped it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Nobody takes it.
    #[error(transparent)]
    Sink(#[from] io::Error),
}

impl Record {
    /// All blobs, each once: of each image its layers, config and manifest, the index, and what is attached.
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
        for referrer in &self.referrers {
            let payloads = referrer.payloads.iter();
            let payloads = payloads.map(|it| Blob { sum: it.sum, source: BlobSource::Payload(it) });
            blobs.extend(payloads.chain([document(&referrer.manifest)]).filter(|it| add(*it)));
        }
        blobs
    }
}

impl Blob<'_> {
    /// Bytes that have to be read, and perhaps packed, for it.
    pub fn work(&self) -> u64 {
        match self.source {
            BlobSource::Document(_) | BlobSource::Payload(_) => self.sum.size,
            BlobSource::Layer(layer) => layer.measured.plain.size,
        }
    }

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
            BlobSource::Payload(payload) => write_payload(content, payload, progress, to),
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
            BlobSource::Payload(payload) => {
                return read_payload(content, payload, (offset, length), progress, to);
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
                let max = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
                match reader.next(&mut buffer[..max]).map_err(|e| fails(e.into()))? {
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

/// Gives `length` bytes of a payload from `offset` on to `to`, or as many as there are.
fn read_payload<C: Content + ?Sized>(
    content: &C,
    payload: &Payload,
    (offset, length): (u64, u64),
    progress: &Progress,
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), BlobError> {
    let fails = |source| BlobError::Payload { digest: digest_text(&payload.sum.sha256), source };
    let from = content.blob(&payload.blob).map_err(fails)?;
    let (mut at, end) = (offset, offset.saturating_add(length).min(payload.sum.size));
    let mut buffer = vec![0; 1 << 18];
    while at < end {
        progress.check()?;
        let max = usize::try_from(end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        match from.read_at(at, &mut buffer[..max]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(count @ 1..) => {
                to(&buffer[..count])?;
                at += count as u64;
            }
            // Whatever the disk says: its bytes are not to be had.
            _ => return Err(fails(ReadError::Missing { id: payload.blob })),
        }
    }
    Ok(())
}

/// Gives all bytes of a payload to `to`; they have to be those that the store calls so.
fn write_payload<C: Content + ?Sized>(
    content: &C,
    payload: &Payload,
    progress: &Progress,
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), BlobError> {
    let mut hasher = blake3::Hasher::new();
    read_payload(content, payload, (0, u64::MAX), progress, &mut |bytes| {
        hasher.update(bytes);
        to(bytes)
    })?;
    let actual = Digest::from_bytes(*hasher.finalize().as_bytes());
    if actual == payload.blob.0 {
        return Ok(());
    }
    let (digest, id) = (digest_text(&payload.sum.sha256), payload.blob);
    Err(BlobError::Payload { digest, source: ReadError::CorruptBlob { id, actual } })
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

#[cfg(test)]
mod tests {
    use stele_store::model::Node;

    use super::*;
    use crate::content::in_memory::{InMemory, mixed};
    use crate::layer::Layer;
    use crate::measure::measure;
    use crate::rules::Rules;

    fn layer(memory: &mut InMemory, compression: Compression) -> ImageLayer {
        let (small, large) = (memory.file(b"hello\n", false), memory.file(&mixed(5_000_000), true));
        let root = memory.directory(vec![(b"large", large), (b"small", small)]);
        let Node::Directory { tree, .. } = root else { panic!("a directory") };
        let layer = Layer { epoch: 1, rules: Rules::default(), tree };
        let measured = measure(memory, &layer, compression, &Progress::default()).unwrap();
        ImageLayer { origin: "it".to_owned(), layer, compression, measured, exact: true }
    }

    #[test]
    fn a_range_of_a_blob_is_that_part_of_it() {
        for (_, compression) in Compression::ALL {
            let mut memory = InMemory::default();
            let layer = layer(&mut memory, *compression);
            let blob = Blob { sum: layer.measured.packed, source: BlobSource::Layer(&layer) };
            let progress = Progress::default();
            let mut whole = Vec::new();
            let mut keep = |bytes: &[u8]| {
                whole.extend_from_slice(bytes);
                Ok(())
            };
            blob.write(&memory, &progress, &mut keep).unwrap();
            assert_eq!(whole.len() as u64, blob.sum.size);
            let size = whole.len();
            for (offset, length) in [
                (0, 0),
                (0, 1),
                (0, size),
                (511, 2),
                (size / 2, 100_000),
                (size - 1, 10),
                (size, 1),
                (size + 9, 1),
            ] {
                let mut part = Vec::new();
                let mut keep = |bytes: &[u8]| {
                    part.extend_from_slice(bytes);
                    Ok(())
                };
                blob.write_range(&memory, offset as u64, length as u64, &progress, &mut keep).unwrap();
                let wanted = &whole[offset.min(size)..(offset + length).min(size)];
                assert!(part == wanted, "{compression:?}: {length} bytes from {offset}");
            }
        }
    }

    #[test]
    fn a_blob_that_comes_to_other_bytes_or_cannot_be_made_is_an_error() {
        let mut memory = InMemory::default();
        let mut layer = layer(&mut memory, Compression::None);
        let progress = Progress::default();
        let wrong = Sum { size: layer.measured.packed.size, sha256: stele_store::model::Sha256::of(b"") };
        let blob = Blob { sum: wrong, source: BlobSource::Layer(&layer) };
        let error = blob.write(&memory, &progress, &mut |_| Ok(())).unwrap_err();
        assert!(matches!(error, BlobError::Other { .. }), "{error}");
        let lost = |_: &[u8]| Err(io::ErrorKind::StorageFull.into());
        let error = blob.write(&memory, &progress, &mut { lost }).unwrap_err();
        assert!(matches!(&error, BlobError::Sink(e) if e.kind() == io::ErrorKind::StorageFull), "{error}");
        layer.exact = false;
        let blob = Blob { sum: wrong, source: BlobSource::Layer(&layer) };
        let error = blob.write(&memory, &progress, &mut |_| Ok(())).unwrap_err();
        assert!(matches!(error, BlobError::Inexact { .. }), "{error}");
        let error = blob.write_range(&memory, 0, 1, &progress, &mut |_| Ok(())).unwrap_err();
        assert!(matches!(error, BlobError::Inexact { .. }), "{error}");
    }
}
