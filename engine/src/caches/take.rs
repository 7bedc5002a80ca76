//! Stores blobs that were sent by a stranger, each compared with its name.

use std::fs::File;
use std::io::{self, Read};

use stele_store::model::{BlobId, Sha256};
use stele_store::{Caching, Keep, Progress, Session, Store, StreamError, Target, WriteError};

use super::{BlobName, CacheAnswer, Function, MAX_NAMES};
use crate::failure::store::cancelled;
use crate::failure::{Failure, Kind};
use crate::reference::from_wire;

/// Blobs of up to this many bytes are read into memory.
const SMALL: u64 = 1 << 20;

/// Stores the blobs that lie one after the other in the file at `from`: all of them or, if one is not what its name
/// says, none.
pub(super) fn take(
    store: &Store,
    from: &str,
    names: &[BlobName],
    caching: Caching,
    progress: &Progress,
) -> Result<CacheAnswer, Failure> {
    if names.len() > MAX_NAMES {
        let message = format!("{} blobs come at once, and at most {MAX_NAMES} may", names.len());
        return Err(Failure::new(Kind::Usage, message));
    }
    let unread = |error| Failure::io("the upload cannot be read", &error);
    let mut file = File::open(from_wire(from)?).map_err(unread)?;
    let session = store.session()?;
    let mut targets = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        progress.check().map_err(|_| cancelled())?;
        let (blob, size) = match add(&session, &mut (&mut file).take(name.size), name.size) {
            Err(StreamError::Read(error)) => return Err(unread(error)),
            Err(StreamError::Write(error)) => return Err(error.into()),
            Ok(added) => added,
        };
        let is_named = match name.function {
            Function::Blake3 => blob.0 == name.hash,
            Function::Sha256 => session.sha256(&blob)? == Some(Sha256::from_bytes(*name.hash.as_bytes())),
        };
        if !is_named || size != name.size {
            return Ok(CacheAnswer::Differs { at });
        }
        targets.push(Target::Blob(blob));
    }
    let keep = Keep { caching: Some(caching), ..Keep::default() };
    match session.finish(&targets, &keep) {
        Ok(_) => Ok(CacheAnswer::Taken {}),
        Err(WriteError::CacheFull { kept, coming, .. }) => Ok(CacheAnswer::Full { kept, coming }),
        Err(error) => Err(error.into()),
    }
}

fn add(session: &Session<'_>, bytes: &mut dyn Read, size: u64) -> Result<(BlobId, u64), StreamError> {
    if size > SMALL {
        return session.add_stream(bytes, false);
    }
    let mut small =
        Vec::with_capacity(usize::try_from(size).map_err(io::Error::other).map_err(StreamError::Read)?);
    bytes.read_to_end(&mut small).map_err(StreamError::Read)?;
    let blob = session.add_blob(&small, false)?;
    session.commit_if_full()?;
    Ok((blob, small.len() as u64))
}
