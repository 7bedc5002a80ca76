//! Another store's answer never counts as a result of this one.

use std::collections::BTreeMap;

use stele_store::model::{BlobId, Digest, Tree, TreeId};
use stele_store::{Keep, Origin, Origins, Outputs, Presence, Realisation, Realised, Store, WriteError};

use super::Fresh;

const REQUEST: &[u8] = b"a request";

fn outputs(tree: TreeId) -> Outputs {
    Outputs(BTreeMap::from([("tree".to_owned(), tree)]))
}

fn peer() -> Origin {
    Origin::Substituted { from: "peer".to_owned() }
}

/// Writes a realisation as a session's end does.
fn finish(store: &Store, tree: TreeId, origin: Origin) {
    let realisation = Realisation { outputs: outputs(tree), log: None, origin };
    let realised = Realised { of: Some((REQUEST.to_vec(), realisation)), ..Realised::default() };
    let session = store.session().unwrap();
    session.add_tree(&Tree::default()).unwrap();
    session.finish(&[], &Keep { realised, ..Keep::default() }).unwrap();
}

fn remember(store: &Store, tree: TreeId, origin: Origin) {
    store.remember(REQUEST, &outputs(tree), origin).unwrap();
}

fn found(store: &Store, origins: Origins) -> Option<(TreeId, Origin)> {
    let row = store.realisation(&Digest::of(REQUEST), origins).unwrap()?;
    Some((row.outputs.0["tree"], row.origin))
}

#[test]
fn a_realisation_of_another_store_is_not_among_those_made_here() {
    let tree = Tree::default().id();
    for origin in [peer(), Origin::Imported { from: "file".to_owned() }, Origin::Unknown] {
        for write in [finish, remember] {
            let it = Fresh::new();
            write(&it.store, tree, origin.clone());
            assert_eq!(found(&it.store, Origins::Own), None);
            assert_eq!(found(&it.store, Origins::Any), Some((tree, origin.clone())));
        }
    }
}

#[test]
fn a_realisation_made_here_is_never_replaced_by_one_from_elsewhere_and_replaces_it() {
    for write in [finish, remember] {
        let it = Fresh::new();
        let (own, other) = (Tree::default().id(), it.tree_of(b"evil").1);
        write(&it.store, other, peer());
        write(&it.store, own, Origin::Built);
        assert_eq!(found(&it.store, Origins::Own), Some((own, Origin::Built)));
        for origin in [peer(), Origin::Unknown] {
            write(&it.store, other, origin);
            assert_eq!(found(&it.store, Origins::Any), Some((own, Origin::Built)));
        }
    }
}

#[test]
fn an_origin_survives_reopening_the_store() {
    let it = Fresh::new();
    let tree = Tree::default().id();
    remember(&it.store, tree, peer());
    it.store.close().unwrap();
    drop(it.store);
    let store = Store::open(&it.folder.path().join("store")).unwrap();
    assert_eq!(found(&store, Origins::Any), Some((tree, peer())));
}

#[test]
fn no_realisation_of_absent_content_is_recorded() {
    let it = Fresh::new();
    let (tree, log) = (TreeId(Digest::of(b"no")), BlobId(Digest::of(b"no")));
    let there = Realisation { outputs: outputs(Tree::default().id()), log: None, origin: Origin::Built };
    for realisation in
        [Realisation { outputs: outputs(tree), ..there.clone() }, Realisation { log: Some(log), ..there }]
    {
        let session = it.store.session().unwrap();
        session.add_tree(&Tree::default()).unwrap();
        let realised = Realised { of: Some((REQUEST.to_vec(), realisation)), ..Realised::default() };
        let refused = session.finish(&[], &Keep { realised, ..Keep::default() });
        assert!(matches!(refused, Err(WriteError::Unstored { presence: Presence::Absent, .. })));
        assert_eq!(found(&it.store, Origins::Any), None);
    }
}
