//! Any patch is refused, or yields a complete tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_recipes::content::{Content, InMemory};
use stele_recipes::patch::{Patch, Work, apply};
use stele_recipes::paths::{TreeEdit, TreePath};
use stele_store::model::{Node, SymlinkTarget, Tree};

const FILES: [(&str, &str); 4] =
    [("d/f", "one\ntwo\nthree\n"), ("d/g", "end"), ("crlf", "one\r\ntwo\r\n"), ("e", "")];

fuzz_target!(|bytes: &[u8]| {
    let Ok(patch) = Patch::parse(bytes) else { return };
    assert!(patch.diffs() > 0);
    let content = InMemory::default();
    let (empty, _) = content.add_tree(&Tree::default()).expect("memory takes all");
    let mut edit = TreeEdit::new(&empty, &content).expect("it is there");
    let path = |name: &str| TreePath::parse(name.as_bytes()).expect("a path");
    for (name, text) in FILES {
        let (blob, size) = content.add_blob(&mut text.as_bytes(), false).expect("memory takes all");
        edit.put(&path(name), Node::File { blob, size, executable: false }).expect("nothing is in the way");
    }
    let target = SymlinkTarget::new(b"d/f").expect("a target");
    edit.put(&path("l"), Node::Symlink { target }).expect("nothing is in the way");
    let before = edit.finish().expect("memory takes all");
    for strip in 0..3 {
        let Ok(after) = apply(&before, &patch, strip, &content, &Work::default()) else { continue };
        let mut open = vec![after];
        while let Some(tree) = open.pop() {
            for (_, node) in content.tree(&tree).expect("the tree was kept").entries() {
                match node {
                    Node::Directory { tree, .. } => open.push(*tree),
                    Node::File { blob, .. } => drop(content.blob(blob).expect("the blob was kept")),
                    Node::Symlink { .. } => {}
                }
            }
        }
    }
});
