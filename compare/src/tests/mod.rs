//! Trees in memory, and files of each format from writers of our own.

mod bounds;
mod formats;
mod properties;
mod rendering;
mod trees;
mod writers;

use std::collections::BTreeMap;
use std::io::{self, Cursor};

use super::{Bytes, Difference, Entry, Id, Limits, Node, Options, Report, View, compare, compare_contents};

/// A tree in which the id of a file is its content, and that of a directory its number.
#[derive(Default, Clone, Debug)]
struct Memory {
    directories: Vec<Vec<Entry>>,
}

impl View for Memory {
    fn entries(&self, directory: &Id) -> io::Result<Vec<Entry>> {
        let at = directory.0.first().copied().map(usize::from);
        let found = at.and_then(|at| self.directories.get(at)).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, file: &Id) -> io::Result<Box<dyn Bytes + '_>> {
        Ok(Box::new(Cursor::new(file.0.clone())))
    }
}

impl Memory {
    /// A tree without directories.
    fn flat(files: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let entries = files.iter().map(|(name, content)| file(name, content));
        Self { directories: vec![entries.collect()] }
    }

    fn compare(&self, other: &Self, limits: &Limits) -> Report {
        // Ids of directories name other things in another tree.
        let (one, two) = (Id(vec![0]), Id(vec![0, 0]));
        compare((self, &one), (other, &two), Options::new(limits)).expect("memory can be read")
    }
}

fn file(name: &[u8], content: &[u8]) -> Entry {
    let node = Node::File { id: Id(content.to_vec()), size: content.len() as u64 };
    Entry { name: name.to_vec(), mode: Some(0o644), owner: None, node }
}

/// How two contents differ.
fn contents(before: &[u8], after: &[u8]) -> Difference {
    let mut report = limited(before, after, &Limits::default());
    assert_eq!(report.differences.len(), 1, "{report:?}");
    report.differences.remove(0)
}

fn limited(before: &[u8], after: &[u8], limits: &Limits) -> Report {
    let (mut before, mut after) = (Cursor::new(before), Cursor::new(after));
    compare_contents(b"file", &mut before, &mut after, Options::new(limits)).expect("memory can be read")
}

/// Facts and guesses of a difference and of all that is in it, one a line.
fn told(difference: &Difference) -> Vec<String> {
    let mut told: Vec<String> = difference
        .facts
        .iter()
        .map(|fact| {
            let cause = fact.guess.as_ref().map(|it| format!(" [{}]", it.cause)).unwrap_or_default();
            format!("{} {}{cause}", difference.name, fact.what).trim_start().to_owned()
        })
        .collect();
    told.extend(difference.guess.iter().map(|guess| format!("{} [{}]", difference.name, guess.cause)));
    told.extend(difference.inside.iter().flat_map(told_of));
    told
}

fn told_of(difference: &Difference) -> Vec<String> {
    told(difference)
}
