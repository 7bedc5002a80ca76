//! Why a source could not be fetched.

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
        stele_store::is_no_space(&self.source)
    }
}

/// Why a mirror does not provide a source.
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
        "the SHA-256 differs: {expected} is pinned, {actual} was received; the file is saved for inspection as {}",
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
    #[error("it has {found} bytes, not {expected} as in the recipe")]
    Size {
        /// From the recipe.
        expected: u64,
        /// From the mirror, or the bytes received when the limit was exceeded.
        found: u64,
    },
    /// It exceeds the limit.
    #[error("it has more than {max} bytes, the limit for one source (`most-bytes`)")]
    TooLarge {
        /// The limit.
        max: u64,
    },
    /// The time for the whole source is over.
    #[error("it took longer than {seconds} s, the limit for one source (`total-seconds`)")]
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// The transfer stalled.
    #[error("no data for {seconds} s (`stall-seconds`)")]
    Stalled {
        /// The limit.
        seconds: u64,
    },
    /// The connection timed out.
    #[error("no connection within {seconds} s (`connect-seconds`)")]
    Connect {
        /// The limit.
        seconds: u64,
    },
    /// A file on this machine could not be read.
    #[error("{0}")]
    File(io::Error),
    /// The path does not name a file.
    #[error("not a regular file")]
    NoFile,
    /// An HTTP error.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An error of Debian's archives.
    #[error(transparent)]
    Debian(#[from] DebianError),
}

/// A mirror that failed.
#[derive(Debug)]
pub struct Tried {
    /// As the recipe writes it, and the address when that differs.
    pub mirror: String,
    /// The failure.
    pub failure: MirrorFailure,
}

/// Why a source could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError<E> {
    /// No mirror has it. The caller shows each failure.
    #[error("none of its mirrors has it")]
    Unavailable {
        /// The failures, in order.
        tried: Vec<Tried>,
    },
    /// It is not kept, and network access is disabled.
    #[error("it is not in the store, and network access is disabled")]
    Offline,
    /// The bytes match the pin, but not the SHA-512.
    #[error("its SHA-256 is the pin, but its SHA-512 is {actual}, not {expected} as in the recipe")]
    Sha512 {
        /// From the recipe.
        expected: Box<Sha512>,
        /// The actual digest.
        actual: Box<Sha512>,
    },
    /// The bytes match the pin, but not the stated size.
    #[error("its SHA-256 is the pin, but it has {actual} bytes, not {expected} as in the recipe")]
    Size {
        /// From the recipe.
        expected: u64,
        /// The actual size.
        actual: u64,
    },
    /// The bytes match the pin, but upstream's signature is not good.
    #[error("its SHA-256 is the pin, but {0}")]
    Signature(SignatureError),
    /// The signature could not be fetched.
    #[error("its signature {file} could not be fetched")]
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
    #[error("it could not be stored")]
    SourceStore(E),
}
