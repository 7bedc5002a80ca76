//! Trees: taken only when all that they name can be given.

use super::{Session, WriteError, lock};
use crate::db::Target;
use crate::model::{Digest, Node, Tree, TreeId};
use crate::presence::Presence;
use crate::store::ReadError;

impl Session<'_> {
    /// Stores a tree. All that it names must be in the session or in the store. Its identity, and the length
    /// of its canonical text in bytes.
    ///
    /// # Errors
    /// [`WriteError::Incomplete`] when something is not.
    pub fn add_tree(&self, tree: &Tree) -> Result<(TreeId, u64), WriteError> {
        self.require_unbroken()?;
        let text = tree.encode().into_bytes();
        let size = text.len() as u64;
        let id = TreeId(Digest::of(&text));
        let named: Vec<Target> = tree.entries().iter().filter_map(|(_, node)| Target::of(node)).collect();
        for (_, node) in tree.entries() {
            self.require(&id, node)?;
        }
        self.store.gate.pin(self.writer, Target::Tree(id));
        // Promised and queued under one lock: whoever finds the promise may rely on the queue.
        let mut pending = lock(&self.pending);
        if self.is_promised(Target::Tree(id)) {
            return Ok((id, size));
        }
        if self.store.db.has_tree(&id)? {
            self.promise(Target::Tree(id), false);
            drop(pending);
            self.forget(&named, false);
            return Ok((id, size));
        }
        pending.tree_bytes += text.len();
        pending.trees.push((id, text, named));
        self.promise(Target::Tree(id), true);
        Ok((id, size))
    }

    /// Pins something that is to be kept, and makes sure that the session or the store has it.
    pub(super) fn require_stored(&self, target: Target) -> Result<(), WriteError> {
        if self.is_promised(target) {
            return Ok(());
        }
        match self.pinned_lack(target)? {
            Some((lacking, presence)) => {
                let (target, lacking) = (target.digest(), lacking.digest());
                Err(WriteError::Unstored { target, lacking, presence })
            }
            None => Ok(()),
        }
    }

    /// What the store lacks of `target` and of what it reaches. It is pinned before it is looked for, so that no
    /// collection takes it in between.
    fn pinned_lack(&self, target: Target) -> Result<Option<(Target, Presence)>, WriteError> {
        let lack = self.store.pin_closure(self.writer, target).and_then(|()| self.store.first_lack(target));
        match lack {
            Ok(lack) => Ok(lack),
            Err(ReadError::Db(e)) => Err(e.into()),
            Err(ReadError::File(e)) => Err(e.into()),
            Err(ReadError::NoTree { id }) => Ok(Some((Target::Tree(id), Presence::Absent))),
            Err(ReadError::NoBlob { id }) => Ok(Some((Target::Blob(id), Presence::Absent))),
            Err(_) => Ok(Some((target, Presence::Quarantined))),
        }
    }

    /// What a stored tree reaches needs no pin and no promise of its own: unless it is `committed`, that is so only of
    /// what was in the store before. A tree that is there may name what is damaged there and was queued here to repair
    /// it.
    pub(super) fn forget(&self, reached: &[Target], committed: bool) {
        let mut promised = lock(&self.promised);
        let mut forgotten = Vec::with_capacity(reached.len());
        for target in reached {
            if committed || promised.get(target) != Some(&true) {
                promised.remove(target);
                forgotten.push(*target);
            }
        }
        self.store.gate.unpin(self.writer, forgotten.iter());
    }

    /// Makes sure that what `node` names is pinned, and stored or about to be.
    fn require(&self, tree: &TreeId, node: &Node) -> Result<(), WriteError> {
        let Some(target) = Target::of(node) else { return Ok(()) };
        if self.is_promised(target) {
            return Ok(());
        }
        if let Some((lacking, presence)) = self.pinned_lack(target)? {
            let (named, lacking) = (target.digest(), lacking.digest());
            return Err(WriteError::Incomplete { tree: *tree, named, lacking, presence });
        }
        match self.store.recorded_size(node)? {
            Some(size) if size == node.size() => Ok(()),
            // Whoever names it with another size means something else.
            _ => Err(WriteError::Size { tree: *tree, named: target.digest(), said: node.size() }),
        }
    }
}
