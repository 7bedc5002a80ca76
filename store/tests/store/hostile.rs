//! A store's folder that another user prepared: opening it once removed every file behind a link called `tmp`,
//! and wrote through other links.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use stele_store::{FolderError, OpenError, Progress, RebuildError, Store};

use super::Fresh;

/// Every name, content and time of a folder.
fn state(folder: &Path) -> Vec<(String, Vec<u8>, i64)> {
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let changed = fs::symlink_metadata(&path).unwrap().ctime_nsec();
            (path.display().to_string(), fs::read(&path).unwrap_or_default(), changed)
        })
        .collect();
    all.sort();
    all
}

/// Another user's folder, with names that a store might take for its own.
fn victim(at: &Path) {
    fs::create_dir(at).unwrap();
    for name in ["0", "thesis.tex", "CURRENT", "000001.log"] {
        fs::write(at.join(name), "years of work").unwrap();
    }
}

#[test]
fn no_link_in_a_store_s_folder_is_followed() {
    let names = [
        "tmp",
        "objects",
        "objects/00",
        "objects/ab",
        "quarantine",
        "db",
        "lock",
        "format",
        "format.new",
        "roots",
        "roots.new",
        "ballast",
        "db/CURRENT",
        "db.lost-1",
        "builds",
        "daemon.log",
        "socket",
        "db.new",
    ];
    for name in names {
        let it = Fresh::new();
        it.tree_of(b"something");
        let Fresh { store, folder } = it;
        let path = store.path().to_owned();
        store.close().unwrap();
        drop(store);
        let place = path.join(name);
        let target = folder.path().join("victim");
        victim(&target);
        let was_file = fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_file());
        fs::rename(&place, folder.path().join("was")).ok();
        let aim = if was_file || name.contains('.') { target.join("thesis.tex") } else { target.clone() };
        symlink(&aim, &place).unwrap();
        let before = state(&target);
        let opened = Store::open(&path).map(drop);
        assert!(matches!(opened, Err(OpenError::Folder(FolderError::Link { .. }))), "{name}: {opened:?}");
        let opened = Store::open_read_only(&path).map(drop);
        assert!(opened.is_err(), "{name}: {opened:?}");
        let rebuilt = Store::rebuild(&path, &[], &Progress::default()).map(drop);
        assert!(matches!(rebuilt, Err(RebuildError::Open(_))), "{name}: {rebuilt:?}");
        assert_eq!(state(&target), before, "{name}: the target of the link was touched");
    }
}

#[test]
fn no_folder_that_other_users_own_or_can_write_to_is_accepted() {
    let it = Fresh::new();
    let path = it.store.path().to_owned();
    drop(it.store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Store::open(&path).map(drop), Err(OpenError::Folder(FolderError::Shared { .. }))));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    // Only root can change owners.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for name in ["", "tmp", "db", "db/CURRENT", "lock", "objects/00", "format"] {
        let place = path.join(name);
        std::os::unix::fs::chown(&place, Some(61_001), None).unwrap();
        let opened = Store::open(&path).map(drop);
        assert!(
            matches!(opened, Err(OpenError::Folder(FolderError::Foreign { owner: 61_001, .. }))),
            "{name}: {opened:?}"
        );
        std::os::unix::fs::chown(&place, Some(0), None).unwrap();
    }
    drop(Store::open(&path).unwrap());
}

#[test]
fn other_users_cannot_open_the_lock_even_one_of_an_older_version() {
    let it = Fresh::new();
    let path = it.store.path().to_owned();
    let mode = |path: &Path| fs::metadata(path.join("lock")).unwrap().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    drop(it.store);
    fs::set_permissions(path.join("lock"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn clearing_removes_no_file_with_a_foreign_name() {
    let it = Fresh::new();
    let path = it.store.path().to_owned();
    drop(it.store);
    let tmp = path.join("tmp");
    fs::write(tmp.join("thesis.tex"), "years of work").unwrap();
    fs::write(tmp.join("17"), "left by a crash").unwrap();
    fs::create_dir_all(tmp.join("18/below/deeper")).unwrap();
    fs::write(tmp.join("18/below/file"), "left by a crash").unwrap();
    victim(&it.folder.path().join("victim"));
    symlink(it.folder.path().join("victim"), tmp.join("18/link")).unwrap();
    symlink(it.folder.path().join("victim"), tmp.join("19")).unwrap();
    let before = state(&it.folder.path().join("victim"));
    drop(Store::open(&path).unwrap());
    let left: Vec<_> = fs::read_dir(&tmp).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.tex"]);
    assert_eq!(state(&it.folder.path().join("victim")), before);
}

#[test]
fn a_half_deleted_store_is_recreated_and_a_folder_with_foreign_files_is_not() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["builds", "failed", "fetch", "mnt"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    for name in ["mounts", "keeper.socket", "daemon.log.old", "roots.lost"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    drop(Store::open(dir.path()).unwrap());
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("thesis.tex"), "years of work").unwrap();
    assert!(matches!(Store::open(other.path()).map(drop), Err(OpenError::Occupied { .. })));
}
