//! Moves corrupt content to quarantine, and restores content that turns out sound.

use std::path::PathBuf;
use std::sync::PoisonError;

use crate::crash::{self, CrashPoint};
use crate::db::{BlobRow, Durability, Placement, Rows, Target};
use crate::model::{BlobId, Digest, TreeId};
use crate::progress::Cancelled;
use crate::store::{BlobReader, CopyError, ReadError, Store};

use super::VerifyError;

/// The outcome of a check of content that seemed corrupt.
pub(super) enum Quarantine {
    /// It is gone, or matches its digest by now.
    Sound,
    /// It was moved to that path, if there was anything to move.
    Moved(Option<PathBuf>),
}

impl Store {
    /// Moves content that a reader found corrupt to quarantine, so that storing it again repairs it.
    ///
    /// # Errors
    /// When it cannot be moved or the database cannot be written.
    pub fn set_aside(&self, target: Target) -> Result<(), VerifyError> {
        if self.is_read_only() {
            return Ok(());
        }
        match target {
            Target::Blob(blob) => self.quarantine_blob(&blob).map(drop),
            Target::Tree(tree) => self.quarantine_tree(&tree).map(drop),
        }
    }

    /// Moves a tree's text that does not match its digest to quarantine. It is hashed once more here, with
    /// writers held off: a tree that was stored again meanwhile stays.
    ///
    /// # Errors
    /// When the text cannot be written or the row cannot be removed.
    pub(super) fn quarantine_tree(&self, id: &TreeId) -> Result<Quarantine, VerifyError> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(text) = self.db.tree(id)? else { return Ok(Quarantine::Sound) };
        if Digest::of(&text) == id.0 {
            return Ok(Quarantine::Sound);
        }
        let path = self.objects.quarantine_bytes(&id.0, &text)?;
        crash::point(CrashPoint::VerifyMovedAside);
        let mut rows = Rows::default();
        rows.delete_tree(id);
        self.db.write(rows, Durability::Synced)?;
        self.whole.forget();
        *commits += 1;
        Ok(Quarantine::Moved(Some(path)))
    }

    /// Moves a payload that does not match its digest to quarantine, and records that in its row. It is hashed
    /// once more here, with writers held off: a blob that was stored again meanwhile stays.
    ///
    /// A missing file leaves the row unchanged: the file may come back, as after its disk is mounted, and
    /// imports check for it anyway.
    ///
    /// # Errors
    /// When the file cannot be moved or the row cannot be written.
    pub(super) fn quarantine_blob(&self, id: &BlobId) -> Result<Quarantine, VerifyError> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(row) = self.db.blob(id)? else { return Ok(Quarantine::Sound) };
        let read = self.open_blob(id).map_err(CopyError::Read);
        match read.and_then(|reader| reader.verified(|_| Ok::<_, Cancelled>(()))) {
            Err(CopyError::Read(ReadError::Missing { .. })) if row.placement == Placement::File => {
                return Ok(Quarantine::Moved(self.objects.clear_place(id)?));
            }
            Err(CopyError::Read(ReadError::CorruptBlob { .. } | ReadError::Missing { .. })) => {}
            Err(CopyError::Read(ReadError::Db(e))) => return Err(e.into()),
            _ => return Ok(Quarantine::Sound),
        }
        let moved_to = match row.placement {
            Placement::File => self.objects.quarantine(id)?,
            Placement::Inline => match self.db.inline(id)? {
                Some(bytes) => Some(self.objects.quarantine_bytes(&id.0, &bytes)?),
                None => None,
            },
            Placement::Quarantined => return Ok(Quarantine::Sound),
        };
        crash::point(CrashPoint::VerifyMovedAside);
        let mut rows = Rows::default();
        rows.delete_inline(id);
        rows.put_blob(id, &BlobRow { placement: Placement::Quarantined, ..row });
        self.db.write(rows, Durability::Synced)?;
        self.whole.forget();
        *commits += 1;
        Ok(Quarantine::Moved(moved_to))
    }

    /// Checks a blob whose row records quarantine but whose file exists: a user put it back, or it was out of
    /// reach for a while. If it matches its digest, the blob is restored; else the file goes to quarantine.
    /// Returns whether the blob is present.
    ///
    /// # Errors
    /// When the file cannot be read or moved, or the row cannot be written.
    pub(crate) fn take_back(&self, id: &BlobId) -> Result<bool, VerifyError> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let row = match self.db.blob(id)? {
            Some(row) if row.placement == Placement::Quarantined => {
                BlobRow { placement: Placement::File, ..row }
            }
            row => return Ok(row.is_some()),
        };
        let Some(_) = self.objects.length(id)? else { return Ok(false) };
        let reader = BlobReader::of_file(*id, row, self.objects.open_object(id)?);
        match reader.verified(|_| Ok::<_, Cancelled>(())) {
            Ok(()) => {}
            Err(CopyError::Read(ReadError::CorruptBlob { .. })) => {
                self.objects.quarantine(id)?;
                return Ok(false);
            }
            Err(CopyError::Read(ReadError::File(e))) => return Err(e.into()),
            Err(_) => return Ok(false),
        }
        let mut rows = Rows::default();
        rows.put_blob(id, &row);
        self.db.write(rows, Durability::Synced)?;
        *commits += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::model::{Name, Node, Tree};
    use crate::progress::Progress;
    use crate::session::Keep;

    /// A tree with one small file.
    fn store_tree(store: &Store, bytes: &[u8]) -> TreeId {
        let session = store.session().unwrap();
        let blob = session.add_blob(bytes, false).unwrap();
        let node = Node::File { blob, size: bytes.len() as u64, executable: false };
        let tree = Tree::new(vec![(Name::new(b"file").unwrap(), node)]).unwrap();
        let (id, _) = session.add_tree(&tree).unwrap();
        let keep = Keep { root: Some("kept".parse().unwrap()), ..Keep::default() };
        session.finish(&[Target::Tree(id)], &keep).unwrap();
        id
    }

    #[test]
    fn a_tree_stored_again_after_it_was_read_corrupt_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let id = store_tree(&store, b"bytes");
        let sound = store.db.tree(&id).unwrap().unwrap();
        let put = |text: &[u8]| {
            let mut rows = Rows::default();
            rows.put_tree(&id, text.to_vec());
            store.db.write(rows, Durability::Synced).unwrap();
        };
        // A reader finds it corrupt; before it reports that, the tree is stored again.
        put(b"stele-tree 1\nmalformed");
        assert!(matches!(store.tree(&id), Err(ReadError::CorruptTree { .. })));
        put(&sound);
        store.set_aside(Target::Tree(id)).unwrap();
        assert!(store.has_tree(&id).unwrap());
        // No store came between: it is removed.
        put(b"stele-tree 1\nmalformed");
        store.set_aside(Target::Tree(id)).unwrap();
        assert!(!store.has_tree(&id).unwrap());
    }

    /// Sessions store the same few trees repeatedly, collections remove them, and verifications run
    /// concurrently: whatever partial state each sees, none may report a fault or remove a valid row.
    #[test]
    fn verifications_concurrent_with_imports_and_collections_find_nothing_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let over = AtomicBool::new(false);
        let work = |step: &dyn Fn(u8)| {
            for n in (0..4).cycle() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                step(n);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| work(&|n| _ = store_tree(&store, &[n; 100])));
            }
            scope.spawn(|| work(&|_| drop(store.collect(false, &Progress::default()))));
            scope.spawn(|| work(&|_| drop(store.remove_root(&"kept".parse().unwrap()))));
            for _ in 0..60 {
                let found = store.verify(&Progress::default());
                if found.as_ref().is_ok_and(|found| found.findings.is_empty()) {
                    continue;
                }
                over.store(true, Ordering::SeqCst);
                panic!("{found:?}");
            }
            over.store(true, Ordering::SeqCst);
        });
        assert_eq!(store.verify(&Progress::default()).unwrap().findings, []);
    }
}
