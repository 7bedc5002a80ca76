//! `stele trace`: what a build uses.

use serde_json::{Value, json};
use stele_tests::workshop::Workshop;

/// A recipe with two inputs, of which it uses one, and which looks for a missing file.
fn shop() -> Workshop {
    let shop = Workshop::new();
    shop.recipe(
        "used",
        &[],
        "mkdir -p $OUT/share/used; echo used > $OUT/share/used/file; echo 2 > $OUT/share/used/other",
    );
    shop.recipe("idle", &[], "mkdir -p $OUT/share/idle; echo idle > $OUT/share/idle/file");
    shop.recipe(
        "traced",
        &["used", "idle"],
        "cat /share/used/file > $OUT/copy\nls /share/idle >> $OUT/copy\n\
         [ ! -e /share/used/missing ]\n[ ! -e '/no such dir/x' ]",
    );
    shop
}

fn traced(shop: &Workshop) -> Value {
    let outcome = shop.stele.run(&["--json", "trace", "traced"]);
    let last = outcome.text();
    serde_json::from_str(last.lines().last().expect("an answer")).expect("JSON")
}

fn opened(traced: &Value, input: &str) -> u64 {
    let inputs = traced["inputs"].as_array().unwrap();
    let input = inputs.iter().find(|it| it["input"].as_str().unwrap().contains(input)).unwrap();
    input["opened"].as_u64().unwrap()
}

#[test]
fn an_input_that_is_listed_and_never_opened_is_reported() {
    let shop = shop();
    let traced = traced(&shop);
    assert_eq!((opened(&traced, "used"), opened(&traced, "idle")), (1, 0));
    assert!(opened(&traced, "box") > 1, "the shell is a link to a program");
    let text = shop.stele.ok(&["trace", "traced"]);
    assert!(text.starts_with("1 of 3 inputs of traced were never opened\n"), "{text}");
    assert!(text.contains("0 of       1") || text.contains("0 of 1"), "{text}");
    assert!(text.ends_with("reproducible: same output"), "{text}");
    let all = shop.stele.ok(&["trace", "traced", "--all"]);
    assert!(all.lines().count() > text.lines().count(), "{all}");
}

#[test]
fn missing_paths_that_were_looked_up_are_reported_and_existing_ones_are_not() {
    let traced = traced(&shop());
    let missing = traced["missing"].as_array().unwrap();
    assert!(missing.contains(&json!("/share/used/missing")), "{missing:?}");
    assert!(missing.contains(&json!("/no\\x20such\\x20dir")), "{missing:?}");
    assert!(!missing.iter().any(|it| it.as_str().unwrap().ends_with("/file")), "{missing:?}");
}

#[test]
fn a_build_that_was_never_done_is_kept_and_one_that_was_is_compared() {
    let shop = shop();
    assert_eq!(traced(&shop)["compared"], json!(false));
    // It is known now.
    assert_eq!(shop.stele.run(&["build", "traced"]).stderr, "");
    assert_eq!(traced(&shop)["compared"], json!(true));
    shop.recipe_of_machine("traced", &["used", "idle"], "dd if=/dev/urandom of=$OUT/copy bs=16 count=1");
    assert_eq!(traced(&shop)["compared"], json!(false));
    let said = shop.stele.fails(&["trace", "traced"], 1);
    assert!(said.contains("output out was"), "{said}");
}

#[test]
fn a_build_that_fails_is_traced_too() {
    let shop = shop();
    shop.recipe("traced", &["used", "idle"], "cat /share/used/nothing");
    let outcome = shop.stele.run(&["trace", "traced"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.text().contains("  /share/used/nothing"), "{}", outcome.text());
    assert!(outcome.stderr.contains("step 1 ended with status 1"), "{}", outcome.stderr);
}

#[test]
fn collected_outputs_are_built_again_for_a_trace() {
    let shop = shop();
    shop.build("traced");
    shop.stele.ok(&["store", "gc", "--end-leases"]);
    let traced = traced(&shop);
    assert_eq!((opened(&traced, "used"), opened(&traced, "idle")), (1, 0));
    assert_eq!(traced["compared"], json!(true));
    // The same holds of a comparison alone.
    shop.stele.ok(&["store", "gc", "--end-leases"]);
    shop.stele.ok(&["build", "--rebuild", "traced"]);
}
