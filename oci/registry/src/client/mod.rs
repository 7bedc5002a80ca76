//! The client for third-party registries: push and pull, with the credentials of container engines.
//!
//! `oci-client` was evaluated instead: it cannot resume an interrupted upload, and a cross-repository mount that a
//! registry declines leaves an upload open there.

mod coming;
mod credentials;
mod error;
mod pull;
mod push;
mod remote;
mod session;
#[cfg(test)]
mod tests;
mod upload;

pub use credentials::has_credentials;
pub use error::Error;
pub use pull::{BlobFile, Pulled, pull, pull_referrers};
pub use push::{Pushed, push};
pub use remote::{Remote, RemoteError};
pub use session::{Options, Purpose, Registry};

use std::io::Read;
use std::ops::Range;

use crate::name::Sha256Digest;

/// The source of the blobs to push.
pub trait Blobs {
    /// A range of a blob, to its end. Reading may fail at any point: what was read by then has been sent, and the rest
    /// is requested again.
    ///
    /// # Errors
    /// When the blob is not available.
    fn open(&self, digest: &Sha256Digest, bytes: Range<u64>) -> std::io::Result<Box<dyn Read + Send>>;
}
