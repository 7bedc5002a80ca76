//! `stele log`: of a running build, and of a finished one; and what a failure prints by itself.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;
use stele_tests::wait_for;
use stele_tests::workshop::Workshop;

use super::with_a_failure;

#[test]
fn a_log_is_followed_to_the_end_of_the_build_and_not_beyond() {
    let shop = Workshop::new();
    shop.recipe(
        "talks",
        &[],
        "for i in $(seq 6); do echo line $i; sleep 0.4; done; mkdir -p $OUT/x; echo 1 > $OUT/x/y",
    );
    shop.build("box");
    let mut build = shop.begin(&["talks"]);
    wait_for("the build", || shop.stele.run(&["log", "talks"]).text().contains("line 1"));
    let mut follow = shop.stele.command(&["log", "--follow", "talks"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "line 1");
    // The first line came before the end.
    assert!(build.try_wait().unwrap().is_none());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(rest, (2..=6).map(|n| format!("line {n}")).collect::<Vec<_>>());
    assert!(follow.wait().unwrap().success() && build.wait().unwrap().success());
    // Of a finished build it prints the whole log, at once.
    assert_eq!(shop.stele.ok(&["log", "--follow", "talks"]).lines().count(), 6);
}

#[test]
fn a_client_that_follows_a_log_may_disconnect() {
    let shop = Workshop::new();
    shop.recipe("talks", &[], "echo begun; sleep 600");
    shop.build("box");
    let mut build = shop.begin(&["talks"]);
    wait_for("the build", || shop.stele.run(&["log", "talks"]).text().contains("begun"));
    let mut follow = shop.stele.command(&["log", "--follow", "talks"]).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    follow.kill().unwrap();
    follow.wait().unwrap();
    build.kill().unwrap();
    build.wait().unwrap();
    wait_for("the daemon to be idle", || shop.stele.json(&["daemon", "status"])["working"] == json!(0));
}

#[test]
fn json_lists_the_known_facts_of_a_log() {
    let shop = with_a_failure();
    shop.stele.fails(&["build", "fails"], 1);
    let log = shop.stele.json(&["log", "fails"]);
    assert_eq!(log["failed"], json!("recipe `fails`: step 1 ended with status 7"));
    assert_eq!(shop.file(log["log"].as_str().unwrap()), "what went wrong");
    assert!(log["when"].as_u64().unwrap() > 1_700_000_000 && log["running"].is_null(), "{log}");
}

#[test]
fn a_failure_names_the_program_and_the_arguments_of_its_step() {
    let shop = with_a_failure();
    let said = shop.stele.fails(&["build", "fails"], 1);
    let mut lines = said.lines().skip_while(|line| !line.starts_with("error:"));
    assert_eq!(lines.next(), Some("error: recipe `fails`: step 1 ended with status 7"));
    let step = lines.next().unwrap();
    // Of the script only its beginning.
    assert!(step.starts_with("  step: ") && step.ends_with("'echo half done > /build/state …'"), "{step}");
    assert_eq!(lines.next(), Some("  | what went wrong"));
}
