//! A power failure: what the file system had not written to its device is lost, not only the process.
//!
//! The store is on a journalled ext4 in a file. The daemon is killed at a step of an import, and the file is copied at
//! once: the copy has what the device had, and nothing of what the kernel still held in memory. On the mounted copy all
//! that was acknowledged before must be intact, and no row without its file. An import that forgot a sync passes every
//! kill test and fails here.
#![cfg(feature = "crash-points")]

use stele_store::crash::CrashPoint;
use stele_tests::disk::Disk;
use stele_tests::{Stele, skip, trees};

#[test]
fn acknowledged_work_survives_a_power_failure() {
    let Some(disk) = Disk::ext4(200) else { return skip("an ext4 cannot be mounted here") };
    let source = tempfile::tempdir().unwrap();
    let tree = source.path().join("tree");
    trees::generate(&tree, 40, 200);
    let mut random = trees::Random::new(40);
    for n in 0..400 {
        // Enough small files to bypass the database's log, too.
        std::fs::write(tree.join(format!("small{n}")), random.bytes(9000)).unwrap();
    }
    let stele = Stele::at(&disk.path().join("store"));
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    // No waiting, no closing: the copy is made as soon as the digest was printed.
    let cut = disk.after_power_cut("acknowledged");
    let after = Stele::at(&cut.path().join("store"));
    after.assert_sound();
    after.assert_exports_as("tree", &tree);
    // A few files are written differently from many.
    let few = source.path().join("few");
    trees::generate(&few, 41, 6);
    stele.ok(&["store", "add", "--root", "few", few.to_str().unwrap()]);
    stele.ok(&["store", "root", "add", "again", "tree"]);
    stele.ok(&["store", "root", "rm", "tree"]);
    let cut = disk.after_power_cut("few");
    let after = Stele::at(&cut.path().join("store"));
    after.assert_sound();
    after.assert_exports_as("few", &few);
    after.assert_exports_as("again", &tree);
    after.fails(&["store", "info", "tree"], 3);
}

#[test]
fn a_power_cut_at_any_step_of_an_import_or_a_collection_loses_nothing_that_was_acknowledged() {
    let Some(probe) = Disk::ext4(64) else { return skip("an ext4 cannot be mounted here") };
    drop(probe);
    let source = tempfile::tempdir().unwrap();
    let (old, new) = (source.path().join("old"), source.path().join("new"));
    trees::generate(&old, 42, 100);
    trees::generate(&new, 43, 100);
    use CrashPoint::*;
    for point in [
        OpenEpochWritten,
        ImportTempWritten,
        CommitRenamed,
        CommitSynced,
        CommitRowsWritten,
        CommitFinalSynced,
        GcTreesRemoved,
        GcRowsRemoved,
        GcFileRemoved,
    ] {
        eprintln!("--- {}", point.label());
        let disk = Disk::ext4(201).unwrap();
        let mut stele = Stele::at(&disk.path().join("store"));
        stele.ok(&["store", "add", "--root", "old", old.to_str().unwrap()]);
        let collecting = matches!(point, GcTreesRemoved | GcRowsRemoved | GcFileRemoved);
        if collecting {
            stele.ok(&["store", "add", "--keep-for", "0", new.to_str().unwrap()]);
        }
        stele.ok(&["daemon", "stop"]);
        stele.set_env("STELE_CRASH_AT", point.label());
        let args = if collecting { vec!["store", "gc"] } else { vec!["store", "add", new.to_str().unwrap()] };
        let outcome = stele.run(&args);
        assert_ne!(outcome.code, 0, "the step was not passed: {}", outcome.text());
        let cut = disk.after_power_cut("step");
        let after = Stele::at(&cut.path().join("store"));
        after.assert_sound();
        after.assert_exports_as("old", &old);
        let digest = after.add(&new);
        after.assert_exports_as(&digest, &new);
        after.ok(&["store", "gc", "--end-leases"]);
        after.assert_sound();
        stele.clear_env();
    }
}
