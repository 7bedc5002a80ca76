//! What diffs make of files, in memory until a tree names it: a patch may have thousands of diffs about one file, and
//! only what the last of them makes is stored.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::Read;

use stele_store::model::{BlobId, Digest, Node, Tree, TreeId};

use crate::content::{Content, ContentError, ScratchFile};

/// So many bytes are kept in memory; what comes then is stored at once.
const MAX_HELD: u64 = 512 << 20;

/// Content in front of another one.
pub(super) struct Unsaved<'a> {
    content: &'a dyn Content,
    held: RefCell<HashMap<BlobId, Held>>,
    bytes: Cell<u64>,
}

struct Held {
    bytes: Vec<u8>,
    executable: bool,
    /// How many places in the edited tree have it, at most. Without any it is forgotten.
    places: usize,
}

impl<'a> Unsaved<'a> {
    pub(super) fn new(content: &'a dyn Content) -> Self {
        Self { content, held: RefCell::default(), bytes: Cell::new(0) }
    }

    /// Another place of the edited tree has it.
    pub(super) fn copied(&self, node: &Node) {
        if let Node::File { blob, .. } = node
            && let Some(held) = self.held.borrow_mut().get_mut(blob)
        {
            held.places += 1;
        }
    }

    /// A place of the edited tree does not have it any more.
    pub(super) fn gone(&self, node: &Node) {
        let Node::File { blob, .. } = node else { return };
        let mut all = self.held.borrow_mut();
        let Some(held) = all.get_mut(blob) else { return };
        held.places = held.places.saturating_sub(1);
        if held.places == 0 {
            self.bytes.set(self.bytes.get() - held.bytes.len() as u64);
            all.remove(blob);
        }
    }
}

impl Content for Unsaved<'_> {
    fn add_blob(&self, bytes: &mut dyn Read, executable: bool) -> Result<(BlobId, u64), ContentError> {
        let mut all = Vec::new();
        bytes.read_to_end(&mut all)?;
        let length = all.len() as u64;
        if self.bytes.get() + length > MAX_HELD {
            return self.content.add_blob(&mut &*all, executable);
        }
        let id = BlobId(Digest::of(&all));
        let mut held = self.held.borrow_mut();
        let held = held.entry(id).or_insert_with(|| {
            self.bytes.set(self.bytes.get() + length);
            Held { bytes: all, executable: false, places: 0 }
        });
        held.executable |= executable;
        held.places += 1;
        Ok((id, length))
    }

    fn blob(&self, id: &BlobId) -> Result<Vec<u8>, ContentError> {
        let held = self.held.borrow().get(id).map(|held| held.bytes.clone());
        held.map_or_else(|| self.content.blob(id), Ok)
    }

    fn scratch(&self) -> Result<Box<dyn ScratchFile>, ContentError> {
        self.content.scratch()
    }

    fn add_tree(&self, tree: &Tree) -> Result<(TreeId, u64), ContentError> {
        for (_, node) in tree.entries() {
            let Node::File { blob, executable, .. } = node else { continue };
            if let Some(held) = self.held.borrow().get(blob) {
                self.content.add_blob(&mut &*held.bytes, *executable || held.executable)?;
            }
        }
        self.content.add_tree(tree)
    }

    fn tree(&self, id: &TreeId) -> Result<Tree, ContentError> {
        self.content.tree(id)
    }
}

#[cfg(test)]
mod tests {
    //! A patch of 3,000 diffs about one file of 11 MB took minutes: each stored the whole file.

    use super::*;
    use crate::content::InMemory;
    use crate::patch::{ApplyError, FileFault, Patch, Work, apply};
    use crate::paths::{TreeEdit, TreePath, find};

    /// What is in memory, and how often something was stored there.
    #[derive(Default)]
    struct Counted(InMemory, Cell<usize>);

    impl Content for Counted {
        fn add_blob(&self, bytes: &mut dyn Read, executable: bool) -> Result<(BlobId, u64), ContentError> {
            self.1.set(self.1.get() + 1);
            self.0.add_blob(bytes, executable)
        }

        fn blob(&self, id: &BlobId) -> Result<Vec<u8>, ContentError> {
            self.0.blob(id)
        }

        fn scratch(&self) -> Result<Box<dyn ScratchFile>, ContentError> {
            self.0.scratch()
        }

