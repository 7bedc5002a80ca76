//! What a build tells while it runs, and at its end.

use stele_tests::workshop::Workshop;

/// What stderr says of a command.
fn told(shop: &Workshop, args: &[&str]) -> String {
    shop.stele.run(args).stderr
}

#[test]
fn a_build_ends_with_a_summary_and_says_how_long_each_took() {
    let shop = Workshop::new();
    shop.recipe("one", &[], "sleep 0.3; echo 1 >$OUT/x");
    shop.recipe("two", &["one"], "echo 2 >$OUT/y");
    let said = told(&shop, &["build", "two"]);
    assert!(said.lines().any(|line| line.starts_with("[2/3] built one in 0.")), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("built 3 in ") && last.ends_with(" s"), "{said}");
    shop.recipe("two", &["one"], "echo 3 >$OUT/y");
    let said = told(&shop, &["build", "two"]);
    assert!(said.lines().last().unwrap().starts_with("built 1, reused 2 in "), "{said}");
    // What did nothing says nothing, unless to a person.
    assert_eq!(told(&shop, &["build", "two"]), "");
    shop.recipe("bad", &["one"], "exit 3");
    shop.recipe("worse", &["bad"], "true");
    let said = told(&shop, &["build", "worse"]);
    assert!(said.lines().any(|line| line.starts_with("FAILED bad after 0.")), "{said}");
    assert!(said.contains("built 0, reused 2, failed 1, skipped 1 in "), "{said}");
}

#[test]
fn how_much_is_told_can_be_chosen() {
    let shop = Workshop::new();
    shop.recipe("one", &[], "echo 1 >$OUT/x");
    assert_eq!(told(&shop, &["--quiet", "build", "one"]), "");
    shop.recipe("two", &[], "echo 2 >$OUT/x");
    let said = told(&shop, &["--verbose", "build", "two"]);
    assert!(said.contains("two: the log is "), "{said}");
    shop.recipe("bad", &[], "exit 3");
    let said = told(&shop, &["--quiet", "build", "bad"]);
    assert!(said.starts_with("error: "), "{said}");
    shop.stele.fails(&["--quiet", "--verbose", "build", "one"], 2);
}

#[test]
fn the_output_of_builds_is_shown_line_by_line() {
    let shop = Workshop::new();
    shop.recipe("one", &[], "echo first; echo second >&2; printf 'no\\033[31mend'; echo 1 >$OUT/x");
    let said = told(&shop, &["build", "--print-build-logs", "one"]);
    for line in ["one> first", "one> second"] {
        assert!(said.lines().any(|it| it == line), "{line}: {said}");
    }
    // Whole, and controlling nothing.
    assert!(said.lines().any(|it| it.starts_with("one> no") && it.ends_with("end")), "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
    shop.recipe("bad", &[], "echo the last words; exit 1");
    let said = told(&shop, &["build", "-L", "bad"]);
    assert!(said.lines().any(|it| it == "bad> the last words"), "{said}");
}

#[test]
fn colour_is_for_those_who_want_it() {
    let mut shop = Workshop::new();
    shop.recipe("one", &[], "echo 1 >$OUT/x");
    let said = told(&shop, &["--color", "always", "build", "one"]);
    assert!(
        said.contains("\u{1b}[1m\u{1b}[32mbuilt\u{1b}[0m") || said.contains("\u{1b}[1;32mbuilt"),
        "{said:?}"
    );
    let said = told(&shop, &["--color", "always", "build", "none"]);
    assert!(said.starts_with('\u{1b}') && said.contains("error:"), "{said:?}");
    // Not into a file, and NO_COLOR counts even on a terminal.
    assert!(!told(&shop, &["build", "none"]).contains('\u{1b}'));
    shop.stele.set_env("NO_COLOR", "1");
    assert!(!told(&shop, &["--color", "auto", "build", "none"]).contains('\u{1b}'));
    // Text of strangers stays without, whatever is wanted.
    let said = told(&shop, &["--color", "always", "build", "a\u{1b}[31mb"]);
    assert!(!said.contains("\u{1b}[31mb"), "{said:?}");
}
