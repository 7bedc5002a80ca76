//! Bad disks and bad luck: each gives a clear error, and loses nothing.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use stele_tests::damage::{flip, some_payload, writable};
use stele_tests::disk::Disk;
use stele_tests::{Stele, skip, trees, wait_for};

fn source(stele: &Stele, name: &str, seed: u64) -> PathBuf {
    let path = stele.scratch().join(name);
    trees::generate(&path, seed, 150);
    path
}

/// A store with a tree, the root `tree`; the tree's folder; the file of one of its payloads, and its digest.
fn stored(seed: u64) -> (Stele, PathBuf, PathBuf, String) {
    let stele = Stele::new();
    let tree = source(&stele, "tree", seed);
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    let (file, digest) = some_payload(&stele);
    (stele, tree, file, digest)
}

/// Damages a payload, and expects: reading it is an error and never gives wrong bytes under exit code 0;
/// verify names the blob and where it is used, once; importing the content again repairs it.
fn damage_is_found_and_repaired(damage: impl Fn(&Path)) {
    let (stele, tree, file, digest) = stored(5);
    damage(&file);
    stele.fails(&["store", "cat", &digest], 4);
    let to = stele.scratch().join("out");
    stele.fails(&["store", "export", "tree", to.to_str().unwrap()], 4);
    assert!(!to.exists(), "a failed export left something");
    let outcome = stele.run(&["store", "verify"]);
    assert_eq!(outcome.code, 4, "{}{}", outcome.text(), outcome.stderr);
    assert!(outcome.text().contains(&digest), "{}", outcome.text());
    assert!(outcome.text().contains("used by tree/"), "{}", outcome.text());
    // The collector must not be fooled into removing what the tree still names.
    stele.ok(&["store", "gc"]);
    stele.fails(&["store", "cat", &digest], 4);
    stele.add(&tree);
    stele.assert_sound();
    stele.assert_exports_as("tree", &tree);
}

#[test]
fn a_flipped_payload_is_never_handed_out_and_is_repaired_by_the_next_import() {
    damage_is_found_and_repaired(|file| flip(file, 5000));
}

#[test]
fn a_truncated_payload_is_never_handed_out_and_is_repaired_by_the_next_import() {
    damage_is_found_and_repaired(|file| writable(file).set_len(100).unwrap());
}

#[test]
fn a_payload_that_grew_is_never_handed_out_and_is_repaired_by_the_next_import() {
    damage_is_found_and_repaired(|file| {
        let handle = writable(file);
        let length = handle.metadata().unwrap().len();
        handle.write_all_at(b"more", length).unwrap();
    });
}

#[test]
fn a_missing_payload_is_said_and_is_repaired_by_the_next_import() {
    damage_is_found_and_repaired(|file| fs::remove_file(file).unwrap());
}

#[test]
fn a_store_that_is_moved_while_it_is_open_and_back_loses_nothing() {
    let (stele, _, file, digest) = stored(61);
    let away = stele.scratch().join("away");
    fs::rename(stele.store(), &away).unwrap();
    // Asked by its socket, which moved with it, the daemon still reads what it has open.
    let elsewhere = stele.run(&["--store", away.to_str().unwrap(), "store", "cat", &digest]);
    fs::rename(&away, stele.store()).unwrap();
    stele.ok(&["store", "gc"]);
    assert!(file.exists(), "a sound payload was removed; the read said {}", elsewhere.stderr);
    stele.ok(&["store", "cat", &digest]);
    stele.assert_sound();
}

