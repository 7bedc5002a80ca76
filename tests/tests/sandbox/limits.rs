//! A build that exceeds a limit is ended, with a message that names the limit; and the store is intact afterwards.

use std::fs;
use std::time::{Duration, Instant};

use stele_tests::disk::Disk;
use stele_tests::{Stele, skip, wait_for};

use super::{LONG, Tree, compiled};

/// A build of this script is soon ended with this code and message, and the next one is built.
#[track_caller]
fn ended(script: &str, options: &[&str], code: i32, words: &str) {
    let Some(tree) = Tree::new() else { return };
    tree.script("x", script);
    let begun = Instant::now();
    let said = tree.fails("x", options, code);
    assert!(said.contains(words), "{said}");
    assert!(begun.elapsed() < LONG);
    assert!(tree.folders().is_empty(), "nothing is left");
    // The control.
    tree.script("x", "echo x >/out/x");
    tree.ok("x");
    tree.stele.assert_sound();
}

#[test]
fn a_fork_bomb_is_ended() {
    ended("f() { f | f & }; f; sleep 60; echo x >/out/x", &[], 1, "processes and threads");
}

#[test]
fn a_build_that_fails_at_the_process_limit_has_that_in_its_message() {
    ended("while :; do sleep 60 & done", &[], 1, "processes and threads");
}

#[test]
fn memory_of_one_process_is_limited() {
    ended("dd if=/dev/zero of=/dev/null bs=600M count=1; sleep 60", &["--memory", "200"], 1, MEMORY);
}

#[test]
fn memory_of_files_in_memory_is_limited() {
    ended("dd if=/dev/zero of=/dev/shm/x bs=1M count=600; sleep 60", &["--memory", "200"], 1, MEMORY);
}

#[test]
fn memory_of_many_small_processes_is_limited() {
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        (x=$(head -c 20m /dev/zero | tr '\\0' a); sleep 60) & done; wait; echo x >/out/x";
    ended(script, &["--memory", "200"], 1, MEMORY);
}

const MEMORY: &str = "it used more than 200 MiB of memory";

#[test]
fn a_build_that_continues_after_an_oom_kill_fails() {
    let script = "dd if=/dev/zero of=/dev/null bs=600M count=1; echo fine >/out/x";
    ended(script, &["--memory", "200"], 1, MEMORY);
}

#[test]
fn an_endless_log_is_ended() {
    ended("yes an endless log with lines of some length", &[], 1, "its log grew beyond 256 MiB");
}

#[test]
fn an_endless_build_is_ended() {
    let script = "trap '' TERM INT HUP QUIT; (setsid sleep 1000 &); while :; do sleep 1; done";
    ended(script, &["--timeout", "2"], 1, "it took longer than 2 s");
}

/// The supervisor looks at all mappings of all processes to find that memory is shared: that took a minute here, and
/// the clock waited for it.
#[test]
fn a_build_that_takes_long_to_measure_is_ended_in_time() {
    in_time(&["maps", "40"], &["--memory", "3000"]);
}

#[test]
fn a_build_that_lists_a_large_directory_without_end_is_ended_in_time() {
    in_time(&["names", "400000"], &[]);
}

/// Neither what is measured nor what is answered holds up the time limit of a build.
#[track_caller]
fn in_time(arguments: &[&str], options: &[&str]) {
    const SECONDS: u64 = 5;
    let (Some(tree), Some(program)) = (Tree::new(), compiled("storm")) else { return };
    tree.program("x", &program, arguments);
    let begun = Instant::now();
    let said = tree.fails("x", &[options, &["--timeout", &SECONDS.to_string()]].concat(), 1);
    assert!(said.contains("it took longer than 5 s"), "{said}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(SECONDS + 15), "{took:?}");
    assert!(tree.folders().is_empty(), "nothing is left");
}

#[test]
fn a_full_disk_ends_the_build_and_nothing_else() {
    on_small_disk("cat /dev/zero >/build/x", "the disk of the store has only");
}

#[test]
fn a_disk_without_room_for_another_file_ends_the_build_and_nothing_else() {
    on_small_disk("i=0; while :; do i=$((i+1)); : >/build/$i || exit 1; done", "more files (inodes)");
}

#[track_caller]
fn on_small_disk(script: &str, words: &str) {
    let Some(disk) = Disk::ext4(160) else { return skip("only root may mount") };
    let store = disk.path().join("store");
    {
        let Some(tree) = Tree::on(Stele::at(&store)) else { return };
        tree.script("before", "echo before >/out/x");
        tree.ok("before");
        tree.script("x", script);
        let said = tree.fails("x", &[], 5);
        assert!(said.contains(words), "{said}");
        assert!(tree.folders().is_empty(), "the room is there again");
        tree.stele.assert_sound();
        // The control.
        tree.script("x", "echo x >/out/x");
        tree.ok("x");
        assert_eq!(tree.file("before", "x"), "before");
        tree.stele.ok(&["daemon", "stop"]);
        wait_for("the daemon to end", || tree.stele.daemon().is_none());
    }
    assert!(fs::metadata(&store).is_ok());
}
