//! A failed batch has lost its content. A session that went on after it acknowledged a root, a lease and a
//! realisation of missing content.

use std::fs;

use stele_store::model::{BlobId, Digest, Tree};
use stele_store::{Holder, Keep, Outputs, Realisation, Realised, Session, Target, WriteError};

use super::{Fresh, file};

const LARGE: usize = 100_000;

/// A new session with a failed batch: the folder of its file is removed meanwhile.
fn broken(it: &Fresh) -> (Session<'_>, BlobId, Tree) {
    let session = it.store.session().unwrap();
    let blob = session.add_blob(&[9; LARGE], false).unwrap();
    let tree = file(blob, LARGE);
    session.add_tree(&tree).unwrap();
    let folder = it.store.object_path(&blob).parent().unwrap().to_owned();
    fs::rename(&folder, folder.with_extension("away")).unwrap();
    assert!(matches!(session.commit(), Err(WriteError::File(_))));
    fs::rename(folder.with_extension("away"), &folder).unwrap();
    (session, blob, tree)
}

#[test]
fn a_session_with_a_failed_batch_acknowledges_nothing() {
    let it = Fresh::new();
    let (session, blob, tree) = broken(&it);
    let root = Some("kept".parse().unwrap());
    let realisation =
        Realisation { outputs: Outputs([("out".to_owned(), tree.id())].into()), ..Realisation::default() };
    let realised = Realised { of: Some((b"request".to_vec(), realisation)), ..Realised::default() };
    let keep = Keep { root, lease: Some(Holder::Until(u64::MAX)), realised, ..Keep::default() };
    assert!(matches!(session.finish(&[Target::Tree(tree.id())], &keep), Err(WriteError::Poisoned { .. })));
    assert!(it.store.roots().unwrap().is_empty() && it.store.leases().unwrap().is_empty());
    let any = stele_store::Origins::Any;
    assert_eq!(it.store.realisation(&Digest::of(b"request"), any).unwrap(), None);
    assert!(!it.store.presence(Target::Blob(blob)).unwrap().is_sound());
    // Another session is not affected.
    it.tree_of(&[9; LARGE]);
    assert!(it.store.has_closure(Target::Tree(tree.id())).unwrap());
}

#[test]
fn a_session_with_a_failed_batch_accepts_nothing() {
    let it = Fresh::new();
    let (session, ..) = broken(&it);
    let poisoned = |error: Option<WriteError>| matches!(error, Some(WriteError::Poisoned { .. }));
    assert!(poisoned(session.add_blob(b"small", false).err()));
    assert!(poisoned(session.add_blob(&[1; LARGE], false).err()));
    assert!(poisoned(session.add_tree(&Tree::default()).err()));
    assert!(poisoned(session.commit().err()));
    assert!(poisoned(session.finish(&[], &Keep::default()).err()));
}

#[test]
fn no_root_or_lease_keeps_content_that_was_never_stored() {
    let it = Fresh::new();
    let no = Digest::of(b"no");
    for target in [Target::Tree(stele_store::model::TreeId(no)), Target::Blob(BlobId(no))] {
        for keep in [
            Keep { root: Some("kept".parse().unwrap()), ..Keep::default() },
            Keep { lease: Some(Holder::Until(u64::MAX)), ..Keep::default() },
        ] {
            let refused = it.store.session().unwrap().finish(&[target], &keep);
            assert!(matches!(refused, Err(WriteError::Unstored { .. })), "{target:?}");
        }
    }
    let keep = Keep { root: Some("kept".parse().unwrap()), ..Keep::default() };
    assert!(matches!(it.store.session().unwrap().finish(&[], &keep), Err(WriteError::NoResult { .. })));
    assert!(it.store.roots().unwrap().is_empty() && it.store.leases().unwrap().is_empty());
}
