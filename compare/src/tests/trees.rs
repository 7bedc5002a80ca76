//! Paths: added, removed, and every attribute.

use super::*;
use crate::{Cause, Change, CompareError, Counts};

/// `number` is its place, and `id` what is in it.
fn directory(name: &str, number: u8, id: u8) -> Entry {
    let node = Node::Directory { id: Id(vec![number, id]) };
    Entry { name: name.into(), mode: Some(0o755), owner: None, node }
}

fn link(name: &str, target: &str) -> Entry {
    Entry { name: name.into(), mode: None, owner: None, node: Node::Symlink { target: target.into() } }
}

#[test]
fn equal_directories_are_not_even_read() {
    let none = Memory::default();
    let same = Id(vec![7]);
    let report = compare((&none, &same), (&none, &same), Options::new(&Limits::default())).unwrap();
    assert!(report.same && report.differences.is_empty());
}

#[test]
fn every_way_to_differ_is_named_and_nothing_that_is_equal() {
    let before = Memory {
        directories: vec![
            vec![
                file(b"file", b"1"),
                link("kind", "x"),
                link("link", "/build/one/x"),
                file(b"same", b"s"),
                directory("usr", 1, 1),
            ],
            vec![file(b"a", b""), file(b"b", b""), directory("d", 2, 0)],
            vec![],
        ],
    };
    let mut mode = file(b"same", b"s");
    mode.mode = Some(0o664);
    let after = Memory {
        directories: vec![
            vec![
                file(b"file", b"2"),
                directory("kind", 2, 0),
                link("link", "/build/two/x"),
                mode,
                directory("usr", 1, 2),
            ],
            vec![file(b"a", b""), file(b"c \xff", b""), directory("d", 2, 0)],
            vec![],
        ],
    };
    let report = before.compare(&after, &Limits::default());
    assert_eq!(report.counts, Counts { added: 1, removed: 1, changed: 4 });
    let told: Vec<(&str, Change)> = report.differences.iter().map(|it| (&*it.name, it.change)).collect();
    let expected = [
        ("file", Change::Changed),
        ("kind", Change::Changed),
        ("link", Change::Changed),
        ("same", Change::Changed),
        ("usr/b", Change::Removed),
        ("usr/c\\x20\\xff", Change::Added),
    ];
    assert_eq!(told, expected);
    assert_eq!(report.differences[2].guesses()[0].cause, Cause::BuildPath);
    assert_eq!(report.differences[3].guesses()[0].cause, Cause::Mode);
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_path() {
    let before = Memory { directories: vec![vec![directory("gone", 8, 0)]] };
    let after = Memory { directories: vec![vec![directory("gone", 9, 0)]] };
    let (one, two) = (Id(vec![0]), Id(vec![0, 0]));
    let error = compare((&before, &one), (&after, &two), Options::new(&Limits::default())).unwrap_err();
    assert!(matches!(error, CompareError::Read { path, .. } if path == "gone"));
}

#[test]
fn a_cancelled_comparison_ends() {
    let (one, two) = (
        Memory { directories: vec![vec![file(b"a", b"1")]] },
        Memory { directories: vec![vec![file(b"a", b"2")]] },
    );
    let ids = (Id(vec![0]), Id(vec![0, 0]));
    let limits = Limits::default();
    let options = Options { cancelled: &|| true, ..Options::new(&limits) };
    let outcome = compare((&one, &ids.0), (&two, &ids.1), options);
    assert!(matches!(outcome, Err(CompareError::Cancelled)));
}
