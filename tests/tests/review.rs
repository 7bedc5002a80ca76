//! Faults that a review found: each once failed here.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use stele_tests::damage::{flip, payload};
use stele_tests::{Stele, trees, wait_for};

/// Blobs and trees share their digests: a file with the text of a tree next to that very tree once took its place in
/// the session, and an acknowledged import lacked it.
#[test]
fn a_file_with_the_text_of_a_directory_beside_it_does_not_replace_it() {
    for (file, folder) in [("zz", "sub"), ("aa", "sub"), ("sub2", "sub1")] {
        let stele = Stele::new();
        let tree = stele.scratch().join("tree");
        fs::create_dir_all(tree.join(folder)).unwrap();
        fs::write(tree.join(file), "stele-tree 1\n").unwrap();
        stele.ok(&["store", "add", "--root", "r", tree.to_str().unwrap()]);
        stele.assert_sound();
        stele.ok(&["store", "gc", "--end-leases"]);
        stele.assert_exports_as("r", &tree);
    }
}

#[test]
fn an_answer_that_could_not_be_written_is_a_failure() {
    let stele = Stele::new();
    let digest = stele.add(Path::new("/etc/passwd"));
    for args in [&["store", "cat", &digest][..], &["store", "ls", &digest], &["store", "stats"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = stele.command(args).stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_daemon_that_has_nothing_to_do_does_nothing() {
    let stele = Stele::new();
    stele.add(Path::new("/etc/hostname"));
    for _ in 0..300 {
        stele.daemon();
    }
    let pid = stele.daemon().unwrap();
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_ascii_whitespace().collect();
        // utime and stime are fields 14 and 15 (proc(5)); the first two are cut off here.
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = ticks();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(ticks() - before < 15, "the idle daemon used {} ticks", ticks() - before);
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    assert!(threads < 40, "{threads} threads are left of 300 connections");
}

#[test]
fn a_daemon_holds_nothing_of_the_process_that_started_it() {
    let stele = Stele::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&writer);
    // A shell passes its descriptors on; this pipe ends only when no process holds it any more.
    let script = format!("exec 9>/proc/self/fd/{fd}; exec \"$0\" store add /etc/hostname");
    rustix::io::fcntl_setfd(&writer, rustix::io::FdFlags::empty()).unwrap();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script]).arg(stele_tests::binary()).env("STELE_STORE", stele.store());
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    drop((writer, command));
    assert!(stele.daemon().is_some());
    let ended = std::thread::spawn(move || std::io::Read::read_to_end(&mut { reader }, &mut Vec::new()));
    wait_for("the pipe to end", || ended.is_finished());
}

#[test]
fn a_rebuild_does_not_give_up_a_tree_for_one_corrupt_blob() {
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    trees::generate(&tree, 70, 60);
    fs::write(tree.join("victim"), trees::Random::new(71).bytes(50_000)).unwrap();
    stele.ok(&["store", "add", "--root", "r", tree.to_str().unwrap()]);
    flip(&payload(&stele, "r/victim"), 50);
    let said = stele.ok(&["store", "rebuild-index"]);
    assert!(said.contains("1 payload file were corrupt") || said.contains("corrupt"), "{said}");
    stele.ok(&["store", "ls", "r"]);
    stele.fails(&["store", "cat", "r/victim"], 4);
    stele.ok(&["store", "gc"]);
    stele.add(&tree);
    stele.assert_exports_as("r", &tree);
    stele.assert_sound();
}

#[test]
fn the_newest_database_decides_where_a_root_leads_and_which_were_removed() {
    let stele = Stele::new();
    let (old, new) = (stele.scratch().join("old"), stele.scratch().join("new"));
    trees::generate(&old, 72, 20);
    trees::generate(&new, 73, 20);
    stele.ok(&["store", "add", "--root", "r", old.to_str().unwrap()]);
    stele.ok(&["store", "add", "--root", "gone", old.to_str().unwrap()]);
    stele.ok(&["daemon", "stop"]);
    // An older database that was kept for some reason.
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([stele.store().join("db"), stele.store().join("db.lost-1")])
        .status();
    assert!(copied.unwrap().success());
    let digest = stele.ok(&["store", "add", "--root", "r", new.to_str().unwrap()]);
    stele.ok(&["store", "root", "rm", "gone"]);
    stele.ok(&["store", "rebuild-index"]);
    assert_eq!(stele.json(&["store", "info", "r"])["digest"], digest.as_str());
    stele.fails(&["store", "info", "gone"], 3);
    stele.assert_exports_as("r", &new);
}

