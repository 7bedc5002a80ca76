//! Evidence is kept, listed, removed, and exchanged through a registry.

use std::fs;

use stele_tests::Stele;
use stele_tests::docker_registry::Registry;

use super::builders::{Builders, NAMES};

#[test]
fn evidence_that_cannot_be_read_is_refused_with_all_that_came_with_it() {
    let it = Builders::new();
    it.of("alice").ok(&["build", "cc"]);
    let good = it.attests("alice", "cc");
    let text = fs::read_to_string(&good).unwrap();
    let cut = it.put("cut", &text[..text.len() / 2]);
    let flipped = it.put("flipped", &text.replacen("dsseEnvelope", "dsseEnvelopf", 1));
    for bad in [&cut, &flipped, &it.put("empty", ""), &it.put("other", "{\"a\":1}")] {
        let error = it.of("bob").fails(&["evidence", "add", &good, bad], 2);
        assert!(error.contains("no evidence that can be kept"), "{error}");
    }
    assert_eq!(it.of("bob").ok(&["evidence", "ls"]), "");
    it.of("bob").ok(&["evidence", "add", &good]);
    let again = it.of("bob").ok(&["evidence", "add", &good]);
    assert!(
        again.lines().filter(|line| !line.starts_with(' ')).all(|line| line.ends_with(", known already"))
    );
}

#[test]
fn evidence_is_listed_by_what_it_is_about_exported_as_it_came_and_removed_one_by_one() {
    let it = Builders::new();
    it.of("alice").ok(&["build", "app"]);
    let file = it.attests("alice", "app");
    let listed = it.of("alice").json(&["evidence", "ls", "cc"]);
    let listed = listed.as_array().unwrap().clone();
    assert!(listed.iter().any(|it| it["name"] == "cc" && it["outcome"] == "built"));
    assert!(listed.iter().all(|it| it["name"] != "app"));
    assert!(listed.iter().all(|it| it["key_hints"][0].as_str().unwrap().starts_with("SHA256:")));
    let exported = it.of("alice").ok(&["evidence", "export", "app"]);
    let mut lines: Vec<&str> = exported.lines().collect();
    lines.sort_unstable();
    let text = fs::read_to_string(&file).unwrap();
    let mut signed: Vec<&str> = text.lines().collect();
    signed.sort_unstable();
    assert_eq!(lines, signed);
    let first = listed[0]["sha256"].as_str().unwrap();
    it.of("alice").ok(&["evidence", "rm", &first[..16]]);
    it.of("alice").fails(&["evidence", "rm", &first[..16]], 3);
    it.of("alice").fails(&["evidence", "rm", "0"], 2);
    let left = it.of("alice").json(&["evidence", "ls", "cc"]);
    assert_eq!(left.as_array().unwrap().len() + 1, listed.len());
    it.of("bob").ok(&["build", "app"]);
    it.of("bob").fails(&["evidence", "export", "app"], 3);
}

/// Three builders meet in a registry: each pulls what is there, adds its own, and pushes it all. Whoever has only the
/// registry then has the votes of all.
#[test]
fn builders_exchange_evidence_through_a_registry_and_an_image_does_not_depend_on_it() {
    let it = Builders::new();
    let registry = Registry::new(it.shop.stele.scratch());
    let to = format!("{}/app:1", registry.address());
    let mut digests = Vec::new();
    for name in NAMES {
        let stele = it.of(name);
        let built = stele.ok(&["image", "build", "app"]);
        digests.push(built.split_once("  ").unwrap().0.to_owned());
        it.attests(name, "image-app");
        if name != "alice" {
            stele.ok(&["evidence", "pull", &to]);
        }
        stele.ok(&["evidence", "push", "app", &to]);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    // Alice learns of the others from the registry alone; so does somebody who has neither store nor recipes.
    it.decides("alice", "image-app", &["--closure"], "INSUFFICIENT");
    it.of("alice").ok(&["evidence", "pull", &to]);
    let decision = it.decides("alice", "image-app", &["--closure"], "AGREED");
    assert_eq!(decision["subject"]["agreeing"].as_array().unwrap().len(), 3);
    let stranger = Stele::new();
    stranger.ok(&["image", "import", &to]);
    let policy = it.path("policy");
    assert_eq!(stranger.run(&["verify", "image-app", "--policy", &policy]).code, 10);
    stranger.ok(&["evidence", "pull", &to]);
    let said = stranger.ok(&["verify", "image-app", "--policy", &policy, "--closure"]);
    assert!(said.contains("closure: AGREED"), "{said}");
    let error = it.of("alice").fails(&["evidence", "pull", &format!("{}/app:2", registry.address())], 3);
    assert!(error.contains("error:"), "{error}");
}
