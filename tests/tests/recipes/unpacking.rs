//! `source fetch` and `source unpack` of recipes.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use stele_tests::trees::Random;

use super::*;

/// Runs GNU tar in a folder.
#[track_caller]
fn tar(folder: &Path, args: &[&str]) {
    let output =
        Command::new("tar").current_dir(folder).args(args).output().expect("tar is on every machine");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A recipe `a` whose source is `archive`, with more arguments to `source`.
fn pinned(tree: &Tree, archive: &Path, more: &str) -> String {
    let said = tree.stele.ok(&["source", "add", archive.to_str().unwrap()]);
    let sha256 = said.split_whitespace().next().unwrap().to_owned();
    let name = archive.file_name().unwrap().to_str().unwrap();
    let source = format!("source(sha256 = '{sha256}', name = '{name}', {more})");
    tree.put(
        "pkgs/a/recipe.star",
        &format!("recipe(name = 'a', version = '1', script = 'x', sources = [{source}])"),
    );
    sha256
}

/// A folder with all that a tree can hold, as `top` in the scratch folder.
fn folder(tree: &Tree) -> PathBuf {
    let top = tree.stele.scratch().join("top");
    fs::create_dir_all(top.join("dir/empty")).unwrap();
    let mut random = Random::new(7);
    fs::write(top.join("small"), "small\n").unwrap();
    fs::write(top.join("exactly"), random.bytes(1 << 20)).unwrap();
    fs::write(top.join("large"), random.bytes((3 << 20) + 12_345)).unwrap();
    fs::write(top.join("dir/zeros"), vec![0; 5 << 20]).unwrap();
    fs::write(top.join("dir/run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(top.join("dir/run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../small", top.join("dir/link")).unwrap();
    top
}

#[test]
fn a_source_unpacks_as_with_tar() {
    let tree = Tree::new(&[]);
    let top = folder(&tree);
    tar(tree.stele.scratch(), &["-czf", "x.tar.gz", "top"]);
    pinned(&tree, &tree.stele.scratch().join("x.tar.gz"), "strip = 1");
    // Its action is not known before.
    let action = || tree.stele.json(&["build", "--dry-run", "--json"])["build"][0]["action"].clone();
    assert_eq!(action(), serde_json::Value::Null);
    let expected = tree.stele.add(&top);
    let unpacked = tree.stele.json(&["source", "unpack", "a"]);
    assert_eq!(
        (unpacked[0]["digest"].as_str(), unpacked[0]["known"].as_bool()),
        (Some(&*expected), Some(false))
    );
    assert_eq!(tree.stele.json(&["source", "unpack", "a"])[0]["known"], true);
    assert_eq!(tree.stele.ok(&["source", "unpack", "a"]), format!("{expected}  x.tar.gz"));
    assert_eq!(action().as_str().map(str::len), Some(64));
    let info = tree.stele.json(&["store", "info", &format!("{expected}/dir/zeros")]);
    let file = fs::metadata(info["file"].as_str().unwrap()).unwrap();
    assert_eq!(file.len(), 5 << 20);
    tree.stele.assert_sound();
}

#[test]
fn collected_sources_are_unpacked_again() {
    let tree = Tree::new(&[]);
    folder(&tree);
    tar(tree.stele.scratch(), &["-cf", "x.tar", "top"]);
    pinned(&tree, &tree.stele.scratch().join("x.tar"), "");
    tree.stele.ok(&["source", "unpack", "a", "--keep", "0"]);
    tree.stele.ok(&["store", "gc"]);
    assert_eq!(tree.stele.json(&["source", "unpack", "a", "--keep", "0"])[0]["known"], false);
    // A root keeps the source itself.
    tree.stele.ok(&["store", "gc"]);
    assert_eq!(tree.stele.json(&["source", "unpack", "a"])[0]["known"], false);
    tree.stele.assert_sound();
}

#[test]
fn patches_are_applied_and_a_changed_patch_is_another_tree() {
    let tree = Tree::new(&[("pkgs/a/x.patch", "--- a/small\n+++ b/small\n@@ -1 +1 @@\n-small\n+large\n")]);
    folder(&tree);
    tar(tree.stele.scratch(), &["-cf", "x.tar", "top"]);
    pinned(&tree, &tree.stele.scratch().join("x.tar"), "strip = 1, patches = ['x.patch']");
    let digest = || tree.stele.json(&["source", "unpack", "a"])[0]["digest"].as_str().unwrap().to_owned();
    let first = digest();
    assert_eq!(tree.stele.ok(&["store", "cat", &format!("{first}/small")]), "large");
    tree.put("pkgs/a/x.patch", "--- a/small\n+++ b/small\n@@ -1 +1 @@\n-small\n+other\n");
    assert_ne!(digest(), first);
    tree.put("pkgs/a/x.patch", "--- a/small\n+++ b/small\n@@ -1 +1 @@\n-tall\n+other\n");
    let said = tree.stele.fails(&["source", "unpack", "a"], 1);
    assert!(said.contains("source x.tar of recipe `a`: the patch pkgs/a/x.patch does not fit"), "{said}");
    tree.stele.assert_sound();
}

#[test]
fn archives_made_to_harm_are_refused_and_leave_the_store_sound() {
    let tree = Tree::new(&[]);
    let evil = tree.stele.scratch().join("evil");
    fs::create_dir(&evil).unwrap();
    symlink("/etc/passwd", evil.join("absolute")).unwrap();
    symlink("../../x", evil.join("outside")).unwrap();
    fs::write(evil.join("file"), "x").unwrap();
    let made = tree.stele.scratch().join("x.tar");
    for (args, said) in [
        (&["-cf", "../x.tar", "absolute"][..], "is a symbolic link to /etc/passwd, which is absolute"),
        (&["-cf", "../x.tar", "outside"], "which is outside of the tree"),
        (&["-cPf", "../x.tar", "../evil/file"], "has a component `..`"),
        (&["-cf", "../x.tar", "--transform", "s,^,/,", "-P", "file"], "its name is absolute"),
        (
            &["-cf", "../x.tar", "file", "--transform", "s,.*,same,", "absolute"],
            "it occurs twice, and differs",
        ),
    ] {
        tar(&evil, args);
        pinned(&tree, &made, "");
        let found = tree.stele.fails(&["source", "unpack", "a"], 1);
        assert!(
            found.contains("source x.tar of recipe `a`: the archive is refused") && found.contains(said),
            "{found}"
        );
        assert!(found.contains("hint: "), "{found}");
    }
    fs::write(&made, "this is a web page").unwrap();
    pinned(&tree, &made, "");
    assert!(tree.stele.fails(&["source", "unpack", "a"], 1).contains("`unpack = False`"));
    tree.stele.assert_sound();
}

#[test]
fn a_missing_source_is_named_with_the_command_that_fetches_it() {
    let tree = Tree::new(&[]);
    let source = format!("source(sha256 = '{PIN}', name = 'x.tar')");
    tree.put(
        "pkgs/a/recipe.star",
        &format!("recipe(name = 'a', version = '1', script = 'x', sources = [{source}])"),
    );
    let said = tree.stele.fails(&["source", "unpack", "a"], 3);
    assert!(said.contains("source x.tar of recipe `a` is not in the store"), "{said}");
    assert!(said.contains("`stele source fetch a` fetches it"), "{said}");
    let said = tree.stele.fails(&["source", "fetch", "a", "--offline"], 3);
    assert!(said.contains("x.tar") && said.contains("of recipe `a`"), "{said}");
    tree.stele.fails(&["source", "fetch", "b"], 3);
}

#[test]
fn the_sources_of_all_that_a_recipe_needs_are_fetched() {
    let tree = Tree::new(&[]);
    let file = |name: &str| {
        let path = tree.stele.scratch().join(name);
        fs::write(&path, name).unwrap();
        let sum = stele_store::model::Sha256::of(name.as_bytes());
        format!("sources = [source(sha256 = '{sum}', mirrors = ['file:{}'])]", path.display())
    };
    let call = |name: &str, inputs: &str, source: &str| {
        format!(
            "{name} = recipe(name = '{name}', version = '1', script = 'x', inputs = [{inputs}], {source})"
        )
    };
    tree.put("pkgs/a/recipe.star", &call("a", "", &file("a.c")));
    tree.put(
        "pkgs/b/recipe.star",
        &format!("load('//pkgs/a/recipe.star', 'a')\n{}", call("b", "a", &file("b.c"))),
    );
    tree.put("pkgs/c/recipe.star", &call("c", "", &file("c.c")));
    let fetched = |args: &[&str]| {
        let said = tree.stele.ok(args);
        said.lines().map(|line| line.split_whitespace().last().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fetched(&["source", "fetch", "b"]), ["a.c", "b.c"]);
    assert_eq!(fetched(&["source", "fetch", "--all"]), ["a.c", "b.c", "c.c"]);
    for path in ["a.c", "b.c", "c.c"] {
        fs::remove_file(tree.stele.scratch().join(path)).unwrap();
    }
    assert_eq!(fetched(&["source", "fetch", "--all", "--offline"]).len(), 3);
}

#[test]
fn the_recipes_of_this_project_are_right() {
    let mut stele = Stele::new();
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("recipes");
    stele.set_env("STELE_RECIPES", recipes.to_str().unwrap());
    assert!(stele.ok(&["recipe", "check"]).ends_with(" recipes OK"));
    assert_eq!(stele.ok(&["recipe", "fmt", "--check"]), "");
    // Nothing of it goes back to an opaque byte but those of the seed.
    let all = stele.json(&["recipe", "ls"]);
    let names: Vec<&str> = all.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"seed") && names.contains(&"gcc-9.3.0"), "{names:?}");
    for name in names {
        let opaque = &stele.json(&["info", name])["opaque"];
        assert_eq!(opaque, &serde_json::json!({ "bytes": 0, "sources": [] }), "{name}");
    }
    stele.set_env("STELE_RECIPES", recipes.join("foreign").to_str().unwrap());
    assert_eq!(stele.ok(&["recipe", "check"]), "5 recipes OK");
    assert_eq!(stele.ok(&["recipe", "fmt", "--check"]), "");
    // Every recipe there is built with the same toolchain.
    for name in ["busybox", "cxx-tour", "hello", "xz", "zlib"] {
        assert_eq!(stele.json(&["info", name])["opaque"]["sources"].as_array().map(Vec::len), Some(36));
    }
}

#[test]
fn a_daemon_that_is_killed_while_it_unpacks_leaves_the_store_sound() {
    let tree = Tree::new(&[]);
    let top = tree.stele.scratch().join("top");
    fs::create_dir(&top).unwrap();
    let mut random = Random::new(3);
    for n in 0..3000 {
        fs::write(top.join(format!("f{n}")), random.bytes(20_000)).unwrap();
    }
    tar(tree.stele.scratch(), &["-cf", "x.tar", "top"]);
    pinned(&tree, &tree.stele.scratch().join("x.tar"), "strip = 1");
    for wait in [20, 60, 150] {
        let mut unpacking = tree.stele.command(&["source", "unpack", "a"]);
        let mut unpacking = unpacking
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        tree.stele.kill_daemon();
        unpacking.wait().unwrap();
        tree.stele.assert_sound();
    }
    let expected = tree.stele.add(&top);
    assert_eq!(tree.stele.json(&["source", "unpack", "a"])[0]["digest"], expected.as_str());
}

#[test]
fn generated_files_of_a_source_are_counted() {
    let tree = Tree::new(&[]);
    let top = tree.stele.scratch().join("top");
    fs::create_dir_all(top.join("sub")).unwrap();
    let signed = "#! /bin/sh\n# Generated by GNU Autoconf 2.72 for a 1.\n";
    fs::write(top.join("configure"), signed).unwrap();
    fs::write(top.join("sub/configure"), signed).unwrap();
    fs::write(top.join("sub/parse.c"), "/* A Bison parser, made by GNU Bison 3.8.2.  */\n").unwrap();
    fs::write(top.join("main.c"), "int main(void) { return 0; }\n").unwrap();
    fs::write(top.join("sub/odd\nname.o"), b"\x7fELF\x02\x01\x01").unwrap();
    symlink("configure", top.join("link")).unwrap();
    tar(tree.stele.scratch(), &["-cf", "x.tar", "top"]);
    pinned(&tree, &tree.stele.scratch().join("x.tar"), "strip = 1");

    let said = tree.stele.ok(&["lineage", "a", "--generated"]);
    let bytes = 2 * signed.len() + 48 + 7;
    let counted = format!("4 of 5 files, {bytes} bytes (autoconf 2, parsers 1, compiled 1)");
    assert!(said.contains(&format!("  generated in x.tar: {counted}\n")), "{said}");
    assert!(said.contains(&format!("\ngenerated before they were packed: {counted}\n")), "{said}");
    // Only when asked: it reads every file.
    assert!(!tree.stele.ok(&["lineage", "a"]).contains("generated"));

    let json = tree.stele.json(&["lineage", "a", "--generated"]);
    let by = &json["links"][0]["generated"][0]["by"];
    let paths: Vec<_> =
        by["autoconf"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["configure", "sub/configure"]);
    assert_eq!(by["compiler"][0]["path"], "sub/odd\\x0aname.o");
    assert_eq!((&json["generated"]["files"], &json["generated"]["of"]), (&4.into(), &5.into()));
    assert!(tree.stele.json(&["lineage", "a"]).get("generated").is_none());
    tree.stele.assert_sound();
}

#[test]
fn generated_files_of_a_source_that_is_not_there_are_not_told_as_none() {
    let tree = Tree::new(&[]);
    let source = format!("source(sha256 = '{PIN}', name = 'x.tar')");
    tree.put(
        "pkgs/a/recipe.star",
        &format!("recipe(name = 'a', version = '1', script = 'x', sources = [{source}])"),
    );
    let said = tree.stele.fails(&["lineage", "a", "--generated"], 3);
    assert!(said.contains("x.tar"), "{said}");
}
