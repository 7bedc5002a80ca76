//! The way to the registries of others: push and pull, with the credentials that engines use.
//!
//! `oci-client` was tried in its place: it cannot go on with an upload that broke, and a mount that a registry does not
//! grant leaves an upload open there.

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

pub use error::Error;
pub use pull::{BlobFile, Pulled, pull};
pub use push::{Pushed, push};
pub use remote::{Remote, RemoteError};
pub use session::{Options, Purpose, Registry};

use std::io::Read;
use std::ops::Range;

use crate::name::Sha256Digest;

/// Where the bytes of blobs come from that are pushed.
pub trait Blobs {
    /// Some bytes of a blob, to its end. Reading may fail as it likes: what was read so far stays sent, and the rest
    /// is asked for again.
    ///
    /// # Errors
    /// When there are none.
    fn open(&self, digest: &Sha256Digest, bytes: Range<u64>) -> std::io::Result<Box<dyn Read + Send>>;
}
