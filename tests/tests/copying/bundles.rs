//! As one file.

use std::fs;
use std::process::Stdio;

use stele_tests::Stele;

use super::{filled, root};

#[test]
fn a_bundle_carries_roots_and_every_bit() {
    let ((one, digest), two) = (filled(), Stele::new());
    let file = one.scratch().join("file.bundle");
    let file = file.to_str().unwrap();
    one.ok(&["bundle", "export", "project", "-o", file]);
    let again = one.scratch().join("again.bundle");
    one.ok(&["bundle", "export", "project", "-o", again.to_str().unwrap()]);
    assert!(fs::read(file).unwrap() == fs::read(again).unwrap(), "a bundle of the same content is the same");
    assert_eq!(two.ok(&["bundle", "import", file]), format!("{digest}  project"));
    assert_eq!(root(&two, "project"), Some(digest));
    two.assert_sound();
    two.assert_exports_as("project", &one.scratch().join("project"));
}

#[test]
fn bundles_go_through_pipes_and_have_no_root_without_a_name() {
    let ((one, digest), two) = (filled(), Stele::new());
    let mut export = one.command(&["bundle", "export", &digest]).stdout(Stdio::piped()).spawn().unwrap();
    let mut import = two.command(&["--json", "bundle", "import", "-"]);
    let imported = import.stdin(export.stdout.take().unwrap()).output().unwrap();
    assert!(export.wait().unwrap().success() && imported.status.success(), "{imported:?}");
    let imported: serde_json::Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert!(imported["leased_until"].is_u64() && imported["cut"] == false, "{imported}");
    two.ok(&["store", "gc"]);
    two.assert_exports_as(&digest, &one.scratch().join("project"));
    assert_eq!(root(&two, "project"), None);
}

#[test]
fn a_bundle_with_any_bit_changed_is_refused_and_leaves_nothing() {
    let (one, _) = filled();
    let file = one.scratch().join("file.bundle");
    one.ok(&["bundle", "export", "project", "-o", file.to_str().unwrap()]);
    let bytes = fs::read(&file).unwrap();
    let two = Stele::new();
    // The first line, a content's line, a small and a large content, the root, the last line.
    for at in [3, 20, 5_000, bytes.len() / 2, bytes.len() - 130, bytes.len() - 5] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&file, changed).unwrap();
        let outcome = two.run(&["bundle", "import", file.to_str().unwrap()]);
        assert!(matches!(outcome.code, 1 | 4), "{at}: {} {}", outcome.code, outcome.stderr);
        assert!(
            outcome.stderr.contains("error: ") && outcome.stderr.contains("hint: "),
            "{}",
            outcome.stderr
        );
        assert_eq!(root(&two, "project"), None, "{at}");
        two.assert_sound();
    }
    two.ok(&["store", "gc", "--end-leases"]);
    let stats = two.json(&["store", "stats"]);
    assert_eq!((&stats["inline_blobs"], &stats["file_blobs"]), (&0.into(), &0.into()), "{stats}");
}

#[test]
fn other_files_are_no_bundles() {
    let two = Stele::new();
    let file = two.scratch().join("file");
    for (content, words) in [
        ("", "cut off"),
        ("some text\n", "not a bundle"),
        ("stele-bundle 2\n", "not a bundle"),
        ("stele-bundle 1\nnonsense\n", "malformed"),
        ("stele-bundle 1\nr ../x d 00\n", "malformed"),
    ] {
        fs::write(&file, content).unwrap();
        let said = two.fails(&["bundle", "import", file.to_str().unwrap()], 1);
        assert!(said.contains(words), "{content:?}: {said}");
    }
    two.fails(&["bundle", "import", "/nowhere"], 3);
}

#[test]
fn a_root_of_a_bundle_that_is_not_in_it_is_refused() {
    let two = Stele::new();
    let file = two.scratch().join("file");
    let digest = "0".repeat(64);
    let body = format!("stele-bundle 1\nr name d {digest}\n");
    fs::write(&file, &body).unwrap();
    let sum = std::process::Command::new("b3sum").arg("--no-names").arg(&file).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    fs::write(&file, format!("{body}z 1 {sum}")).unwrap();
    let said = two.fails(&["bundle", "import", file.to_str().unwrap()], 1);
    assert!(said.contains(&digest[..16]), "{said}");
    assert_eq!(root(&two, "name"), None);
}

#[test]
fn a_file_takes_its_name_only_when_it_is_whole() {
    let (one, _) = filled();
    let full = one.scratch().join("none/file.bundle");
    let said = one.fails(&["bundle", "export", "project", "-o", full.to_str().unwrap()], 1);
    assert!(said.contains("could not be written"), "{said}");
    let outcome =
        one.command(&["bundle", "export", "project"]).stdout(fs::File::create("/dev/full").unwrap()).output();
    let outcome = outcome.unwrap();
    assert_eq!(outcome.status.code(), Some(5), "{}", String::from_utf8_lossy(&outcome.stderr));
}
