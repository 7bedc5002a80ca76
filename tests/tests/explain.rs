//! `stele explain`: a deliberately irreproducible recipe of each class, and what is said of it.

use serde_json::Value;
use stele_tests::workshop::Workshop;

/// What it prints as JSON, and its exit code.
#[track_caller]
fn explain(shop: &Workshop, recipe: &str) -> (Value, i32) {
    let run = shop.stele.run(&["explain", "--json", recipe]);
    let explanation = serde_json::from_str(run.text().lines().last().unwrap_or_default());
    (explanation.unwrap_or_else(|error| panic!("{error}: {}", run.stderr)), run.code)
}

fn vectors(explanation: &Value) -> Vec<&str> {
    explanation["vectors"].as_array().unwrap().iter().map(|it| it["vector"].as_str().unwrap()).collect()
}

#[test]
fn a_reproducible_recipe_needs_no_explanation() {
    let shop = Workshop::new();
    shop.recipe("same", &[], "echo same > $OUT/x");
    let (explanation, code) = explain(&shop, "same");
    assert_eq!((code, &explanation["cause"]), (0, &"none".into()));
    assert_eq!(explanation["builds"].as_array().unwrap().len(), 3);
    assert!(vectors(&explanation).is_empty());
    shop.stele.fails(&["explain", "nothing"], 3);
}

/// The class, what its recipe does, and the vector that is to be named.
const CLASSES: [(&str, &str, &str); 10] = [
    ("timezone", "echo $TZ > $OUT/x", "environment TZ"),
    ("locale", "echo $LC_ALL > $OUT/x", "environment LC_ALL"),
    ("terminal", "echo $TERM > $OUT/x", "environment TERM"),
    ("hostname", "busybox hostname > $OUT/x", "host name"),
    ("uname", "busybox uname -r > $OUT/x", "kernel release"),
    ("processors", "busybox nproc > $OUT/x", "processors"),
    ("umask", "umask > $OUT/x", "umask"),
    ("memory", "busybox head -n 1 /proc/meminfo > $OUT/x", "memory"),
    ("uptime", "busybox cut -d . -f 1 /proc/uptime | busybox cut -c 1-3 > $OUT/x", "uptime"),
    (
        "directories",
        "mkdir /build/d; for n in 1 2 3 4 5 6 7 8; do echo > /build/d/$n; done; (cd /build/d; busybox find .) > $OUT/x",
        "directory order",
    ),
];

#[test]
fn each_vector_that_alone_changes_an_output_is_named_with_the_file() {
    let shop = Workshop::new();
    for (class, script, vector) in CLASSES {
        shop.recipe(class, &[], &format!("echo always > $OUT/same\n{script}"));
        let (explanation, code) = explain(&shop, class);
        assert_eq!((code, &explanation["cause"]), (1, &"vectors".into()), "{class}: {explanation}");
        assert_eq!(vectors(&explanation), [vector], "{class}");
        let builds = explanation["builds"].as_array().unwrap();
        assert!(builds.len() <= 11, "{class}: {} builds", builds.len());
        let last = builds.iter().rev().find(|it| it["result"] == "differs").unwrap();
        assert_eq!(last["paths"][0]["path"], "x", "{class}");
    }
    let run = shop.stele.run(&["explain", "timezone"]);
    assert!(run.text().contains("environment TZ (UTC to CHECK-14) alone changes it"), "{}", run.text());
    assert!(run.text().contains("changed x"), "{}", run.text());
}

#[test]
fn what_the_sandbox_lets_through_is_told_apart_from_what_it_fixes() {
    let shop = Workshop::new();
    shop.recipe("clock", &[], "busybox date +%s%N > $OUT/x; echo $TZ >> $OUT/x");
    shop.recipe("random", &[], "head -c 16 /dev/urandom > $OUT/x");
    for recipe in ["clock", "random"] {
        let (explanation, code) = explain(&shop, recipe);
        assert_eq!((code, &explanation["cause"]), (1, &"let-through".into()), "{recipe}");
        assert_eq!(explanation["builds"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn vectors_that_only_together_change_an_output_are_all_named() {
    let shop = Workshop::new();
    let script = "if [ $TZ != UTC ] && [ $(umask) != 0022 ]; then echo both; else echo usual; fi > $OUT/x";
    shop.recipe("both", &[], script);
    let (explanation, _) = explain(&shop, "both");
    assert_eq!(explanation["cause"], "vectors");
    let mut named = vectors(&explanation);
    named.sort_unstable();
    assert_eq!(named, ["environment TZ", "umask"]);
}

#[test]
fn a_recipe_that_fails_under_a_condition_is_explained_and_what_a_check_recorded_is_not_built_again() {
    let shop = Workshop::new();
    shop.recipe("single", &[], "[ $(busybox nproc) -gt 1 ]; echo > $OUT/x");
    shop.stele.run(&["check", "single", "--rounds", "3"]);
    let (explanation, code) = explain(&shop, "single");
    assert_eq!((code, &explanation["cause"]), (1, &"fails".into()), "{explanation}");
    assert_eq!(vectors(&explanation), ["processors"]);
    let builds = explanation["builds"].as_array().unwrap();
    assert!(builds.iter().any(|it| it["seconds"].is_null()), "{explanation}");
}
