//! Hostile recipes are an error, and the daemon survives them.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn an_allocation_without_bounds_is_an_error() {
    for text in [
        "x = 'x' * (1 << 31)\ny = x + x + x + x",
        "x = [0] * 4000000000",
        "x = list(range(2000000000))",
        "x = 'x' * (1 << 62)",
    ] {
        let said = Tree::refused(text);
        assert!(
            said.contains("was killed by signal")
                || said.contains("evaluator failed")
                || said.contains("pkgs/a"),
            "{text}: {said}"
        );
    }
}

#[test]
fn a_value_that_nests_without_end_is_an_error() {
    for end in ["y = f()", "y = str(f())", "y = f() == [f()]", "y = sorted([f(), f()])"] {
        let said = Tree::refused(&format!(
            "def f():\n    x = []\n    for _ in range(1000000):\n        x = [x]\n    return x\n{end}"
        ));
        assert!(said.contains("was killed by signal") || said.contains("pkgs/a"), "{end}: {said}");
    }
}

#[test]
fn an_evaluation_that_dies_says_at_which_statement() {
    let said = Tree::refused(
        "def f():\n    l = []\n    for i in range(2000000):\n        l = [l]\n    return l\nx = 1\ny = str(f())\nz = 2",
    );
    assert!(said.contains("was killed by signal"), "{said}");
    assert!(said.contains(" at pkgs/a/recipe.star:7"), "{said}");
    assert!(said.contains("stack overflowed"), "{said}");
}

#[test]
fn the_daemon_survives_hostile_plans() {
    let tree = Tree::new(&[("pkgs/a/recipe.star", &plain("a", &[]))]);
    tree.stele.ok(&["build", "--dry-run"]);
    let daemon = tree.stele.daemon();
    tree.put("pkgs/b/recipe.star", "x = list(range(2000000000))");
    tree.stele.fails(&["build", "--dry-run"], 1);
    assert!(daemon.is_some() && tree.stele.daemon() == daemon);
    assert!(tree.stele.ok(&["build", "--dry-run", "a"]).contains("build a 1"));
}

#[test]
fn nothing_outside_of_the_tree_is_read() {
    let tree = Tree::new(&[]);
    fs::write(tree.stele.scratch().join("secret.star"), "x = 1").unwrap();
    fs::create_dir_all(tree.path().join("pkgs/a")).unwrap();
    for (target, said) in [
        ("../../../secret.star", "leads out of the recipe tree"),
        ("/etc/passwd", "leads out of the recipe tree"),
        ("/proc/self/environ", "leads out of the recipe tree"),
    ] {
        let link = tree.path().join("pkgs/a/recipe.star");
        let _ = fs::remove_file(&link);
        symlink(target, &link).unwrap();
        if tree.path().join("pkgs/a").join(target).exists() {
            let found = tree.stele.fails(&["recipe", "check"], 1);
            assert!(found.contains(said), "{target}: {found}");
        }
    }
    let link = tree.path().join("pkgs/a/recipe.star");
    fs::remove_file(&link).unwrap();
    tree.put(
        "pkgs/a/recipe.star",
        "recipe(name = 'a', version = '1', script = 'x', sources = [local('out')])",
    );
    symlink("/etc", tree.path().join("pkgs/a/out")).unwrap();
    assert!(tree.stele.fails(&["recipe", "check"], 1).contains("leads out of the recipe tree"));
}

#[test]
fn a_fifo_and_a_folder_instead_of_a_file_are_reported() {
    let tree = Tree::new(&[]);
    fs::create_dir_all(tree.path().join("pkgs/a/recipe.star")).unwrap();
    assert!(tree.stele.fails(&["recipe", "check"], 1).contains("pkgs/a/recipe.star cannot be read"));
    fs::remove_dir(tree.path().join("pkgs/a/recipe.star")).unwrap();
    let fifo = tree.path().join("pkgs/a/recipe.star");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::from(0o644), 0)
        .unwrap();
    assert!(tree.stele.fails(&["recipe", "check"], 1).contains("not a regular file"));
}

#[test]
fn neither_the_environment_nor_the_working_directory_reaches_a_recipe() {
    let tree =
        Tree::new(&[("pkgs/a/recipe.star", &plain("a", &[])), ("pkgs/b/recipe.star", &plain("b", &["a"]))]);
    let run = |folder: &Path, variable: &str| {
        let mut command = tree.stele.command(&["recipe", "show", "b", "--json"]);
        let output = command
            .current_dir(folder)
            .env("TZ", variable)
            .env("LANG", variable)
            .env("HOME", variable)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let expected = run(Path::new("/"), "");
    assert!(expected.contains("\"name\":\"b\""));
    assert_eq!(run(tree.stele.scratch(), "tr_TR.UTF-8"), expected);
}
