//! The findings of a verification, and its errors.

use std::path::PathBuf;

use crate::db::{DbError, Target};
use crate::model::{DecodeTreeError, Digest, Sha256};
use crate::objects::FileError;
use crate::progress::Cancelled;

/// A defect of a blob or tree.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// The bytes have another digest.
    #[error("its bytes have the digest {actual}")]
    Corrupt {
        /// The digest of the bytes.
        actual: Digest,
    },
    /// The row exists, the payload does not.
    #[error("its payload is missing")]
    Missing,
    /// The payload cannot be read.
    #[error("its payload cannot be read: {message}")]
    Unreadable {
        /// The cause.
        message: String,
    },
    /// It was found corrupt before, and has not been stored again since.
    #[error("it has been in quarantine since an earlier verification")]
    Quarantined,
    /// The bytes are right; the size or SHA-256 in the row, or the index entry by SHA-256, was not. Repaired.
    #[error("its row had a wrong size or SHA-256; it was rewritten")]
    Row,
    /// The digest is right, but the text is not a tree.
    #[error("it is not a canonical tree: {source}")]
    NotCanonical {
        /// The cause.
        source: DecodeTreeError,
    },
    /// The tree names something that is absent.
    #[error("it names {missing}, which is absent")]
    Incomplete {
        /// What is missing.
        missing: Digest,
    },
    /// The index entry of a SHA-256 named a blob that is absent or has another SHA-256. Removed.
    #[error("an index entry mapped the SHA-256 {sha256}, which is not its own, to it; the entry was removed")]
    Stray {
        /// The SHA-256.
        sha256: Sha256,
    },
    /// An entry states another size than that of its content.
    #[error("its entry {name} states {said} bytes, and {digest} has {actual}")]
    Size {
        /// The entry's name, escaped.
        name: String,
        /// The content's digest.
        digest: Digest,
        /// The stated size, in bytes.
        said: u64,
        /// The actual size, in bytes.
        actual: u64,
    },
    /// A root or lease keeps something that is absent.
    #[error("it is missing, and {holder} keeps it")]
    Dangling {
        /// The root or lease.
        holder: String,
    },
}

/// A defect found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The content.
    pub target: Target,
    /// The defect.
    pub problem: Problem,
    /// The path in quarantine, if it was moved.
    pub moved_to: Option<PathBuf>,
    /// Roots with the path below each at which it is used; the first few.
    pub used_by: Vec<String>,
}

/// The result of a verification.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// Trees that were read.
    pub trees: u64,
    /// Blobs that were read.
    pub blobs: u64,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// The defects, trees first.
    pub findings: Vec<Finding>,
    /// Whether the counts that were kept were wrong; they are right now.
    pub counts_corrected: bool,
}

/// Why a verification stopped.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The observer cancelled it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A file could not be moved into quarantine.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}
