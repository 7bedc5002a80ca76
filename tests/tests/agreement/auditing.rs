//! The auditor's one file: it is checked without a store, and nothing in it can be changed unnoticed that it proves.

use std::fs;

use stele_tests::Stele;

use super::builders::{Builders, NAMES};

/// An image that all builders attest down to what nobody made, in the first builder's store.
fn agreed() -> Builders {
    let it = Builders::new();
    it.all_build("app");
    for name in NAMES {
        it.of(name).ok(&["image", "build", "app"]);
    }
    let files = NAMES.map(|name| it.attests(name, "image-app"));
    it.of("alice").ok(&["evidence", "add", &files[1], &files[2]]);
    it
}

fn audit(it: &Builders, name: &str, more: &[&str]) -> String {
    let (file, policy) = (it.path(name), it.path("policy"));
    let args = [&["audit", "image-app", "--policy", &policy, "--output", &file][..], more].concat();
    let outcome = it.of("alice").run(&args);
    assert_eq!(outcome.code, 0, "{}{}", outcome.text(), outcome.stderr);
    file
}

#[test]
fn a_page_is_checked_by_a_stranger_and_shows_nothing_that_is_not_in_its_document() {
    let it = agreed();
    let more = ["--exception", "an <old> licence; carol; 2027-01-01", "--keep-until", "2036-12-31"];
    let page = audit(&it, "audit.html", &more);
    let stranger = Stele::new();
    let said = stranger.ok(&["audit", "--check", &page]);
    assert!(said.contains("closure: AGREED"), "{said}");
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("an &lt;old&gt; licence") && !text.contains("an <old> licence</code>"));
    // It asks nothing of anybody.
    assert!(!text.contains("<script src") && !text.contains("<img") && !text.contains("<link"));
    for (from, to) in [
        (">AGREED</p>", ">CONTESTED</p>"),
        ("an &lt;old&gt; licence", "nothing"),
        ("\"verdict\":\"AGREED\"", "\"verdict\":\"CONTESTED\""),
        ("at_least = 2", "at_least = 1"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = it.put("changed.html", &text.replacen(from, to, 1));
        let error = stranger.fails(&["audit", "--check", &changed], 1);
        assert!(error.contains("hint:"), "{error}");
    }
    for bad in ["", "<html>", "{}", "null", "[1]"] {
        let file = it.put("bad", bad);
        let error = stranger.fails(&["audit", "--check", &file], 1);
        assert!(error.contains("it is no audit"), "{error}");
    }
}

#[test]
fn what_a_document_states_has_to_follow_from_the_evidence_in_it() {
    let it = agreed();
    let file = audit(&it, "audit.json", &[]);
    let document: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let stranger = Stele::new();
    stranger.ok(&["audit", "--check", &file]);
    let refused = |pointer: &str, value: serde_json::Value| {
        let mut changed = document.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}")) = value;
        let file = it.put("changed.json", &changed.to_string());
        stranger.fails(&["audit", "--check", &file], 1)
    };
    let without = |list: &str, number: usize| {
        let mut all = document[list].as_array().unwrap().clone();
        all.remove(number);
        serde_json::Value::Array(all)
    };
    refused("/evidence", without("evidence", 0));
    refused("/votes", without("votes", 1));
    refused("/keys", without("keys", 2));
    refused("/audit", 2.into());
    refused("/subject/reference", format!("sha256:{}", "0".repeat(64)).into());
    refused("/verdict/decision/verdict", "CONTESTED".into());
    refused("/verdict/decision/ancestors/0/agreeing", serde_json::json!(["alice", "bob", "carol", "dave"]));
    refused("/verdict/decision/ancestors/1/text", "{}".into());
    refused("/verdict/policy/text", "policy = 1".into());
    let error = refused("/evidence/3", "{}".into());
    assert!(error.contains("evidence 3 does not have the SHA-256"), "{error}");
}

#[test]
fn a_reader_may_decide_by_a_policy_of_their_own() {
    let it = agreed();
    let page = audit(&it, "audit.html", &[]);
    let text = fs::read_to_string(it.path("policy")).unwrap();
    let all = it.put("all", &text.replace("at_least = 2", "at_least = 3"));
    let own =
        it.put("own", &text.replace("principals.carol", "principals.dave").replace("\"carol\"", "\"dave\""));
    let stranger = Stele::new();
    stranger.ok(&["audit", "--check", &page, "--policy", &all]);
    stranger.ok(&["audit", "--check", &page, "--policy", &own]);
    // One who trusts only a builder of their own.
    stranger.ok(&["key", "new", &it.path("mine")]);
    let mine = stranger.ok(&["policy", "init", &format!("me={}.pub", it.path("mine"))]);
    let mine = it.put("mine.toml", &mine);
    let outcome = stranger.run(&["audit", "--check", &page, "--policy", &mine]);
    assert_eq!(outcome.code, 15, "{}", outcome.text());
}

#[test]
fn a_file_that_needs_this_store_says_so() {
    let it = Builders::new();
    it.all_build("app");
    let [alice, bob] = ["alice", "bob"].map(|name| it.path(name));
    let (file, policy) = (it.path("audit.html"), it.path("policy"));
    // Without --closure nobody states what the sources were unpacked to, and the roots merged to.
    for (name, key) in [("alice", &alice), ("bob", &bob)] {
        it.of(name).ok(&["attest", "app", "--key", key, "--output", &it.path(&format!("{name}.jsonl"))]);
    }
    it.of("alice").ok(&["evidence", "add", &it.path("bob.jsonl")]);
    let outcome = it.of("alice").run(&["audit", "app", "--policy", &policy, "--output", &file]);
    assert_ne!(outcome.code, 0);
    it.of("alice").fails(&["audit", "app", "--policy", &policy], 2);
    it.of("alice").fails(&["audit", "--check", &file, "app"], 2);
}

/// As audit tools read it; the schema is CycloneDX's own.
#[test]
fn declarations_are_valid_cyclonedx_and_hold_the_audit() {
    let it = agreed();
    let file = audit(&it, "audit.cdx.json", &[]);
    let document: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let map = &document["declarations"]["attestations"][0]["map"];
    let scores: Vec<_> =
        map.as_array().unwrap().iter().map(|it| it["conformance"]["score"].as_f64().unwrap()).collect();
    assert_eq!(scores, [1.0, 1.0, 1.0, 1.0]);
    let inner = &document["declarations"]["evidence"][0]["data"][0]["contents"]["attachment"]["content"];
    let inner = it.put("inner.json", inner.as_str().unwrap());
    Stele::new().ok(&["audit", "--check", &inner]);
    let script = "import sys\nfrom cyclonedx.schema import SchemaVersion\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        e = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1], encoding='utf-8').read())\n\
        sys.exit(str(e) if e else 0)\n";
    let output = stele_tests::python(&["-c", script, &file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let changed = it.put("changed", &document.to_string().replacen("\"claims\"", "\"claim\"", 1));
    assert!(!stele_tests::python(&["-c", script, &changed]).status.success());
}