        fn add_tree(&self, tree: &Tree) -> Result<(TreeId, u64), ContentError> {
            for (_, node) in tree.entries() {
                if let Node::File { blob, .. } = node {
                    self.0.blob(blob).expect("what a tree names was stored before");
                }
            }
            self.0.add_tree(tree)
        }

        fn tree(&self, id: &TreeId) -> Result<Tree, ContentError> {
            self.0.tree(id)
        }
    }

    fn path(text: &str) -> TreePath {
        TreePath::parse(text.as_bytes()).unwrap()
    }

    /// A tree with the file `f` of these bytes.
    fn tree(content: &InMemory, bytes: &str) -> TreeId {
        let (blob, size) = content.add_blob(&mut bytes.as_bytes(), false).unwrap();
        let mut edit = TreeEdit::new(&content.add_tree(&Tree::default()).unwrap().0, content).unwrap();
        edit.put(&path("f"), Node::File { blob, size, executable: false }).unwrap();
        edit.finish().unwrap()
    }

    fn text(content: &Counted, tree: &TreeId, file: &str) -> String {
        let Some(Node::File { blob, .. }) = find(tree, &path(file), content).unwrap() else {
            panic!("no {file}")
        };
        String::from_utf8(content.blob(&blob).unwrap()).unwrap()
    }

    /// Diffs that each change the first line of `f`.
    fn diffs(count: usize, header: &str) -> Patch {
        let diff = |n| format!("{header}--- a/f\n+++ b/f\n@@ -1 +1 @@\n-{n}\n+{}\n", n + 1);
        Patch::parse((0..count).map(diff).collect::<String>().as_bytes()).unwrap()
    }

    #[test]
    fn of_many_diffs_about_one_file_only_what_the_last_makes_is_stored() {
        for header in ["", "diff --git a/f b/f\n"] {
            let content = Counted::default();
            // Without context behind its change a hunk ends the file.
            let before = tree(&content.0, "0\n");
            let after = apply(&before, &diffs(500, header), 1, &content, &Work::default()).unwrap();
            assert_eq!(text(&content, &after, "f"), "500\n");
            assert_eq!(content.1.get(), 1, "{header}");
        }
    }

    #[test]
    fn what_was_changed_and_not_stored_yet_is_copied_renamed_and_deleted_as_it_is() {
        let change = "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-0\n+1\n";
        let again = "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n";
        let copy = "diff --git a/f b/x\ncopy from f\ncopy to x\n";
        let rename =
            "diff --git a/f b/y\nrename from f\nrename to y\n--- a/f\n+++ b/y\n@@ -1 +1 @@\n-1\n+3\n";
        let delete =
            "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n";
        for (patch, files) in [
            (format!("{change}\n{copy}"), &[("f", "1\n"), ("x", "1\n")][..]),
            (format!("{change}\n{copy}{again}"), &[("f", "2\n"), ("x", "1\n")]),
            (format!("{change}\n{copy}\n{again}"), &[("f", "2\n"), ("x", "1\n")]),
            (format!("{change}\n{rename}{copy}"), &[("y", "3\n"), ("x", "1\n")]),
            (format!("{change}\n{copy}{rename}"), &[("y", "3\n"), ("x", "1\n")]),
            (format!("{change}\n{copy}{delete}"), &[("x", "1\n")]),
        ] {
            let content = Counted::default();
            let parsed = Patch::parse(patch.as_bytes()).unwrap();
            let after = apply(&tree(&content.0, "0\n"), &parsed, 1, &content, &Work::default());
            let after = after.unwrap_or_else(|error| panic!("{error}\n{patch}"));
            for (file, expected) in files {
                assert_eq!(text(&content, &after, file), *expected, "{patch}");
            }
            assert_eq!(content.tree(&after).unwrap().entries().len(), files.len(), "{patch}");
        }
    }

    #[test]
    fn patches_that_rewrite_without_end_are_refused() {
        let content = Counted::default();
        let before = tree(&content.0, "0\n");
        let error = apply(&before, &diffs(100, ""), 1, &content, &Work(Cell::new(200))).unwrap_err();
        assert!(
            matches!(&error, ApplyError::File { fault, .. } if matches!(**fault, FileFault::Work { .. })),
            "{error}"
        );
    }
}