#[test]
fn a_blob_that_an_export_found_corrupt_is_repaired_by_storing_it_again() {
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("victim"), trees::Random::new(74).bytes(50_000)).unwrap();
    stele.ok(&["store", "add", "--root", "r", tree.to_str().unwrap()]);
    flip(&payload(&stele, "r/victim"), 50);
    let out = stele.scratch().join("out");
    let said = stele.fails(&["store", "export", "r", out.to_str().unwrap()], 4);
    assert!(said.contains("store the same content again"), "{said}");
    stele.add(&tree);
    stele.assert_exports_as("r", &tree);
}

#[test]
fn the_same_bytes_as_program_and_as_text_in_two_concurrent_imports_are_stored_for_both() {
    let stele = Stele::new();
    let (text, program) = (stele.scratch().join("text"), stele.scratch().join("program"));
    for folder in [&text, &program] {
        fs::create_dir(folder).unwrap();
        let mut random = trees::Random::new(75);
        for n in 0..800 {
            let path = folder.join(n.to_string());
            fs::write(&path, random.bytes(9000)).unwrap();
            if folder == &program {
                trees::make_executable(&path);
            }
        }
    }
    for round in 0..3 {
        std::thread::scope(|scope| {
            for (name, folder) in [("text", &text), ("program", &program)] {
                let stele = &stele;
                scope.spawn(move || stele.ok(&["store", "add", "--root", name, folder.to_str().unwrap()]));
            }
        });
        stele.assert_exports_as("text", &text);
        stele.assert_exports_as("program", &program);
        stele.assert_sound();
        if round < 2 {
            stele.ok(&["store", "root", "rm", "text"]);
            stele.ok(&["store", "root", "rm", "program"]);
            stele.ok(&["store", "gc"]);
        }
    }
}

#[test]
fn an_export_has_the_rights_that_the_user_gives_to_new_files() {
    use std::os::unix::fs::PermissionsExt;
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("secret"), "x").unwrap();
    let digest = stele.add(&tree);
    let out = stele.scratch().join("out");
    let status = std::process::Command::new("sh")
        .args(["-c", "umask 077; exec \"$0\" store export \"$1\" \"$2\""])
        .arg(stele_tests::binary())
        .arg(&digest)
        .arg(&out)
        .env("STELE_STORE", stele.store())
        .status();
    assert!(status.unwrap().success());
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(out.join("secret")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn no_name_can_write_to_the_terminal() {
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    let evil = tree.join("\u{1b}[31mred\u{202e}\u{7}");
    rustix::fs::mknodat(rustix::fs::CWD, &evil, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let said = stele.fails(&["store", "add", tree.to_str().unwrap()], 1);
    assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}') && !said.contains('\u{7}'), "{said:?}");
    assert!(said.contains("red"), "{said}");
}

#[test]
fn an_older_database_does_not_override_a_newer_one() {
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("script"), "#!/bin/sh\n").unwrap();
    trees::make_executable(&tree.join("script"));
    stele.ok(&["store", "add", "--root", "program", tree.to_str().unwrap()]);
    stele.ok(&["daemon", "stop"]);
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([stele.store().join("db"), stele.store().join("db.lost-1")])
        .status();
    assert!(copied.unwrap().success());
    // The same bytes, in a file by the older database and in the newer one itself.
    stele.ok(&["store", "root", "rm", "program"]);
    stele.ok(&["store", "gc", "--end-leases"]);
    fs::set_permissions(tree.join("script"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    stele.ok(&["store", "add", "--root", "text", tree.to_str().unwrap()]);
    stele.ok(&["store", "rebuild-index"]);
    stele.assert_exports_as("text", &tree);
    stele.assert_sound();
}
