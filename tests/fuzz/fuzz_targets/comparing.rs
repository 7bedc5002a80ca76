//! What holds for two contents of any format: they are found to differ if and only if they do, and what is shown of
//! them controls no terminal.

use std::io::Cursor;
use std::time::Duration;

use stele_compare::{Limits, Options, compare_contents};

fn check(before: &[u8], after: &[u8]) {
    let limits = Limits {
        bytes: 64 << 20,
        time: Duration::from_secs(5),
        members: 1000,
        memory: 8 << 20,
        window: 1 << 20,
        ..Limits::default()
    };
    let (mut one, mut other) = (Cursor::new(before), Cursor::new(after));
    let report = compare_contents(b"file", &mut one, &mut other, Options::new(&limits));
    let report = report.expect("memory can be read");
    assert_eq!(report.same, before == after);
    assert!(!report.text().contains(|c: char| c.is_control() && c != '\n'));
}

/// Two contents from one input: its halves, each behind `magic`; and one that differs from the first in a byte.
pub fn check_halves(magic: &[u8], bytes: &[u8], seal: fn(&mut [u8])) {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    let [mut one, mut other] = [one, other].map(|half| [magic, half].concat());
    seal(&mut one);
    seal(&mut other);
    check(&one, &other);
    let mut changed = one.clone();
    if let Some((at, byte)) = bytes.first().zip(bytes.last())
        && !changed.is_empty()
    {
        let at = usize::from(*at) * changed.len() / 256;
        changed[at] ^= *byte;
    }
    seal(&mut changed);
    check(&one, &changed);
}
