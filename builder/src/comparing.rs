//! What is in a store, compared by `stele-compare`.

use std::io;

use stele_compare::{
    Bytes, CompareError, Entry, Id, Limits, Options, Report, View, compare, compare_contents,
};
use stele_store::model::{BlobId, Digest, Node, TreeId};
use stele_store::{BlobReader, Cancelled, CopyError, Progress, ReadError, Store, WriteError};

/// Files of a tree are shown with these permissions, by whether they are executable.
const MODE: u32 = 0o444;
const EXECUTABLE: u32 = 0o555;

/// Why two things in a store could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum ComparingError {
    /// One cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Reading failed in a way that is not the store's.
    #[error("{path} cannot be read: {source}")]
    Other {
        /// The path, escaped.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// How two trees differ.
///
/// # Errors
/// When something in them cannot be read, or it is cancelled.
pub fn trees(
    store: &Store,
    before: &TreeId,
    after: &TreeId,
    limits: &Limits,
    progress: &Progress,
) -> Result<Report, ComparingError> {
    let view = OfStore { store, progress };
    let (before, after) = (id(&before.0), id(&after.0));
    within(store, limits, progress, |options| compare((&view, &before), (&view, &after), options))
}

/// How two blobs differ, which are called `name`.
///
/// # Errors
/// When one cannot be read, or it is cancelled.
pub fn blobs(
    store: &Store,
    name: &str,
    before: &BlobId,
    after: &BlobId,
    limits: &Limits,
    progress: &Progress,
) -> Result<Report, ComparingError> {
    let (mut before, mut after) = (verified(store, before, progress)?, verified(store, after, progress)?);
    within(store, limits, progress, |options| {
        compare_contents(name.as_bytes(), &mut before, &mut after, options)
    })
}

fn within(
    store: &Store,
    limits: &Limits,
    progress: &Progress,
    compare: impl FnOnce(Options<'_>) -> Result<Report, CompareError>,
) -> Result<Report, ComparingError> {
    let cancelled = || progress.check().is_err();
    let scratch = || match store.scratch() {
        Ok(file) => Ok(Box::new(file) as _),
        // A store that is read only has none; what needs one is left out.
        Err(WriteError::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        Err(error) => Err(io::Error::other(error)),
    };
    let options = Options { limits, cancelled: &cancelled, scratch: Some(&scratch) };
    compare(options).map_err(|error| match error {
        CompareError::Cancelled => ComparingError::Cancelled(Cancelled),
        CompareError::Read { path, source } => match source.downcast::<ReadError>() {
            Ok(error) => ComparingError::Read(error),
            Err(_) if progress.check().is_err() => ComparingError::Cancelled(Cancelled),
            Err(source) => ComparingError::Other { path, source },
        },
    })
}

/// A store as a [`View`]: an id is a digest.
struct OfStore<'a> {
    store: &'a Store,
    progress: &'a Progress,
}

fn id(digest: &Digest) -> Id {
    Id(digest.as_bytes().to_vec())
}

fn digest(id: &Id) -> io::Result<Digest> {
    let bytes = id.0.as_slice().try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(Digest::from_bytes(bytes))
}

impl View for OfStore<'_> {
    fn entries(&self, directory: &Id) -> io::Result<Vec<Entry>> {
        let tree = self.store.tree(&TreeId(digest(directory)?)).map_err(io::Error::other)?;
        let entries = tree.entries().iter().map(|(name, node)| {
            let (mode, node) = match node {
                Node::Directory { tree, .. } => (None, stele_compare::Node::Directory { id: id(&tree.0) }),
                Node::File { blob, size, executable } => {
                    let mode = if *executable { EXECUTABLE } else { MODE };
                    (Some(mode), stele_compare::Node::File { id: id(&blob.0), size: *size })
                }
                Node::Symlink { target } => {
                    (None, stele_compare::Node::Symlink { target: target.as_bytes().to_vec() })
                }
            };
            Entry { name: name.as_bytes().to_vec(), mode, owner: None, node }
        });
        Ok(entries.collect())
    }

    fn open(&self, file: &Id) -> io::Result<Box<dyn Bytes + '_>> {
        let blob = BlobId(digest(file)?);
        let reader = verified(self.store, &blob, self.progress).map_err(|error| match error {
            ComparingError::Read(error) => io::Error::other(error),
            error => io::Error::other(error),
        })?;
        Ok(Box::new(reader))
    }
}

/// Opens a blob whose bytes were found to be what its name says: they are read in any order, and again, and a damaged
/// blob must not be told as a difference.
fn verified(store: &Store, blob: &BlobId, progress: &Progress) -> Result<BlobReader, ComparingError> {
    store.open_blob(blob)?.verified(|_| progress.check()).map_err(|error| match error {
        CopyError::Read(error) => ComparingError::Read(error),
        CopyError::Sink(cancelled) => ComparingError::Cancelled(cancelled),
    })?;
    Ok(store.open_blob(blob)?)
}
