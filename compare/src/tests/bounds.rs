//! What limits do, and that they say so.

use std::time::Duration;

use super::writers::*;
use super::*;
use crate::{Bound, LeftOut, Scratch};

fn left_out(report: &Report) -> Vec<Bound> {
    report.left_out.iter().map(|it| it.bound).collect()
}

#[test]
fn differences_beyond_the_limit_are_counted() {
    let files = |text: &str| -> BTreeMap<Vec<u8>, Vec<u8>> {
        (0..100).map(|n| (format!("{n:03}").into_bytes(), format!("{text}{n}").into_bytes())).collect()
    };
    let limits = Limits { findings: 7, ..Limits::default() };
    let report = Memory::flat(&files("a")).compare(&Memory::flat(&files("b")), &limits);
    assert_eq!((report.counts.changed, report.differences.len()), (100, 7));
    assert_eq!(report.left_out, [LeftOut { bound: Bound::Findings, count: 93 }]);
    assert!(report.text().ends_with("not shown: 93 more differences\n"));
}

#[test]
fn members_beyond_the_limit_are_counted_where_they_are() {
    let members = |mtime: u32| -> Vec<u8> {
        tar(&(0..9).map(|n| member(&n.to_string(), mtime, b"")).collect::<Vec<_>>())
    };
    let limits = Limits { listed: 2, ..Limits::default() };
    let report = limited(&members(1), &members(2), &limits);
    assert_eq!((report.differences[0].inside.len(), report.differences[0].unlisted), (2, 7));
    let limits = Limits { members: 3, ..Limits::default() };
    let report = limited(&members(1), &members(2), &limits);
    assert_eq!(left_out(&report), [Bound::Members]);
    // Its bytes are compared instead.
    assert!(!report.same && report.differences[0].bytes.is_some());
}

#[test]
fn containers_beyond_the_limit_are_compared_as_bytes() {
    let nested = |text: &[u8]| (0..6).fold(text.to_vec(), |inner, _| gzip(&inner, 0, "", 0));
    let limits = Limits { depth: 3, ..Limits::default() };
    let report = limited(&nested(b"one"), &nested(b"two"), &limits);
    assert_eq!(left_out(&report), [Bound::Depth]);
    let innermost = &report.differences[0].inside[0].inside[0].inside[0];
    assert!(innermost.bytes.is_some());
}

#[test]
fn a_bomb_ends_where_enough_bytes_were_read() {
    let bomb = |last: u8| {
        let mut zeros = vec![0_u8; 32 << 20];
        zeros.push(last);
        gzip(&zeros, 0, "", 9)
    };
    let limits = Limits { bytes: 2 << 20, ..Limits::default() };
    let report = limited(&bomb(1), &bomb(2), &limits);
    assert!(!report.same);
    assert_eq!(left_out(&report), [Bound::Bytes]);
    // Without a scratch file, memory is the limit.
    let report = limited(&bomb(1), &bomb(2), &Limits::default());
    assert!(!report.same);
    assert_eq!(left_out(&report), [Bound::Room]);
}

#[test]
fn what_is_larger_than_memory_goes_to_a_scratch_file_or_is_left_out_when_there_is_no_room() {
    let packed = |last: u8| gzip(&[vec![0; 100_000], vec![last]].concat(), 0, "", 6);
    let (one, other) = (packed(1), packed(2));
    let limits = Limits { memory: 1000, ..Limits::default() };
    let compared = |scratch: &Scratch<'_>| {
        let options = Options { scratch: Some(scratch), ..Options::new(&limits) };
        let (mut one, mut other) = (Cursor::new(&one), Cursor::new(&other));
        compare_contents(b"file", &mut one, &mut other, options).unwrap()
    };
    let report = compared(&|| Ok(Box::new(tempfile::tempfile()?)));
    assert_eq!(report.differences[0].inside[0].bytes.as_ref().unwrap().first, 100_000);
    let report = compared(&|| Err(io::ErrorKind::StorageFull.into()));
    assert_eq!((report.same, left_out(&report)), (false, vec![Bound::Room]));
}

#[test]
fn no_time_is_enough_to_say_that_something_differs() {
    let limits = Limits { time: Duration::ZERO, ..Limits::default() };
    let files = |text: &[u8]| BTreeMap::from([(b"a".to_vec(), text.to_vec())]);
    let report = Memory::flat(&files(b"1")).compare(&Memory::flat(&files(b"2")), &limits);
    assert!(!report.same && report.differences[0].name == "a");
    assert_eq!(left_out(&report), [Bound::Time]);
}
