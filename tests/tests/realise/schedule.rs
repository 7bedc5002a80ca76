//! What is built, in which order, and how often.

use std::fs;

use stele_tests::wait_for;
use stele_tests::workshop::Workshop;

#[test]
fn nothing_is_built_twice() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo a > $OUT/a");
    let first = shop.stele.run(&["build", "a"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stderr.contains("built box") && first.stderr.contains("built a"), "{}", first.stderr);
    let second = shop.stele.run(&["build", "a"]);
    assert_eq!((second.text(), second.stderr.as_str()), (first.text(), ""));
    assert!(shop.folders().is_empty());
}

#[test]
fn an_unchanged_output_stops_the_builds_after_it() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo same > $OUT/a");
    shop.recipe("b", &["a"], "cat /a > $OUT/b");
    shop.recipe("c", &["b"], "cat /b > $OUT/c");
    let before = shop.build("c");
    shop.recipe("a", &[], "echo same > $OUT/x; cat $OUT/x > $OUT/a; rm $OUT/x");
    let outcome = shop.stele.run(&["build", "c"]);
    assert!(outcome.text().starts_with(&before), "{}", outcome.text());
    assert!(outcome.stderr.contains("built a"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("built b") && !outcome.stderr.contains("built c"), "{}", outcome.stderr);
    // And when it does not, everything that depends on it is built.
    shop.recipe("a", &[], "echo other > $OUT/a");
    assert_ne!(shop.build("c"), before);
    assert_eq!(shop.file("build-c/c"), "other");
}

#[test]
fn two_terminals_that_want_the_same_share_one_build() {
    let shop = Workshop::new();
    shop.build("box");
    // Were it built twice, the two would differ.
    shop.recipe_of_machine("a", &[], "sleep 2; dd if=/dev/urandom of=$OUT/a bs=16 count=1");
    let children = [shop.begin(&["a"]), shop.begin(&["a"]), shop.begin(&["a"])];
    let answers: Vec<_> = children.into_iter().map(|it| it.wait_with_output().unwrap().stdout).collect();
    assert!(!answers[0].is_empty());
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[1], answers[2]);
}

#[test]
fn one_of_two_terminals_may_disconnect_and_the_build_continues() {
    let shop = Workshop::new();
    shop.build("box");
    shop.recipe("a", &[], "sleep 2; echo a > $OUT/a");
    let mut first = shop.begin(&["a"]);
    wait_for("the build", || shop.folders().len() == 1);
    let folder = shop.folders();
    let second = shop.begin(&["a"]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    first.kill().unwrap();
    first.wait().unwrap();
    let second = second.wait_with_output().unwrap();
    assert!(second.status.success());
    assert_eq!(folder.len(), 1);
    assert!(shop.folders().is_empty());
}

#[test]
fn builds_that_do_not_need_each_other_run_at_once_and_jobs_bounds_them() {
    let shop = Workshop::new();
    shop.build("box");
    for name in ["a", "b"] {
        shop.recipe(name, &[], &format!("sleep 2; echo {name} > $OUT/{name}"));
    }
    shop.recipe("both", &["a", "b"], "cat /a /b > $OUT/both");
    let at_once = |args: &[&str]| {
        let mut child = shop.begin(args);
        let mut max = 0;
        while child.try_wait().unwrap().is_none() {
            max = max.max(shop.folders().len());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        max
    };
    assert_eq!(at_once(&["both", "--jobs", "1"]), 1);
    for name in ["a", "b"] {
        shop.recipe(name, &[], &format!("sleep 2; echo {name} again > $OUT/{name}"));
    }
    assert_eq!(at_once(&["both", "--jobs", "2"]), 2);
    assert_eq!(shop.file("build-both/both"), "a again\nb again");
}

#[test]
fn several_outputs_are_separate_trees() {
    let shop = Workshop::new();
    shop.put(
        "pkgs/two/recipe.star",
        "load('//pkgs/box/recipe.star', 'box')
two = recipe(name = 'two', version = '1', inputs = [box], outputs = ['out', 'doc'],
    script = 'echo program > $OUT/p; echo text > $OUT_DOC/t')
",
    );
    let text = shop.stele.ok(&["build", "two"]);
    let labels: Vec<&str> = text.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(labels, ["two-doc", "two"]);
    assert_eq!(shop.file("build-two/p"), "program");
    assert_eq!(shop.file("build-two-doc/t"), "text");
}

#[test]
fn a_rebuild_has_to_give_the_same_output() {
    let shop = Workshop::new();
    shop.recipe("same", &[], "echo same > $OUT/x");
    shop.build("same");
    let again = shop.stele.run(&["build", "--rebuild", "same"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("built same") && !again.stderr.contains("built box"), "{}", again.stderr);
    shop.recipe_of_machine("other", &[], "dd if=/dev/urandom of=$OUT/x bs=16 count=1");
    let before = shop.build("other");
    let said = shop.stele.fails(&["build", "--rebuild", "other"], 1);
    assert!(
        said.contains(&before)
            && said.contains("differ in x")
            && said.contains(&format!("stele diff {before}")),
        "{said}"
    );
    // The first result counts.
    assert_eq!(shop.build("other"), before);
}

#[test]
fn a_plan_lists_what_has_changed_since_the_last_build() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo a > $OUT/a");
    shop.build("a");
    shop.recipe("a", &[], "echo b > $OUT/a");
    let said = shop.stele.ok(&["build", "--dry-run", "a"]);
    assert!(said.contains("steps: ") && said.contains(" is now "), "{said}");
}

#[test]
fn local_files_reach_the_build_as_they_were_evaluated() {
    let shop = Workshop::new();
    shop.put("pkgs/a/data/deep/file", "text\n");
    shop.put("pkgs/a/one.txt", "one\n");
    shop.put(
        "pkgs/a/recipe.star",
        "load('//pkgs/box/recipe.star', 'box')
a = recipe(name = 'a', version = '1', inputs = [box],
    sources = [local('data'), local('one.txt')],
    script = 'cat /src/data/deep/file /src/one.txt > $OUT/x')
",
    );
    shop.build("a");
    assert_eq!(shop.file("build-a/x"), "text\none");
    shop.put("pkgs/a/one.txt", "two\n");
    shop.build("a");
    assert_eq!(shop.file("build-a/x"), "text\ntwo");
    assert!(fs::read_dir(shop.path()).is_ok());
}
