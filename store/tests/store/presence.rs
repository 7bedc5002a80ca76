//! A row is not content. Every look-up once trusted the row alone somewhere: a blob in quarantine counted as
//! present, trees were stored over it, and the import that would have repaired it was skipped.

use std::fs;

use stele_store::model::{BlobId, Tree, TreeId};
use stele_store::{Keep, Presence, Progress, Session, Target, WriteError};

use super::{Fresh, around, file};

/// A large payload is a file, a small one lies in the database.
const LARGE: usize = 100_000;

/// Damages the payload of a blob.
type Damage = fn(&Fresh, &BlobId);

/// The ways to damage a payload.
const DAMAGES: &[(&str, Damage, Presence)] = &[
    ("quarantined", quarantine, Presence::Quarantined),
    ("removed", |it, blob| fs::remove_file(it.store.object_path(blob)).unwrap(), Presence::Missing),
    ("truncated", |it, blob| replace(it, blob, b"short"), Presence::Missing),
];

fn replace(it: &Fresh, blob: &BlobId, bytes: &[u8]) {
    let path = it.store.object_path(blob);
    fs::remove_file(&path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn quarantine(it: &Fresh, blob: &BlobId) {
    replace(it, blob, &[7; LARGE]);
    it.store.verify(&Progress::default()).unwrap();
}

fn try_tree(session: &Session<'_>, tree: &Tree) -> Option<Presence> {
    match session.add_tree(tree) {
        Ok(_) => None,
        Err(WriteError::Incomplete { presence, .. }) => Some(presence),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn no_damaged_content_counts_as_present_and_storing_it_again_repairs_it() {
    for (what, damage, expected) in DAMAGES {
        let it = Fresh::new();
        let bytes = [1; LARGE];
        let (blob, tree) = it.tree_of(&bytes);
        let outer = {
            let session = it.store.session().unwrap();
            let size = it.store.tree_text(&tree).unwrap().len() as u64;
            let outer = around(&session, (tree, size)).unwrap();
            session.finish(&[], &Keep::default()).unwrap();
            outer
        };
        let whole = |tree: &TreeId| it.store.has_closure(Target::Tree(*tree)).unwrap();
        assert!(whole(&outer.0) && whole(&tree), "{what}");
        damage(&it, &blob);

        assert_eq!(it.store.presence(Target::Blob(blob)).unwrap(), *expected, "{what}");
        assert_eq!(it.store.blob_presences(&[blob]).unwrap(), [*expected], "{what}");
        // A file removed behind the store's back is noticed by its first reader.
        assert!(it.store.open_blob(&blob).is_err() || *what == "truncated");
        if *what != "truncated" {
            assert!(!whole(&outer.0) && !whole(&tree), "{what}");
            assert_eq!(
                it.store.first_lack(Target::Tree(outer.0)).unwrap(),
                Some((Target::Blob(blob), *expected)),
                "{what}"
            );
        }
        let session = it.store.session().unwrap();
        let executable = Tree::new(file(blob, LARGE).entries().to_vec()).unwrap();
        assert_eq!(try_tree(&session, &executable), Some(*expected), "{what}: a file of a tree");
        if *what != "truncated" {
            assert!(around(&session, outer).is_err(), "{what}: a directory of a tree");
        }
        drop(session);

        it.tree_of(&bytes);
        assert_eq!(it.store.presence(Target::Blob(blob)).unwrap(), Presence::Sound, "{what}");
        assert!(whole(&outer.0), "{what}");
        assert!(it.store.verify(&Progress::default()).unwrap().findings.is_empty(), "{what}");
    }
}

#[test]
fn an_import_repairs_what_several_stored_trees_name() {
    for small in [true, false] {
        let it = Fresh::new();
        let folder = it.folder.path().join("imported");
        for below in ["a", "b", "c/d"] {
            fs::create_dir_all(folder.join(below)).unwrap();
            fs::write(folder.join(below).join("same"), vec![3; if small { 1000 } else { LARGE }]).unwrap();
            fs::write(folder.join(below).join("own"), below).unwrap();
        }
        let import = || {
            let session = it.store.session().unwrap();
            let target = session.import(&folder, &Progress::default()).unwrap();
            session
                .finish(&[target], &Keep { root: Some("kept".parse().unwrap()), ..Keep::default() })
                .unwrap();
            target
        };
        let target = import();
        let digest = stele_store::model::Digest::of(&fs::read(folder.join("a/same")).unwrap());
        if small {
            // Stored as an executable it becomes a file, which the test can damage.
            let session = it.store.session().unwrap();
            session.add_blob(&[3; 1000], true).unwrap();
            session.finish(&[], &Keep::default()).unwrap();
        }
        quarantine(&it, &BlobId(digest));
        assert!(!it.store.has_closure(target).unwrap());
        assert_eq!(import(), target);
        assert!(it.store.has_closure(target).unwrap());
    }
}

#[test]
fn content_never_stored_is_absent_and_no_tree_can_name_it() {
    let it = Fresh::new();
    let (blob, tree) = (BlobId(stele_store::model::Digest::of(b"no")), Tree::default().id());
    for target in [Target::Blob(blob), Target::Tree(tree)] {
        assert_eq!(it.store.presence(target).unwrap(), Presence::Absent);
        assert_eq!(it.store.first_lack(target).unwrap(), Some((target, Presence::Absent)));
    }
    let session = it.store.session().unwrap();
    assert_eq!(try_tree(&session, &file(blob, 2)), Some(Presence::Absent));
    assert!(matches!(around(&session, (tree, 13)), Err(WriteError::Incomplete { .. })));
}

#[test]
fn a_tree_cannot_state_another_size() {
    let it = Fresh::new();
    let (blob, _) = it.tree_of(b"four");
    let session = it.store.session().unwrap();
    assert!(matches!(session.add_tree(&file(blob, 5)), Err(WriteError::Size { said: 5, .. })));
}

#[test]
fn a_closure_that_was_collected_is_not_remembered_as_sound() {
    let it = Fresh::new();
    let (_, tree) = it.tree_of(b"small");
    assert!(it.store.has_closure(Target::Tree(tree)).unwrap());
    it.store.collect(false, &Progress::default()).unwrap();
    assert!(!it.store.has_closure(Target::Tree(tree)).unwrap());
}
