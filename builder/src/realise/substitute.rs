//! Takes outputs from another store instead of building.
//!
//! Every byte is checked against the digest by which it was requested, and nothing received is larger or deeper
//! than what a build could have made. That an output belongs to the action is the other store's claim, and is
//! believed for the requested recipes: a user who names a substituter trusts it that far
//! (docs/threat-model.md). Its other claims are not recorded.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::error::Error;
use std::io::Read;

use stele_store::model::{BlobId, DecodeTreeError, Digest, MAX_DEPTH, Name, Node, Sha256, Tree, TreeId};
use stele_store::{
    Cancelled, Keep, Outputs, Progress, ReadError, Realisation, Session, Store, StreamError, Target,
    WriteError,
};

use super::elsewhere::{ElsewhereError, ElsewhereJob};
use super::holding::Holding;
use super::output;

/// The maximum text of the top directory of an output, in bytes. A parent states the length of those below.
const MAX_TREE_TEXT: u64 = 64 << 20;
/// The maximum size of a log that is taken along, in bytes.
const MAX_LOG: u64 = 256 << 20;

/// A substituter's failure to answer.
pub type Unavailable = Box<dyn Error + Send + Sync>;

/// Another store, which is asked before anything is built. Its answers may be malformed. Calls return shortly
/// after `progress` is cancelled.
pub trait Substituter: Send + Sync {
    /// The user's name for it.
    fn name(&self) -> &str;

    /// Whether it stopped answering: then it need not be asked again.
    fn is_gone(&self) -> bool;

    /// Its outputs of the action with that digest, and the log; `None` when it does not know them or has them
    /// no longer.
    ///
    /// # Errors
    /// When it does not answer.
    fn realised(&self, of: &Digest, progress: &Progress) -> Result<Option<Realisation>, Unavailable>;

    /// Its recorded outputs for that digest, of an action, an unpacking or a merge, whether or not it still has
    /// them.
    ///
    /// # Errors
    /// When it does not answer.
    fn remembered(&self, of: &Digest, progress: &Progress) -> Result<Option<Outputs>, Unavailable>;

    /// The blob with that SHA-256, and its size, if it has one.
    ///
    /// # Errors
    /// When it does not answer.
    fn source(&self, sha256: &Sha256, progress: &Progress) -> Result<Option<(BlobId, u64)>, Unavailable>;

    /// The evidence that it keeps about the action or request with that digest.
    ///
    /// # Errors
    /// When it does not answer.
    fn evidence(&self, _of: &Digest, _progress: &Progress) -> Result<Vec<String>, Unavailable> {
        Ok(Vec::new())
    }

    /// The canonical text of a tree, of at most `max` bytes. The caller checks it.
    ///
    /// # Errors
    /// When it is absent or longer, or the store does not answer.
    fn tree(&self, id: &TreeId, max: u64, progress: &Progress) -> Result<Vec<u8>, Unavailable>;

    /// The bytes of a blob, at most `max` of them. The caller checks them.
    ///
    /// # Errors
    /// When it is absent, or the store does not answer. The reader fails beyond `max`.
    fn blob<'a>(
        &'a self,
        id: &BlobId,
        max: u64,
        progress: &'a Progress,
    ) -> Result<Box<dyn Read + 'a>, Unavailable>;

    /// Has it run an action. It takes what that needs from this store, as far as it lacks it, and has the outputs
    /// afterwards.
    ///
    /// # Errors
    /// When it does not build for others or does not answer, or the build fails.
    fn run(&self, _job: &ElsewhereJob<'_>, _progress: &Progress) -> Result<(), ElsewhereError> {
        Err(ElsewhereError::Unavailable("it does not build for others".into()))
    }
}

/// Decides what is accepted of what substituters claim: before anything large of it is fetched.
pub trait Gate: Sync {
    /// Whether these are the outputs of the action or request with that digest; if not, why.
    ///
    /// # Errors
    /// With the reason, in words.
    fn accept(
        &self,
        of: &Digest,
        outputs: &Outputs,
        from: &dyn Substituter,
        progress: &Progress,
    ) -> Result<(), String>;
}

