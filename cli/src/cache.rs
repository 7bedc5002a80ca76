//! The store as the cache that the Remote Execution API's endpoint serves. As for images, the network is in the
//! command's own process, which asks the daemon.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::{Mutex, PoisonError};

use tracing::{error, warn};

use stele::Request;
use stele::answers::Answer;
use stele::caches::{self, BlobName, CacheAnswer, CacheRequest, CacheTerms};
use stele::failure::{Failure, Kind};
use stele_archive::{Compression, decompressed};
use stele_reapi::{Cache, Digest, Function, Taker, Trouble};
use stele_store::model;
use stele_store::{NoRoom, require_room_for};

use crate::daemons::{self, Daemons, said};

/// How far back zstd may refer, in bytes: what its levels up to 19 do.
const WINDOW: u64 = 8 << 20;
/// How many bytes are decompressed at once.
const STEP: usize = 256 << 10;

/// The store's blobs, for other build programs.
pub struct Cached {
    daemons: Daemons,
    terms: CacheTerms,
}

impl Cached {
    /// What these daemons have.
    pub fn new(daemons: Daemons, terms: CacheTerms) -> Self {
        Self { daemons, terms }
    }

    fn ask(&self, ask: CacheRequest) -> Result<CacheAnswer, Trouble> {
        answered(self.daemons.ask(&Request::Cache { ask }).map_err(|failure| trouble(&failure))?)
    }

