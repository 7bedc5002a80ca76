//! Interrupted downloads continue, and kept sources need no network.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use stele_store::model::Sha256;
use stele_tests::server::{Reply, Server};
use stele_tests::{Stele, wait_for};

use super::{Sources, random};

#[test]
fn a_second_fetch_sends_no_request() {
    let sources = Sources::new();
    let bytes = random(20, 100_000);
    let server = Server::of(&bytes);
    sources.fetches(&bytes, &[&server.url("a")]);
    sources.fetches(&bytes, &[&server.url("a")]);
    assert_eq!(server.asked().len(), 1);
    let mut args = sources.args(&bytes, &[&server.url("a")]);
    args.push("--offline".to_owned());
    args.insert(0, "--json".to_owned());
    let answer: serde_json::Value = serde_json::from_str(&sources.stele.ok(&args)).unwrap();
    assert_eq!((answer["from"].as_str(), answer["fetched"].as_u64()), (Some("store"), Some(0)));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn offline_missing_sources_are_named_without_a_request() {
    let sources = Sources::new();
    let bytes = random(21, 100);
    let server = Server::of(&bytes);
    let mut args = sources.args(&bytes, &[&server.url("a")]);
    args.push("--offline".to_owned());
    let said = sources.stele.fails(&args, 3);
    assert!(said.contains(&format!("file.tar {}", Sha256::of(&bytes))), "{said}");
    assert!(server.asked().is_empty());
    assert!(!sources.stele.store().join("fetch").exists());
}

#[test]
fn after_kill_9_half_way_only_the_rest_is_requested() {
    let sources = Sources::new();
    let bytes = random(22, 400_000);
    let served = bytes.clone();
    let first = Server::start(move |asked| Reply::file(asked, &served).cut(250_000).then_stall());
    let mut child = sources.stele.command(&sources.args(&bytes, &[&first.url("a")])).spawn().unwrap();
    wait_for("the half to arrive", || fs::metadata(sources.part(&bytes)).is_ok_and(|it| it.len() == 250_000));
    child.kill().unwrap();
    child.wait().unwrap();
    let second = Server::of(&bytes);
    sources.fetches(&bytes, &[&second.url("a")]);
    let asked = second.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].from(), Some(250_000));
}

#[test]
fn a_finished_download_is_kept_without_a_request() {
    let sources = Sources::new();
    let bytes = random(23, 50_000);
    sources.leave_part(&bytes, &bytes);
    let mut args = sources.args(&bytes, &["http://127.0.0.1:1/a"]);
    args.push("--offline".to_owned());
    sources.stele.ok(&args);
    sources.assert_kept(&bytes);
}

#[test]
fn a_broken_download_is_resumed_while_it_makes_progress() {
    let sources = Sources::new();
    let bytes = random(24, 500_000);
    let served = bytes.clone();
    let server = Server::start(move |asked| Reply::file(asked, &served).header("ETag", "\"1\"").cut(100_000));
    sources.fetches(&bytes, &[&server.url("a")]);
    let asked = server.asked();
    let from: Vec<Option<usize>> = asked.iter().map(|it| it.from()).collect();
    assert_eq!(from, [None, Some(100_000), Some(200_000), Some(300_000), Some(400_000)]);
    assert_eq!(asked[1].header("if-range"), Some("\"1\""));
}