#[test]
fn a_store_that_took_the_place_of_one_that_was_moved_is_left_alone_by_the_other_daemon() {
    let (stele, other) = (Stele::new(), Stele::new());
    let (tree, more) = (source(&stele, "tree", 64), source(&stele, "more", 65));
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    other.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    other.ok(&["daemon", "stop"]);
    let away = stele.scratch().join("away");
    fs::rename(stele.store(), &away).unwrap();
    fs::rename(other.store(), stele.store()).unwrap();
    let before = every_file(stele.store());
    // The first daemon goes on with its own files, by its socket in their folder.
    let moved = |args: &[&str]| stele.run(&[&["--store", away.to_str().unwrap()], args].concat());
    let outcome = moved(&["store", "add", "--root", "more", more.to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(moved(&["store", "gc"]).code, 0);
    assert_eq!(moved(&["store", "verify"]).code, 0);
    assert_eq!(moved(&["daemon", "stop"]).code, 0);
    assert!(every_file(stele.store()) == before, "the moved store's daemon wrote into the other one");
    assert_eq!(moved(&["store", "verify"]).code, 0);
    assert_eq!(moved(&["daemon", "stop"]).code, 0);
    stele.assert_sound();
}

/// Names and sizes of all files below a folder.
fn every_file(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() { left.push(entry.path()) } else { found.push((entry.path(), meta.len())) }
        }
    }
    found.sort();
    found
}

#[test]
fn payloads_that_are_out_of_reach_for_a_while_are_there_again_afterwards() {
    let (stele, _, _, digest) = stored(62);
    let (objects, away) = (stele.store().join("objects"), stele.scratch().join("away"));
    fs::rename(&objects, &away).unwrap();
    stele.fails(&["store", "cat", &digest], 4);
    assert_eq!(stele.run(&["store", "verify"]).code, 4);
    fs::rename(&away, &objects).unwrap();
    stele.ok(&["store", "gc"]);
    stele.ok(&["store", "cat", &digest]);
    stele.assert_sound();
}

#[test]
fn a_payload_that_somebody_put_back_from_quarantine_is_looked_at_and_not_removed() {
    let (stele, _, file, digest) = stored(63);
    let put_back = || fs::rename(stele.store().join("quarantine").join(&digest), &file).unwrap();
    flip(&file, 0);
    stele.fails(&["store", "cat", &digest], 4);
    // As wrong as before: it goes where it came from.
    put_back();
    stele.ok(&["store", "gc"]);
    stele.fails(&["store", "cat", &digest], 4);
    put_back();
    flip(&file, 0);
    stele.ok(&["store", "gc"]);
    stele.ok(&["store", "cat", &digest]);
    stele.assert_sound();
}

#[test]
fn a_payload_that_became_a_folder_is_said_and_loses_nothing() {
    let (stele, tree, file, digest) = stored(6);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(stele.run(&["store", "cat", &digest]).code != 0);
    let outcome = stele.run(&["store", "verify"]);
    assert_eq!(outcome.code, 4, "{}{}", outcome.text(), outcome.stderr);
    stele.add(&tree);
    stele.assert_sound();
}

#[test]
fn a_database_that_is_gone_is_said_and_rebuilt_from_payloads_and_exported_trees() {
    let stele = Stele::new();
    let (kept, lost) = (source(&stele, "kept", 7), source(&stele, "lost", 8));
    let kept_digest = stele.ok(&["store", "add", "--root", "kept", kept.to_str().unwrap()]);
    stele.ok(&["store", "add", "--root", "lost", lost.to_str().unwrap()]);
    stele.ok(&["daemon", "stop"]);
    fs::remove_dir_all(stele.store().join("db")).unwrap();
    let said = stele.fails(&["store", "root", "ls"], 4);
    assert!(said.contains("rebuild-index"), "{said}");
    // What is in files is found, what was in the database alone is not: the roots say so, and are not
    // forgotten.
    let outcome = stele.run(&["store", "rebuild-index"]);
    let said = outcome.text();
    assert_eq!(outcome.code, 4, "a lost root must not pass for success: {}", outcome.stderr);
    assert!(
        said.contains("root kept is lost for now") && said.contains("root lost is lost for now"),
        "{said}"
    );
    stele.assert_sound();
    stele.ok(&["daemon", "stop"]);
    let outcome = stele.run(&["store", "rebuild-index", "--from", kept.to_str().unwrap()]);
    let said = outcome.text();
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    assert!(said.contains("restored 1 root") && said.contains("root lost is lost for now"), "{said}");
    stele.assert_exports_as("kept", &kept);
    assert_eq!(stele.json(&["store", "info", "kept"])["digest"], kept_digest.as_str());
    let said = stele.ok(&["store", "rebuild-index", "--from", lost.to_str().unwrap()]);
    assert!(!said.contains("lost for now"), "{said}");
    stele.assert_exports_as("lost", &lost);
    stele.assert_sound();
}

