//! Builds that fail, and their messages.

use stele_tests::damage::{flip, payload};
use stele_tests::workshop::Workshop;

#[test]
fn a_failed_build_shows_the_end_of_its_log_and_leaves_nothing() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "for i in $(seq 100); do echo line $i; done; false");
    let said = shop.stele.fails(&["build", "a"], 1);
    assert!(said.contains("recipe `a`: step 1") && said.contains("status 1"), "{said}");
    assert!(said.contains("  | line 100") && !said.contains("  | line 70\n"), "{said}");
    assert!(said.contains("stele log a"), "{said}");
    let log = shop.stele.ok(&["log", "a"]);
    assert!(log.starts_with("line 1\nline 2\n") && log.ends_with("line 100"), "{log}");
    shop.stele.fails(&["log", "b"], 3);
    assert!(shop.folders().is_empty());
    shop.stele.assert_sound();
}

#[test]
fn a_missing_program_is_named() {
    let shop = Workshop::new();
    shop.put(
        "pkgs/a/recipe.star",
        "a = recipe(name = 'a', version = '1', steps = [['/usr/bin/cc', '-c', 'x.c']])\n",
    );
    let said = shop.stele.fails(&["build", "a"], 1);
    assert!(said.contains("/usr/bin/cc") && said.contains("No such file"), "{said}");
}

#[test]
fn a_failure_stops_only_its_dependents_with_keep_going() {
    let shop = Workshop::new();
    shop.build("box");
    shop.recipe("bad", &[], "false");
    shop.recipe("after", &["bad"], "echo > $OUT/x");
    shop.recipe("good", &[], "sleep 1; echo good > $OUT/x");
    shop.recipe("later", &["good"], "echo later > $OUT/y");
    let outcome = shop.stele.run(&["build", "--keep-going", "after", "later"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.text().ends_with("  later"), "{}", outcome.text());
    assert!(outcome.stderr.contains("recipe `bad`"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("not built, because a dependency failed: after"), "{}", outcome.stderr);
    // Without it, running builds are finished, and none is begun.
    shop.recipe("good", &[], "sleep 1; echo other > $OUT/x");
    let outcome = shop.stele.run(&["build", "after", "later"]);
    assert_eq!((outcome.code, outcome.text().as_str()), (1, ""));
    assert!(outcome.stderr.contains("after") && outcome.stderr.contains("later"), "{}", outcome.stderr);
}

#[test]
fn the_folder_of_a_failed_build_stays_when_asked_for() {
    let shop = Workshop::new();
    shop.recipe("a", &[], "echo half > half; echo done > $OUT/x; false");
    let said = shop.stele.fails(&["build", "--keep-failed", "a"], 1);
    let folder = shop.stele.store().join("failed/a");
    assert!(said.contains(folder.to_str().unwrap()), "{said}");
    assert_eq!(std::fs::read_to_string(folder.join("build/half")).unwrap(), "half\n");
    assert_eq!(std::fs::read_to_string(folder.join("out/x")).unwrap(), "done\n");
    // The next one replaces it.
    shop.recipe("a", &[], "echo other > other; false");
    shop.stele.fails(&["build", "--keep-failed", "a"], 1);
    assert!(folder.join("build/other").exists() && !folder.join("build/half").exists());
}

#[test]
fn a_missing_source_is_reported_before_anything_is_built() {
    let shop = Workshop::new();
    shop.put(
        "pkgs/a/recipe.star",
        "load('//pkgs/box/recipe.star', 'box')
a = recipe(name = 'a', version = '1', inputs = [box], script = 'true', sources = [source(
    sha256 = '7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4',
    mirrors = ['https://127.0.0.1:1/a.tar.gz'])])
",
    );
    let said = shop.stele.fails(&["build", "--offline", "a"], 3);
    assert!(said.contains("a.tar.gz"), "{said}");
    assert!(!said.contains("built"), "{said}");
}

#[test]
fn a_build_reads_no_byte_of_an_input_that_a_bad_disk_changed() {
    let shop = Workshop::new();
    shop.recipe("data", &[], "seq 100000 > $OUT/numbers");
    let data = shop.build("data");
    // Even after another build has read it whole.
    shop.recipe("before", &["data"], "cat /numbers > $OUT/before");
    shop.build("before");
    let file = payload(&shop.stele, &format!("{data}/numbers"));
    flip(&file, 300_000);
    shop.stele.ok(&["daemon", "stop"]);
    shop.recipe("after", &["data"], "head -n 1 /numbers > $OUT/after");
    // The damaged input is quarantined, and built again: at once, or if the quarantine takes a moment, by the next
    // command.
    let first = shop.stele.run(&["build", "after"]);
    assert!(first.code == 0 || first.stderr.contains("Input/output error"), "{}", first.stderr);
    let second = shop.stele.run(&["build", "after"]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    let said = first.stderr + &second.stderr;
    assert_eq!(said.matches("built data").count(), 1, "{said}");
    assert_eq!(shop.file("build-after/after"), "1");
    shop.stele.assert_sound();
}
