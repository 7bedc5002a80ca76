//! The state of a process that takes over another one's journal.

use std::os::unix::fs::FileExt;

use stele_store::model::{Digest, TreeId};

use super::*;

fn first(number: u64) -> Question {
    Question { number, again: false }
}

fn again(number: u64) -> Question {
    Question { number, again: true }
}

fn place(name: &str) -> Location {
    Location::Top(name.as_bytes().to_vec())
}

fn tree(name: &str) -> What {
    What::Tree(TreeId(Digest::of(name.as_bytes())))
}

fn blob(name: &str) -> BlobId {
    BlobId(Digest::of(name.as_bytes()))
}

/// A state and its journal.
fn begin() -> (State, File) {
    let file = tempfile::tempfile().unwrap();
    (State::begin(file.try_clone().unwrap(), Opens::Sent).unwrap(), file)
}

/// As after a kill.
fn resume(file: &File) -> State {
    State::resume(file.try_clone().unwrap()).unwrap()
}

#[test]
fn a_name_is_counted_once_for_a_request_however_many_processes_answer_it() {
    let (mut state, file) = begin();
    let ino = state.look_up(place("a"), tree("a"), first(2)).unwrap();
    let mut state = resume(&file);
    // The first process was killed before it answered.
    assert_eq!(state.look_up(place("a"), tree("a"), again(2)).unwrap(), ino);
    // Another one, which is resent as well, was not counted.
    assert_eq!(state.look_up(place("a"), tree("a"), again(4)).unwrap(), ino);
    assert!(state.forget(ino, 1).is_none());
    assert!(state.forget(ino, 1).is_some(), "a name that the kernel was told once was counted twice");
}

#[test]
fn a_late_forget_leaves_a_newer_lookup() {
    let (mut state, file) = begin();
    let ino = state.look_up(place("a"), tree("a"), first(2)).unwrap();
    state.look_up(place("a"), tree("a"), first(4)).unwrap();
    let mut state = resume(&file);
    state.look_up(place("a"), tree("a"), first(6)).unwrap();
    // From the answers to both requests before.
    assert!(state.forget(ino, 2).is_none(), "a name that the kernel knows was dropped");
    assert_eq!(state.known(), 1);
    assert!(state.forget(ino, 1).is_some());
    assert_eq!(resume(&file).known(), 0);
}

#[test]
fn an_entry_that_did_not_fit_is_counted_when_it_is_requested_again() {
    let (mut state, file) = begin();
    state.look_up(place("a"), tree("a"), first(2)).unwrap();
    let ino = state.look_up(place("a"), tree("a"), first(4)).unwrap();
    assert!(state.take_back(ino, first(4)).is_none());
    let mut state = resume(&file);
    state.look_up(place("a"), tree("a"), again(4)).unwrap();
    assert!(state.forget(ino, 1).is_none());
    assert!(state.forget(ino, 1).is_some());
}

#[test]
fn a_file_is_opened_and_closed_once_for_a_request() {
    let (mut state, file) = begin();
    let mode = Mode::Passthrough(7);
    state.opened(1, blob("a"), mode, first(2)).unwrap();
    state.opened(1, blob("a"), mode, first(4)).unwrap();
    assert!(state.released(1, first(6)).is_none());
    let mut state = resume(&file);
    assert!(state.is_counted(1, again(4)) && state.is_counted(1, again(6)));
    assert!(!state.is_counted(1, again(8)) && !state.is_counted(2, again(6)));
    assert!(state.leftover(9).iter().all(|id| *id != 7 && *id < 9), "a file that is read from");
    assert_eq!(state.released(1, again(8)).map(|open| open.mode), Some(mode));
    assert!(resume(&file).leftover(1).contains(&7));
}

/// Fills the journal with history.
fn churn(state: &mut State, until: impl Fn() -> bool) {
    for round in 0u64.. {
        let ino = state.look_up(place("passing"), tree("passing"), first(round + 100)).unwrap();
        state.forget(ino, 1);
        if until() {
            return;
        }
        assert!(round < 1_000_000, "the journal was never written anew");
    }
}

fn records_begin(file: &File) -> u64 {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, 16).unwrap();
    u64::from_le_bytes(bytes)
}

#[test]
fn a_compacted_journal_has_the_same_content() {
    let (mut state, file) = begin();
    let ino = state.look_up(place("a"), tree("a"), first(2)).unwrap();
    state.look_up(place("a"), tree("a"), first(4)).unwrap();
    state.opened(9, blob("b"), Mode::Asked, first(6)).unwrap();
    churn(&mut state, || records_begin(&file) > 64);
    let next = state.look_up(place("b"), tree("b"), first(8)).unwrap();
    let mut state = resume(&file);
    assert_eq!(state.open_file(9).map(|open| open.times), Some(1));
    assert!(state.forget(ino, 1).is_none());
    assert!(state.forget(ino, 1).is_some());
    assert!(state.look_up(place("c"), tree("c"), first(10)).unwrap() > next, "a number came twice");
}

