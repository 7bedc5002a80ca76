//! The endpoint on a network: HTTP/1.1, with or without TLS, with bounds on connections, heads and time.

mod blob;
mod connection;
mod metrics;
mod past;
mod talk;
mod verified;

use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::endpoint::Unavailable;
use crate::name::{RepositoryName, Sha256Digest};
use crate::repository::Repository;

use talk::Talk;

pub use stele_listen::{Bound, Options, TlsError, bind, tls};

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

/// The next bytes of a blob.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// The bytes.
    Bytes(&'a [u8]),
    /// A part of a file, which has them.
    File {
        /// The file.
        file: &'a File,
        /// The offset of the first byte.
        offset: u64,
        /// The number of bytes.
        length: u64,
    },
}

/// Takes the next bytes of a blob.
pub type Taker<'a> = dyn FnMut(Piece<'_>) -> io::Result<()> + Send + 'a;

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

/// Serves images on a network until the process is told to end.
///
/// # Errors
/// When the process gets no threads or signal handlers.
pub fn run(bound: Bound, images: Arc<dyn Images>, options: Options) -> io::Result<()> {
    // One thread that queries the store and one that makes a blob, for each connection.
    let options = Options { threads: options.connections.saturating_mul(2), ..options };
    bound.run(&Talk::new(images), options)
}
