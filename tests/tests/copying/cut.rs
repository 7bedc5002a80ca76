//! Connections that break, far ends that lie.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use stele_tests::disk::Disk;
use stele_tests::{Stele, binary};

use super::{filled, project, root};

/// Stands for ssh: runs `script`, whose arguments are ssh's, with the binary as `$STELE` and the far store as `$FAR`.
fn instead_of_ssh(near: &mut Stele, far: &Path, script: &str) {
    let path = near.scratch().join("instead-of-ssh");
    let head = format!("#!/bin/bash\nSTELE='{}' FAR='{}'\n", binary().display(), far.display());
    fs::write(&path, format!("{head}{script}\n")).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let path = path.to_str().unwrap().to_owned();
    near.set_env("STELE_SSH", &path);
}

const WHOLE: &str = r#"exec "$STELE" --store "$FAR" serve --stdio"#;

#[test]
fn what_arrived_before_a_connection_broke_is_not_sent_again() {
    let ((one, digest), mut two) = (filled(), Stele::new());
    // Bytes: the answers to questions, the large file, and some of the small ones.
    let script = format!("{WHOLE} > >(exec stdbuf -o0 head -c 3060000)");
    instead_of_ssh(&mut two, one.store(), &script);
    let said = two.fails(&["copy", "project", "--from", "ssh://far"], 1);
    assert!(said.contains("not sent again"), "{said}");
    assert_eq!(root(&two, "project"), None);
    two.ok(&["store", "gc"]);
    let before = two.json(&["store", "stats"])["inline_blobs"].as_u64().unwrap();
    assert!(before > 20, "{before} small files arrived");
    instead_of_ssh(&mut two, one.store(), WHOLE);
    let rest = two.json(&["copy", "project", "--from", "ssh://far"]);
    let all = Stele::new().json(&["copy", "project", "--from", one.store().to_str().unwrap()]);
    let (all, came) = (all["items"].as_u64().unwrap(), rest["items"].as_u64().unwrap());
    assert!(came + before <= all && came > 0, "{before} of {all} arrived first, and then {rest}");
    assert!(rest["bytes"].as_u64().unwrap() < 100_000, "the large file is not sent again: {rest}");
    assert_eq!(root(&two, "project"), Some(digest));
    two.assert_sound();
    two.assert_exports_as("project", &one.scratch().join("project"));
}

#[test]
fn a_receiver_that_is_killed_has_acknowledged_nothing_and_the_next_copy_works() {
    let ((one, digest), two) = (filled(), Stele::new());
    let to = two.store().to_str().unwrap();
    two.ok(&["store", "add", project(two.scratch()).join("run").to_str().unwrap()]);
    for _ in 0..5 {
        let mut copy = one.command(&["copy", "project", "--to", to]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(15));
        two.kill_daemon();
        // It was done, or fails; the daemon that it finds next did not get the bundle.
        let done = copy.wait().unwrap().success();
        assert!(!done || root(&two, "project").is_some());
        two.assert_sound();
    }
    one.ok(&["copy", "project", "--to", to]);
    assert_eq!(root(&two, "project"), Some(digest));
    two.assert_exports_as("project", &one.scratch().join("project"));
}

#[test]
fn far_ends_that_lie_or_babble_are_told_and_nothing_is_kept() {
    let (one, _) = filled();
    let hello = r#"{"answer":"hello","value":{"exchange":1}}"#;
    let digest = "0".repeat(64);
    let found = format!(r#"{{"answer":"found","value":{{"item":{{"tree":"{digest}"}}}}}}"#);
    let answer = |lines: &[&str]| format!("printf '%s\\n' '{}'; cat >/dev/null", lines.join("' '"));
    let text = r"\x05\x00\x00\x00abcde\x00\x00\x00\x00";
    let cases = [
        ("exit 3".to_owned(), "ended without an answer"),
        ("echo Welcome to build7".to_owned(), "Welcome to build7"),
        (r"printf '\033[2J\033]0;owned\007\n'".to_owned(), "something else than an answer"),
        ("yes | tr -d '\\n' | head -c 20000000".to_owned(), "the line is too long"),
        (answer(&[r#"{"answer":"hello","value":{"exchange":7}}"#]), "version 7"),
        (answer(&[hello, r#"{"answer":"sent","value":{}}"#]), "another answer"),
        (answer(&[hello, &found, hello]), "a chunk of"),
        (
            answer(&[hello, &found]).replace("cat >/dev/null", &format!("printf '{text}'; sleep 1")),
            "not a bundle",
        ),
    ];
    for (script, words) in cases {
        let mut two = Stele::new();
        instead_of_ssh(&mut two, one.store(), &script);
        let outcome = two.run(&["copy", "project", "--from", "ssh://far"]);
        assert!(outcome.code != 0 && outcome.stderr.contains(words), "{script}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains('\x1b'), "{script}: {:?}", outcome.stderr);
        assert_eq!(root(&two, "project"), None);
    }
}

#[test]
fn a_full_disk_there_is_told_as_one() {
    let (one, _) = filled();
    let Some(disk) = Disk::tmpfs(24) else { return };
    let big = one.scratch().join("big");
    let bytes: Vec<u8> =
        (0..30_000_000_u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    fs::write(&big, bytes).unwrap();
    one.ok(&["store", "add", "--root", "big", big.to_str().unwrap()]);
    let two = Stele::at(&disk.path().join("store"));
    let said = one.fails(&["copy", "big", "--to", two.store().to_str().unwrap()], 5);
    assert!(said.contains("hint: "), "{said}");
    two.ok(&["store", "gc"]);
    two.assert_sound();
    two.ok(&["daemon", "stop"]);
}