#[test]
fn a_damaged_table_is_said_and_the_rebuild_takes_over_all_that_can_be_read() {
    let stele = Stele::new();
    let tree = source(&stele, "tree", 9);
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    stele.ok(&["daemon", "stop"]);
    // The largest table holds the small payloads.
    let tables = fs::read_dir(stele.store().join("db")).unwrap().map(|entry| entry.unwrap());
    let largest = tables
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "sst"))
        .max_by_key(|entry| entry.metadata().unwrap().len())
        .unwrap();
    let handle = fs::OpenOptions::new().write(true).open(largest.path()).unwrap();
    handle.write_all_at(&[0xff; 64], 4096).unwrap();
    let outcome = stele.run(&["store", "verify"]);
    assert_ne!(outcome.code, 0, "a damaged table went unnoticed: {}", outcome.text());
    stele.ok(&["daemon", "stop"]);
    let said = stele.ok(&["store", "rebuild-index", "--from", tree.to_str().unwrap()]);
    assert!(said.contains("is kept in"), "the damaged database must not be thrown away: {said}");
    stele.assert_exports_as("tree", &tree);
    stele.assert_sound();
}

#[test]
fn a_healthy_store_survives_a_rebuild_unchanged() {
    let stele = Stele::new();
    let tree = source(&stele, "tree", 10);
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    let (before, roots) = (stele.json(&["store", "stats"]), stele.ok(&["store", "root", "ls"]));
    let said = stele.ok(&["store", "rebuild-index"]);
    assert!(!said.contains("kept in"), "{said}");
    let after = stele.json(&["store", "stats"]);
    for count in
        ["trees", "tree_bytes", "inline_blobs", "inline_bytes", "file_blobs", "file_bytes", "added_bytes"]
    {
        assert_eq!(before[count], after[count], "{count}");
    }
    assert_eq!(roots, stele.ok(&["store", "root", "ls"]));
    stele.assert_exports_as("tree", &tree);
}

#[test]
fn a_full_disk_stops_an_import_of_large_files_and_loses_nothing() {
    let Some(disk) = Disk::tmpfs(48) else { return skip("a tmpfs cannot be mounted here") };
    full_disk(&disk, |stele| {
        let big = stele.scratch().join("big");
        fs::write(&big, trees::Random::new(11).bytes(90 << 20)).unwrap();
        big
    });
}

#[test]
fn a_full_disk_stops_an_import_of_small_files_and_loses_nothing() {
    let Some(disk) = Disk::tmpfs(48) else { return skip("a tmpfs cannot be mounted here") };
    full_disk(&disk, |stele| {
        let many = stele.scratch().join("many");
        fs::create_dir(&many).unwrap();
        let mut random = trees::Random::new(12);
        for n in 0..6000 {
            fs::write(many.join(n.to_string()), random.bytes(14_000)).unwrap();
        }
        many
    });
}

fn full_disk(disk: &Disk, too_much: impl FnOnce(&Stele) -> PathBuf) {
    let stele = Stele::at(&disk.path().join("store"));
    let tree = source(&stele, "tree", 13);
    let too_much = too_much(&stele);
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    let said = stele.fails(&["store", "add", too_much.to_str().unwrap()], 5);
    assert!(said.contains("hint: ") && said.contains("gc"), "{said}");
    stele.assert_sound();
    stele.assert_exports_as("tree", &tree);
    // The collector gets the space back, and the store takes writes again.
    stele.ok(&["store", "gc"]);
    let other = source(&stele, "other", 14);
    stele.ok(&["store", "add", "--root", "other", other.to_str().unwrap()]);
    stele.assert_exports_as("other", &other);
    stele.assert_sound();
}

