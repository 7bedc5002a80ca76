//! A rebuild of a sound store once dropped the rows of column families that the code forgot, and then removed
//! the only copy: so this test compares every row, and lists those that may differ.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::db::{Family, Holder, LeaseRow, Origin, Outputs, Realisation};
use crate::layers::LayerRow;
use crate::model::{Name, Node};
use crate::realised::{Last, Realised};

/// Rows by column family and key.
type AllRows = BTreeMap<(&'static str, Vec<u8>), Vec<u8>>;

/// Rows of a database about itself.
const MAY_DIFFER: &[(&str, &[u8])] = &[("meta", b"epoch"), ("meta", b"clean")];

fn all_rows(path: &Path) -> AllRows {
    let db = Db::open_read_only(&Folder::open(path).unwrap(), DB).unwrap();
    let mut rows = AllRows::new();
    for family in Family::ALL {
        for row in db.raw(*family).unwrap() {
            let (key, value) = row.unwrap();
            rows.insert((family.name(), key.to_vec()), value.to_vec());
        }
    }
    rows.retain(|(family, key), _| !MAY_DIFFER.contains(&(*family, key)));
    rows
}

/// A store with rows of every kind, including some that only a later version knows.
fn furnished(path: &Path) {
    let store = Store::open(path).unwrap();
    let session = store.session().unwrap();
    let log = session.add_blob(b"a log", false).unwrap();
    let node = |bytes: &[u8], executable| Node::File {
        blob: session.add_blob(bytes, executable).unwrap(),
        size: bytes.len() as u64,
        executable,
    };
    let entries = vec![
        (Name::new(b"small").unwrap(), node(b"small", false)),
        (Name::new(b"large").unwrap(), node(&[1; 100_000], false)),
        (Name::new(b"program").unwrap(), node(b"#!", true)),
        (Name::new(b"lost").unwrap(), node(&[2; 100_000], false)),
    ];
    let lost = BlobId(Digest::of(&[2; 100_000]));
    let (tree, size) = session.add_tree(&Tree::new(entries).unwrap()).unwrap();
    let below = vec![(Name::new(b"below").unwrap(), Node::Directory { tree, size })];
    let (outer, _) = session.add_tree(&Tree::new(below).unwrap()).unwrap();
    let outputs = Outputs([("out".to_owned(), tree)].into());
    let realised = Realised {
        of: Some((
            b"action".to_vec(),
            Realisation { outputs: outputs.clone(), log: Some(log), origin: Origin::Built },
        )),
        memo: Some(("recipe".to_owned(), b"{}".to_vec())),
        last: Some(("recipe".to_owned(), Last { log, text: b"{}".to_vec() })),
        check: None,
        explanation: None,
    };
    let keep = Keep {
        root: Some("outer".parse().unwrap()),
        lease: Some(Holder::Until(1 << 40)),
        realised,
        ..Keep::default()
    };
    session.finish(&[Target::Tree(tree), Target::Tree(outer)], &keep).unwrap();
    store.set_root(&"blob".parse().unwrap(), Target::Blob(log)).unwrap();
    store.lease(Target::Blob(log), Holder::process(std::process::id()).unwrap()).unwrap();
    store.remember(b"elsewhere", &outputs, Origin::Substituted { from: "peer".to_owned() }).unwrap();
    let sum = (Sha256::of(b"layer"), 5);
    store.remember_layer(&Digest::of(b"layer"), &LayerRow { plain: sum, packed: sum }).unwrap();
    fs::remove_file(store.object_path(&lost)).unwrap();
    fs::write(store.object_path(&lost), "damaged").unwrap();
    assert_eq!(store.verify(&Progress::default()).unwrap().findings.len(), 1);
    let mut rows = Rows::default();
    // A root with an old timestamp, and rows that this version does not read.
    rows.put_root(&"old".parse().unwrap(), &RootRow { target: Target::Tree(tree), created: 7 });
    rows.put_lease(7, &LeaseRow { target: Target::Tree(tree), holder: Holder::Until(1 << 41).anchored() });
    rows.put_raw(Family::Attestation, b"statement", b"signed".to_vec());
    rows.put_meta("later/thing", b"unknown".to_vec());
    store.db.write(rows, Durability::Synced).unwrap();
    store.close().unwrap();
}

fn rebuild(path: &Path) -> Rebuilt {
    let (store, rebuilt) = Store::rebuild(path, &[], &Progress::default()).unwrap();
    store.close().unwrap();
    rebuilt
}

#[test]
fn a_rebuild_of_a_sound_store_loses_and_changes_no_row_of_any_family() {
    let dir = tempfile::tempdir().unwrap();
    furnished(dir.path());
    let before = all_rows(dir.path());
    let of = |family: &Family| before.keys().filter(|(name, _)| *name == family.name()).count();
    for family in Family::ALL {
        assert!(of(family) > 0, "no row of {} exists to be lost", family.name());
    }
    let rebuilt = rebuild(dir.path());
    assert!(rebuilt.old_database.is_empty() && rebuilt.lost_roots.is_empty(), "{rebuilt:?}");
    let after = all_rows(dir.path());
    for (key, value) in &before {
        let (family, id) = (key.0, String::from_utf8_lossy(&key.1));
        assert_eq!(after.get(key), Some(value), "{family}: {id}");
    }
    assert_eq!(after.len(), before.len());
}

#[test]
fn a_row_of_an_older_database_neither_replaces_nor_restores_one_of_a_newer() {
    let dir = tempfile::tempdir().unwrap();
    furnished(dir.path());
    let layout = Layout::new(dir.path());
    // As left by an earlier rebuild that could not take over every row.
    let old = dir.path().join("db.lost-1");
    fs::create_dir(&old).unwrap();
    for entry in fs::read_dir(layout.db()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), old.join(entry.file_name())).unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    let mut rows = Rows::default();
    rows.put_meta("memo/recipe", b"newer".to_vec());
    rows.delete_meta("later/thing");
    store.db.write(rows, Durability::Synced).unwrap();
    store.close().unwrap();
    drop(store);
    let before = all_rows(dir.path());
    rebuild(dir.path());
    assert_eq!(all_rows(dir.path()), before);
}
