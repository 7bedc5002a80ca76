//! Bytes of cached blobs.

use std::io::{Read, Seek, SeekFrom};

use stele_store::model::{BlobId, Digest};
use stele_store::{CopyError, Name, ReadError, Store};

use super::{BlobName, CacheTerms, cached, set_aside};
use crate::failure::{Failure, Kind};
use crate::service::{Sink, lost_sink};

/// How many bytes are read at once.
const STEP: usize = 256 << 10;
/// How many bytes a small blob has at most.
const MAX_SMALL: u64 = 16 << 20;

/// Passes a part of a blob on; false when the store has no such blob. A whole one is compared with its digest, and the
/// failure of one that differs comes after its bytes.
pub(super) fn part(
    store: &Store,
    name: &BlobName,
    first: u64,
    length: u64,
    terms: &CacheTerms,
    sink: &mut dyn Sink,
) -> Result<bool, Failure> {
    let found = cached(store, std::slice::from_ref(name), terms)?;
    let Some((blob, row)) = found.into_iter().next().flatten() else { return Ok(false) };
    let mut reader = match store.open_blob(&blob) {
        Ok(reader) => reader,
        Err(ReadError::Quarantined { .. } | ReadError::Missing { .. } | ReadError::NoBlob { .. }) => {
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    if first == 0 && length >= row.size {
        reader.verified(|bytes| sink.bytes(bytes)).map_err(|error| match error {
            CopyError::Sink(error) => lost_sink(&error),
            CopyError::Read(error) => error.into(),
        })?;
        return Ok(true);
    }
    let unread = |error| Failure::io(&format!("blob {blob} cannot be read"), &error);
    reader.seek(SeekFrom::Start(first)).map_err(unread)?;
    let mut left = length.min(row.size.saturating_sub(first));
    let mut step = vec![0; STEP];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(STEP).min(STEP);
        let count = reader.read(&mut step[..most]).map_err(unread)?;
        if count == 0 {
            return Err(Failure::new(Kind::Corrupt, format!("blob {blob} is shorter than it was")));
        }
        sink.bytes(&step[..count]).map_err(|error| lost_sink(&error))?;
        left -= count as u64;
    }
    Ok(true)
}

/// Passes small blobs on, each compared with its digest before.
pub(super) fn all(
    store: &Store,
    names: &[BlobName],
    terms: &CacheTerms,
    sink: &mut dyn Sink,
) -> Result<Vec<Option<u64>>, Failure> {
    let mut sizes = Vec::with_capacity(names.len());
    for found in cached(store, names, terms)? {
        let bytes = match found {
            Some((blob, row)) if row.size <= MAX_SMALL => small(store, blob)?,
            _ => None,
        };
        if let Some(bytes) = &bytes {
            sink.bytes(bytes).map_err(|error| lost_sink(&error))?;
        }
        sizes.push(bytes.map(|bytes| bytes.len() as u64));
    }
    Ok(sizes)
}

/// Passes the result under a key on; false when there is none.
pub(super) fn result(
    store: &Store,
    key: &Digest,
    terms: &CacheTerms,
    sink: &mut dyn Sink,
) -> Result<bool, Failure> {
    let Some(blob) = store.cached_result(key)? else { return Ok(false) };
    let found = store.cache_blobs(&[Name::Blake3(blob)], terms.seconds)?;
    if found.iter().all(Option::is_none) {
        return Ok(false);
    }
    let Some(bytes) = small(store, blob)? else { return Ok(false) };
    sink.bytes(&bytes).map_err(|error| lost_sink(&error))?;
    Ok(true)
}

/// A blob's bytes, unless it is damaged or gone.
fn small(store: &Store, blob: BlobId) -> Result<Option<Vec<u8>>, Failure> {
    let mut bytes = Vec::new();
    let read =
        store.open_blob(&blob).and_then(|reader| reader.verified_by(|more| bytes.extend_from_slice(more)));
    match read {
        Ok(()) => Ok(Some(bytes)),
        Err(ReadError::CorruptBlob { .. }) => {
            set_aside(store, blob);
            Ok(None)
        }
        Err(ReadError::Quarantined { .. } | ReadError::Missing { .. } | ReadError::NoBlob { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
