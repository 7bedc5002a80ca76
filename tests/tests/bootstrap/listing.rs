//! The columns of the seed's source: bytes, instruction, intent; and the names of places in it.

use std::collections::BTreeMap;

use stele_recipes::hex0;

use super::{BASE, one_space};

/// A line with bytes.
pub(crate) struct Line {
    /// The offset of its bytes in the file.
    pub(crate) at: usize,
    pub(crate) bytes: Vec<u8>,
    /// The second column: a header's field, or an instruction.
    pub(crate) is: String,
    /// The same, with addresses in place of labels.
    resolved: String,
}

pub(crate) struct Listing(pub(crate) Vec<Line>);

impl Line {
    /// The instruction, as a disassembler without labels prints it.
    pub(crate) fn resolved(&self) -> String {
        self.resolved.clone()
    }
}

impl Listing {
    /// The lines of `source`. One with bytes but not three columns is an error.
    pub(crate) fn of(source: &str) -> Self {
        let (mut lines, mut labels, mut at) = (Vec::new(), BTreeMap::new(), 0);
        for line in source.lines() {
            let label = line.strip_prefix("; ").and_then(|rest| rest.strip_suffix(':'));
            if let Some(label) = label.filter(|label| label.bytes().all(|byte| byte.is_ascii_lowercase())) {
                assert!(labels.insert(label, at).is_none(), "{label} is there twice");
            }
            let bytes = hex0::decode(line.as_bytes()).expect("the seed is hex0");
            if bytes.is_empty() {
                continue;
            }
            let columns = line.split_once(';').and_then(|(_, rest)| rest.split_once('#'));
            let Some((is, what_for)) = columns else { panic!("{line:?} has no three columns") };
            assert!(!is.trim().is_empty() && !what_for.trim().is_empty(), "{line:?} has an empty column");
            let length = bytes.len();
            lines.push(Line { at, bytes, is: one_space(is), resolved: String::new() });
            at += length;
        }
        for line in &mut lines {
            let target = line.is.rsplit_once(' ').and_then(|(jump, to)| Some((jump, labels.get(to)?)));
            line.resolved =
                target.map_or_else(|| line.is.clone(), |(jump, to)| format!("{jump} {:#x}", BASE + to));
        }
        Self(lines)
    }

    /// The lines after the headers.
    pub(crate) fn code(&self) -> impl Iterator<Item = &Line> {
        self.0.iter().filter(|line| line.at >= 0x78)
    }
}
