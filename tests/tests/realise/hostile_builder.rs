//! A remote builder that answers as no honest store would: the recipe is built here, or the failure that it claims is
//! told as its own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stele_tests::peer::{Peer, Reply, unknown};
use stele_tests::workshop::Workshop;
use stele_tests::{Outcome, wait_for};

fn request(asked: &Value) -> (&str, &str) {
    (asked["request"].as_str().unwrap_or_default(), asked["ask"]["copy"].as_str().unwrap_or_default())
}

/// One that takes what it is sent, and answers the action itself with `perform`.
fn builder(perform: impl Fn() -> Reply + Send + Sync + 'static) -> Peer {
    Peer::start(move |asked| match request(asked) {
        ("copy", "lacking") => Reply::Answer("copy", json!({ "lacking": [] })),
        ("copy", "receive") => {
            Reply::Answer("copy", json!({ "received": { "items": 0, "bytes": 0, "roots": [] } }))
        }
        ("perform", _) => perform(),
        _ => unknown(),
    })
}

fn build(peer: &Peer, options: &[&str]) -> (Outcome, Duration) {
    let shop = Workshop::new();
    let begun = Instant::now();
    let args = [&["build", "box", "--builder", peer.path().to_str().unwrap()], options].concat();
    let outcome = shop.stele.run(&args);
    assert!(!outcome.stderr.contains('\x1b'), "{}", outcome.stderr);
    shop.stele.assert_sound();
    (outcome, begun.elapsed())
}

#[track_caller]
fn built_here(peer: &Peer, why: &str) {
    let (outcome, _) = build(peer, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(why) && outcome.stderr.contains("built box in"), "{}", outcome.stderr);
}

fn built(goals: Value, failed: Value) -> Reply {
    Reply::Answer("built", json!({ "goals": goals, "failed": failed, "skipped": [], "fetch": [] }))
}

#[test]
fn one_that_claims_to_have_built_and_has_nothing_is_told() {
    let peer = builder(|| built(json!([{ "name": "box", "outputs": {} }]), json!([])));
    built_here(&peer, "has no outputs of it");
}

#[test]
fn what_it_says_of_a_failure_is_told_as_its_word_and_does_not_control_the_terminal() {
    let failure = json!({ "kind": "failed", "message": "recipe `box`: \u{1b}[31mRED\u{7}\nline 2" });
    let peer = builder(move || built(json!([]), json!([failure])));
    let (outcome, _) = build(&peer, &[]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("built by") && outcome.stderr.contains("line 2"), "{}", outcome.stderr);
    let flood = "x\n".repeat(200_000);
    let failure = json!({ "kind": "failed", "message": flood });
    let peer = builder(move || built(json!([]), json!([failure])));
    let (outcome, _) = build(&peer, &[]);
    assert!(outcome.code == 1 && outcome.stderr.len() < 10_000, "{}", outcome.stderr.len());
}

#[test]
fn refusals_and_nonsense_lead_to_a_build_here() {
    built_here(&builder(|| Reply::Failure("failed", "no".to_owned(), String::new())), "built here: no");
    built_here(&builder(|| Reply::Answer("done", json!({}))), "does not match");
    built_here(&builder(|| Reply::HangUp), "built here");
    built_here(&builder(|| Reply::Raw(b"nonsense, no frame".to_vec())), "built here");
    built_here(&builder(|| Reply::Going), "its daemon is ending");
    built_here(&builder(|| Reply::EndlessMessage), "built here");
    // It lacks what it was not asked about.
    let digest = "00".repeat(32);
    let asks_for_more = Peer::start(move |asked| match request(asked) {
        ("copy", "lacking") => Reply::Answer("copy", json!({ "lacking": [{ "blob": digest }] })),
        _ => unknown(),
    });
    built_here(&asks_for_more, "lacks what it was not asked about");
    // It refuses the content.
    let refuses = Peer::start(|asked| match request(asked) {
        ("copy", "lacking") => Reply::Answer("copy", json!({ "lacking": asked["ask"]["items"] })),
        ("copy", "receive") => Reply::Failure("no-space", "the disk is full".to_owned(), String::new()),
        _ => unknown(),
    });
    built_here(&refuses, "the disk is full");
}

#[test]
fn one_that_hangs_is_given_up_and_not_asked_again() {
    let peer = builder(|| Reply::Hang);
    let (outcome, time) = build(&peer, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("does not answer for 20 s"), "{}", outcome.stderr);
    assert!(time < Duration::from_secs(40), "{time:?}");
}

#[test]
fn a_build_there_ends_with_the_request_here() {
    let peer = builder(|| Reply::EndlessProgress);
    let shop = Workshop::new();
    let mut child = shop.begin(&["box", "--builder", peer.path().to_str().unwrap()]);
    wait_for("it is asked", || peer.asked().iter().any(|it| it["store"]["request"] == "perform"));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    let begun = Instant::now();
    assert!(!child.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    shop.stele.assert_sound();
}
