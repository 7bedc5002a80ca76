//! Local sources, and bundles for machines without a network.

use std::fs;
use std::process::Command;

use stele_store::model::Sha256;
use stele_tests::Stele;

use super::{random, sha512};

fn write(stele: &Stele, name: &str, bytes: &[u8]) -> String {
    let path = stele.scratch().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_local_file_is_kept_as_a_source_with_all_its_digests() {
    let stele = Stele::new();
    let bytes = random(40, 70_000);
    let path = write(&stele, "linux_6.1~rc1.tar.xz", &bytes);
    assert_eq!(stele.ok(&["source", "add", &path]), format!("{}  linux_6.1~rc1.tar.xz", Sha256::of(&bytes)));
    let json = stele.json(&["source", "add", &path]);
    assert_eq!(json["sha256"], Sha256::of(&bytes).to_string());
    assert_eq!(json["sha512"], sha512(&bytes).to_string());
    assert_eq!(json["size"], 70_000);
    let root = json["root"].as_str().unwrap();
    assert_eq!(root, format!("source-linux_6.1_rc1.tar.xz-{}", &Sha256::of(&bytes).to_string()[..16]));
    assert_eq!(json["digest"], stele.ok(&["store", "add", &path]));
    stele.ok(&["store", "gc", "--end-leases"]);
    let listed = stele.ok(&["source", "ls"]);
    assert_eq!(listed, format!("{}        70000 linux_6.1_rc1.tar.xz", Sha256::of(&bytes)));
    stele.ok(&["store", "root", "rm", root]);
    assert_eq!(stele.ok(&["source", "ls"]), "");
}

#[test]
fn a_file_with_another_sha256_than_stated_is_not_added() {
    let stele = Stele::new();
    let path = write(&stele, "a.tar", b"what came");
    let said =
        stele.fails(&["source", "add", "--sha256", &Sha256::of(b"what was meant").to_string(), &path], 4);
    assert!(said.contains(&Sha256::of(b"what came").to_string()), "{said}");
    assert!(said.contains(&Sha256::of(b"what was meant").to_string()), "{said}");
    assert!(!stele.store().exists(), "not even a store was made");
}

#[test]
fn an_invalid_source_is_refused() {
    let stele = Stele::new();
    let folder = stele.scratch().join("folder");
    fs::create_dir(&folder).unwrap();
    let odd = write(&stele, "two words", b"x");
    stele.fails(&["source", "add", "/nowhere/a.tar"], 3);
    let said = stele.fails(&["source", "add", folder.to_str().unwrap()], 3);
    assert!(said.contains("SHA256SUMS"), "{said}");
    let said = stele.fails(&["source", "add", &odd], 2);
    assert!(said.contains("--name"), "{said}");
    stele.ok(&["source", "add", "--name", "words.tar", &odd]);
    stele.fails(&["source", "add", "--name", "b", &odd, &odd], 2);
}

#[test]
fn a_bundle_is_checked_by_sha256sum_and_imported_without_a_network() {
    let here = Stele::new();
    let (one, other, third) = (random(41, 100_000), random(42, 10), random(43, 20));
    for (name, bytes) in [("1/same.tar", &one), ("2/same.tar", &other), ("third.tar", &third)] {
        here.ok(&["source", "add", &write(&here, name, bytes)]);
    }
    // Other roots are not sources.
    here.ok(&["store", "add", "--root", "other", "/etc/hostname"]);
    let bundle = here.scratch().join("bundle");
    let path = bundle.to_str().unwrap();
    let listed = here.ok(&["source", "export", "--all", path]);
    assert_eq!(listed, fs::read_to_string(bundle.join("SHA256SUMS")).unwrap().trim_end());
    assert_eq!(fs::read_dir(&bundle).unwrap().count(), 4);
    let checked = Command::new("sha256sum").args(["-c", "SHA256SUMS"]).current_dir(&bundle).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert_eq!(String::from_utf8_lossy(&checked.stdout).matches(": OK").count(), 3);
    let there = Stele::new();
    there.ok(&["source", "add", path]);
    let sources = |stele: &Stele| stele.json(&["source", "ls"]);
    assert_eq!(sources(&here), sources(&there));
    there.ok(&["store", "gc", "--end-leases"]);
    there.assert_sound();
    // Selected ones, and never over an existing file.
    let said = here.fails(&["source", "export", path, "third.tar"], 1);
    assert!(said.contains("already exists"), "{said}");
    let few = here.scratch().join("few");
    fs::create_dir(&few).unwrap();
    here.ok(&["source", "export", few.to_str().unwrap(), "third.tar", &Sha256::of(&one).to_string()[..8]]);
    assert_eq!(fs::read(few.join("same.tar")).unwrap(), one);
    assert_eq!(fs::read_dir(&few).unwrap().count(), 3);
    here.fails(&["source", "export", here.scratch().join("none").to_str().unwrap(), "absent.tar"], 3);
    assert!(!here.scratch().join("none").exists());
}

#[test]
fn nothing_of_a_tampered_bundle_is_imported() {
    let here = Stele::new();
    for n in 0..5 {
        here.ok(&["source", "add", &write(&here, &format!("{n}.tar"), &random(50 + n, 30_000))]);
    }
    let bundle = here.scratch().join("bundle");
    let path = bundle.to_str().unwrap().to_owned();
    here.ok(&["source", "export", "--all", &path]);
    let list = fs::read_to_string(bundle.join("SHA256SUMS")).unwrap();
    let there = Stele::new();
    let right = fs::read(bundle.join("4.tar")).unwrap();
    let mut wrong = right.clone();
    wrong[17] ^= 1;
    fs::remove_file(bundle.join("4.tar")).unwrap();
    there.fails(&["source", "add", &path], 3);
    fs::write(bundle.join("4.tar"), &wrong).unwrap();
    let said = there.fails(&["source", "add", &path], 4);
    assert!(said.contains("4.tar") && said.contains(&Sha256::of(&wrong).to_string()), "{said}");
    fs::write(bundle.join("4.tar"), &right).unwrap();
    for line in ["nonsense", "../4.tar", &format!("{}  ../../etc/passwd", Sha256::of(&right))] {
        fs::write(bundle.join("SHA256SUMS"), format!("{list}{line}\n")).unwrap();
        there.fails(&["source", "add", &path], 4);
    }
    assert!(!there.store().exists());
    fs::write(bundle.join("SHA256SUMS"), list).unwrap();
    there.ok(&["source", "add", &path]);
}

#[test]
fn packages_as_apt_writes_them_are_taken_under_the_names_of_the_archive() {
    let stele = Stele::new();
    let path = |name: &str| {
        let path = stele.scratch().join(name);
        std::fs::write(&path, name).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let said = stele.ok(&["source", "add", &path("a_1_all.deb"), &path("b_1%3a2_all.deb")]);
    let names: Vec<&str> = said.lines().map(|line| line.split("  ").nth(1).unwrap()).collect();
    assert_eq!(names, ["a_1_all.deb", "b_2_all.deb"]);
}

/// Each file used to be made durable by itself, and the text of all roots written anew for it: 2,700 files took more
/// than three minutes.
#[test]
fn many_sources_are_added_at_once_and_each_has_its_root() {
    const MANY: usize = 120;
    let stele = Stele::new();
    let paths: Vec<String> =
        (0..MANY).map(|n| write(&stele, &format!("{n}.tar"), n.to_string().as_bytes())).collect();
    let mut command = vec!["source", "add"];
    command.extend(paths.iter().map(String::as_str));
    assert_eq!(stele.ok(&command).lines().count(), MANY);
    stele.ok(&["store", "gc", "--end-leases"]);
    assert_eq!(stele.ok(&["source", "ls"]).lines().count(), MANY);
    let roots = fs::read_to_string(stele.store().join("roots")).unwrap();
    assert_eq!(roots.lines().filter(|line| line.contains(" source-")).count(), MANY);
}
