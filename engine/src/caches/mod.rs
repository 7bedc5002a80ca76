//! What an endpoint asks of this store that is a cache for other programs: which blobs it has, which are kept for a
//! while by the question; their bytes; to take blobs; and results, which are blobs that are found by a key.

mod read;
mod take;

use serde::{Deserialize, Serialize};

use stele_store::model::{BlobId, Digest, Sha256};
use stele_store::{BlobRow, Caching, Name, Progress, Store, Target};

use crate::failure::{Failure, Kind};
use crate::request::PathUse;
use crate::service::Sink;

/// How many blobs are named at once.
const MAX_NAMES: usize = 100_000;

/// What a hash is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// SHA-256.
    Sha256,
    /// BLAKE3, the store's own.
    Blake3,
}

/// A blob as others name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct BlobName {
    /// The hash function.
    pub function: Function,
    /// The hash, in hexadecimal digits.
    pub hash: Digest,
    /// The size in bytes.
    pub size: u64,
}

impl BlobName {
    fn name(&self) -> Name {
        match self.function {
            Function::Sha256 => Name::Sha256(Sha256::from_bytes(*self.hash.as_bytes())),
            Function::Blake3 => Name::Blake3(BlobId(self.hash)),
        }
    }
}

/// For how long and how much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CacheTerms {
    /// For at least so many seconds after it was last asked about.
    pub seconds: u64,
    /// All cached blobs have at most so many bytes.
    pub max_bytes: Option<u64>,
}

/// A request of such an endpoint. Paths are escaped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "cache", rename_all = "kebab-case")]
pub enum CacheRequest {
    /// Which of these blobs the store has; those are kept.
    Has {
        /// The blobs.
        names: Vec<BlobName>,
        /// For how long.
        terms: CacheTerms,
    },
    /// A part of a blob, as bytes before the answer. The blob is kept.
    Read {
        /// The blob.
        name: BlobName,
        /// The first byte.
        first: u64,
        /// How many bytes.
        length: u64,
        /// For how long.
        terms: CacheTerms,
    },
    /// Small blobs, one after the other as bytes before the answer. They are kept.
    ReadAll {
        /// The blobs.
        names: Vec<BlobName>,
        /// For how long.
        terms: CacheTerms,
    },
    /// The result under a key, as bytes before the answer. It is kept.
    Result {
        /// The key.
        key: Digest,
        /// For how long.
        terms: CacheTerms,
    },
    /// Store blobs: all of them, or none.
    Take {
        /// The file that they lie in, one after the other.
        from: String,
        /// Their names.
        names: Vec<BlobName>,
        /// The key under which the last one is found.
        key: Option<Digest>,
        /// For how long they are kept.
        terms: CacheTerms,
    },
    /// How much is cached.
    Total {},
}

impl CacheRequest {
    /// Like [`Request::paths_mut`](crate::Request::paths_mut).
    pub(crate) fn paths_mut(&mut self) -> Vec<(PathUse, &mut String)> {
        match self {
            Self::Take { from, .. } => vec![(PathUse::Read, from)],
            Self::Has { .. }
            | Self::Read { .. }
            | Self::ReadAll { .. }
            | Self::Result { .. }
            | Self::Total {} => Vec::new(),
        }
    }
}

/// An answer to a [`CacheRequest`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheAnswer {
    /// Whether the store has each blob, in their order.
    Has(Vec<bool>),
    /// Whether the part of a blob, or a result, was passed.
    Read(bool),
    /// How many bytes each small blob has, in their order; none of one that cannot be read.
    Sizes(Vec<Option<u64>>),
    /// All blobs are stored.
    Taken {},
    /// A blob is not what its name says, and nothing was stored.
    Differs {
        /// Its place among the names.
        at: usize,
    },
    /// There is no room for them in the quota, and nothing was stored.
    Full {
        /// How many bytes are cached.
        kept: u64,
        /// How many more there would be.
        coming: u64,
    },
    /// How much is cached.
    Total {
        /// Blobs.
        blobs: u64,
        /// Their bytes.
        bytes: u64,
    },
}

/// Answers a request.
///
/// # Errors
/// With a failure for the user.
pub(crate) fn run(
    store: &Store,
    request: CacheRequest,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<CacheAnswer, Failure> {
    match request {
        CacheRequest::Has { names, terms } => {
            Ok(CacheAnswer::Has(cached(store, &names, &terms)?.iter().map(Option::is_some).collect()))
        }
        CacheRequest::Read { name, first, length, terms } => {
            read::part(store, &name, first, length, &terms, sink).map(CacheAnswer::Read)
        }
        CacheRequest::ReadAll { names, terms } => {
            read::all(store, &names, &terms, sink).map(CacheAnswer::Sizes)
        }
        CacheRequest::Result { key, terms } => read::result(store, &key, &terms, sink).map(CacheAnswer::Read),
        CacheRequest::Take { from, names, key, terms } => {
            let caching = Caching { seconds: terms.seconds, key, max_bytes: terms.max_bytes };
            take::take(store, &from, &names, caching, progress)
        }
        CacheRequest::Total {} => {
            let total = store.cached_total()?;
            Ok(CacheAnswer::Total { blobs: total.blobs, bytes: total.bytes })
        }
    }
}

/// Those of the blobs that can be read and have the stated size, in the order of their names. They are kept.
fn cached(
    store: &Store,
    names: &[BlobName],
    terms: &CacheTerms,
) -> Result<Vec<Option<(BlobId, BlobRow)>>, Failure> {
    if names.len() > MAX_NAMES {
        let message = format!("{} blobs are named at once, and at most {MAX_NAMES} may be", names.len());
        return Err(Failure::new(Kind::Usage, message));
    }
    let asked: Vec<Name> = names.iter().map(BlobName::name).collect();
    let found = store.cache_blobs(&asked, terms.seconds)?;
    let has_size = |(found, name): (Option<(BlobId, BlobRow)>, &BlobName)| {
        found.filter(|(_, row)| row.size == name.size)
    };
    Ok(found.into_iter().zip(names).map(has_size).collect())
}

/// Moves a blob aside that was found damaged: the next question says that it is absent, and it can be sent again.
fn set_aside(store: &Store, blob: BlobId) {
    // If that fails, it is found damaged again.
    let _ = store.set_aside(Target::Blob(blob));
}
