//! Why a source could not be had.

use std::io;
use std::path::PathBuf;

use stele_http::HttpError;
use stele_store::model::Sha256;

use super::debian::DebianError;
use super::signature::SignatureError;
use crate::source::{FileName, Sha512};

/// A failed operation on a file in the folder of downloads.
#[derive(Debug, thiserror::Error)]
#[error("{path} could not be {doing}: {source}")]
pub struct PartError {
    /// The file.
    pub path: PathBuf,
    /// The attempted operation: "written", "locked", …
    pub doing: &'static str,
    /// Why it failed.
    pub source: io::Error,
}

impl PartError {
    pub(super) fn new(path: impl Into<PathBuf>, doing: &'static str, source: impl Into<io::Error>) -> Self {
        Self { path: path.into(), doing, source: source.into() }
    }

    /// Whether the disk, or the quota, is full.
    pub fn is_no_space(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Why a mirror does not give a source.
#[derive(Debug, thiserror::Error)]
pub enum MirrorFailure {
    /// The alias is not configured.
    #[error("no alias `{name}` is configured")]
    NoAlias {
        /// The alias.
        name: String,
    },
    /// The bytes do not match the pin.
    #[error(
        "the SHA-256 differs: {expected} is pinned, {actual} came; the file is saved for inspection as {}",
        kept.display()
    )]
    Digest {
        /// The pin.
        expected: Sha256,
        /// The actual digest.
        actual: Sha256,
        /// Where they are.
        kept: PathBuf,
    },
    /// Its size differs from the recipe's.
    #[error("it has {found} bytes, and the recipe says {expected}")]
    Size {
        /// From the recipe.
        expected: u64,
        /// From the mirror, or the bytes received when the limit was exceeded.
        found: u64,
    },
    /// It is larger than anything that is fetched.
    #[error("it has more than {max} bytes, the most that is fetched (`most-bytes`)")]
    TooLarge {
        /// The bound.
        max: u64,
    },
    /// The time for the whole source is over.
    #[error("it took longer than {seconds} s, the most for one source (`total-seconds`)")]
    TooSlow {
        /// The bound.
        seconds: u64,
    },
    /// Nothing came for so long.
    #[error("nothing came for {seconds} s (`stall-seconds`)")]
    Stalled {
        /// The bound.
        seconds: u64,
    },
    /// No connection.
    #[error("no connection within {seconds} s (`connect-seconds`)")]
    Connect {
        /// The bound.
        seconds: u64,
    },
    /// A file on this machine could not be read.
    #[error("{0}")]
    File(io::Error),
    /// The path does not name a file.
    #[error("that is no regular file")]
    NoFile,
    /// See there.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// See there.
    #[error(transparent)]
    Debian(#[from] DebianError),
}

/// A mirror that failed.
#[derive(Debug)]
pub struct Tried {
    /// As the recipe writes it, and the address that was asked when it is another.
    pub mirror: String,
    /// What happened.
    pub failure: MirrorFailure,
}

/// Why a source could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError<E> {
    /// No mirror has it. The caller shows each failure.
    #[error("none of its mirrors has it")]
    Unavailable {
        /// What was tried, in that order.
        tried: Vec<Tried>,
    },
    /// It is not kept, and network access is disabled.
    #[error("it is not kept, and no network may be asked")]
    Offline,
    /// The bytes are those of the pin, but not of the SHA-512.
    #[error("its SHA-256 is the pin, but its SHA-512 is {actual}, and the recipe says {expected}")]
    Sha512 {
        /// From the recipe.
        expected: Box<Sha512>,
        /// The actual digest.
        actual: Box<Sha512>,
    },
    /// The bytes are those of the pin, but their number is another.
    #[error("its SHA-256 is the pin, but it has {actual} bytes, and the recipe says {expected}")]
    Size {
        /// From the recipe.
        expected: u64,
        /// How many there are.
        actual: u64,
    },
    /// The bytes are those of the pin, but upstream's signature is not good.
    #[error("its SHA-256 is the pin, but {0}")]
    Signature(SignatureError),
    /// The signature could not be had.
    #[error("its signature {file} could not be had")]
    SignatureFile {
        /// The signature's file name.
        file: FileName,
        /// Why.
        failure: Box<FetchError<E>>,
    },
    /// The folder of downloads.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The source could not be stored.
    #[error("it could not be kept")]
    SourceStore(E),
}
