//! Damaged content counts as missing: it is built, unpacked, imported or fetched again.

use std::process::Command;

use stele_tests::Stele;
use stele_tests::damage::{flip, payload};
use stele_tests::workshop::Workshop;

/// Too large to be inline.
const LARGE: &str = "for i in $(seq 9000); do echo $i; done";

/// Damages the payload of something, and has the damage detected.
fn damage(stele: &Stele, reference: &str) {
    flip(&payload(stele, reference), 1000);
    assert_eq!(stele.run(&["store", "verify"]).code, 4);
}

#[test]
fn an_output_that_is_damaged_is_built_again() {
    let shop = Workshop::new();
    shop.recipe("a", &[], &format!("{LARGE} > $OUT/a"));
    let digest = shop.build("a");
    // The control: intact content counts as present.
    assert_eq!(shop.stele.run(&["build", "a"]).stderr, "");
    damage(&shop.stele, "build-a/a");
    shop.stele.fails(&["store", "cat", "build-a/a"], 4);
    let outcome = shop.stele.run(&["build", "a"]);
    assert!(outcome.stderr.contains("built a"), "{}", outcome.stderr);
    assert_eq!(outcome.text(), format!("{digest}  a"));
    assert!(shop.file("build-a/a").ends_with("9000"));
    shop.stele.assert_sound();
}

#[test]
fn a_damaged_input_is_built_again_before_its_dependents() {
    let shop = Workshop::new();
    shop.recipe("a", &[], &format!("{LARGE} > $OUT/a"));
    shop.recipe("b", &["a"], "tail=$(sed -n '$p' /a); echo $tail > $OUT/b");
    shop.build("a");
    damage(&shop.stele, "build-a/a");
    let outcome = shop.stele.run(&["build", "b"]);
    assert!(outcome.stderr.contains("built a") && outcome.stderr.contains("built b"), "{}", outcome.stderr);
    assert_eq!(shop.file("build-b/b"), "9000");
    shop.stele.assert_sound();
}

#[test]
fn a_good_file_beside_the_recipe_repairs_the_store() {
    let shop = Workshop::new();
    let numbers: String = (0..9000).map(|n| format!("{n}\n")).collect();
    let recipe = |script: &str| {
        let text = format!(
            "load('//pkgs/box/recipe.star', 'box')\na = recipe(name = 'a', version = '1', inputs = [box], \
             sources = [local('data', at = '/data'), local('folder', at = '/folder')], script = '{script}')"
        );
        shop.put("pkgs/a/recipe.star", &text);
    };
    shop.put("pkgs/a/data", &numbers);
    shop.put("pkgs/a/folder/x y", &format!("{numbers}more"));
    recipe("cp /data $OUT/data; cp -r /folder $OUT/folder");
    shop.build("a");
    for what in ["build-a/data", "build-a/folder/x\\x20y"] {
        damage(&shop.stele, what);
        recipe(&format!("cp /data $OUT/data; cp -r /folder $OUT/folder; echo {} > $OUT/why", what.len()));
        let outcome = shop.stele.run(&["build", "a"]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(shop.file("build-a/data").ends_with("8999"));
        shop.stele.assert_sound();
    }
}

/// A source that is an archive of a folder with one file.
fn source(shop: &Workshop) -> (String, String) {
    let scratch = shop.stele.scratch();
    let folder = scratch.join("s-1");
    std::fs::create_dir(&folder).unwrap();
    let numbers: String = (0..9000).map(|n| format!("{n}\n")).collect();
    std::fs::write(folder.join("file"), numbers).unwrap();
    let archive = scratch.join("s.tar");
    let mut tar = Command::new("tar");
    tar.args(["-C", scratch.to_str().unwrap(), "-cf", archive.to_str().unwrap(), "s-1"]);
    assert!(tar.status().unwrap().success());
    let archive = archive.to_str().unwrap().to_owned();
    let added = shop.stele.json(&["source", "add", &archive]);
    (archive, added["sha256"].as_str().unwrap().to_owned())
}

fn with_source(shop: &Workshop, sha256: &str, script: &str) {
    let source = format!("source(sha256 = '{sha256}', name = 's.tar', strip = 1)");
    let text = format!(
        "load('//pkgs/box/recipe.star', 'box')\na = recipe(name = 'a', version = '1', inputs = [box], \
         sources = [{source}], script = '{script}')"
    );
    shop.put("pkgs/a/recipe.star", &text);
}

#[test]
fn an_unpacked_source_that_is_damaged_is_unpacked_again() {
    let shop = Workshop::new();
    let (_, sha256) = source(&shop);
    with_source(&shop, &sha256, "cp /src/file $OUT/file");
    shop.build("a");
    damage(&shop.stele, "build-a/file");
    with_source(&shop, &sha256, "cp /src/file $OUT/other");
    let outcome = shop.stele.run(&["build", "a", "--offline"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(shop.file("build-a/other").ends_with("8999"));
    shop.stele.assert_sound();
}

#[test]
fn a_damaged_source_is_missing_until_it_is_stored_again() {
    let shop = Workshop::new();
    let (archive, sha256) = source(&shop);
    with_source(&shop, &sha256, "cp /src/file $OUT/file");
    damage(&shop.stele, &format!("sha256:{sha256}"));
    let said = shop.stele.fails(&["build", "a", "--offline"], 3);
    assert!(said.contains("s.tar"), "{said}");
    shop.stele.ok(&["source", "add", &archive]);
    shop.build("a");
    shop.stele.assert_sound();
}

#[test]
fn damaged_content_here_is_fetched_from_another_store() {
    let shop = Workshop::new();
    shop.recipe("a", &[], &format!("{LARGE} > $OUT/a; echo small > $OUT/b"));
    let mut other = Stele::new();
    other.set_env("STELE_RECIPES", shop.path().to_str().unwrap());
    let digest = other.ok(&["build", "a"]);
    let from = other.store().to_str().unwrap();
    assert_eq!(shop.stele.ok(&["build", "a", "--substituter", from]), digest);
    damage(&shop.stele, "build-a/a");
    let outcome = shop.stele.run(&["build", "a", "--substituter", from]);
    assert!(outcome.stderr.contains("substituted a"), "{}", outcome.stderr);
    assert!(shop.file("build-a/a").ends_with("9000"));
    shop.stele.assert_sound();
    // Without the other store, it is built here.
    damage(&shop.stele, "build-a/a");
    let outcome = shop.stele.run(&["build", "a"]);
    assert!(outcome.stderr.contains("built a"), "{}", outcome.stderr);
    assert!(shop.file("build-a/a").ends_with("9000"));
}
