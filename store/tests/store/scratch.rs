//! Scratch space lies on the store's own disk, and is always freed.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use stele_store::Store;

use super::Fresh;

fn left(store: &Store) -> usize {
    fs::read_dir(store.path().join("tmp")).unwrap().count()
}

#[test]
fn no_scratch_space_is_left() {
    let it = Fresh::new();
    let mut file = it.store.scratch().unwrap();
    assert_eq!(left(&it.store), 0, "a file has no name");
    file.write_all(b"some bytes").unwrap();
    file.seek(SeekFrom::Start(5)).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "bytes");
    let folder = it.store.scratch_folder().unwrap();
    folder.file("a").unwrap().write_all(b"x").unwrap();
    assert!(folder.file("a").is_err() && folder.file("../a").is_err() && folder.file("b/c").is_err());
    fs::create_dir_all(folder.path().join("deep/deeper")).unwrap();
    fs::write(folder.path().join("deep/deeper/file"), "x").unwrap();
    drop(folder);
    assert_eq!(left(&it.store), 0);
    // A killed process drops nothing: the next opening clears it.
    std::mem::forget(it.store.scratch_folder().unwrap());
    let it = it.reopened();
    assert_eq!(left(&it.store), 0);
}
