//! Invalid paths, and edits of trees.

use stele_store::model::{SymlinkTarget, Tree};

use super::*;
use crate::content::InMemory;

fn path(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).expect("a path")
}

fn file(content: &InMemory, bytes: &str) -> Node {
    let (blob, size) = content.add_blob(&mut bytes.as_bytes(), false).expect("memory takes all");
    Node::File { blob, size, executable: false }
}

fn tree(content: &InMemory, files: &[&str]) -> TreeId {
    let (empty, _) = content.add_tree(&Tree::default()).expect("memory takes all");
    let mut edit = TreeEdit::new(&empty, content).expect("it is there");
    for name in files {
        edit.put(&path(name), file(content, name)).expect("nothing is in the way");
    }
    edit.finish().expect("memory takes all")
}

#[test]
fn what_could_lead_out_of_a_tree_is_no_path() {
    assert_eq!(TreePath::parse(b"").unwrap_err(), TreePathError::Empty);
    assert_eq!(TreePath::parse(b"/a").unwrap_err(), TreePathError::Absolute);
    for (text, number) in [("..", 1), ("a/../b", 2), ("./a", 1), ("a//b", 2), ("a/", 2), ("a/b\0", 2)] {
        let error = TreePath::parse(text.as_bytes()).unwrap_err();
        assert!(
            matches!(error, TreePathError::Component { number: n, .. } if n == number),
            "{text}: {error}"
        );
    }
    let deep = "a/".repeat(MAX_DEPTH) + "a";
    assert_eq!(TreePath::parse(deep.as_bytes()).unwrap_err(), TreePathError::Deep { found: MAX_DEPTH + 1 });
    assert!(path(&deep[2..]).join(&path("b")).is_err());
}

#[test]
fn a_path_is_shown_escaped_and_kept_as_it_is() {
    let odd = TreePath::parse(b"a b/\xff").expect("a path");
    assert_eq!(odd.to_string(), "a\\x20b/\\xff");
    assert_eq!(odd.to_bytes(), b"a b/\xff");
    assert_eq!(odd.parent(), Some(TreePath::parse(b"a b").expect("a path")));
    assert_eq!(odd.parent().and_then(|parent| parent.parent()), None);
    assert!(path("a/b").is_within(&path("a")) && !path("ab").is_within(&path("a")));
    assert_eq!(path("a").join(&path("b/c")), Ok(path("a/b/c")));
}

#[test]
fn no_path_goes_through_a_file_or_a_link() {
    let content = InMemory::default();
    let before = tree(&content, &["d/file"]);
    let mut edit = TreeEdit::new(&before, &content).expect("it is there");
    let target = SymlinkTarget::new(b"d").expect("a target");
    edit.put(&path("link"), Node::Symlink { target }).expect("nothing is in the way");
    for (through, symlink) in [("link/file", true), ("d/file/x", false)] {
        let refused = |result: Result<(), WalkError>| match result {
            Err(WalkError::NoDirectory { symlink: is, .. }) => assert_eq!(is, symlink),
            other => panic!("{through}: {other:?}"),
        };
        refused(edit.get(&path(through)).map(drop));
        refused(edit.remove(&path(through)).map(drop));
        refused(edit.put(&path(through), file(&content, "")));
    }
    let after = edit.finish().expect("memory takes all");
    assert!(matches!(find(&after, &path("link/file"), &content), Err(WalkError::NoDirectory { .. })));
}

#[test]
fn directories_that_become_empty_go_but_the_root_stays() {
    let content = InMemory::default();
    let before = tree(&content, &["a/b/c"]);
    let mut edit = TreeEdit::new(&before, &content).expect("it is there");
    assert!(!edit.remove(&path("a/b/x")).expect("a way"));
    assert!(!edit.remove(&path("x/y")).expect("a way"));
    assert!(edit.remove(&path("a/b/c")).expect("a way"));
    assert_eq!(edit.get(&path("a")).expect("a way"), None);
    assert_eq!(edit.finish().expect("memory takes all"), Tree::default().id());
}

#[test]
fn an_edit_that_changes_nothing_gives_the_same_tree() {
    let content = InMemory::default();
    let before = tree(&content, &["a/b/c", "d/e"]);
    let mut edit = TreeEdit::new(&before, &content).expect("it is there");
    assert_eq!(edit.get(&path("a/b")).expect("a way"), Some(EditEntry::Directory));
    assert!(matches!(edit.get(&path("a/b/c")), Ok(Some(EditEntry::Leaf(_)))));
    assert_eq!(edit.finish().expect("memory takes all"), before);
}

#[test]
fn the_deepest_path_is_made_and_taken_away_again() {
    let content = InMemory::default();
    let deep = path(&("a/".repeat(MAX_DEPTH - 1) + "a"));
    let before = tree(&content, &["other"]);
    let mut edit = TreeEdit::new(&before, &content).expect("it is there");
    edit.put(&deep, file(&content, "x")).expect("nothing is in the way");
    let after = edit.finish().expect("memory takes all");
    assert_eq!(find(&after, &deep, &content).expect("a way"), Some(file(&content, "x")));
    let mut edit = TreeEdit::new(&after, &content).expect("it is there");
    assert!(edit.remove(&deep).expect("a way"));
    assert_eq!(edit.finish().expect("memory takes all"), before);
}