#[test]
fn a_download_without_progress_is_abandoned() {
    let sources = Sources::new();
    let bytes = random(25, 50_000);
    let served = bytes.clone();
    // It supports no ranges, so each attempt starts anew.
    let server = Server::start(move |_| Reply::whole(&served).cut(10_000));
    let said = sources.fails(&bytes, &[&server.url("a")], 1);
    assert!(said.contains("ended"), "{said}");
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_server_without_ranges_is_read_from_the_beginning() {
    let sources = Sources::new();
    let bytes = random(26, 50_000);
    sources.leave_part(&bytes, &bytes[..20_000]);
    let served = bytes.clone();
    let server = Server::start(move |_| Reply::whole(&served));
    sources.fetches(&bytes, &[&server.url("a")]);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_beginning_of_another_file_is_detected_and_fetched_again() {
    let sources = Sources::new();
    let bytes = random(27, 50_000);
    for left in [random(28, 20_000), random(28, 50_000), random(28, 60_000)] {
        sources.leave_part(&bytes, &left);
        let server = Server::of(&bytes);
        sources.fetches(&bytes, &[&server.url("a")]);
        assert_eq!(server.asked().len(), 2, "the rest, then all: {:?}", server.asked());
        assert_eq!(server.asked()[1].from(), None);
        let root = sources.stele.json(&["source", "ls"])[0]["root"].as_str().unwrap().to_owned();
        sources.stele.ok(&["store", "root", "rm", &root]);
        sources.stele.ok(&["store", "gc", "--end-leases"]);
    }
}

#[test]
fn a_file_that_changes_between_resumptions_is_fetched_again() {
    let sources = Sources::new();
    let (old, new) = (random(29, 80_000), random(30, 80_000));
    let served = new.clone();
    let count = AtomicUsize::new(0);
    // As the standard requires: a version other than `If-Range` names is answered whole.
    let server = Server::start(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::whole(&old).header("ETag", "\"old\"").cut(30_000),
        _ if asked.header("if-range") == Some("\"old\"") => Reply::whole(&served).header("ETag", "\"new\""),
        _ => Reply::status("500 That was not asked for"),
    });
    sources.fetches(&new, &[&server.url("a")]);
}

#[test]
fn a_part_other_than_the_requested_one_is_refused() {
    let sources = Sources::new();
    let bytes = random(31, 50_000);
    for range in
        ["bytes 0-49999/50000", "bytes 10000-9000/50000", "bytes 10000-60000/50000", "10000-", "nonsense"]
    {
        sources.leave_part(&bytes, &bytes[..10_000]);
        let served = bytes.clone();
        let server = Server::start(move |asked| Reply::file(asked, &served).header("Content-Range", range));
        let said = sources.fails(&bytes, &[&server.url("a")], 1);
        assert!(said.contains("from byte 10000 with"), "{said}");
    }
}

#[test]
fn a_download_continues_at_the_next_mirror() {
    let sources = Sources::new();
    let bytes = random(32, 60_000);
    let served = bytes.clone();
    let dies = Server::start(move |asked| match asked.from() {
        None => Reply::whole(&served).cut(20_000),
        Some(_) => Reply::status("404 Not Found"),
    });
    let server = Server::of(&bytes);
    sources.fetches(&bytes, &[&dies.url("a"), &server.url("b")]);
    assert_eq!(server.asked()[0].from(), Some(20_000));
}

#[test]
fn kill_9_at_any_moment_loses_nothing_beyond_repair() {
    let sources = Sources::new();
    let bytes = random(33, 3_000_000);
    let served = bytes.clone();
    let server = Server::start(move |asked| {
        thread::sleep(Duration::from_millis(5));
        Reply::file(asked, &served)
    });
    for n in 0..12 {
        let mut child = sources.stele.command(&sources.args(&bytes, &[&server.url("a")])).spawn().unwrap();
        thread::sleep(Duration::from_millis(n * 6));
        let _ = child.kill();
        let _ = child.wait();
        sources.stele.assert_sound();
    }
    sources.fetches(&bytes, &[&server.url("a")]);
}

#[test]
fn several_are_kept_by_their_names_and_a_store_that_was_rebuilt_keeps_them() {
    let sources = Sources::new();
    let bytes = random(34, 50_000);
    let server = Server::of(&bytes);
    sources.fetches(&bytes, &[&server.url("a")]);
    // The store ignores foreign files in the folder of downloads.
    fs::write(sources.stele.store().join("fetch/garbage"), "garbage").unwrap();
    sources.stele.ok(&["store", "rebuild-index"]);
    sources.stele.assert_sound();
    sources.assert_kept(&bytes);
    let again: Stele = sources.stele;
    assert_eq!(again.json(&["source", "ls"])[0]["file"], "file.tar");
}
