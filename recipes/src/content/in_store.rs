//! Content in a store, while a session adds to it.

use std::io::{self, Read};

use stele_store::model::{BlobId, Tree, TreeId};
use stele_store::{CopyError, Progress, Session, Store, StreamError};

use super::{Content, ContentError, ScratchFile};

/// Content that is in a store, or being added to it by a session.
pub struct InStore<'a, 's> {
    store: &'s Store,
    session: &'a Session<'s>,
    progress: &'a Progress,
}

impl<'a, 's> InStore<'a, 's> {
    /// What `session` adds to `store`, and what `store` has. `progress` counts each added blob, and can
    /// cancel the work: the error is [`stele_store::Cancelled`] then.
    pub fn new(store: &'s Store, session: &'a Session<'s>, progress: &'a Progress) -> Self {
        Self { store, session, progress }
    }
}

fn content(error: impl std::error::Error + Send + Sync + 'static) -> ContentError {
    ContentError::new(error)
}

impl Content for InStore<'_, '_> {
    fn add_blob(&self, bytes: &mut dyn Read, executable: bool) -> Result<(BlobId, u64), ContentError> {
        self.progress.check().map_err(content)?;
        let (blob, size) = self.session.add_stream(bytes, executable).map_err(|error| match error {
            StreamError::Read(error) => error.into(),
            StreamError::Write(error) => content(error),
        })?;
        self.progress.add(1, size);
        Ok((blob, size))
    }

    fn blob(&self, id: &BlobId) -> Result<Vec<u8>, ContentError> {
        self.session.commit().map_err(content)?;
        let mut bytes = Vec::new();
        let read = self.store.open_blob(id).map_err(content)?.verified(|step| {
            bytes.extend_from_slice(step);
            Ok::<(), io::Error>(())
        });
        match read {
            Ok(()) => Ok(bytes),
            Err(CopyError::Read(error)) => Err(content(error)),
            Err(CopyError::Sink(error)) => Err(error.into()),
        }
    }

    /// The bytes are checked before the first of them is given.
    fn open_blob(&self, id: &BlobId) -> Result<Box<dyn Read + '_>, ContentError> {
        self.session.commit().map_err(content)?;
        match self.store.open_blob(id).map_err(content)?.verified(|_| Ok::<(), io::Error>(())) {
            Ok(()) => Ok(Box::new(self.store.open_blob(id).map_err(content)?)),
            Err(CopyError::Read(error)) => Err(content(error)),
            Err(CopyError::Sink(error)) => Err(error.into()),
        }
    }

    /// The store's own, which leaves the room that collections need.
    fn scratch(&self) -> Result<Box<dyn ScratchFile>, ContentError> {
        Ok(Box::new(self.store.scratch().map_err(content)?))
    }

    fn add_tree(&self, tree: &Tree) -> Result<(TreeId, u64), ContentError> {
        self.session.add_tree(tree).map_err(content)
    }

    fn tree(&self, id: &TreeId) -> Result<Tree, ContentError> {
        self.session.commit().map_err(content)?;
        self.store.tree(id).map_err(content)
    }
}
