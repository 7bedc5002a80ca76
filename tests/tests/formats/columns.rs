//! What a user reads, whole: every mark, column and word of the answers about one store.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use stele_tests::Stele;

/// A folder of one thing of each kind.
fn filled() -> Stele {
    let stele = Stele::new();
    let tree = stele.scratch().join("tree");
    fs::create_dir_all(tree.join("folder/below")).unwrap();
    fs::create_dir(tree.join("empty")).unwrap();
    fs::write(tree.join("folder/file"), "text\n").unwrap();
    fs::write(tree.join("folder/below/last"), "").unwrap();
    fs::write(tree.join("run"), "#!x\n").unwrap();
    fs::set_permissions(tree.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("folder/file", tree.join("zlink")).unwrap();
    stele.ok(&["store", "add", "--root", "tree", tree.to_str().unwrap()]);
    stele.ok(&["store", "add", "--root", "blob", tree.join("folder/file").to_str().unwrap()]);
    stele
}

/// An answer is this one, without the lines that begin with one of those: they are another each time, or not there.
#[track_caller]
fn assert_shown(stele: &Stele, args: &[&str], without: &[&str], expected: &str) {
    let outcome = stele.run(args);
    assert_eq!(outcome.code, 0, "{args:?}: {}", outcome.stderr);
    let text = String::from_utf8(outcome.stdout).unwrap().replace(stele.store().to_str().unwrap(), "STORE");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let stays = |line: &&&str| !without.iter().any(|begin| line.starts_with(begin));
    let found: String = lines.iter().filter(stays).copied().collect();
    assert!(found == expected, "{args:?}\n--- expected\n{expected}--- found\n{found}");
}

#[test]
fn no_mark_or_column_of_a_listing_can_go_unnoticed() {
    let stele = filled();
    let listing = "\
├── empty/
├── folder/
│   ├── below/
│   │   └── last
│   └── file
├── run*
└── zlink -> folder/file
";
    assert_shown(&stele, &["store", "tree", "tree"], &[], listing);
    let listing = "\
d              4269fa2aec6a80d1  empty
d              400518cebf664721  folder
x         4 B  8f6f64b8a4449d7e  run
l        11 B  -                 zlink -> folder/file
";
    assert_shown(&stele, &["store", "ls", "tree"], &[], listing);
    let roots = "\
f 42173aaf951b10db722cc40c3bcd55cdb4b9ae148114a9e115cb74d18e7bb8c3 blob
d 558e3a763e8c90f8a840f63c7b2ed6ebea845285c5ec9f41619e8e2935ee576f tree
";
    assert_shown(&stele, &["store", "root", "ls"], &[], roots);
}

#[test]
fn no_line_of_what_is_told_about_something_can_go_unnoticed() {
    let stele = filled();
    let tree = "\
kind      tree
digest    558e3a763e8c90f8a840f63c7b2ed6ebea845285c5ec9f41619e8e2935ee576f
size      263 B (263 bytes)
entries   4
closure   4 trees, 3 blobs, 9 B
roots     tree
";
    assert_shown(&stele, &["store", "info", "tree"], &[], tree);
    let blob = "\
kind      blob
digest    42173aaf951b10db722cc40c3bcd55cdb4b9ae148114a9e115cb74d18e7bb8c3
size      5 B (5 bytes)
sha256    b9e68e1bea3e5b19ca6b2f98b73a54b73daafaa250484902e09982e07a12e733
placement inline
roots     blob
";
    assert_shown(&stele, &["store", "info", "blob"], &[], blob);
    let counts = "\
store         STORE
roots         2, and 0 leases
trees         4, 526 B
blobs         3, 9 B
  in database 2, 5 B
  in files    1, 4 B
added         14 B in all, 5 B of it deduplicated
";
    assert_shown(&stele, &["store", "stats"], &["on disk       "], counts);
    let status = format!(
        "a daemon of stele {} serves STORE\nidle limit    300 s\nmounts        0\n",
        env!("CARGO_PKG_VERSION")
    );
    let others = ["process       ", "up            ", "working on    "];
    assert_shown(&stele, &["daemon", "status"], &others, &status);
}

#[test]
fn no_number_of_a_collection_or_a_verification_can_go_unnoticed() {
    let stele = filled();
    let verified = "verified 4 trees and 3 blobs, 535 B\nall content matches its digest\n";
    assert_shown(&stele, &["store", "verify"], &[], verified);
    let kept = "would remove 0 trees and 0 blobs, 0 B\nkept 4 trees and 3 blobs, 9 B\n";
    assert_shown(&stele, &["store", "gc", "--dry-run"], &[], kept);
    stele.ok(&["store", "root", "rm", "tree"]);
    let kept = "kept 0 trees and 1 blob, 5 B\n";
    let dry = format!("would remove 4 trees and 2 blobs, 530 B\n{kept}");
    assert_shown(&stele, &["store", "gc", "--dry-run"], &[], &dry);
    let done = format!("removed 4 trees and 2 blobs, 530 B\n{kept}");
    assert_shown(&stele, &["store", "gc"], &["the disk got back "], &done);
}
