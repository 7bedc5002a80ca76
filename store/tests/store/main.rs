//! The store by its public interface: what must not happen to its content.

mod collected;
mod depth;
mod failing;
mod full_disk;
mod hostile;
mod origins;
mod presence;
mod scratch;

use stele_store::model::{BlobId, Name, Node, Tree, TreeId};
use stele_store::{Keep, Session, Store, Target};

/// A store in a temporary folder.
struct Fresh {
    store: Store,
    folder: tempfile::TempDir,
}

impl Fresh {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { store, folder }
    }

    /// The same store, reopened.
    fn reopened(self) -> Self {
        let Self { store, folder } = self;
        drop(store);
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { store, folder }
    }

    /// Stores `bytes` and a tree with one file of them.
    fn tree_of(&self, bytes: &[u8]) -> (BlobId, TreeId) {
        let session = self.store.session().unwrap();
        let blob = session.add_blob(bytes, false).unwrap();
        let tree = session.add_tree(&file(blob, bytes.len())).unwrap().0;
        session.finish(&[Target::Tree(tree)], &Keep::default()).unwrap();
        (blob, tree)
    }
}

fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}

/// A tree with one file.
fn file(blob: BlobId, size: usize) -> Tree {
    Tree::new(vec![(name("file"), Node::File { blob, size: size as u64, executable: false })]).unwrap()
}

/// A tree with one directory, which is in `session` or in the store.
fn around(
    session: &Session<'_>,
    (tree, size): (TreeId, u64),
) -> Result<(TreeId, u64), stele_store::WriteError> {
    session.add_tree(&Tree::new(vec![(name("below"), Node::Directory { tree, size })]).unwrap())
}