    /// Asks for bytes that fit in memory, from the beginning if a daemon ends.
    fn gather(&self, ask: &CacheRequest) -> Result<(CacheAnswer, Vec<u8>), Trouble> {
        let gathered = Mutex::new(Vec::new());
        let bytes = || gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let again = |_| {
            bytes().clear();
            Request::Cache { ask: ask.clone() }
        };
        let answer = self.daemons.stream(again, &mut |more| {
            bytes().extend_from_slice(more);
            Ok(())
        });
        let answer = answered(answer.map_err(|error| trouble_of(&error))?)?;
        Ok((answer, gathered.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    fn room(&self, bytes: u64) -> Result<(), Trouble> {
        let full = |none: NoRoom| Trouble::NoSpace(none.to_string());
        require_room_for(self.daemons.store(), bytes).map_err(full)
    }
}

fn answered(answer: Answer) -> Result<CacheAnswer, Trouble> {
    match answer {
        Answer::Cache(answer) => Ok(answer),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> Trouble {
    trouble(&crate::commands::unexpected())
}

fn trouble_of(error: &daemons::Trouble) -> Trouble {
    match error {
        daemons::Trouble::Untaken => Trouble::Gone,
        daemons::Trouble::Failure(failure) => trouble(failure),
    }
}

/// What a client is told of a failure: what it can do something about.
fn trouble(failure: &Failure) -> Trouble {
    match failure.kind {
        Kind::NoSpace => {
            warn!("{}", said(failure));
            Trouble::NoSpace(said(failure))
        }
        Kind::Corrupt => {
            error!("{}", said(failure));
            Trouble::Corrupt(failure.message.clone())
        }
        _ => {
            error!("{}", said(failure));
            Trouble::Unavailable
        }
    }
}

fn name(digest: &Digest) -> BlobName {
    let function = match digest.function {
        Function::Sha256 => caches::Function::Sha256,
        Function::Blake3 => caches::Function::Blake3,
    };
    BlobName { function, hash: model::Digest::from_bytes(digest.hash), size: digest.size }
}

fn names(digests: &[Digest]) -> Vec<BlobName> {
    digests.iter().map(name).collect()
}

impl Cache for Cached {
    fn has(&self, digests: &[Digest]) -> Result<Vec<bool>, Trouble> {
        match self.ask(CacheRequest::Has { names: names(digests), terms: self.terms })? {
            CacheAnswer::Has(has) if has.len() == digests.len() => Ok(has),
            _ => Err(unexpected()),
        }
    }

    fn read(&self, digest: &Digest, first: u64, length: u64, to: &mut Taker<'_>) -> Result<bool, Trouble> {
        let ask = |came| Request::Cache {
            ask: CacheRequest::Read {
                name: name(digest),
                first: first + came,
                length: length - came,
                terms: self.terms,
            },
        };
        match answered(self.daemons.stream(ask, to).map_err(|error| trouble_of(&error))?)? {
            CacheAnswer::Read(found) => Ok(found),
            _ => Err(unexpected()),
        }
    }

    fn read_all(&self, digests: &[Digest]) -> Result<Vec<Option<Vec<u8>>>, Trouble> {
        let ask = CacheRequest::ReadAll { names: names(digests), terms: self.terms };
        let (answer, bytes) = self.gather(&ask)?;
        let CacheAnswer::Sizes(sizes) = answer else { return Err(unexpected()) };
        let mut rest = bytes.as_slice();
        let mut take = |size: u64| {
            let (blob, behind) = rest.split_at_checked(usize::try_from(size).ok()?)?;
            rest = behind;
            Some(blob.to_vec())
        };
        let blob = |size: Option<u64>| size.map(|size| take(size).ok_or_else(unexpected)).transpose();
        if sizes.len() == digests.len() { sizes.into_iter().map(blob).collect() } else { Err(unexpected()) }
    }

    fn take(&self, content: &File, digests: &[Digest], key: Option<&[u8; 32]>) -> Result<(), Trouble> {
        let ask = CacheRequest::Take {
            // The client of the daemon opens it anew, and so from its beginning, each time that it asks.
            from: format!("/proc/self/fd/{}", content.as_raw_fd()),
            names: names(digests),
            key: key.map(|key| model::Digest::from_bytes(*key)),
            terms: self.terms,
        };
        match self.ask(ask)? {
            CacheAnswer::Taken {} => Ok(()),
            CacheAnswer::Differs { at } => Err(Trouble::Differs { at }),
            CacheAnswer::Full { kept, coming } => Err(Trouble::Full { kept, coming }),
            _ => Err(unexpected()),
        }
    }

    fn result(&self, key: &[u8; 32]) -> Result<Option<Vec<u8>>, Trouble> {
        let ask = CacheRequest::Result { key: model::Digest::from_bytes(*key), terms: self.terms };
        match self.gather(&ask)? {
            (CacheAnswer::Read(found), bytes) => Ok(found.then_some(bytes)),
            _ => Err(unexpected()),
        }
    }

    fn total(&self) -> Result<(u64, u64), Trouble> {
        match self.ask(CacheRequest::Total {})? {
            CacheAnswer::Total { blobs, bytes } => Ok((blobs, bytes)),
            _ => Err(unexpected()),
        }
    }

    fn admit(&self, size: u64) -> Result<(), Trouble> {
        // Once here and once in the store, which takes it only when it is whole.
        self.room(size.saturating_mul(2))?;
        if let (Some(max), true) = (self.terms.max_bytes, size > 0) {
            let (_, kept) = self.total()?;
            if kept.saturating_add(size) > max {
                return Err(Trouble::Full { kept, coming: size });
            }
        }
        Ok(())
    }

    fn scratch(&self) -> io::Result<File> {
        tempfile::tempfile_in(self.daemons.store())
    }

    fn unpack(&self, packed: File, size: u64) -> Result<File, Trouble> {
        let failed = |error: io::Error| Trouble::of_file(&error);
        let mut unpacked = self.scratch().map_err(failed)?;
        let mut bytes = decompressed(Compression::Zstd, BufReader::with_capacity(STEP, packed), WINDOW);
        let (mut step, mut came) = (vec![0; STEP], 0);
        loop {
            let count = bytes.read(&mut step).map_err(|error| Trouble::Packing(error.to_string()))?;
            if count == 0 {
                break;
            }
            came += count as u64;
            if came > size {
                return Err(Trouble::Differs { at: 0 });
            }
            self.room(0)?;
            unpacked.write_all(&step[..count]).map_err(failed)?;
        }
        if came == size { Ok(unpacked) } else { Err(Trouble::Differs { at: 0 }) }
    }
}
