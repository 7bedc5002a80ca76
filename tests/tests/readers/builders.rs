//! Users in a group of the machine have another user's store build for them, and do no more in it.

use std::fs;
use std::process::Stdio;

use stele_tests::wait_for;
use stele_tests::workshop::Workshop;

use crate::users::{Other, Service};

/// The number of a group of builders, and of one of others.
const BUILDERS: &str = "4242";
const OTHERS: &str = "4243";

fn service(shop: &Workshop, options: &[&str]) -> Option<Service> {
    shop.stele.run(&["daemon", "stop"]);
    Service::with(&shop.stele, &[&["--builders", BUILDERS], options].concat())
}

/// What a user gets who has that service build: the exit code, stdout and stderr.
fn build_by(service: &Service, other: &Other, recipe: &str, recipes: &str) -> (i32, String, String) {
    other.run(&["build", recipe, "--recipes", recipes, "--builder", service.at()])
}

/// Whether the user's own store built, or tried to where not everybody may open /dev/fuse.
fn builds_here(code: i32, said: &str) -> bool {
    said.contains("and is built here") && (code == 0 || said.contains("open /dev/fuse"))
}

#[test]
fn a_member_of_the_group_has_the_store_build_and_everybody_has_the_output() {
    let shop = Workshop::new();
    shop.recipe("dep", &[], "seq 1 100000 > $OUT/dep");
    shop.recipe("a", &["dep"], "sort /dep > $OUT/a");
    let Some(service) = service(&shop, &[]) else { return };
    let other = Other::in_groups(BUILDERS);
    let recipes = other.recipes(shop.path());
    let (code, built, said) = build_by(&service, &other, "a", &recipes);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("built dep by {}", service.at())), "{said}");
    assert!(said.contains(&format!("built a by {}", service.at())), "{said}");
    // Its own store has all of it: nothing is asked for.
    let (code, again, said) = other.run(&["build", "a", "--recipes", &recipes]);
    assert_eq!((code, &again), (0, &built), "{said}");
    let (code, log, _) = other.run(&["log", "a"]);
    assert_eq!((code, log.as_str()), (0, ""));
    // So has the owner, who neither builds it again nor has logs or roots of what others called it.
    let outcome = shop.stele.run(&["build", "a"]);
    assert!(outcome.code == 0 && !outcome.stderr.contains("building a"), "{}", outcome.stderr);
    assert!(built.contains(&shop.build("a")), "{built}");
    // A third user substitutes it without being in the group.
    let third = Other::new();
    let recipes = third.recipes(shop.path());
    let (code, _, said) = third.run(&["build", "a", "--recipes", &recipes, "--substituter", service.at()]);
    assert!(code == 0 && said.contains("substituted a"), "{said}");
}

#[test]
fn others_build_for_themselves_and_are_told_why() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo a > $OUT/a");
    let Some(service) = service(&shop, &[]) else { return };
    let other = Other::in_groups(OTHERS);
    let recipes = other.recipes(shop.path());
    let (code, _, said) = build_by(&service, &other, "a", &recipes);
    assert!(said.contains("cannot be built by") && said.contains("only read it"), "{said}");
    assert!(builds_here(code, &said), "{said}");
    // The control: the owner's store got nothing of it.
    let stats = shop.stele.json(&["store", "stats"]);
    assert_eq!((&stats["inline_blobs"], &stats["file_blobs"]), (&0.into(), &0.into()), "{stats}");
}

#[test]
fn a_failed_build_is_told_with_its_log_and_not_repeated_here() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo the reason; exit 7");
    let Some(service) = service(&shop, &[]) else { return };
    let other = Other::in_groups(BUILDERS);
    let recipes = other.recipes(shop.path());
    let (code, _, said) = build_by(&service, &other, "a", &recipes);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the reason") && said.contains(&format!("built by {}", service.at())), "{said}");
    assert!(!said.contains("and is built here"), "{said}");
    assert_eq!(said.matches("| the reason").count(), 1, "{said}");
    let (code, ..) = other.run(&["log", "a"]);
    assert_ne!(code, 0);
    assert_ne!(shop.stele.run(&["log", "a"]).code, 0);
}