/// Why nothing was taken from a substituter. The recipe is built instead.
#[derive(Debug, thiserror::Error)]
pub enum SubstituteError {
    /// It does not answer, or lacks what it claimed to have.
    #[error("{0}")]
    Unavailable(Unavailable),
    /// It sent other content.
    #[error("it sent {given} for {asked}")]
    Other {
        /// The requested digest.
        asked: Digest,
        /// The digest sent.
        given: Digest,
    },
    /// It sent a text that is not a tree.
    #[error("what it sent for the tree {tree} is not a tree: {why}")]
    NoTree {
        /// The tree.
        tree: TreeId,
        /// The cause.
        why: DecodeTreeError,
    },
    /// The size differs from that in the directory.
    #[error("{of} has {found} bytes, and its directory states {wanted}")]
    Size {
        /// The digest.
        of: Digest,
        /// The actual size.
        found: u64,
        /// The stated size.
        wanted: u64,
    },
    /// It sends endlessly nested directories.
    #[error("its output is nested deeper than {MAX_DEPTH} directories")]
    Deep,
    /// It sends more than a build may make.
    #[error("its outputs are larger than {} GiB", output::MAX_BYTES >> 30)]
    Large,
    /// It lists other outputs than the action names.
    #[error("its outputs are not those of the action")]
    Outputs,
    /// The policy of the request does not accept it.
    #[error("the policy does not accept its output: {0}")]
    NotAccepted(String),
    /// It lists other outputs than this store got when it ran the action.
    #[error("it has {given} for the output {output}, which was {own} when built here")]
    Contradicts {
        /// The name of the output.
        output: String,
        /// The output built here.
        own: TreeId,
        /// The output that it lists.
        given: TreeId,
    },
    /// The store refuses one of its trees.
    #[error("{0}")]
    Refused(#[source] WriteError),
    /// This store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// This store cannot be written.
    #[error(transparent)]
    Write(WriteError),
    /// Its answer was cut off.
    #[error("its answer was cut off: {0}")]
    Broken(#[source] std::io::Error),
    /// The request was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<WriteError> for SubstituteError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Incomplete { .. }
            | WriteError::Size { .. }
            | WriteError::Deep { .. }
            | WriteError::Large { .. } => Self::Refused(error),
            _ => Self::Write(error),
        }
    }
}

/// A request to a substituter.
pub(super) struct Query<'a> {
    /// The digest of an action.
    pub of: &'a Digest,
    /// The names of its outputs.
    pub names: &'a [&'a str],
    /// Its outputs when this store ran it, if it did.
    pub own: Option<&'a Outputs>,
    /// Holds what is taken.
    pub holding: &'a Holding,
    /// Decides whether it may be taken.
    pub gate: Option<&'a dyn Gate>,
}

/// Takes the outputs of an action from `from`; `None` when it does not know them. `keep` returns what else is
/// recorded, given the outputs and the log.
///
/// # Errors
/// See [`SubstituteError`].
pub(super) fn take(
    store: &Store,
    from: &dyn Substituter,
    wanted: &Query<'_>,
    keep: impl FnOnce(&Outputs, Option<BlobId>) -> Keep,
    progress: &Progress,
) -> Result<Option<Outputs>, SubstituteError> {
    let realised = from.realised(wanted.of, progress).map_err(SubstituteError::Unavailable)?;
    let Some(Realisation { outputs, log, .. }) = realised else { return Ok(None) };
    if !outputs.0.keys().map(String::as_str).eq(wanted.names.iter().copied()) {
        return Err(SubstituteError::Outputs);
    }
    for (output, given) in &outputs.0 {
        if let Some(own) = wanted.own.and_then(|own| own.0.get(output)).filter(|own| *own != given) {
            return Err(SubstituteError::Contradicts { output: output.clone(), own: *own, given: *given });
        }
    }
    if let Some(gate) = wanted.gate {
        gate.accept(wanted.of, &outputs, from, progress).map_err(SubstituteError::NotAccepted)?;
    }
    let session = store.session()?;
    let taking =
        Taking { store, from, session: &session, progress, done: RefCell::default(), bytes: Cell::new(0) };
    for tree in outputs.0.values() {
        taking.tree(tree)?;
    }
    // An output without its log is as good; a missing log is no failure.
    let log = log.filter(|log| taking.blob(log, None, false).is_ok());
    progress.check()?;
    let targets: Vec<Target> = outputs.0.values().map(|tree| Target::Tree(*tree)).collect();
    targets.iter().for_each(|target| wanted.holding.reserve(*target));
    session.finish(&targets, &keep(&outputs, log))?;
    Ok(Some(outputs))
}

