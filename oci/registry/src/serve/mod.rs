//! The endpoint on a network: HTTP/1.1, with or without TLS, bounded in connections, heads and patience.

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

/// What is served. Calls block, and are made on threads where that does no harm.
pub trait Images: Send + Sync + 'static {
    /// The names of all images that can be served, in order.
    ///
    /// # Errors
    /// When the store does not answer.
    fn names(&self) -> Result<Vec<String>, Unavailable>;

    /// Fails when the store does not answer. It looks at no image.
    ///
    /// # Errors
    /// Then.
    fn alive(&self) -> Result<(), Unavailable>;

    /// An image as a repository, as it is now.
    ///
    /// # Errors
    /// When the store does not answer.
    fn repository(&self, name: &RepositoryName) -> Result<Option<Repository>, Unavailable>;

    /// Gives `length` bytes of a blob from `first` on to `to`, and ends early when `to` fails. What it gives need not
    /// be compared with the blob's digest. While there is nothing to give, it gives nothing now and then, so that it
    /// hears when nobody waits any more.
    ///
    /// # Errors
    /// When they cannot be made, or `to` failed.
    fn blob(&self, wanted: &BlobRange<'_>, to: &mut Taker<'_>) -> Result<(), Broken>;

    /// The bytes of a blob were not those of its digest: what to do about that is the store's matter.
    fn damaged(&self, repository: &Repository, digest: &Sha256Digest);
}

/// Takes the next bytes of a blob.
pub type Taker<'a> = dyn FnMut(&[u8]) -> io::Result<()> + Send + 'a;

/// A part of a blob.
#[derive(Clone, Copy, Debug)]
pub struct BlobRange<'a> {
    /// In which repository.
    pub repository: &'a Repository,
    /// Which.
    pub digest: &'a Sha256Digest,
    /// The first byte.
    pub first: u64,
    /// How many.
    pub length: u64,
}

/// A blob ended before its end; why is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken;

/// How an endpoint is to behave.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most connections at once. When there are more, those that ask for nothing make room.
    pub connections: usize,
    /// How long a client may take for the head of a request, and how long a connection may have none.
    pub head: Duration,
    /// How long a client may take nothing of what it asked for.
    pub stall: Duration,
    /// How long answers that are under way may go on when the endpoint is told to end.
    pub grace: Duration,
    /// TLS, if there is any.
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