#[test]
fn a_user_adds_no_more_than_the_quota_in_a_day() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "dd if=/dev/zero of=$OUT/a bs=1M count=3");
    shop.recipe("b", &[], "echo b > $OUT/b");
    let Some(service) = service(&shop, &["--quota", "4M"]) else { return };
    let other = Other::in_groups(BUILDERS);
    let recipes = other.recipes(shop.path());
    let (code, _, said) = build_by(&service, &other, "a", &recipes);
    assert!(code == 0 && said.contains("built a by"), "{said}");
    // Busybox and the output of three MiB: what is left is not enough for more.
    let large = other.home().join("large");
    fs::write(&large, vec![1; 3 << 20]).unwrap();
    let (code, digest, said) = other.run(&["store", "add", large.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    let digest = digest.split_whitespace().next().unwrap();
    let (code, _, said) = other.run(&["copy", digest, "--to", service.at(), "--no-root"]);
    assert!(code == 1 && said.contains("in a day"), "{said}");
    // It survives the daemon.
    drop(service);
    let Some(service) = Service::with(&shop.stele, &["--builders", BUILDERS, "--quota", "1M"]) else {
        return;
    };
    let (code, _, said) = build_by(&service, &other, "b", &recipes);
    assert!(said.contains("accepts 1048576 bytes from a user in a day"), "{said}");
    assert!(builds_here(code, &said), "{said}");
}

#[test]
fn a_member_of_the_group_sets_no_root_and_a_copy_is_kept_by_a_lease() {
    let shop = Workshop::new();
    let Some(service) = service(&shop, &[]) else { return };
    let other = Other::in_groups(BUILDERS);
    fs::write(other.home().join("file"), "mine").unwrap();
    let (code, _, said) = other.run(&["store", "add", "--root", "mine", "file"]);
    assert_eq!(code, 0, "{said}");
    let (code, _, said) = other.run(&["copy", "mine", "--to", service.at()]);
    assert!(code == 1 && said.contains("keep roots in a store of your own"), "{said}");
    let (code, digest, said) = other.run(&["copy", "mine", "--to", service.at(), "--no-root"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(shop.stele.ok(&["store", "cat", digest.split_whitespace().next().unwrap()]), "mine");
    assert_eq!(shop.stele.json(&["store", "root", "ls"]).as_array().map(Vec::len), Some(0));
}

#[test]
fn a_build_for_a_user_ends_with_its_request() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "sleep 300; echo a > $OUT/a");
    let Some(service) = service(&shop, &[]) else { return };
    let other = Other::in_groups(BUILDERS);
    let recipes = other.recipes(shop.path());
    let program = other.program();
    let mut command =
        other.command(&program, &["build", "a", "--recipes", &recipes, "--builder", service.at()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let running = || {
        let folders = fs::read_dir(shop.stele.store().join("builds")).into_iter().flatten().flatten();
        folders.filter(|entry| entry.path().join("log").exists()).count()
    };
    wait_for("the build runs", || running() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("the build ends", || running() == 0);
}

#[test]
fn only_members_of_the_readers_group_read_when_there_is_one() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo a > $OUT/a");
    shop.build("a");
    let Some(service) = service(&shop, &["--readers-group", OTHERS]) else { return };
    for (groups, may_read) in [("", false), ("4244", false), (OTHERS, true), (BUILDERS, true)] {
        let other = Other::in_groups(groups);
        let (code, _, said) = other.run(&["copy", "build-a", "--from", service.at(), "--no-root"]);
        assert_eq!(code == 0, may_read, "{groups}: {said}");
        assert!(may_read || said.contains("only members of a group may read it"), "{said}");
    }
    let refused = shop.stele.fails(&["daemon", "run", "--readers", "x", "--builders", "no-such-group"], 2);
    assert!(refused.contains("there is no group `no-such-group`"), "{refused}");
}
