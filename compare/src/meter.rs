//! What a comparison has used of its limits.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use super::report::{Bound, Difference, Fact, LeftOut};
use super::{Limits, Options, Scratch};

/// Why a comparison of contents ends early.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It was cancelled.
    Cancelled,
    /// A limit is reached.
    Exhausted(Bound),
    /// The bytes are not of the format that they seem to be.
    Malformed(String),
    /// The bytes cannot be read.
    Source(io::Error),
}

impl From<io::Error> for Halt {
    /// To a reader of a format, every error is the format's: a comparison of bytes follows, and finds those that are
    /// the source's again.
    fn from(error: io::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<object::read::Error> for Halt {
    fn from(error: object::read::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Says that bytes are not of their format.
pub(crate) fn malformed<T>(what: &str) -> Result<T, Halt> {
    Err(Halt::Malformed(what.to_owned()))
}

pub(crate) struct Meter<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Option<Instant>,
    bytes: u64,
    findings: usize,
    left_out: BTreeMap<Bound, u64>,
    pub(crate) scratch: Option<&'a Scratch<'a>>,
    cancelled: &'a dyn Fn() -> bool,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(Options { limits, cancelled, scratch }: Options<'a>) -> Self {
        Self {
            limits,
            deadline: Instant::now().checked_add(limits.time),
            bytes: limits.bytes,
            findings: limits.findings,
            left_out: BTreeMap::new(),
            scratch,
            cancelled,
        }
    }

    /// So many more bytes are looked at. To be called before every piece of work of some milliseconds.
    pub(crate) fn tick(&mut self, bytes: u64) -> Result<(), Halt> {
        if (self.cancelled)() {
            return Err(Halt::Cancelled);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Halt::Exhausted(Bound::Time));
        }
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Halt::Exhausted(Bound::Bytes))?;
        Ok(())
    }

    pub(crate) fn leave_out(&mut self, bound: Bound, count: u64) {
        *self.left_out.entry(bound).or_default() += count;
    }

    /// Whether one more difference may be listed where there are `listed` already.
    fn lists(&mut self, listed: usize) -> bool {
        if listed >= self.limits.listed || self.findings == 0 {
            self.leave_out(Bound::Findings, 1);
            return false;
        }
        self.findings -= 1;
        true
    }

    /// Whether there is room for a difference within another one, which counts it otherwise.
    pub(crate) fn has_room(&mut self, of: &mut Difference) -> bool {
        let has_room = self.lists(of.inside.len() + of.facts.len());
        of.unlisted += u64::from(!has_room);
        has_room
    }

    /// The same for a path.
    pub(crate) fn has_room_for_path(&mut self) -> bool {
        self.lists(0)
    }

    pub(crate) fn fact(&mut self, of: &mut Difference, fact: Fact) {
        if self.has_room(of) {
            of.facts.push(fact);
        }
    }

    pub(crate) fn left_out(self) -> Vec<LeftOut> {
        self.left_out.into_iter().map(|(bound, count)| LeftOut { bound, count }).collect()
    }
}
