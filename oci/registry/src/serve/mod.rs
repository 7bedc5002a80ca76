//! The endpoint on a network: HTTP/1.1, with or without TLS, with bounds on connections, heads and time.

mod blob;
mod connection;
mod connections;
mod listener;
mod metrics;
mod past;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::Unavailable;
use crate::name::{RepositoryName, Sha256Digest};
use crate::repository::Repository;

pub use listener::{Bound, bind};
pub use tls::{TlsError, tls};

/// The served images. Calls block, and are made on threads that may block.
pub trait Images: Send + Sync + 'static {
    /// The sorted names of all images that can be served.
    ///
    /// # Errors
    /// When the store does not answer.
    fn names(&self) -> Result<Vec<String>, Unavailable>;

    /// Fails when the store does not answer. Reads no image.
    ///
    /// # Errors
    /// When it does not.
    fn alive(&self) -> Result<(), Unavailable>;

    /// An image as a repository, as it is now.
    ///
    /// # Errors
    /// When the store does not answer.
    fn repository(&self, name: &RepositoryName) -> Result<Option<Repository>, Unavailable>;

    /// Passes `length` bytes of a blob from `first` on to `to`, and ends early when `to` fails. They need not be
    /// compared with the blob's digest. While no bytes are ready, it passes empty slices now and then, to notice that
    /// the client is gone.
    ///
    /// # Errors
    /// When the bytes cannot be made, or `to` failed.
    fn blob(&self, wanted: &BlobRange<'_>, to: &mut Taker<'_>) -> Result<(), Broken>;

    /// Reports that the bytes of a blob did not match its digest; the store decides what to do.
    fn damaged(&self, repository: &Repository, digest: &Sha256Digest);
}

/// Takes the next bytes of a blob.
pub type Taker<'a> = dyn FnMut(&[u8]) -> io::Result<()> + Send + 'a;

/// A part of a blob.
#[derive(Clone, Copy, Debug)]
pub struct BlobRange<'a> {
    /// Its repository.
    pub repository: &'a Repository,
    /// Its digest.
    pub digest: &'a Sha256Digest,
    /// The first byte.
    pub first: u64,
    /// The number of bytes.
    pub length: u64,
}

/// A blob ended early; the log has the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken;

/// Limits and settings of an endpoint.
#[derive(Clone, Debug)]
pub struct Options {
    /// The maximum number of connections. Above it, idle ones are closed.
    pub connections: usize,
    /// How long a client may take to send the head of a request, and how long a connection may be idle.
    pub head: Duration,
    /// How long a client may read nothing of its answer.
    pub stall: Duration,
    /// How long answers in progress may go on during shutdown.
    pub grace: Duration,
    /// TLS, if enabled.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 128,
            head: Duration::from_secs(30),
            stall: Duration::from_secs(300),
            grace: Duration::from_secs(10),
            tls: None,
        }
    }
}
