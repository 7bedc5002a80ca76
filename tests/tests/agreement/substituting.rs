//! With a policy, an output of another store is taken only if enough builders state it.

use super::builders::Builders;

#[test]
fn a_substituter_whose_output_is_not_agreed_is_not_asked_for_it_and_the_recipe_is_built() {
    let it = Builders::new();
    it.all_build("app");
    let from = it.of("alice").store().to_str().unwrap().to_owned();
    let policy = it.path("policy");
    let consumer = |shop: &Builders| {
        let mut stele = stele_tests::Stele::new();
        stele.set_env("STELE_RECIPES", shop.shop.path().to_str().unwrap());
        stele
    };
    let args = ["build", "app", "--substituter", &from, "--policy", &policy];

    let first = consumer(&it).run(&args);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(!first.stderr.contains("substituted app from"), "{}", first.stderr);

    // One voice is not enough; it travels with the output.
    it.attests("alice", "app");
    let second = consumer(&it).run(&args);
    assert!(
        !second.stderr.contains("substituted app from") && second.stderr.contains("built"),
        "{}",
        second.stderr
    );

    let bob = it.attests("bob", "app");
    it.of("alice").ok(&["evidence", "add", &bob]);
    let stele = consumer(&it);
    let third = stele.run(&args);
    assert_eq!(third.code, 0, "{}", third.stderr);
    assert!(third.stderr.contains("substituted app from"), "{}", third.stderr);
    stele.assert_sound();
}

#[test]
fn a_substituter_that_lies_about_an_output_is_refused_by_the_policy() {
    let it = Builders::new();
    it.all_build("app");
    let files = ["alice", "bob"].map(|name| it.attests(name, "app"));
    let (_, other) = it.tamper("carol", "app", "hello", "goodbye\n");
    it.attests("carol", "app");
    it.of("carol").ok(&["evidence", "add", &files[0], &files[1]]);
    let from = it.of("carol").store().to_str().unwrap().to_owned();
    let mut stele = stele_tests::Stele::new();
    stele.set_env("STELE_RECIPES", it.shop.path().to_str().unwrap());
    let policy = it.path("policy");
    let built = stele.run(&["build", "app", "--substituter", &from, "--policy", &policy]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert!(!built.text().contains(&other), "{}", built.text());
    let error = stele.fails(&["build", "app", "--policy", "/nonexistent"], 1);
    assert!(error.contains("could not be read"), "{error}");
    // Without a policy, a named substituter is believed.
    let mut trusting = stele_tests::Stele::new();
    trusting.set_env("STELE_RECIPES", it.shop.path().to_str().unwrap());
    assert!(trusting.ok(&["build", "app", "--substituter", &from]).contains(&other));
}
