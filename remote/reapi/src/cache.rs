//! Where the blobs are.

use std::fs::File;
use std::io;

use tonic::Status;

use crate::digest::Digest;

/// Takes the next bytes of a blob; while there are none, an empty slice now and then, to see whether anybody waits.
pub type Taker<'a> = dyn FnMut(&[u8]) -> io::Result<()> + Send + 'a;

/// The blobs that are served. Calls block, and are made on threads that may block. Whatever is named by a call and is
/// there is kept for the cache's time from then on.
pub trait Cache: Send + Sync + 'static {
    /// Whether each blob is there and can be read, in their order.
    ///
    /// # Errors
    /// See [`Trouble`].
    fn has(&self, names: &[Digest]) -> Result<Vec<bool>, Trouble>;

    /// Passes `length` bytes of a blob from `first` on to `to`, and ends early when `to` fails. False when there is no
    /// such blob. The bytes of a whole blob are compared with its digest.
    ///
    /// # Errors
    /// See [`Trouble`].
    fn read(&self, name: &Digest, first: u64, length: u64, to: &mut Taker<'_>) -> Result<bool, Trouble>;

    /// Small blobs, in the order of their names; none of those that cannot be read.
    ///
    /// # Errors
    /// See [`Trouble`].
    fn read_all(&self, names: &[Digest]) -> Result<Vec<Option<Vec<u8>>>, Trouble>;

    /// Stores blobs that lie one after the other in a file: durably and all of them, or none. With a key, the last one
    /// is found by it.
    ///
    /// # Errors
    /// See [`Trouble`].
    fn take(&self, content: &File, names: &[Digest], key: Option<&[u8; 32]>) -> Result<(), Trouble>;

    /// The bytes of the result under a key.
    ///
    /// # Errors
    /// See [`Trouble`].
    fn result(&self, key: &[u8; 32]) -> Result<Option<Vec<u8>>, Trouble>;

    /// The number of blobs that are kept, and of their bytes.
    ///
    /// # Errors
    /// See [`Trouble`].
    fn total(&self) -> Result<(u64, u64), Trouble>;

    /// Whether there is room for a blob of that size, as far as can be told before it comes; of no size, whether there
    /// is room at all. That is asked often.
    ///
    /// # Errors
    /// See [`Trouble`].
    fn admit(&self, size: u64) -> Result<(), Trouble>;

    /// A file without a name for what is being uploaded.
    ///
    /// # Errors
    /// When it cannot be made.
    fn scratch(&self) -> io::Result<File>;

    /// Decompresses zstd into another such file, of at most `size` bytes.
    ///
    /// # Errors
    /// See [`Trouble`].
    fn unpack(&self, packed: File, size: u64) -> Result<File, Trouble>;
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Nobody waits for it any more.
    #[error("the client is gone")]
    Gone,
    /// A blob is not what its name says.
    #[error("the bytes do not match the digest")]
    Differs {
        /// Its place among the names.
        at: usize,
    },
    /// The quota does not allow it.
    #[error(
        "the cache keeps {kept} bytes, and {coming} more would exceed its quota; on its machine, `stele store gc` \
         removes what nobody asked about of late, or a larger `--quota` helps"
    )]
    Full {
        /// What is kept.
        kept: u64,
        /// What would be added.
        coming: u64,
    },
    /// The disk is full.
    #[error("the store's disk is full: {0}")]
    NoSpace(String),
    /// Stored bytes are damaged.
    #[error("{0}")]
    Corrupt(String),
    /// What was sent cannot be unpacked.
    #[error("it cannot be decompressed: {0}")]
    Packing(String),
    /// The store does not answer; why is for its owner's log.
    #[error("the store does not answer now")]
    Unavailable,
}

impl Trouble {
    /// The error of a file.
    pub fn of_file(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace(error.to_string()),
            _ => {
                tracing::error!("a file for an upload: {error}");
                Self::Unavailable
            }
        }
    }
}

impl From<Trouble> for Status {
    fn from(trouble: Trouble) -> Self {
        let text = trouble.to_string();
        match trouble {
            Trouble::Gone => Self::cancelled(text),
            Trouble::Differs { .. } | Trouble::Packing(_) => Self::invalid_argument(text),
            Trouble::Full { .. } | Trouble::NoSpace(_) => Self::resource_exhausted(text),
            Trouble::Corrupt(_) => Self::data_loss(text),
            Trouble::Unavailable => Self::unavailable(text),
        }
    }
}
