//! Between two stores on one machine.

use std::fs;

use stele_tests::Stele;
use stele_tests::damage;
use stele_tests::disk::Disk;

use super::{filled, project, root};

#[test]
fn a_copy_has_every_bit_and_the_root_and_a_second_one_sends_nothing() {
    for is_push in [true, false] {
        let ((one, digest), two) = (filled(), Stele::new());
        let (near, direction, far) = match is_push {
            true => (&one, "--to", &two),
            false => (&two, "--from", &one),
        };
        let copy = ["copy", "project", direction, far.store().to_str().unwrap()];
        let first = near.json(&copy);
        assert_eq!(first["digests"][0]["tree"], digest.as_str(), "{first}");
        assert!(first["bytes"].as_u64().unwrap() > 3_000_000, "{first}");
        assert_eq!(root(&two, "project").as_ref(), Some(&digest));
        two.assert_sound();
        two.assert_exports_as("project", &one.scratch().join("project"));
        let second = near.run(&copy);
        assert_eq!((second.text(), second.code), (digest, 0), "{}", second.stderr);
        assert!(second.stderr.contains("nothing was missing"), "{}", second.stderr);
    }
}

#[test]
fn only_what_is_missing_is_sent() {
    let ((one, _), two) = (filled(), Stele::new());
    let to = two.store().to_str().unwrap().to_owned();
    one.ok(&["copy", "project", "--to", &to]);
    let project = one.scratch().join("project");
    fs::write(project.join("two/deep/deeper/new"), "new").unwrap();
    one.ok(&["store", "add", "--root", "changed", project.to_str().unwrap()]);
    let copied = one.json(&["copy", "changed", "--to", &to]);
    // The file, and the four directories above it.
    assert_eq!(copied["items"], 5, "{copied}");
    two.assert_exports_as("changed", &project);
}

#[test]
fn what_has_no_name_is_kept_for_an_hour_and_survives_a_collection() {
    let ((one, _), two) = (filled(), Stele::new());
    let to = two.store().to_str().unwrap();
    let copied = one.json(&["copy", "project/one/deep", "project/large", "--to", to]);
    assert!(copied["leased_until"].is_u64() && copied["roots"].as_array().unwrap().is_empty(), "{copied}");
    two.ok(&["store", "gc"]);
    for item in ["tree", "blob"] {
        let digests = copied["digests"].as_array().unwrap();
        let digest = digests.iter().find_map(|it| it[item].as_str()).unwrap();
        two.ok(&["store", "info", digest]);
    }
    two.assert_sound();
}

#[test]
fn a_root_that_keeps_something_else_is_moved_only_when_that_is_wanted() {
    let ((one, digest), two) = (filled(), Stele::new());
    let to = two.store().to_str().unwrap();
    let other = two.scratch().join("other");
    fs::write(&other, "other").unwrap();
    let kept = two.ok(&["store", "add", "--root", "project", other.to_str().unwrap()]);
    let said = one.fails(&["copy", "project", "--to", to], 1);
    assert!(said.contains("the root project keeps something else") && said.contains("--replace"), "{said}");
    assert_eq!(root(&two, "project"), Some(kept.clone()));
    one.ok(&["copy", "project", "--to", to, "--root", "mine"]);
    one.ok(&["copy", "project", "--to", to, "--no-root"]);
    assert_eq!(root(&two, "project"), Some(kept));
    one.ok(&["copy", "project", "--to", to, "--replace"]);
    assert_eq!((root(&two, "project"), root(&two, "mine")), (Some(digest.clone()), Some(digest)));
}

#[test]
fn a_socket_is_a_store_too_and_nothing_else_is() {
    let ((one, digest), two) = (filled(), Stele::new());
    let socket = one.store().join("socket");
    two.ok(&["copy", &digest, "--from", socket.to_str().unwrap()]);
    let said = two.fails(&["copy", &digest, "--from", "/nowhere/at/all"], 3);
    assert!(said.contains("/nowhere/at/all"), "{said}");
    let said = two.run(&["copy", &digest, "--from", "s3://bucket"]);
    assert!(said.code == 2 && said.stderr.contains("s3:// is no kind of store"), "{}", said.stderr);
    let said = two.run(&["copy", &digest]);
    assert!(said.code == 2 && said.stderr.contains("--to"), "{}", said.stderr);
    let said = two.fails(&["copy", "nothing", "--from", one.store().to_str().unwrap()], 3);
    assert!(said.contains("there is no root named nothing"), "{said}");
}

#[test]
fn what_is_damaged_there_is_not_copied_and_a_sound_copy_repairs_it() {
    let ((one, digest), two) = (filled(), Stele::new());
    let to = two.store().to_str().unwrap();
    one.ok(&["copy", "project", "--to", to]);
    damage::flip(&damage::payload(&two, "project/large"), 1_000_000);
    let three = Stele::new();
    let said = two.fails(&["copy", "project", "--to", three.store().to_str().unwrap()], 4);
    assert!(said.contains("stele store verify"), "{said}");
    assert_eq!(root(&three, "project"), None);
    three.assert_sound();
    // What is known to be damaged is missing.
    assert_eq!(two.run(&["store", "verify"]).code, 4);
    let repaired = one.json(&["copy", &digest, "--to", to]);
    assert!(repaired["bytes"].as_u64().unwrap() >= 3_000_000, "{repaired}");
    two.assert_sound();
    two.assert_exports_as("project", &one.scratch().join("project"));
}

#[test]
fn stores_on_read_only_disks_are_copied_from() {
    let Some(disk) = Disk::tmpfs(64) else { return };
    let (one, two) = (Stele::at(&disk.path().join("store")), Stele::new());
    let project = project(one.scratch());
    let digest = one.ok(&["store", "add", "--root", "project", project.to_str().unwrap()]);
    one.ok(&["daemon", "stop"]);
    disk.set_read_only(true);
    two.ok(&["copy", "project", "--from", one.store().to_str().unwrap()]);
    disk.set_read_only(false);
    assert_eq!(root(&two, "project"), Some(digest));
    two.assert_sound();
}

#[test]
fn two_copies_of_one_thing_at_once_both_succeed() {
    let ((one, digest), two) = (filled(), Stele::new());
    let to = two.store().to_str().unwrap().to_owned();
    two.ok(&["store", "add", project(two.scratch()).join("run").to_str().unwrap()]);
    let copies: Vec<_> =
        (0..4).map(|_| one.command(&["copy", "project", "--to", &to]).spawn().unwrap()).collect();
    for mut copy in copies {
        assert!(copy.wait().unwrap().success());
    }
    assert_eq!(root(&two, "project"), Some(digest));
    two.assert_sound();
}
