//! Kills.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use stele_tests::mounted::{Mounted, within};
use stele_tests::{Stele, kill, trees, wait_for};

use super::{LONG, add_tree, keeper, mounted_tree, mounts};

#[test]
fn a_killed_daemon_breaks_neither_open_files_nor_working_directories() {
    for options in [&[][..], &["--passthrough"]] {
        let stele = Stele::new();
        let (tree, digest) = add_tree(&stele, "tree", 1);
        let (other, second) = add_tree(&stele, "other", 2);
        let Some(mounted) = Mounted::with(stele, options) else { return };
        within(LONG, || {
            let top = mounted.path(&digest);
            let (large, small) =
                (fs::read(tree.join("large")).unwrap(), fs::read(tree.join("small")).unwrap());
            let (open_large, open_small) =
                (File::open(top.join("large")).unwrap(), File::open(top.join("small")).unwrap());
            let mut shell = Command::new("sh")
                .args(["-c", "cd \"$1\" && while read _; do pwd -P; cat small; done", "sh"])
                .arg(&top)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let (mut ask, mut said) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
            let expected =
                format!("{}\n{}", fs::canonicalize(&top).unwrap().display(), String::from_utf8_lossy(&small));
            for round in 0..8 {
                mounted.stele().kill_daemon();
                let mut bytes = vec![0; large.len()];
                open_large.read_exact_at(&mut bytes, 0).unwrap();
                assert!(bytes == large, "round {round}");
                // Without the page cache the server has to answer.
                let _ = fs::write("/proc/sys/vm/drop_caches", "1");
                let mut bytes = vec![0; small.len()];
                open_small.read_exact_at(&mut bytes, 0).unwrap();
                assert_eq!(bytes, small, "round {round}");
                std::io::Write::write_all(&mut ask, b"\n").unwrap();
                let mut answer = vec![0; expected.len()];
                said.read_exact(&mut answer).unwrap();
                assert_eq!(String::from_utf8_lossy(&answer), expected, "round {round}");
                trees::assert_same(&tree, &top);
            }
            // What had not been looked up before is there as well.
            trees::assert_same(&other, &mounted.path(&second));
            drop(ask);
            shell.wait().unwrap();
        });
        assert_eq!(mounts(mounted.stele()).len(), 1);
    }
}

/// A reader waiting for the killed daemon would wait for ever: the kernel has to resend the request.
#[test]
fn a_request_that_the_killed_daemon_had_read_is_answered_by_the_next() {
    let Some((mounted, tree, digest)) = mounted_tree(3, &[]) else { return };
    let daemon = mounted.stele().daemon().and_then(Pid::from_raw).unwrap();
    within(LONG, || {
        kill_process(daemon, Signal::STOP).unwrap();
        let asking: Vec<_> = (0..8)
            .map(|n| {
                let path = mounted.path(&format!("{digest}-{n}")).join("small");
                thread::spawn(move || fs::read(path))
            })
            .collect();
        thread::sleep(Duration::from_millis(200));
        kill_process(daemon, Signal::KILL).unwrap();
        for asked in asking {
            assert_eq!(asked.join().unwrap().unwrap(), fs::read(tree.join("small")).unwrap());
        }
    });
}

/// Kills the keeper, and then the daemon, which is not started again.
fn kill_both(stele: &Stele) {
    let daemon = stele.daemon().unwrap();
    kill(keeper(stele).expect("a keeper"));
    kill(daemon);
}

#[test]
fn when_daemon_and_keeper_are_both_killed_the_next_command_mounts_again_at_the_same_place() {
    let Some((mounted, tree, digest)) = mounted_tree(4, &[]) else { return };
    within(LONG, || {
        kill_both(mounted.stele());
        assert!(fs::read_dir(mounted.dir()).is_err(), "somebody answers all the same");
        mounted.stele().ok(&["store", "root", "ls"]);
        trees::assert_same(&tree, &mounted.path(&digest));
        // And it is kept again.
        mounted.stele().kill_daemon();
        trees::assert_same(&tree, &mounted.path(&digest));
    });
}

/// A killed keeper is noticed at the next mount, and the new one then receives the mounts that the daemon serves.
#[test]
fn a_killed_keeper_harms_no_reader() {
    let Some((mounted, tree, digest)) = mounted_tree(5, &[]) else { return };
    within(LONG, || {
        kill(keeper(mounted.stele()).expect("a keeper"));
        trees::assert_same(&tree, &mounted.path(&digest));
        let second = tempfile::tempdir().unwrap();
        mounted.stele().ok(&["mount", second.path().to_str().unwrap()]);
        mounted.stele().kill_daemon();
        trees::assert_same(&tree, &second.path().join(&digest));
        trees::assert_same(&tree, &mounted.path(&digest));
        mounted.stele().ok(&["umount", second.path().to_str().unwrap()]);
    });
}

#[test]
fn other_clients_of_the_keeper_are_not_taken_for_the_daemon() {
    let Some((mounted, tree, digest)) = mounted_tree(41, &[]) else { return };
    within(LONG, || {
        let stranger = || UnixStream::connect(mounted.stele().store().join("keeper.socket")).unwrap();
        let (silent, mut loud) = (stranger(), stranger());
        loud.write_all(&[7; 300]).unwrap();
        mounted.stele().kill_daemon();
        trees::assert_same(&tree, &mounted.path(&digest));
        drop((silent, loud));
    });
}

