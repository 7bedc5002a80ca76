//! Where the bytes of files and the texts of trees are, while archives and patches make trees of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Read, Seek, Write};

use stele_store::model::{BlobId, Digest, Tree, TreeId};

/// Content could not be kept or found.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ContentError(#[from] Box<dyn Error + Send + Sync>);

impl ContentError {
    /// For an error of whatever keeps the content.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }

    /// What failed: of a store, one of its errors.
    pub fn inner(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl From<io::Error> for ContentError {
    fn from(error: io::Error) -> Self {
        Self(error.into())
    }
}

/// A file without a name, which is removed when it is dropped.
pub trait ScratchFile: Read + Write + Seek {}

impl<T: Read + Write + Seek> ScratchFile for T {}

/// Blobs and trees by their digests.
pub trait Content {
    /// Keeps all that can be read from `bytes`; its digest, and its length in bytes. An error of `bytes` is the
    /// source of the error, unchanged.
    ///
    /// # Errors
    /// When `bytes` cannot be read or it cannot be kept.
    fn add_blob(&self, bytes: &mut dyn Read, executable: bool) -> Result<(BlobId, u64), ContentError>;

    /// The bytes of a blob, checked.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    fn blob(&self, id: &BlobId) -> Result<Vec<u8>, ContentError>;

    /// The bytes of a blob as a reader, for one that may be large; checked too.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    fn open_blob(&self, id: &BlobId) -> Result<Box<dyn Read + '_>, ContentError> {
        Ok(Box::new(io::Cursor::new(self.blob(id)?)))
    }

    /// An empty scratch file, for an archive that cannot be read from its beginning on.
    ///
    /// # Errors
    /// When it cannot be made, for want of room or otherwise.
    fn scratch(&self) -> Result<Box<dyn ScratchFile>, ContentError>;

    /// Keeps a tree; its digest, and the length of its text in bytes. What it names has to be there.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn add_tree(&self, tree: &Tree) -> Result<(TreeId, u64), ContentError>;

    /// A tree.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    fn tree(&self, id: &TreeId) -> Result<Tree, ContentError>;
}

/// Content in memory: to look at what an archive or a patch makes without a store.
#[derive(Default)]
pub struct InMemory {
    blobs: RefCell<HashMap<BlobId, Vec<u8>>>,
    trees: RefCell<HashMap<TreeId, Tree>>,
}

fn absent(digest: Digest) -> ContentError {
    io::Error::new(io::ErrorKind::NotFound, format!("nothing is named {digest}")).into()
}

impl Content for InMemory {
    fn add_blob(&self, bytes: &mut dyn Read, _: bool) -> Result<(BlobId, u64), ContentError> {
        let mut all = Vec::new();
        bytes.read_to_end(&mut all)?;
        let (id, length) = (BlobId(Digest::of(&all)), all.len() as u64);
        self.blobs.borrow_mut().insert(id, all);
        Ok((id, length))
    }

    fn blob(&self, id: &BlobId) -> Result<Vec<u8>, ContentError> {
        self.blobs.borrow().get(id).cloned().ok_or_else(|| absent(id.0))
    }

    fn scratch(&self) -> Result<Box<dyn ScratchFile>, ContentError> {
        Ok(Box::new(tempfile::tempfile()?))
    }

    fn add_tree(&self, tree: &Tree) -> Result<(TreeId, u64), ContentError> {
        let id = tree.id();
        self.trees.borrow_mut().insert(id, tree.clone());
        Ok((id, tree.encode().len() as u64))
    }

    fn tree(&self, id: &TreeId) -> Result<Tree, ContentError> {
        self.trees.borrow().get(id).cloned().ok_or_else(|| absent(id.0))
    }
}
