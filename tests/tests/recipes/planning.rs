//! `build --dry-run`

use super::*;

#[test]
fn a_dry_run_lists_builds_in_order_with_sources_and_reasons() {
    let tree =
        Tree::new(&[("pkgs/a/recipe.star", &plain("a", &[])), ("pkgs/b/recipe.star", &plain("b", &["a"]))]);
    let source = format!("source(sha256 = '{PIN}', name = 'x.tar')");
    tree.put(
        "pkgs/c/recipe.star",
        &format!(
            "load('//pkgs/b/recipe.star', 'b')\n\
             recipe(name = 'c', version = '3', script = 'x', inputs = [b], sources = [{source}])"
        ),
    );
    assert_eq!(
        tree.stele.ok(&["build", "--dry-run", "c"]),
        "fetch x.tar for c\nbuild a 1: never built\nbuild b 1: never built; after a\n\
         build c 3: never built; unpacks x.tar; after b\n3 recipes to build, 0 are built, 1 source to fetch"
    );
    let json = tree.stele.json(&["build", "--dry-run", "c", "--json"]);
    assert_eq!(json["fetch"][0]["sha256"], PIN);
    // A recipe without dependencies has an action already, and one that waits for another has none.
    assert_eq!(json["build"][0]["action"].as_str().map(str::len), Some(64));
    assert_eq!(json["build"][1]["action"], serde_json::Value::Null);
}

#[test]
fn every_change_is_seen_by_the_next_plan() {
    let tree = Tree::new(&[
        ("pkgs/a/recipe.star", &plain("a", &[])),
        ("pkgs/a/data/x", "1"),
        ("lib/l.star", "v = '1'"),
    ]);
    let actions = || {
        let json = tree.stele.json(&["build", "--dry-run", "--json"]);
        json["build"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["action"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let recipe = |script: &str| {
        format!(
            "load('//lib/l.star', 'v')\n\
             recipe(name = 'a', version = v, script = '{script}' + v, sources = [local('data')])"
        )
    };
    // Each written as fast as possible: even a file of the same size, changed within one tick of the clock.
    let mut seen = Vec::new();
    for change in 0..30 {
        match change % 3 {
            0 => tree.put("pkgs/a/recipe.star", &recipe(&format!("make{change:04}"))),
            1 => tree.put("pkgs/a/data/x", &format!("{change:04}")),
            _ => tree.put("lib/l.star", &format!("v = '{change:04}'")),
        }
        let now = actions();
        assert_eq!(actions(), now);
        assert!(!seen.contains(&now), "change {change} was not seen");
        seen.push(now);
    }
    tree.put("pkgs/b/recipe.star", &plain("b", &[]));
    assert_eq!(actions().len(), 2);
    fs::remove_file(tree.path().join("pkgs/b/recipe.star")).unwrap();
    assert_eq!(actions().len(), 1);
    // What no build sees changes no action.
    let before = actions();
    tree.put("pkgs/a/recipe.star", &format!("# a comment\n{}", recipe("make0027")));
    assert_eq!(actions(), before);
}

#[test]
fn a_stored_source_needs_no_fetching() {
    let tree = Tree::new(&[]);
    let file = tree.stele.scratch().join("x.c");
    fs::write(&file, "int main").unwrap();
    tree.stele.add(&file);
    let info = tree.stele.json(&["store", "info", &tree.stele.add(&file)]);
    let source = format!("source(sha256 = '{}', name = 'x.c')", info["sha256"].as_str().unwrap());
    tree.put(
        "pkgs/a/recipe.star",
        &format!("recipe(name = 'a', version = '1', script = 'x', sources = [{source}])"),
    );
    let json = tree.stele.json(&["build", "--dry-run", "--json"]);
    assert_eq!(json["fetch"].as_array().map(Vec::len), Some(0));
    assert_eq!(json["build"][0]["action"].as_str().map(str::len), Some(64));
}