#[test]
fn a_store_on_a_disk_that_somebody_else_filled_can_still_be_read_and_collected() {
    let Some(disk) = Disk::tmpfs(320) else { return skip("a tmpfs cannot be mounted here") };
    let stele = Stele::at(&disk.path().join("store"));
    let (tree, waste) = (source(&stele, "tree", 15), source(&stele, "waste", 16));
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    stele.ok(&["store", "add", "--keep-for", "0", waste.to_str().unwrap()]);
    stele.kill_daemon();
    disk.fill();
    stele.assert_exports_as("tree", &tree);
    let said = stele.ok(&["store", "gc"]);
    assert!(said.starts_with("removed ") && !said.starts_with("removed 0"), "{said}");
    disk.drain();
    stele.assert_sound();
    stele.add(&waste);
    stele.assert_exports_as("tree", &tree);
}

#[test]
fn a_read_only_disk_can_be_read_and_says_why_it_cannot_be_written() {
    let Some(disk) = Disk::tmpfs(64) else { return skip("a tmpfs cannot be mounted here") };
    let stele = Stele::at(&disk.path().join("store"));
    let tree = source(&stele, "tree", 17);
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    stele.ok(&["daemon", "stop"]);
    disk.set_read_only(true);
    stele.assert_exports_as("tree", &tree);
    stele.assert_sound();
    stele.ok(&["store", "stats"]);
    for args in [
        &["store", "add", tree.to_str().unwrap()][..],
        &["store", "gc"],
        &["store", "root", "rm", "tree"],
        &["store", "root", "add", "x", "tree"],
    ] {
        let said = stele.fails(args, 1);
        assert!(said.contains("read-only"), "{said}");
    }
    disk.set_read_only(false);
    stele.assert_sound();
}

#[test]
fn a_disk_that_becomes_read_only_under_the_daemon_gives_errors_and_loses_nothing() {
    let Some(disk) = Disk::ext4(128) else { return skip("an ext4 cannot be mounted here") };
    let stele = Stele::at(&disk.path().join("store"));
    let (tree, other) = (source(&stele, "tree", 18), source(&stele, "other", 19));
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    // The daemon has files open for writing, so only the kernel itself can do this: on an error of the
    // device.
    let abort = std::process::Command::new("mount")
        .args(["-o", "remount,abort"])
        .arg(disk.path())
        .stderr(std::process::Stdio::null())
        .status();
    if !abort.is_ok_and(|status| status.success())
        && stele.run(&["store", "add", other.to_str().unwrap()]).code == 0
    {
        return skip("the kernel would not abort the file system");
    }
    let outcome = stele.run(&["store", "add", other.to_str().unwrap()]);
    assert_ne!(outcome.code, 0, "{}", outcome.text());
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    stele.kill_daemon();
}

#[test]
fn an_unknown_format_or_feature_is_refused_and_nothing_is_touched() {
    for text in ["stele-store 2\nfeatures 0x0\n", "stele-store 1\nfeatures 0x11\n"] {
        let stele = Stele::new();
        let tree = source(&stele, "tree", 20);
        stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
        stele.ok(&["daemon", "stop"]);
        fs::write(stele.store().join("format"), text).unwrap();
        let names = |folder: &str| -> Vec<_> {
            let entries = fs::read_dir(stele.store().join(folder)).unwrap().map(|e| e.unwrap());
            let mut all: Vec<_> =
                entries.map(|e| (e.file_name(), e.metadata().unwrap().modified().unwrap())).collect();
            all.sort();
            all
        };
        let before = names("db");
        for args in [&["store", "stats"][..], &["store", "add", "/etc/hostname"], &["store", "rebuild-index"]]
        {
            let said = stele.fails(args, 1);
            assert!(said.contains("format") && said.contains("hint: use the version"), "{said}");
        }
        assert_eq!(before, names("db"), "the database was touched");
    }
}

