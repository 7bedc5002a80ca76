//! Taking outputs from another store instead of building.
//!
//! Every byte is checked against the name by which it was asked for. That an output came of the action is what the
//! other store says, and is believed: whoever names a substituter trusts it (docs/threat-model.md).

use std::error::Error;
use std::io::Read;

use stele_store::model::{BlobId, DecodeTreeError, Digest, Node, Sha256, Tree, TreeId};
use stele_store::{
    Cancelled, Keep, Outputs, Progress, ReadError, Realisation, Session, Store, StreamError, Target,
    WriteError,
};

/// What a substituter gives when it gives nothing.
pub type Unavailable = Box<dyn Error + Send + Sync>;

/// Another store, which is asked before anything is built.
pub trait Substituter: Send + Sync {
    /// What a person calls it.
    fn name(&self) -> &str;

    /// What came there of the action with that digest; nothing when that is not known or not there any more.
    ///
    /// # Errors
    /// When it does not answer.
    fn realised(&self, of: &Digest) -> Result<Option<Realisation>, Unavailable>;

    /// What is remembered there to have come of what has that digest, an action or an unpacking or a merge, whether or
    /// not it is still there.
    ///
    /// # Errors
    /// When it does not answer.
    fn remembered(&self, of: &Digest) -> Result<Option<Outputs>, Unavailable>;

    /// The blob with that SHA-256, and its size, if it is there.
    ///
    /// # Errors
    /// When it does not answer.
    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, Unavailable>;

    /// The canonical text of a tree. Whoever asks checks it.
    ///
    /// # Errors
    /// When it has none, or does not answer.
    fn tree(&self, id: &TreeId) -> Result<Vec<u8>, Unavailable>;

    /// The bytes of a blob. Whoever asks checks them.
    ///
    /// # Errors
    /// When it has none, or does not answer.
    fn blob(&self, id: &BlobId) -> Result<Box<dyn Read>, Unavailable>;
}

/// Why nothing was taken from a substituter. What was meant to be taken is built.
#[derive(Debug, thiserror::Error)]
pub enum SubstituteError {
    /// It does not answer, or does not have what it said.
    #[error("{0}")]
    Unavailable(Unavailable),
    /// It gave something else.
    #[error("what it gives for {asked} is {given}")]
    Other {
        /// What was asked for.
        asked: Digest,
        /// What came.
        given: Digest,
    },
    /// It gave a text that is no tree.
    #[error("what it gives for the tree {tree} is none: {why}")]
    NoTree {
        /// Which.
        tree: TreeId,
        /// Why.
        why: DecodeTreeError,
    },
    /// It says that an action came to other outputs than it has.
    #[error("its outputs are not those of the action")]
    Outputs,
    /// This store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// This store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Its answer broke off.
    #[error("its answer broke off: {0}")]
    Broken(#[source] std::io::Error),
    /// Somebody stopped it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Takes what came of an action from `from`; nothing when it does not know. `names` are the outputs that the action
/// has. `keep` says under which circumstances it stays, given what came.
///
/// # Errors
/// See [`SubstituteError`].
pub(super) fn take(
    store: &Store,
    from: &dyn Substituter,
    of: &Digest,
    names: &[&str],
    keep: impl FnOnce(&Outputs, Option<BlobId>) -> Keep,
    progress: &Progress,
) -> Result<Option<Outputs>, SubstituteError> {
    let Some(Realisation { outputs, log, .. }) = from.realised(of).map_err(SubstituteError::Unavailable)?
    else {
        return Ok(None);
    };
    if !outputs.0.keys().map(String::as_str).eq(names.iter().copied()) {
        return Err(SubstituteError::Outputs);
    }
    let session = store.session()?;
    let taking = Taking { store, from, session: &session, progress };
    for tree in outputs.0.values() {
        taking.tree(tree)?;
    }
    // An output without its log is worth as much; the log is only asked for.
    let log = log.filter(|log| taking.blob(log, None, false).is_ok());
    let targets: Vec<Target> = outputs.0.values().map(|tree| Target::Tree(*tree)).collect();
    session.finish(&targets, &keep(&outputs, log))?;
    Ok(Some(outputs))
}

struct Taking<'a, 's> {
    store: &'s Store,
    from: &'a dyn Substituter,
    session: &'a Session<'s>,
    progress: &'a Progress,
}

impl Taking<'_, '_> {
    /// A tree and all that it names; no deeper than a tree can be.
    fn tree(&self, id: &TreeId) -> Result<(), SubstituteError> {
        self.progress.check()?;
        if self.store.has_tree(id)? {
            return Ok(());
        }
        let text = self.from.tree(id).map_err(SubstituteError::Unavailable)?;
        same(id.0, Digest::of(&text))?;
        let tree = Tree::decode(&text).map_err(|why| SubstituteError::NoTree { tree: *id, why })?;
        for (_, node) in tree.entries() {
            match node {
                Node::Directory { tree, .. } => self.tree(tree)?,
                Node::File { blob, size, executable } => self.blob(blob, Some(*size), *executable)?,
                Node::Symlink { .. } => {}
            }
        }
        self.session.add_tree(&tree)?;
        Ok(())
    }

    fn blob(&self, id: &BlobId, size: Option<u64>, executable: bool) -> Result<(), SubstituteError> {
        self.progress.check()?;
        // One that is there in another size, or damaged, is not what the tree names.
        if let Ok(info) = self.store.blob_info(id)
            && size.is_none_or(|size| size == info.size)
        {
            return Ok(());
        }
        let bytes = self.from.blob(id).map_err(SubstituteError::Unavailable)?;
        let mut bytes = bytes.take(size.map_or(u64::MAX, |size| size.saturating_add(1)));
        let (stored, length) =
            self.session.add_stream(&mut bytes, executable).map_err(|error| match error {
                StreamError::Read(error) => SubstituteError::Broken(error),
                StreamError::Write(error) => error.into(),
            })?;
        self.progress.add(1, length);
        same(id.0, stored.0)
    }
}

fn same(asked: Digest, given: Digest) -> Result<(), SubstituteError> {
    if asked == given { Ok(()) } else { Err(SubstituteError::Other { asked, given }) }
}
