//! An import that begins while the database merges its tables, on a disk that has just the room for that: what the
//! merge takes comes back, so the import waits and is not refused.

use std::fs;

use stele_tests::disk::{Disk, own_mounts};
use stele_tests::{Stele, skip};

use super::doors::{Supply, few};
use super::{expect, kill_daemon, text};

/// The disk, in MiB, and what a root keeps of it.
const DISK: u64 = 54;
const KEPT: u64 = 10;
/// The size of a file, in bytes: small enough to be in the database.
const FILE: u64 = 1500;
/// So many files beside those: with some of these numbers the tables take nearly half of the disk.
const MORE: std::ops::Range<usize> = 6400..7601;

#[test]
fn an_import_waits_for_the_room_that_a_compaction_takes() {
    if own_mounts().is_none() {
        return skip("nothing may be mounted here");
    }
    let Some(supply) = Supply::new() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let [bulk, files] = ["bulk", "files"].map(|name| scratch.path().join(name));
    supply.scatter(&bulk, KEPT, FILE, 7);
    supply.scatter(&files, KEPT + 2, FILE, 8);
    let mut names: Vec<String> =
        fs::read_dir(&files).unwrap().map(|entry| text(&entry.unwrap().path()).to_owned()).collect();
    names.sort();
    for amount in MORE.step_by(300) {
        let disk = Disk::tmpfs(DISK).expect("a disk");
        let stele = Stele::at(&disk.path().join("store"));
        let small = few(stele.scratch(), 2);
        expect(&stele, &["store", "add", "--root", "bulk", text(&bulk)]).unwrap();
        let sources = ["source", "add"].into_iter().chain(names[..amount].iter().map(String::as_str));
        expect(&stele, &sources.collect::<Vec<_>>()).unwrap();
        kill_daemon(&stele);
        expect(&stele, &["store", "gc"]).unwrap();
        let added = expect(&stele, &["store", "add", "--root", "after", text(&small)]);
        added.unwrap_or_else(|why| panic!("after {amount} files: {why}"));
    }
}
