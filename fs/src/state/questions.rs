//! Which questions of the kernel were counted already.
//!
//! What a killed process had read and not answered, the kernel asks again, and whether that process had counted it is
//! told by its journal: a name that is told once must not be counted twice, nor a file be closed twice.

use std::collections::VecDeque;

/// So many answers are remembered; one listing counts some hundred names. Only those count that were on their way
/// when a process was killed: one for each of its threads.
const MOST: usize = 8192;

/// A question of the kernel, by its number, which never comes twice on a mount but for the same question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// The number.
    pub number: u64,
    /// Whether it was asked before (FUSE_UNIQUE_RESEND).
    pub again: bool,
}

impl Question {
    /// The bit of `unique` in fuse_in_header that says that the kernel asks once more.
    const AGAIN: u64 = 1 << 63;

    /// From `unique` in fuse_in_header.
    pub fn new(unique: u64) -> Self {
        Self { number: unique & !Self::AGAIN, again: unique & Self::AGAIN != 0 }
    }
}

/// The last questions that changed a count: the question's number, and that of what was counted.
#[derive(Default)]
pub(super) struct Counted(VecDeque<(u64, u64)>);

impl Counted {
    pub(super) fn add(&mut self, number: u64, ino: u64) {
        // What a journal that was written anew does not say is no question's.
        if number == 0 {
            return;
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((number, ino));
    }

    pub(super) fn remove(&mut self, number: u64, ino: u64) {
        if let Some(at) = self.0.iter().rposition(|it| *it == (number, ino)) {
            self.0.remove(at);
        }
    }

    /// Whether `ino` was counted for that question before.
    pub(super) fn has(&self, question: Question, ino: u64) -> bool {
        question.again && self.0.iter().rev().any(|it| *it == (question.number, ino))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied()
    }
}
