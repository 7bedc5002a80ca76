//! The lines of a patch, counted.

use super::faults::{ParseFault, ParsePatchError};

/// A patch, and the read position.
#[derive(Clone)]
pub(super) struct PatchLines<'a> {
    rest: &'a [u8],
    /// Of the next line, counted from 1.
    number: usize,
}

impl<'a> PatchLines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, number: 1 }
    }

    /// The number of the next line.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The next line without its line feed.
    pub(super) fn peek(&self) -> Option<&'a [u8]> {
        let line = self.rest.split(|&byte| byte == b'\n').next()?;
        (!self.rest.is_empty()).then_some(line)
    }

    /// The line after the next, without its line feed.
    pub(super) fn peek_second(&self) -> Option<&'a [u8]> {
        let mut ahead = self.clone();
        ahead.advance();
        ahead.peek()
    }

    /// Whether the next line is the last and has no line feed.
    pub(super) fn is_cut(&self) -> bool {
        self.peek().is_some_and(|line| line.len() == self.rest.len())
    }

    /// Moves past the next line.
    pub(super) fn advance(&mut self) {
        if let Some(line) = self.peek() {
            self.rest = self.rest.get(line.len() + 1..).unwrap_or_default();
            self.number += 1;
        }
    }

    /// An error of the next line.
    pub(super) fn fault(&self, fault: ParseFault) -> ParsePatchError {
        ParsePatchError { line: self.number, hunk: None, fault }
    }
}