#[test]
fn a_process_killed_during_compaction_loses_nothing() {
    let (mut state, file) = begin();
    let kept: Vec<u64> = ["a", "b", "c"]
        .iter()
        .zip([2, 4, 6])
        .map(|(name, question)| state.look_up(place(name), tree(name), first(question)).unwrap())
        .collect();
    let end = file.metadata().unwrap().len();
    let mut anew = Vec::new();
    state.nodes.records().for_each(|record| record.encode(&mut anew));
    for cut in 0..=anew.len() {
        file.set_len(end).unwrap();
        file.write_all_at(&anew[..cut], end).unwrap();
        let state = resume(&file);
        assert!(kept.iter().all(|ino| state.node(*ino).is_some()), "cut after {cut} bytes");
    }
}

#[test]
fn a_journal_without_history_is_not_compacted_each_time() {
    let (mut state, file) = begin();
    let long = "n".repeat(250);
    let mut moved = Vec::new();
    for n in 0..40_000u64 {
        state.look_up(place(&format!("{n}-{long}")), tree("a"), first(n + 1)).unwrap();
        let begin = records_begin(&file);
        if moved.last() != Some(&begin) {
            moved.push(begin);
        }
    }
    assert!(moved.len() < 8, "{} times: {moved:?}", moved.len());
}

#[test]
fn a_number_means_one_file_until_all_its_lookups_are_forgotten() {
    let mut state = State::fleeting(Opens::Unsent);
    let tell = |state: &mut State, ino, name| state.tell_file(ino, blob(name), false);
    assert_eq!(tell(&mut state, 8, "a"), Telling::Allowed);
    assert_eq!(tell(&mut state, 8, "a"), Telling::Allowed);
    assert_eq!(tell(&mut state, 8, "b"), Telling::Refused, "two files under one number");
    state.forget(8, 1);
    assert_eq!(tell(&mut state, 8, "b"), Telling::Refused, "two files under one number");
    assert_eq!(state.known_file(8), Some(blob("a")));
    state.forget(8, 1);
    assert_eq!(state.known_file(8), None);
    assert_eq!(tell(&mut state, 8, "b"), Telling::Allowed);
    // An entry of a listing that did not fit into the answer.
    assert_eq!(tell(&mut state, 9, "c"), Telling::Allowed);
    state.take_back(9, first(2));
    assert_eq!(state.known_file(9), None);
}

#[test]
fn what_an_earlier_process_returned_without_a_record_may_be_another_file() {
    let file = tempfile::tempfile().unwrap();
    let mut state = State::begin(file.try_clone().unwrap(), Opens::Unsent).unwrap();
    assert_eq!(state.tell_file(8, blob("a"), false), Telling::Allowed);
    let mut state = resume(&file);
    assert_eq!(state.opens(), Opens::Unsent);
    assert_eq!(state.tell_file(8, blob("b"), false), Telling::Unsure);
    assert_eq!(state.tell_file(8, blob("a"), true), Telling::Allowed);
    assert_eq!(state.tell_file(8, blob("a"), false), Telling::Allowed, "this process knows");
    assert_eq!(state.tell_file(8, blob("b"), true), Telling::Refused);
    // More lookups than this process knows of.
    state.forget(8, 7);
    assert_eq!(state.tell_file(8, blob("b"), false), Telling::Unsure);
}

#[test]
fn a_file_at_the_top_is_held_by_the_next_process_too() {
    let file = tempfile::tempfile().unwrap();
    let mut state = State::begin(file.try_clone().unwrap(), Opens::Unsent).unwrap();
    let what = What::File(blob("a"));
    let ino = state.look_up(place("a"), what.clone(), first(2)).unwrap();
    let mut state = resume(&file);
    assert_eq!(state.tops(), [(b"a".to_vec(), what)]);
    assert!(state.forget(ino, 1).is_some());
    assert!(state.tops().is_empty());
}

#[test]
fn the_journal_of_the_version_before_is_of_a_mount_that_is_asked_for_opens() {
    let (mut state, file) = begin();
    let ino = state.look_up(place("a"), tree("a"), first(2)).unwrap();
    file.write_all_at(b"stele-mount 2\n", 0).unwrap();
    let state = resume(&file);
    assert_eq!((state.opens(), state.at(&place("a"))), (Opens::Sent, Some(ino)));
    // No version wrote that.
    file.write_all_at(&[2], 48).unwrap();
    assert!(matches!(State::resume(file.try_clone().unwrap()), Err(JournalError::Version)));
}

#[test]
fn a_kernel_that_sends_opens_may_know_any_file() {
    let mut state = State::fleeting(Opens::Sent);
    assert_eq!(state.opens(), Opens::Sent);
    for name in ["a", "b"] {
        assert_eq!(state.tell_file(8, blob(name), false), Telling::Allowed);
    }
    assert_eq!(state.known_file(8), None);
}