struct Taking<'a, 's> {
    store: &'s Store,
    from: &'a dyn Substituter,
    session: &'a Session<'s>,
    progress: &'a Progress,
    /// Trees that were taken: one that occurs at many paths is taken once.
    done: RefCell<HashSet<TreeId>>,
    /// The number of received bytes.
    bytes: Cell<u64>,
}

/// A tree whose entries are being taken.
struct Opened {
    tree: Tree,
    /// The index of the next entry.
    next: usize,
}

impl Taking<'_, '_> {
    /// Takes a tree and all that it names. With an explicit stack: what arrives may be nested to any depth.
    fn tree(&self, root: &TreeId) -> Result<(), SubstituteError> {
        let mut stack: Vec<Opened> = self.opened(root, None)?.into_iter().collect();
        while let Some(top) = stack.last_mut() {
            let entry: Option<&(Name, Node)> = top.tree.entries().get(top.next);
            let entry = entry.map(|(_, node)| node.clone());
            top.next += 1;
            match entry {
                Some(Node::Directory { tree, size }) => {
                    if let Some(opened) = self.opened(&tree, Some(size))? {
                        if stack.len() > MAX_DEPTH {
                            return Err(SubstituteError::Deep);
                        }
                        stack.push(opened);
                    }
                }
                Some(Node::File { blob, size, executable }) => self.blob(&blob, Some(size), executable)?,
                Some(Node::Symlink { .. }) => {}
                None => {
                    if let Some(Opened { tree, .. }) = stack.pop() {
                        self.session.add_tree(&tree)?;
                        self.done.borrow_mut().insert(tree.id());
                    }
                }
            }
        }
        Ok(())
    }

    /// A tree that is still to be taken; `None` when the store has all of it.
    fn opened(&self, id: &TreeId, size: Option<u64>) -> Result<Option<Opened>, SubstituteError> {
        self.progress.check()?;
        if self.done.borrow().contains(id) || self.store.has_closure(Target::Tree(*id))? {
            return Ok(None);
        }
        // The text may be stored, and only something that it names be damaged.
        let tree = match self.store.tree(id) {
            Ok(tree) => tree,
            Err(_) => {
                let text = self.from.tree(id, size.unwrap_or(MAX_TREE_TEXT), self.progress);
                let text = text.map_err(SubstituteError::Unavailable)?;
                self.came(text.len() as u64)?;
                same(id.0, Digest::of(&text))?;
                Tree::decode(&text).map_err(|why| SubstituteError::NoTree { tree: *id, why })?
            }
        };
        if let Some(size) = size {
            same_size(id.0, tree.encode().len() as u64, size)?;
        }
        Ok(Some(Opened { tree, next: 0 }))
    }

    fn blob(&self, id: &BlobId, size: Option<u64>, executable: bool) -> Result<(), SubstituteError> {
        self.progress.check()?;
        if self.store.presence(Target::Blob(*id))?.is_sound() {
            let found = self.store.blob_info(id)?.size;
            return size.map_or(Ok(()), |size| same_size(id.0, found, size));
        }
        let max = size.unwrap_or(MAX_LOG);
        let bytes = self.from.blob(id, max, self.progress).map_err(SubstituteError::Unavailable)?;
        let mut bytes = bytes.take(max.saturating_add(1));
        let (stored, length) =
            self.session.add_stream(&mut bytes, executable).map_err(|error| match error {
                StreamError::Read(error) => SubstituteError::Broken(error),
                StreamError::Write(error) => error.into(),
            })?;
        self.progress.add(1, length);
        self.came(length)?;
        same(id.0, stored.0)?;
        size.map_or(Ok(()), |size| same_size(id.0, length, size))
    }

    fn came(&self, bytes: u64) -> Result<(), SubstituteError> {
        let bytes = self.bytes.get().saturating_add(bytes);
        self.bytes.set(bytes);
        if bytes > output::MAX_BYTES { Err(SubstituteError::Large) } else { Ok(()) }
    }
}

fn same(asked: Digest, given: Digest) -> Result<(), SubstituteError> {
    if asked == given { Ok(()) } else { Err(SubstituteError::Other { asked, given }) }
}

fn same_size(of: Digest, found: u64, wanted: u64) -> Result<(), SubstituteError> {
    if found == wanted { Ok(()) } else { Err(SubstituteError::Size { of, found, wanted }) }
}