#[test]
fn an_orphaned_mount_is_mounted_again_on_request() {
    let Some((mounted, tree, digest)) = mounted_tree(42, &[]) else { return };
    within(LONG, || {
        kill_both(mounted.stele());
        fs::remove_file(mounted.stele().store().join("mounts")).unwrap();
        let outcome = mounted.stele().run(&["mount", mounted.dir().to_str().unwrap()]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(outcome.stderr.contains("no process serves the mount"), "{}", outcome.stderr);
        trees::assert_same(&tree, &mounted.path(&digest));
        // It is mounted already.
        let outcome = mounted.stele().run(&["mount", mounted.dir().to_str().unwrap()]);
        assert!(outcome.stderr.contains("already"), "{}", outcome.stderr);
    });
}

#[test]
fn a_rebuild_removes_mounts_of_the_old_database_unless_they_are_busy() {
    let Some((mounted, tree, digest)) = mounted_tree(43, &[]) else { return };
    within(LONG, || {
        let held = File::open(mounted.path(&digest).join("large")).unwrap();
        let said = mounted.stele().fails(&["store", "rebuild-index"], 1);
        assert!(said.contains("in use") && said.contains("hint: "), "{said}");
        trees::assert_same(&tree, &mounted.path(&digest));
        drop(held);
        wait_for("the mount to be left", || mounted.stele().run(&["store", "rebuild-index"]).code != 1);
        assert_eq!(fs::read_dir(mounted.dir()).unwrap().count(), 0);
        mounted.stele().assert_sound();
    });
}

#[test]
fn a_stopped_daemon_leaves_its_mounts_to_the_next() {
    let Some((mounted, tree, digest)) = mounted_tree(6, &[]) else { return };
    within(LONG, || {
        let held = File::open(mounted.path(&digest).join("large")).unwrap();
        let daemon = mounted.stele().daemon().and_then(Pid::from_raw).unwrap();
        kill_process(daemon, Signal::TERM).unwrap();
        // No command is needed: a read is enough.
        trees::assert_same(&tree, &mounted.path(&digest));
        assert_eq!(held.metadata().unwrap().len(), 700_000);
        assert_ne!(mounted.stele().daemon(), Some(daemon.as_raw_nonzero().get()));
    });
}

#[test]
fn stopping_the_daemon_ends_its_mounts_unless_they_are_in_use() {
    let Some((mounted, _, digest)) = mounted_tree(7, &[]) else { return };
    within(LONG, || {
        let held = File::open(mounted.path(&digest).join("large")).unwrap();
        let said = mounted.stele().fails(&["daemon", "stop"], 1);
        assert!(said.contains("in use") && said.contains("hint: "), "{said}");
        assert_eq!(mounts(mounted.stele()).len(), 1);
        drop(held);
        wait_for("the mount to be left", || mounted.stele().run(&["daemon", "stop"]).code == 0);
        assert_eq!(fs::read_dir(mounted.dir()).unwrap().count(), 0);
    });
}

#[test]
fn files_that_are_open_over_a_kill_are_counted_and_closed_by_the_next_daemon() {
    let Some((mounted, _, digest)) = mounted_tree(8, &["--passthrough"]) else { return };
    within(LONG, || {
        let open = || mounts(mounted.stele())[0]["open_files"].as_u64().unwrap();
        let path = mounted.path(&digest);
        let held: Vec<File> = (0..20)
            .flat_map(|_| [File::open(path.join("large")).unwrap(), File::open(path.join("small")).unwrap()])
            .collect();
        assert_eq!(open(), 2);
        mounted.stele().kill_daemon();
        let more = File::open(path.join("large")).unwrap();
        assert_eq!(open(), 2);
        drop(held);
        wait_for("one to be left", || open() == 1);
        drop(more);
        wait_for("none to be left", || open() == 0);
    });
}

#[test]
fn more_files_are_open_than_the_daemon_has_descriptors() {
    let stele = Stele::new();
    let tree = stele.scratch().join("many");
    fs::create_dir(&tree).unwrap();
    for n in 0..600 {
        // Programs, so that each is a file of the store.
        fs::write(tree.join(n.to_string()), format!("#!/bin/sh\n# {n}\n")).unwrap();
        trees::make_executable(&tree.join(n.to_string()));
    }
    let digest = stele.add(&tree);
    let Some(mounted) = Mounted::on(stele) else { return };
    within(LONG, || {
        let daemon = mounted.stele().daemon().and_then(Pid::from_raw).unwrap();
        let few = rustix::process::Rlimit { current: Some(200), maximum: Some(200) };
        rustix::process::prlimit(Some(daemon), rustix::process::Resource::Nofile, few).unwrap();
        let open = |n: usize| File::open(mounted.path(&digest).join(n.to_string())).unwrap();
        let held: Vec<File> = (0..600).map(open).collect();
        for (n, file) in held.iter().enumerate() {
            let mut bytes = vec![0; 32];
            let read = file.read_at(&mut bytes, 0).unwrap();
            assert_eq!(String::from_utf8_lossy(&bytes[..read]), format!("#!/bin/sh\n# {n}\n"));
        }
    });
}
