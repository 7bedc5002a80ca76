//! What a mount survives: kills of the daemon and of its keeper, collections, disk faults, unprivileged users.
//!
//! The kernel gives all readers of a FUSE mount an error for ever when its server is killed. Here another server takes
//! over; each test states what a reader must see meanwhile.

mod collecting;
mod staying_up;
mod ways;
mod wrong_bytes;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stele_tests::mounted::Mounted;
use stele_tests::{Stele, trees};

/// A time limit for a test that would hang if the mount did.
const LONG: Duration = Duration::from_secs(60);

/// A tree with inline files, object files, and programs; its digest.
fn add_tree(stele: &Stele, name: &str, seed: u64) -> (PathBuf, String) {
    let tree = stele.scratch().join(name);
    trees::generate(&tree, seed, 40);
    fs::write(tree.join("large"), trees::Random::new(seed).bytes(700_000)).unwrap();
    fs::write(tree.join("small"), format!("small {seed}\n")).unwrap();
    let digest = stele.ok(&["store", "add", "--root", name, tree.to_str().unwrap()]);
    (tree, digest)
}

/// The process that keeps the mounts of a store.
fn keeper(stele: &Stele) -> Option<i32> {
    let text = |path: &Path| fs::read(path).unwrap_or_default();
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let command = text(&entry.path().join("cmdline"));
        let mut words = command.split(|byte| *byte == 0);
        let is_ours = words.any(|word| word == b"keep")
            && words.any(|word| word == stele.store().as_os_str().as_encoded_bytes());
        if is_ours { entry.file_name().to_str()?.parse().ok() } else { None }
    })
}

/// A mount with such a tree. `None`, and the test is skipped, where mounting is not permitted.
fn mounted_tree(seed: u64, options: &[&str]) -> Option<(Mounted, PathBuf, String)> {
    let stele = Stele::new();
    let (tree, digest) = add_tree(&stele, "tree", seed);
    Some((Mounted::with(stele, options)?, tree, digest))
}

fn mounts(stele: &Stele) -> Vec<serde_json::Value> {
    stele.json(&["mount", "ls"]).as_array().expect("a list").clone()
}
