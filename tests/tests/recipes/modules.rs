//! Modules: other trees, pinned by the digest of their archives.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

/// A module's files as a tar.gz below `folder`, and its SHA-256.
fn archive(tree: &Tree, name: &str, files: &[(&str, &str)]) -> (PathBuf, String) {
    let folder = tree.stele.scratch().join(name);
    for (file, text) in files {
        let file = folder.join("top").join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let to = tree.stele.scratch().join(format!("{name}.tar.gz"));
    let tar = Command::new("tar")
        .args(["-czf", to.to_str().unwrap(), "-C", folder.to_str().unwrap(), "top"])
        .status();
    assert!(tar.unwrap().success());
    let sum = Command::new("sha256sum").arg(&to).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    (to, sum)
}

/// A library with a function, a package with a file beside it, and a file at the top that has the same name as one of
/// the tree.
const MODULE: &[(&str, &str)] = &[
    (
        "lib/made.star",
        "def made(name, text):\n    return recipe(name = name, version = '1', script = text, \
         sources = [local('//data'), local('own')])\n",
    ),
    ("lib/nested.star", "load('//lib/made.star', made_again = 'made')\nmade = made_again\n"),
    ("data", "of the module"),
    (
        "pkgs/tool/recipe.star",
        "tool = recipe(name = 'tool', version = '3', script = 'x', sources = [local('beside')])\n",
    ),
    ("pkgs/tool/beside", "beside"),
];

fn with_module(more: &str) -> (Tree, PathBuf, String) {
    let tree = Tree::new(&[
        (
            "pkgs/a/recipe.star",
            "load('@lent//lib/nested.star', 'made')\nload('@lent//pkgs/tool/recipe.star', 'tool')\n\
             a = made('a', 'y')\nb = recipe(name = 'a-b', version = '1', script = 'z', inputs = [a, tool])\n",
        ),
        ("pkgs/a/own", "of the tree"),
        ("data", "of the tree"),
    ]);
    let (file, sha256) = archive(&tree, "lent", MODULE);
    tree.put("modules.star", &format!("module(name = 'lent', sha256 = '{sha256}', {more})\n"));
    (tree, file, sha256)
}

fn with_file() -> (Tree, String) {
    let (tree, file, sha256) = with_module("file = 'archives/lent.tar.gz'");
    fs::create_dir_all(tree.path().join("archives")).unwrap();
    fs::rename(file, tree.path().join("archives/lent.tar.gz")).unwrap();
    (tree, sha256)
}

#[test]
fn a_module_is_loaded_and_its_paths_are_its_own() {
    let (tree, sha256) = with_file();
    let shown = tree.stele.json(&["recipe", "show", "a-b"]);
    assert_eq!(shown["inputs"].as_array().unwrap().len(), 2, "{shown}");
    let a = tree.stele.json(&["recipe", "show", "a"]);
    let locals: Vec<&str> =
        a["locals"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    // `//` is the tree in which the call is written; without it, the folder of the recipe that is evaluated.
    assert_eq!(locals, ["modules/lent/data", "pkgs/a/own"], "{a}");
    // What only a module has is found by its name.
    assert_eq!(tree.stele.json(&["recipe", "show", "tool"])["version"], "3");
    let listed = tree.stele.ok(&["recipe", "modules"]);
    assert_eq!(listed, format!("lent  {sha256}  lent.tar.gz"));
    // And the tree's own recipe of a name comes before it.
    tree.put("pkgs/tool/recipe.star", &plain("tool", &[]));
    assert_eq!(tree.stele.json(&["recipe", "show", "tool"])["version"], "1");
    let both = tree.stele.fails(&["build", "--dry-run", "a-b", "tool"], 1);
    assert!(both.contains("two recipes have the name `tool`"), "{both}");
}

#[test]
fn a_module_comes_from_a_mirror_and_then_from_the_store() {
    let (tree, file, sha256) = with_module("mirrors = []");
    let mirror = format!("mirrors = ['file:{}']", file.display());
    tree.put("modules.star", &format!("module(name = 'lent', sha256 = '{sha256}', {mirror})\n"));
    tree.stele.ok(&["recipe", "show", "a"]);
    fs::remove_file(&file).unwrap();
    fs::remove_dir_all(tree.path().join("modules")).unwrap();
    tree.stele.ok(&["recipe", "show", "a"]);
    let listed = tree.stele.ok(&["source", "ls"]);
    assert!(listed.contains(&sha256[..16]), "{listed}");
}

#[test]
fn other_bytes_than_the_pinned_are_refused() {
    let (tree, sha256) = with_file();
    let file = tree.path().join("archives/lent.tar.gz");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let said = tree.stele.fails(&["recipe", "show", "a"], 4);
    assert!(said.contains("module lent") && said.contains(&sha256), "{said}");
    assert!(!tree.path().join("modules/lent").exists());
}

#[test]
fn a_changed_pin_brings_the_other_module_and_a_removed_one_takes_it_away() {
    let (tree, _) = with_file();
    tree.stele.ok(&["recipe", "show", "a"]);
    let (newer, sha256) = archive(
        &tree,
        "newer",
        &[("pkgs/tool/recipe.star", "tool = recipe(name = 'tool', version = '4', script = 'x')\n")],
    );
    let pin = format!("module(name = 'lent', sha256 = '{sha256}', mirrors = ['file:{}'])\n", newer.display());
    tree.put("modules.star", &pin);
    assert_eq!(tree.stele.json(&["recipe", "show", "tool"])["version"], "4");
    let said = tree.stele.fails(&["recipe", "show", "a"], 1);
    assert!(said.contains("there is no module `lent` with a file lib/nested.star"), "{said}");
    tree.put("modules.star", "# none\n");
    // Its files are still there, and are no module any more.
    tree.stele.fails(&["recipe", "show", "tool"], 3);
    fs::remove_file(tree.path().join("modules.star")).unwrap();
    let said = tree.stele.fails(&["recipe", "show", "a"], 1);
    assert!(said.contains("there is no module `lent`"), "{said}");
}

#[test]
fn a_module_is_what_its_pin_says_whatever_lies_in_its_folder() {
    let (tree, _) = with_file();
    let folder = tree.path().join("modules");
    // Committed with the tree, changed by hand, half written by a killed command, or a link to elsewhere.
    let elsewhere = tree.stele.scratch().join("elsewhere");
    fs::create_dir_all(elsewhere.join("lib")).unwrap();
    fs::write(elsewhere.join("data"), "of somebody else").unwrap();
    let damages: [&dyn Fn(); 5] = [
        &|| tree.put("modules/lent/lib/nested.star", "def made(name, text):\n    fail('planted')\n"),
        &|| {
            let _ = fs::remove_file(folder.join("lent/data"));
        },
        &|| tree.put("modules/lent/lib/more.star", "x = 1\n"),
        &|| tree.put("modules/.new-abc/new/lib/x.star", ""),
        &|| {
            fs::remove_dir_all(folder.join("lent")).unwrap();
            symlink(&elsewhere, folder.join("lent")).unwrap();
        },
    ];
    for damage in damages {
        damage();
        tree.stele.ok(&["recipe", "show", "a"]);
        assert_eq!(fs::read_to_string(folder.join("lent/data")).unwrap(), "of the module");
        assert!(!folder.join("lent/lib/more.star").exists());
    }
    assert_eq!(fs::read_to_string(elsewhere.join("data")).unwrap(), "of somebody else");
    assert!(
        fs::read_dir(&folder)
            .unwrap()
            .flatten()
            .all(|it| it.file_name() == "lent" || it.file_name() == ".lock")
    );
}

#[test]
fn nothing_outside_the_folder_of_modules_is_written_or_removed() {
    let (tree, _) = with_file();
    let outside = tree.stele.scratch().join("outside");
    fs::create_dir_all(outside.join("lent")).unwrap();
    fs::write(outside.join("lent/mine"), "mine").unwrap();
    symlink(&outside, tree.path().join("modules")).unwrap();
    let said = tree.stele.fails(&["recipe", "show", "a"], 1);
    assert!(said.contains("it is not a folder") && said.contains("hint: "), "{said}");
    // Files whose names are no modules', and links in the places of files.
    fs::remove_file(tree.path().join("modules")).unwrap();
    for file in ["modules/...pin", "modules/.pin", "modules/lent.pin"] {
        tree.put(file, "");
    }
    symlink(outside.join("lock"), tree.path().join("modules/.lock")).unwrap();
    symlink(&outside, tree.path().join("modules/.new-x")).unwrap();
    tree.stele.fails(&["recipe", "show", "a"], 1);
    fs::remove_file(tree.path().join("modules/.lock")).unwrap();
    tree.stele.ok(&["recipe", "show", "a"]);
    assert!(!outside.join("lock").exists());
    assert_eq!(fs::read_to_string(outside.join("lent/mine")).unwrap(), "mine");
    assert!(tree.path().join("pkgs/a/own").exists());
}

#[test]
fn a_tree_may_lie_anywhere() {
    let stele = Stele::new();
    let place = stele.scratch().join("Mein Zeug/jürgen's");
    stele.ok(&["init", place.to_str().unwrap()]);
    let recipes = place.join("recipes");
    stele.ok(&["recipe", "show", "greet", "--recipes", recipes.to_str().unwrap()]);
    // Once it was brought, nothing is needed but the store.
    fs::remove_dir_all(recipes.join("archives")).unwrap();
    fs::remove_dir_all(recipes.join("modules")).unwrap();
    stele.ok(&["build", "--offline", "--dry-run", "greet", "--recipes", recipes.to_str().unwrap()]);
}

#[test]
fn offline_means_modules_too() {
    let (tree, _, sha256) = with_module("mirrors = []");
    let mirror = "mirrors = ['https://nowhere.invalid/lent.tar.gz']";
    tree.put("modules.star", &format!("module(name = 'lent', sha256 = '{sha256}', {mirror})\n"));
    let said = tree.stele.fails(&["build", "--offline", "a"], 3);
    assert!(said.contains("module lent") && !said.contains("lookup"), "{said}");
}

#[test]
fn wrong_pins_are_told_with_their_place() {
    let refused = |text: &str, code: i32| {
        let tree = Tree::new(&[("pkgs/a/recipe.star", &plain("a", &[])), ("modules.star", text)]);
        tree.stele.fails(&["recipe", "show", "a"], code)
    };
    let said = refused("module(name = 'x', sha256 = '12')\n", 1);
    assert!(said.contains("modules.star:1:"), "{said}");
    let pin = format!("module(name = 'x', sha256 = '{PIN}', file = 'x.tar')\n");
    let said = refused(&pin.repeat(2), 1);
    assert!(said.contains("two modules have the name `x`") && said.contains("modules.star:2:"), "{said}");
    let said = refused("module(name = '../x', sha256 = '')\n", 1);
    assert!(said.contains("\"../x\" is not a name"), "{said}");
    let said = refused("recipe(name = 'x', version = '1')\n", 1);
    assert!(said.contains("recipe"), "{said}");
    let said = refused(&pin, 3);
    assert!(said.contains("module x") && said.contains("x.tar"), "{said}");
    // Nowhere else can a module be pinned.
    let said = Tree::refused(&pin);
    assert!(said.contains("module"), "{said}");
}

#[test]
fn a_new_tree_builds_nothing_twice_and_changes_nothing_that_is_there() {
    let stele = Stele::new();
    let folder = stele.scratch().join("project");
    let folder = folder.to_str().unwrap();
    for template in ["image", "c", "foreign"] {
        let place = format!("{folder}/{template}");
        let made = stele.ok(&["init", "--template", template, &place]);
        assert!(made.lines().all(|file| Path::new(file).is_file()), "{made}");
        let recipes = format!("{place}/recipes");
        stele.ok(&["recipe", "check", "--recipes", &recipes]);
        assert_eq!(stele.ok(&["recipe", "fmt", "--check", "--recipes", &recipes]), "");
        let said = stele.fails(&["init", &place], 2);
        assert!(said.contains("is a recipe tree already"), "{said}");
        let new = stele.ok(&["recipe", "new", "next", "--recipes", &recipes]);
        assert!(new.ends_with("pkgs/next/recipe.star"), "{new}");
        stele.ok(&["recipe", "show", "next", "--recipes", &recipes]);
        stele.fails(&["recipe", "new", "next", "--recipes", &recipes], 2);
    }
}

#[test]
fn what_a_recipe_prints_is_shown() {
    let tree = Tree::new(&[("pkgs/a/recipe.star", &format!("print('here', 1 + 1)\n{}", plain("a", &[])))]);
    let shown = tree.stele.run(&["recipe", "check"]);
    assert!(shown.stderr.contains("pkgs/a/recipe.star: here 2"), "{}", shown.stderr);
}
