//! Three builders agree, or do not.

use std::fs;

use super::builders::{Builders, NAMES};

#[test]
fn what_one_builder_states_is_not_enough_and_silence_raises_no_share() {
    let it = Builders::new();
    it.all_build("app");
    it.attests("alice", "app");
    let decision = it.decides("alice", "app", &[], "INSUFFICIENT");
    assert_eq!(decision["subject"]["silent"], serde_json::json!(["bob", "carol"]));
    // Saying it again, with the same key, is no second vote.
    it.attests("alice", "app");
    it.decides("alice", "app", &[], "INSUFFICIENT");
    let bob = it.attests("bob", "app");
    it.decides("alice", "app", &["--evidence", &bob], "AGREED");
    // Nothing of that was kept.
    it.decides("alice", "app", &[], "INSUFFICIENT");
    it.of("alice").ok(&["evidence", "add", &bob]);
    it.decides("alice", "app", &[], "AGREED");
}

#[test]
fn an_output_is_agreed_down_to_what_nobody_made_with_a_store_or_from_evidence_alone() {
    let it = Builders::new();
    it.all_build("app");
    for name in NAMES {
        it.of(name).ok(&["image", "build", "app"]);
    }
    let files = NAMES.map(|name| it.attests(name, "image-app"));
    it.of("alice").ok(&["evidence", "add", &files[1], &files[2]]);
    let decision = it.decides("alice", "image-app", &["--closure"], "AGREED");
    let ancestors = decision["ancestors"].as_array().unwrap();
    let actions: Vec<_> = ancestors.iter().filter(|it| it["kind"] == "action").collect();
    assert_eq!(
        actions.iter().map(|it| it["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["box", "cc", "app"]
    );
    assert!(actions.iter().all(|it| it["verdict"] == "AGREED"));
    assert_eq!(decision["unexplained"], serde_json::Value::Null);

    // Elsewhere, without a store and without recipes.
    let manifest = decision["asked"]["outputs"]["manifest"]["sha256"].as_str().unwrap();
    let image = format!("sha256:{manifest}");
    let all = it.put("all.jsonl", &files.map(|file| fs::read_to_string(file).unwrap()).concat());
    let nowhere = ["--offline", &all, "--closure", "--recipes", "/nonexistent"];
    it.decides("alice", &image, &nowhere, "AGREED");
    let one = it.path("alice.image-app.jsonl");
    it.decides("alice", &image, &["--offline", &one, "--closure"], "INSUFFICIENT");
    let other = format!("sha256:{}", "0".repeat(64));
    let policy = it.path("policy");
    it.decides("alice", &other, &["--offline", &all], "INSUFFICIENT");
    it.of("alice").fails(&["verify", "app", "--offline", &all, "--policy", &policy], 2);
}

/// Whoever carries evidence can leave out how something was made. Then nobody agreed on it.
#[test]
fn a_closure_with_a_gap_is_not_agreed() {
    let it = Builders::new();
    it.all_build("app");
    let files = NAMES.map(|name| it.attests(name, "app"));
    let decision = it.decides("alice", "app", &["--closure"], "INSUFFICIENT");
    let digest = decision["asked"]["outputs"]["out"]["blake3"].as_str().unwrap().to_owned();
    let cc = decision["ancestors"].as_array().unwrap().iter().find(|it| it["name"] == "cc").unwrap();
    let cc = cc["of"].as_str().unwrap();
    let lines = files.map(|file| fs::read_to_string(file).unwrap()).concat();
    let about_cc = |line: &&str| {
        let bundle: serde_json::Value = serde_json::from_str(line).unwrap();
        let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
        let statement: serde_json::Value = serde_json::from_slice(&unbase64(payload)).unwrap();
        statement["predicate"]["action"]["digest"]["blake3"] == cc
    };
    let rest: String = lines.lines().filter(|line| !about_cc(line)).map(|line| format!("{line}\n")).collect();
    assert!(rest.len() < lines.len());
    let (all, rest) = (it.put("all", &lines), it.put("rest", &rest));
    it.decides("alice", &digest, &["--offline", &all, "--closure"], "AGREED");
    let decision = it.decides("alice", &digest, &["--offline", &rest, "--closure"], "INSUFFICIENT");
    assert_eq!(decision["unexplained"].as_array().unwrap().len(), 1);
}

fn unbase64(text: &str) -> Vec<u8> {
    let mut child = std::process::Command::new("base64")
        .arg("-d")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn a_builder_who_got_something_else_contests_it_and_can_take_it_back() {
    let it = Builders::new();
    it.all_build("app");
    let (honest, other) = it.tamper("carol", "app", "hello", "goodbye\n");
    assert_ne!(honest, other);
    let [alice, bob] = ["alice", "bob"].map(|name| it.attests(name, "app"));
    let key = it.path("carol");
    let file = it.path("dissent");
    let said = it.of("carol").ok(&["attest", "app", "--key", &key, "--expected", &honest, "-o", &file]);
    assert!(said.contains("differs  app"), "{said}");
    it.of("alice").ok(&["evidence", "add", &bob, &file]);
    let decision = it.decides("alice", "app", &[], "CONTESTED");
    assert_eq!(decision["subject"]["dissenting"][0]["principal"], "carol");
    let revoked = it.path("revoked");
    it.of("carol").ok(&[
        "attest",
        "app",
        "--key",
        &key,
        "--revoke",
        "the machine was not clean",
        "-o",
        &revoked,
    ]);
    it.of("alice").ok(&["evidence", "add", &revoked, &alice]);
    it.decides("alice", "app", &[], "AGREED");
}

#[test]
fn two_digests_of_one_builder_are_an_equivocation_with_the_proof() {
    let it = Builders::new();
    it.all_build("app");
    let files = NAMES.map(|name| it.attests(name, "app"));
    it.tamper("carol", "app", "hello", "goodbye\n");
    let second = it.path("second");
    it.of("carol").ok(&["attest", "app", "--key", &it.path("carol"), "-o", &second]);
    it.of("alice").ok(&["evidence", "add", &files[1], &files[2], &second]);
    let decision = it.decides("alice", "app", &[], "EQUIVOCATION");
    assert_eq!(decision["subject"]["equivocations"][0]["principal"], "carol");
}

#[test]
fn nothing_is_stated_of_what_another_store_gave_and_a_failure_is() {
    let it = Builders::new();
    it.of("alice").ok(&["build", "app"]);
    let from = it.of("alice").store().to_str().unwrap().to_owned();
    it.of("bob").ok(&["build", "app", "--substituter", &from]);
    let key = it.path("bob");
    let error = it.of("bob").fails(&["attest", "app", "--key", &key], 1);
    assert!(error.contains("did not build `app` itself"), "{error}");
    it.shop.recipe("broken", &[], "false");
    it.of("bob").fails(&["build", "broken"], 1);
    let said = it.of("bob").ok(&["attest", "broken", "--key", &key]);
    assert!(said.contains("failed  broken"), "{said}");
    it.of("bob").fails(&["attest", "nothing", "--key", &key], 3);
    let error = it.of("bob").fails(&["attest", "app", "--key", &format!("{key}.pub")], 2);
    assert!(error.contains("not a private key"), "{error}");
}

#[test]
fn a_policy_that_was_rolled_back_decides_nothing() {
    let it = Builders::new();
    it.all_build("cc");
    let bob = it.attests("bob", "cc");
    it.attests("alice", "cc");
    it.of("alice").ok(&["evidence", "add", &bob]);
    it.decides("alice", "cc", &[], "AGREED");
    let first = fs::read_to_string(it.path("policy")).unwrap();
    it.put("policy", &first.replace("version = 1", "version = 2"));
    it.decides("alice", "cc", &[], "AGREED");
    it.put("policy", &first);
    it.decides("alice", "cc", &[], "STALE");
    it.put("policy", &first.replace("at_least = 2", "at_least = 0"));
    it.of("alice").fails(&["verify", "cc", "--policy", &it.path("policy")], 15);
}