#[test]
fn a_folder_that_holds_something_else_is_not_made_a_store_of() {
    let stele = Stele::new();
    fs::create_dir(stele.store()).unwrap();
    fs::write(stele.store().join("thesis.tex"), "years of work").unwrap();
    let said = stele.fails(&["store", "add", "/etc/hostname"], 1);
    assert!(said.contains("is not a store"), "{said}");
    assert_eq!(fs::read_dir(stele.store()).unwrap().count(), 1, "something was left in a foreign folder");
    let said = stele.fails(&["store", "stats"], 3);
    assert!(said.contains("no store"), "{said}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused_or_whole() {
    let stele = Stele::new();
    let path = stele.scratch().join("changing");
    fs::write(&path, vec![0; 24 << 20]).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            let mut n = 0u64;
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                file.write_all_at(&n.to_le_bytes(), (n * 4096) % (24 << 20)).unwrap();
                n += 1;
            }
        });
        let said = stele.fails(&["store", "add", path.to_str().unwrap()], 1);
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(said.contains("changed while it was read"), "{said}");
    });
    stele.add(&path);
    stele.assert_sound();
}

#[test]
fn special_files_are_refused_by_name_all_at_once() {
    let stele = Stele::new();
    let tree = source(&stele, "tree", 21);
    let pipe = tree.join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.join("sock")).unwrap();
    let said = stele.fails(&["store", "add", tree.to_str().unwrap()], 1);
    assert!(said.contains("pipe is a named pipe") && said.contains("sock is a socket"), "{said}");
    let said = stele.fails(&["store", "add", pipe.to_str().unwrap()], 1);
    assert!(said.contains("named pipe"), "{said}");
    let said = stele.fails(&["store", "add", "/dev/null"], 1);
    assert!(said.contains("character device"), "{said}");
    stele.assert_sound();
}

#[test]
fn what_is_not_there_or_may_not_be_read_or_is_the_store_itself_is_said() {
    let stele = Stele::new();
    let tree = source(&stele, "tree", 22);
    stele.add(&tree);
    let said = stele.fails(&["store", "add", "/no/such/thing"], 3);
    assert!(said.contains("/no/such/thing"), "{said}");
    let around = stele.scratch().to_str().unwrap();
    let said = stele.fails(&["store", "add", around], 1);
    assert!(said.contains("is the store itself"), "{said}");
    symlink("loop", stele.scratch().join("loop")).unwrap();
    assert!(stele.run(&["store", "add", stele.scratch().join("loop").to_str().unwrap()]).code != 0);
    if !rustix::process::geteuid().is_root() {
        let secret = tree.join("secret");
        fs::write(&secret, "x").unwrap();
        fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
        let said = stele.fails(&["store", "add", tree.to_str().unwrap()], 1);
        assert!(said.contains("secret") && said.contains("hint: "), "{said}");
    }
}

#[test]
fn an_export_never_writes_over_anything() {
    let stele = Stele::new();
    let tree = source(&stele, "tree", 23);
    let digest = stele.add(&tree);
    let place = stele.scratch().join("place");
    fs::create_dir(&place).unwrap();
    stele.ok(&["store", "export", &digest, place.to_str().unwrap()]);
    let said = stele.fails(&["store", "export", &digest, place.to_str().unwrap()], 1);
    assert!(said.contains("already exists"), "{said}");
    let file = stele.scratch().join("file");
    fs::write(&file, "precious").unwrap();
    stele.fails(&["store", "export", &digest, file.to_str().unwrap()], 1);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert!(stele.run(&["store", "export", &digest, "/proc/nowhere/x"]).code != 0);
    trees::assert_same(&tree, &place);
}

#[test]
fn an_interrupted_command_cancels_its_work_and_leaves_a_sound_store() {
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    trees::generate(&tree, 24, 4000);
    stele.ok(&["store", "add", "--root", "small", "/etc/hostname"]);
    for delay in [5, 40, 120] {
        let mut child = stele.command(&["store", "add", tree.to_str().unwrap()]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        child.wait().unwrap();
        wait_for("the daemon to drop the work", || stele.json(&["daemon", "status"])["working"] == 0);
    }
    stele.ok(&["store", "gc", "--end-leases"]);
    stele.assert_sound();
    let digest = stele.add(&tree);
    stele.assert_exports_as(&digest, &tree);
}
