//! What a mount lives through: kills of the daemon and of its keeper, collections, bad disks, users without rights.
//!
//! The kernel gives all readers of a FUSE mount an error for ever when its server is killed. Here another server goes
//! on; each test says what somebody who reads meanwhile must see.

mod collecting;
mod staying_up;
mod ways;
mod wrong_bytes;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use stele_tests::mounted::Mounted;
use stele_tests::{Stele, trees, wait_for};

/// How long a test may take that would hang if the mount did.
const LONG: Duration = Duration::from_secs(60);

/// A tree with files that lie in the database, in files, and programs; its digest.
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

fn kill(pid: i32) {
    let pid = Pid::from_raw(pid).expect("a process");
    let _ = kill_process(pid, Signal::KILL);
    wait_for("a killed process to be gone", || test_kill_process(pid).is_err() || is_zombie(pid));
}

/// Ended, and not waited for by whoever started it.
fn is_zombie(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

/// Kills the daemon without asking it anything before; the mount goes on without it.
fn kill_daemon(mounted: &Mounted) {
    if let Some(pid) = mounted.stele().daemon() {
        kill(pid);
    }
}

fn mounts(stele: &Stele) -> Vec<serde_json::Value> {
    stele.json(&["mount", "ls"]).as_array().expect("a list").clone()
}
