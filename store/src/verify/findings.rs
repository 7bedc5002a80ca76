//! What a verification finds, and why it may stop.

use std::path::PathBuf;

use crate::db::{DbError, Target};
use crate::model::{DecodeTreeError, Digest, Sha256};
use crate::objects::FileError;
use crate::progress::Cancelled;

/// What is wrong with a blob or tree.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// The bytes have another digest.
    #[error("its bytes have the digest {actual}")]
    Corrupt {
        /// The digest of the bytes.
        actual: Digest,
    },
    /// The row is there, the payload is not.
    #[error("its payload is missing")]
    Missing,
    /// The payload cannot be read.
    #[error("its payload cannot be read: {message}")]
    Unreadable {
        /// Why.
        message: String,
    },
    /// It was found corrupt before, and was not stored again since.
    #[error("it is in quarantine since an earlier verification")]
    Quarantined,
    /// The bytes are right; size or SHA-256 in the row, or the way from SHA-256 to the blob, was not. Mended.
    #[error("its row had a wrong size or SHA-256; it was written anew")]
    Row,
    /// The digest is right, but the text is no tree.
    #[error("it is no canonical tree: {source}")]
    NotCanonical {
        /// What is wrong with it.
        source: DecodeTreeError,
    },
    /// Something that the tree names is not there.
    #[error("it names {missing}, which is not there")]
    Incomplete {
        /// What is missing.
        missing: Digest,
    },
    /// The way from a SHA-256 led to a blob that is not there, or has another SHA-256. Removed.
    #[error("a row led to it from the SHA-256 {sha256}, which is not its own; it was removed")]
    Stray {
        /// The SHA-256.
        sha256: Sha256,
    },
    /// An entry says another size than what it names has.
    #[error("its entry {name} says {said} bytes, and {digest} has {actual}")]
    Size {
        /// The entry's name, escaped.
        name: String,
        /// What it names.
        digest: Digest,
        /// What it says, in bytes.
        said: u64,
        /// What is, in bytes.
        actual: u64,
    },
    /// A root or lease keeps something that is not there.
    #[error("it is not there, and {holder} keeps it")]
    Dangling {
        /// The root or lease.
        holder: String,
    },
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// With what.
    pub target: Target,
    /// What.
    pub problem: Problem,
    /// Where its bytes were moved to.
    pub moved_to: Option<PathBuf>,
    /// Roots with the path below each at which it is used; the first few.
    pub used_by: Vec<String>,
}

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// Trees that were read.
    pub trees: u64,
    /// Blobs that were read.
    pub blobs: u64,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// What is wrong, trees first.
    pub findings: Vec<Finding>,
}

/// Why a verification stopped.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The watcher stopped it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Something could not be moved into quarantine.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}
