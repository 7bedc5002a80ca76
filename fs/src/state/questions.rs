//! Requests of the kernel that were already counted.
//!
//! The kernel resends what a killed process had read and not answered. Its journal tells whether that process had
//! counted it: a lookup must not be counted twice, nor a file be closed twice.

use std::collections::VecDeque;

/// So many answers are remembered; one listing counts some hundred names. Only those count that were on their way
/// when a process was killed: one for each of its threads.
const MAX: usize = 8192;

/// A request of the kernel, by its number, which a mount sees again only for the same request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// The number.
    pub number: u64,
    /// Whether it was sent before (FUSE_UNIQUE_RESEND).
    pub again: bool,
}

impl Question {
    /// The bit of `unique` in fuse_in_header that marks a resent request.
    const AGAIN: u64 = 1 << 63;

    /// From `unique` in fuse_in_header.
    pub fn new(unique: u64) -> Self {
        Self { number: unique & !Self::AGAIN, again: unique & Self::AGAIN != 0 }
    }
}

/// The last requests that changed a count: the request's number, and the counted inode's.
#[derive(Default)]
pub(super) struct Counted(VecDeque<(u64, u64)>);

impl Counted {
    pub(super) fn add(&mut self, number: u64, ino: u64) {
        // Entries that a compacted journal lacks belong to no request.
        if number == 0 {
            return;
        }
        if self.0.len() == MAX {
            self.0.pop_front();
        }
        self.0.push_back((number, ino));
    }

    pub(super) fn remove(&mut self, number: u64, ino: u64) {
        if let Some(at) = self.0.iter().rposition(|it| *it == (number, ino)) {
            self.0.remove(at);
        }
    }

    /// Whether `ino` was counted for that request before.
    pub(super) fn has(&self, question: Question, ino: u64) -> bool {
        question.again && self.0.iter().rev().any(|it| *it == (question.number, ino))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied()
    }
}
