//! Counts of the generated files in sources.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use stele::recipes::generated::GeneratedIn;
use stele_recipes::generated::Generator;

/// The generated files of some sources.
#[derive(Serialize, Default, Clone, PartialEq, Eq, Debug)]
pub struct Generated {
    /// How many there are.
    files: u64,
    /// Their lengths together.
    bytes: u64,
    /// How many regular files the sources have.
    of: u64,
    /// How many each generator wrote.
    by: BTreeMap<Generator, u64>,
}

/// Those of one source.
pub fn count(source: &GeneratedIn) -> Generated {
    let all = || source.by.values().flatten();
    Generated {
        files: all().count() as u64,
        bytes: all().fold(0, |sum, it| sum.saturating_add(it.size)),
        of: source.files,
        by: source.by.iter().map(|(by, files)| (*by, files.len() as u64)).collect(),
    }
}

/// Those of all sources; what several links have is counted once.
pub fn total<'a>(sources: impl Iterator<Item = &'a GeneratedIn>) -> Generated {
    let mut seen = BTreeSet::new();
    let mut total = Generated::default();
    for source in sources.filter(|it| seen.insert(it.source.as_str())) {
        let one = count(source);
        total.files += one.files;
        total.bytes = total.bytes.saturating_add(one.bytes);
        total.of += one.of;
        for (by, files) in one.by {
            *total.by.entry(by).or_default() += files;
        }
    }
    total
}

/// As a person reads it.
pub fn text(generated: &Generated) -> String {
    let Generated { files, bytes, of, by } = generated;
    if *files == 0 {
        return format!("none of {of} files");
    }
    let by: Vec<String> = by.iter().map(|(by, files)| format!("{} {files}", by.name())).collect();
    format!("{files} of {of} files, {bytes} bytes ({})", by.join(", "))
}
