//! Two builds beside each other, and beside the machine: neither meets what the other holds, or sees what it does.
//! Locks, leases and watches belong to an inode, so no inode may be shared by two builds.

use std::os::fd::AsFd;

use rustix::fs::{FlockOperation, flock};
use stele_tests::sandboxed::Tree;

use super::{Answers, attacker, inside, is_root, jam, kept, of, read};

/// The results of two attacks that run at the same time, each in its own build.
fn two(one: &str, other: &str) -> Option<(Answers, Answers)> {
    let tree = Tree::new()?;
    attacker(&tree, "one", &[one])?;
    attacker(&tree, "other", &[other])?;
    std::thread::scope(|scope| {
        let first = scope.spawn(|| tree.ok("one"));
        tree.ok("other");
        first.join().unwrap();
    });
    Some((read(&tree.file("one", "said")), read(&tree.file("other", "said"))))
}

/// Their results in one folder.
fn two_outside(one: &str, other: &str) -> (Answers, Answers) {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("file"), "x").unwrap();
    let run = |attack: &str| {
        let mut command = std::process::Command::new(jam().unwrap());
        let output = command.args(["-", attack]).current_dir(scratch.path()).output().unwrap();
        read(&String::from_utf8_lossy(&output.stderr))
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run(one));
        let second = run(other);
        (first.join().unwrap(), second)
    })
}

#[test]
fn no_build_is_affected_by_the_locks_of_another() {
    for file in ["/bin/jam", "/proc/cpuinfo", "/dev/full"] {
        // A user cannot make device nodes.
        if file.starts_with("/dev") && !is_root() {
            continue;
        }
        let (one, other) = (format!("locks={file}"), format!("meets={file}"));
        let Some((held, met)) = two(&one, &other) else { return };
        assert_eq!((of(&held, &one), of(&met, &other)), ("done", "no"), "{file}");
    }
    let (held, met) = two_outside("locks=file", "meets=file");
    assert_eq!((of(&held, "locks=file"), of(&met, "meets=file")), ("done", "done"), "the control");
}

#[test]
fn no_build_sees_what_another_opens() {
    for file in ["/bin/jam", "/proc/cpuinfo", "/dev/full"] {
        if file.starts_with("/dev") && !is_root() {
            continue;
        }
        let (one, other) = (format!("locks={file}"), format!("watches={file}"));
        let Some((held, seen)) = two(&one, &other) else { return };
        assert_eq!((of(&held, &one), of(&seen, &other)), ("done", "no"), "{file}");
    }
    let (held, seen) = two_outside("locks=file", "watches=file");
    assert_eq!((of(&held, "locks=file"), of(&seen, "watches=file")), ("done", "done"), "the control");
}

#[test]
fn a_build_has_its_own_locks_and_watches() {
    let attacks = ["watches_own=/bin/jam", "watches_own=/build", "watches_own=/proc/version"];
    let Some(said) = inside(&attacks) else { return };
    for attack in attacks {
        assert_eq!(of(&said, attack), "done", "{attack}");
    }
}

#[test]
fn no_command_waits_for_a_lease_of_a_build() {
    kept(
        &[
            "leases=/bin/jam",
            "reads_lease=/bin/jam",
            "leases=/proc/cpuinfo",
            "leases=/out/said",
            "notified=/tmp",
        ],
        &["leases=file", "reads_lease=file", "notified=."],
    );
}

#[test]
fn no_build_changes_the_machines_devices() {
    let devices = ["full", "null", "random", "urandom", "zero"];
    let ways: Vec<String> = devices
        .iter()
        .flat_map(|device| [format!("touches=/dev/{device}"), format!("changes_mode=/dev/{device}")])
        .collect();
    kept(&ways.iter().map(String::as_str).collect::<Vec<_>>(), &["touches=file", "changes_mode=file"]);
}

#[test]
fn no_build_of_root_holds_a_lock_on_a_device_of_the_machine() {
    let Some(tree) = Tree::new() else { return };
    if !is_root() {
        return;
    }
    // A node that the machine's other programs do not use.
    let Some(()) = attacker(&tree, "x", &["locks=/dev/full"]) else { return };
    std::thread::scope(|scope| {
        let build = scope.spawn(|| tree.ok("x"));
        let device = std::fs::File::open("/dev/full").unwrap();
        while !build.is_finished() {
            flock(device.as_fd(), FlockOperation::NonBlockingLockShared).expect("nobody holds it");
            flock(device.as_fd(), FlockOperation::Unlock).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        build.join().unwrap();
    });
    assert_eq!(
        of(&read(&tree.file("x", "said")), "locks=/dev/full"),
        "done",
        "the control: inside, it is held"
    );
}
