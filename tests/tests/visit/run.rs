//! `stele run`: what the program gets, and what it does not.

use std::io::Write;
use std::process::Stdio;

use stele_tests::wait_for;

use super::{seated, with_a_failure};

#[test]
fn a_program_cannot_open_the_target_of_its_redirected_output() {
    let shop = seated();
    let file = shop.stele.scratch().join("output");
    let script = "ls -l /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2";
    let mut command = shop.stele.command(&["run", "seat", "--", "sh", "-c", script]);
    let (input, output) =
        (std::fs::File::open("/etc/passwd").unwrap(), std::fs::File::create(&file).unwrap());
    assert!(command.stdin(input).stdout(output).stderr(Stdio::null()).status().unwrap().success());
    let text = std::fs::read_to_string(&file).unwrap();
    // The same open file could be reopened, by its name below /proc, with more rights.
    assert_eq!(text.matches("-> pipe:").count(), 3, "{text}");
}

#[test]
fn a_program_cannot_reach_the_network_or_write_its_inputs() {
    let shop = seated();
    let script = "cat /proc/net/dev 2>&1 || true; echo x > /bin/new || echo refused; ls /";
    let text = shop.stele.ok(&["run", "seat", "--", "sh", "-c", script]);
    assert!(text.contains("refused") && !text.contains("eth0"), "{text}");
    assert_eq!(text.lines().rev().take(6).collect::<Vec<_>>(), ["tmp", "proc", "out", "dev", "build", "bin"]);
}

#[test]
fn exit_codes_of_the_program_are_distinguished_from_ours() {
    let shop = seated();
    let code = |args: &[&str]| shop.stele.run(args).code;
    assert_eq!(code(&["run", "seat", "--", "true"]), 0);
    assert_eq!(code(&["run", "seat", "--", "sh", "-c", "exit 93"]), 93);
    assert_eq!(code(&["run", "seat", "--", "sh", "-c", "kill -9 $$"]), 128 + 9);
    assert_eq!(code(&["run", "seat", "--timeout", "1", "--", "sleep", "60"]), 125);
    assert_eq!(code(&["run", "none", "--", "true"]), 125);
    assert_eq!(code(&["run", "seat"]), 2);
    let outcome = shop.stele.run(&["run", "seat", "--", "nowhere"]);
    assert_eq!(outcome.code, 127);
    assert!(outcome.stderr.contains("nowhere: No such file"), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("hint: check that nowhere is in the recipe's inputs"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn input_and_output_pass_unchanged() {
    let shop = seated();
    shop.build("box");
    let mut command = shop.stele.command(&["run", "seat", "--", "sh", "-c", "cat; echo to stderr >&2"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut input = child.stdin.take().unwrap();
    let wanted = bytes.clone();
    let writing = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.stdout == wanted, "{} bytes of {}", output.stdout.len(), wanted.len());
    assert_eq!(output.stderr, b"to stderr\n");
}

#[test]
fn dependencies_of_the_recipe_are_built_first_and_the_recipe_itself_is_not() {
    let shop = seated();
    shop.recipe("below", &[], "mkdir -p $OUT/lib; echo below > $OUT/lib/below");
    shop.recipe("above", &["below"], "echo never; exit 1");
    assert_eq!(shop.stele.ok(&["run", "above", "--", "cat", "/lib/below"]), "below");
    assert_eq!(shop.stele.fails(&["log", "above"], 3).lines().count(), 2);
    shop.recipe("below", &[], "echo the input fails; exit 3");
    let outcome = shop.stele.run(&["run", "above", "--", "true"]);
    assert_eq!(outcome.code, 125);
    assert!(outcome.stderr.contains("recipe `below`: step 1 ended with status 3"), "{}", outcome.stderr);
}

#[test]
fn other_recipes_can_be_added_and_the_recipe_s_own_files_win() {
    let shop = seated();
    shop.recipe(
        "other",
        &[],
        "mkdir -p $OUT/bin $OUT/share; echo other > $OUT/share/other; echo x > $OUT/bin/sh",
    );
    let text = shop.stele.ok(&["run", "seat", "--with", "other", "--", "cat", "/share/other"]);
    assert_eq!(text, "other");
    shop.recipe("uses", &[], "mkdir -p $OUT/share; echo made > $OUT/share/made");
    let text = shop.stele.ok(&[
        "run",
        "uses",
        "--with",
        "other",
        "--with",
        "uses",
        "--",
        "sh",
        "-c",
        "cat /share/*",
    ]);
    assert_eq!(text, "made\nother");
    let outcome = shop.stele.run(&["run", "seat", "--with", "none", "--", "true"]);
    assert_eq!((outcome.code, outcome.stderr.contains("there is no recipe `none`")), (125, true));
}

#[test]
fn the_state_of_a_failed_build_is_reused_until_the_recipe_changes() {
    let shop = with_a_failure();
    let said = shop.stele.fails(&["build", "fails", "--keep-failed"], 1);
    assert!(said.contains("`stele shell fails` continues there"), "{said}");
    let state = |more: &[&str]| {
        let args =
            [&["run", "fails"], more, &["--", "sh", "-c", "cat /build/state; echo more >> /build/state"]];
        shop.stele.run(&args.concat())
    };
    assert_eq!(state(&[]).text(), "half done");
    let again = state(&[]);
    assert_eq!(again.text(), "half done\nmore");
    assert!(
        again.stderr.contains("note: continuing with the state of the failed build in"),
        "{}",
        again.stderr
    );
    assert!(state(&["--fresh"]).text().is_empty());
    shop.recipe("fails", &[], "exit 8");
    assert!(state(&[]).text().is_empty(), "that was of another action");
    assert!(shop.folders().is_empty());
}

#[test]
fn the_state_of_a_failed_build_outlives_a_daemon_that_is_killed() {
    let shop = with_a_failure();
    shop.stele.fails(&["build", "fails", "--keep-failed"], 1);
    let mut visitor = shop.stele.command(&["run", "fails", "--", "sleep", "600"]);
    let mut visitor = visitor.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the visit", || !shop.folders().is_empty());
    shop.stele.kill_daemon();
    assert_eq!(visitor.wait().unwrap().code(), Some(125));
    wait_for("the sandbox to end", || {
        shop.stele.run(&["run", "fails", "--", "cat", "/build/state"]).text() == "half done"
    });
    assert!(shop.folders().is_empty());
}

#[test]
fn a_visit_ends_with_the_command_that_made_it() {
    let shop = seated();
    let mut command = shop.stele.command(&["run", "seat", "--", "sh", "-c", "echo begun; sleep 600"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the visit", || !shop.folders().is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("its end", || shop.folders().is_empty());
}
