//! A plan is never stale: `build` after a change that is hard to detect.

use std::os::unix::fs::symlink;

use super::*;
use stele_tests::disk::Disk;

/// The digest of the next build's action.
fn action(tree: &Tree) -> String {
    let json = tree.stele.json(&["build", "--dry-run", "--json", "a"]);
    json["build"][0]["action"].as_str().unwrap().to_owned()
}

/// Plans until the last plan is cached, changes something, and plans at once.
#[track_caller]
fn is_seen(what: &str, tree: &Tree, change: impl FnOnce()) {
    std::thread::sleep(std::time::Duration::from_millis(50));
    let before = action(tree);
    assert_eq!(action(tree), before, "{what}: nothing was changed");
    change();
    assert_ne!(action(tree), before, "{what}: the change is not seen");
}

fn local(name: &str) -> String {
    let name = serde_json::to_string(name).unwrap();
    format!("recipe(name = 'a', version = '1', script = 'x', sources = [local({name})])")
}

#[test]
fn no_name_hides_a_change() {
    for name in ["my data.txt", "back\\slash", "größe"] {
        let tree = Tree::new(&[("pkgs/a/recipe.star", &local(name))]);
        let file = format!("pkgs/a/{name}");
        tree.put(&file, "one");
        is_seen(name, &tree, || tree.put(&file, "two"));
    }
}

#[test]
fn no_link_hides_a_change() {
    let tree = Tree::new(&[("real.star", "recipe(name = 'a', version = '1', script = 'x1')")]);
    fs::create_dir(tree.path().join("pkgs/a")).unwrap();
    symlink("../../real.star", tree.path().join("pkgs/a/recipe.star")).unwrap();
    is_seen("a recipe", &tree, || tree.put("real.star", "recipe(name = 'a', version = '1', script = 'x2')"));
    let tree = Tree::new(&[("pkgs/a/recipe.star", &local("data")), ("pkgs/a/real", "one")]);
    symlink("real", tree.path().join("pkgs/a/data")).unwrap();
    is_seen("a local file", &tree, || tree.put("pkgs/a/real", "two"));
    let text = "load('//lib/l.star', 'v')\nrecipe(name = 'a', version = '1', script = v)";
    let tree = Tree::new(&[("pkgs/a/recipe.star", text), ("lib/real.star", "v = '1'")]);
    symlink("real.star", tree.path().join("lib/l.star")).unwrap();
    is_seen("a load", &tree, || tree.put("lib/real.star", "v = '2'"));
}

/// Within one second of such a disk all changes have the same time.
#[test]
fn no_clock_of_whole_seconds_hides_a_change() {
    let Some(disk) = Disk::ext4_of_whole_seconds(16) else {
        return stele_tests::skip("no disk can be mounted");
    };
    let mut tree = Tree::new(&[]);
    tree.path = disk.path().join("recipes");
    tree.stele.set_env("STELE_RECIPES", tree.path.to_str().unwrap());
    let recipe = |n: u32| format!("recipe(name = 'a', version = '1', script = 'x{n:03}')");
    let mut seen = Vec::new();
    let begun = std::time::Instant::now();
    for change in 0..20 {
        tree.put("pkgs/a/recipe.star", &recipe(change));
        let now = action(&tree);
        assert_eq!(action(&tree), now);
        assert!(!seen.contains(&now), "change {change}, after {:?}, was not seen", begun.elapsed());
        seen.push(now);
    }
    // All of it was read within the same second; the control: times are in whole seconds.
    let meta = fs::metadata(tree.path.join("pkgs/a/recipe.star")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::ctime_nsec(&meta), 0);
    drop(tree);
}
