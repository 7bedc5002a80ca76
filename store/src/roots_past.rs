//! What roots were before they were moved or removed: a short history, as text beside the database.
//!
//! It keeps nothing: what a root kept may be collected. A lost line loses no content, so no write waits for the disk.

use std::collections::HashMap;

use crate::clock;
use crate::db::{RootRow, Target};
use crate::model::RootName;
use crate::roots::{self, Root};
use crate::store::Store;

/// The file, in the store's folder.
const FILE: &str = "roots-past";
const FIRST_LINE: &str = "stele-roots-past 1";
/// How many changes are remembered.
const MAX_CHANGES: usize = 1000;

/// What a root was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastRoot {
    /// Its name, target, and when it was made.
    pub root: Root,
    /// When it was moved or removed, in seconds since 1970-01-01 UTC.
    pub until: u64,
}

impl Store {
    /// What roots were before they were moved or removed, the last change first.
    pub fn past_roots(&self) -> Vec<PastRoot> {
        let text = self.objects.folder().read(FILE).unwrap_or_default();
        let mut past = parse(&String::from_utf8_lossy(&text));
        past.reverse();
        past
    }

    /// Notes which of the roots `before` are not in `now` as they were.
    pub(crate) fn note_past(&self, before: Vec<(RootName, RootRow)>, now: &[Root]) {
        let targets: HashMap<&RootName, Target> = now.iter().map(|root| (&root.name, root.target)).collect();
        let gone = before.into_iter().filter(|(name, row)| targets.get(name) != Some(&row.target));
        let until = clock::now();
        let mut gone: Vec<PastRoot> = gone
            .map(|(name, row)| PastRoot {
                root: Root { name, target: row.target, created: row.created },
                until,
            })
            .collect();
        if gone.is_empty() {
            return;
        }
        let text = self.objects.folder().read(FILE).unwrap_or_default();
        let mut past = parse(&String::from_utf8_lossy(&text));
        past.append(&mut gone);
        let skip = past.len().saturating_sub(MAX_CHANGES);
        let lines: String = past.iter().skip(skip).map(line).collect();
        let _ = self.objects.replace(FILE, format!("{FIRST_LINE}\n{lines}").as_bytes());
    }
}

/// The time of the change, and then the root as `roots` has it.
fn line(PastRoot { root: Root { name, target, created }, until }: &PastRoot) -> String {
    format!("{until} {}", roots::line(name, &RootRow { target: *target, created: *created }))
}

/// Malformed lines are skipped.
fn parse(text: &str) -> Vec<PastRoot> {
    let past = |line: &str| {
        let (until, root) = line.split_once(' ')?;
        let (name, target, created) = roots::of_line(root)?;
        let root = Root { name, target, created: created.parse().ok()? };
        Some(PastRoot { root, until: until.parse().ok()? })
    };
    text.lines().filter_map(past).collect()
}
