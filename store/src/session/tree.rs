//! Trees: accepted only when all that they name is available.

use super::{Promise, Session, WriteError, lock};
use crate::db::Target;
use crate::model::{Digest, MAX_DEPTH, MAX_TREE_TEXT, Node, Tree, TreeId};
use crate::presence::{Looked, Presence};
use crate::store::ReadError;

impl Session<'_> {
    /// Stores a tree. All that it names must be in the session or in the store. Returns its identity, and the
    /// length of its canonical text in bytes.
    ///
    /// # Errors
    /// [`WriteError::Incomplete`] or [`WriteError::Size`] when something is not; [`WriteError::Deep`] or
    /// [`WriteError::Large`] for a tree that could be stored but not read.
    pub fn add_tree(&self, tree: &Tree) -> Result<(TreeId, u64), WriteError> {
        self.require_unbroken()?;
        let text = tree.encode().into_bytes();
        let size = text.len() as u64;
        let id = TreeId(Digest::of(&text));
        if size > MAX_TREE_TEXT {
            return Err(WriteError::Large { tree: id, size });
        }
        let named: Vec<Target> = tree.entries().iter().filter_map(|(_, node)| Target::of(node)).collect();
        let mut height = 0;
        for (_, node) in tree.entries() {
            let below = self.require(&id, node)?;
            if matches!(node, Node::Directory { .. }) {
                height = height.max(below.saturating_add(1));
            }
        }
        if usize::try_from(height).is_ok_and(|height| height > MAX_DEPTH) {
            return Err(WriteError::Deep { tree: id });
        }
        self.store.gate.pin(self.writer, Target::Tree(id));
        // Promised and queued under one lock: a thread that finds the promise may rely on the queue.
        let mut pending = lock(&self.pending);
        if self.is_promised(Target::Tree(id)) {
            return Ok((id, size));
        }
        if self.store.db.has_tree(&id)? {
            self.promise(Target::Tree(id), Promise { queued: false, size, height });
            drop(pending);
            self.forget(&named, false);
            return Ok((id, size));
        }
        pending.tree_bytes += text.len();
        pending.trees.push((id, text, named));
        self.promise(Target::Tree(id), Promise { queued: true, size, height });
        Ok((id, size))
    }

    /// Pins a target to be kept, and checks that the session or the store has it.
    pub(super) fn require_stored(&self, target: Target) -> Result<(), WriteError> {
        if self.is_promised(target) {
            return Ok(());
        }
        match self.pin_and_look(target)? {
            Looked::Lacks(lacking, presence) => {
                let (target, lacking) = (target.digest(), lacking.digest());
                Err(WriteError::Unstored { target, lacking, presence })
            }
            Looked::Sound { .. } => Ok(()),
        }
    }

    /// Examines `target` and its closure in the store. It is pinned first, so that no collection removes it in
    /// between.
    fn pin_and_look(&self, target: Target) -> Result<Looked, WriteError> {
        let looked =
            self.store.pin_closure(self.writer, target).and_then(|()| self.store.look_through(target));
        match looked {
            Ok(looked) => Ok(looked),
            Err(ReadError::Db(e)) => Err(e.into()),
            Err(ReadError::File(e)) => Err(e.into()),
            Err(ReadError::NoTree { id }) => Ok(Looked::Lacks(Target::Tree(id), Presence::Absent)),
            Err(ReadError::NoBlob { id }) => Ok(Looked::Lacks(Target::Blob(id), Presence::Absent)),
            Err(_) => Ok(Looked::Lacks(target, Presence::Quarantined)),
        }
    }

    /// What a stored tree reaches needs no pin or promise of its own; unless the tree is `committed`, only if
    /// the store had it before. A tree in the store may name content that is damaged there and was queued here
    /// to repair it.
    pub(super) fn forget(&self, reached: &[Target], committed: bool) {
        let mut promised = lock(&self.promised);
        let mut forgotten = Vec::with_capacity(reached.len());
        for target in reached {
            if committed || promised.get(target).is_none_or(|promise| !promise.queued) {
                promised.remove(target);
                forgotten.push(*target);
            }
        }
        self.store.gate.unpin(self.writer, forgotten.iter());
    }

    /// Checks that what `node` names is pinned, is stored or queued, and has the stated size. Returns the number
    /// of directory levels below it.
    fn require(&self, tree: &TreeId, node: &Node) -> Result<u32, WriteError> {
        let Some(target) = Target::of(node) else { return Ok(0) };
        let (size, height) = match self.promised(target) {
            Some(promise) => (Some(promise.size), promise.height),
            None => match self.pin_and_look(target)? {
                Looked::Sound { height } => (self.store.recorded_size(node)?, height),
                Looked::Lacks(lacking, presence) => {
                    let (named, lacking) = (target.digest(), lacking.digest());
                    return Err(WriteError::Incomplete { tree: *tree, named, lacking, presence });
                }
            },
        };
        // A node with another size means other content.
        match size == Some(node.size()) {
            true => Ok(height),
            false => Err(WriteError::Size { tree: *tree, named: target.digest(), said: node.size() }),
        }
    }
}
