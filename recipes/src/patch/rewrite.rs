//! The bytes of a file, with the hunks of one diff applied.

use super::excerpt::Excerpt;
use super::faults::HunkFault;
use super::{Hunk, LineKind};

/// A file, and the position of the rewrite.
struct Rewrite<'a> {
    rest: &'a [u8],
    /// The number of lines consumed.
    line: usize,
    new: Vec<u8>,
}

/// The new bytes, or the hunk (counted from 0) that does not fit, and why.
pub(super) fn rewrite(old: &[u8], hunks: &[Hunk]) -> Result<Vec<u8>, (usize, HunkFault)> {
    let mut rewrite = Rewrite { rest: old, line: 0, new: Vec::with_capacity(old.len()) };
    for (number, hunk) in hunks.iter().enumerate() {
        rewrite.hunk(hunk).map_err(|fault| (number, fault))?;
    }
    let rest = std::mem::take(&mut rewrite.rest);
    // Only the preceding line can be at fault, and that is of the last hunk: lines of the file have line feeds.
    rewrite.append(rest).map_err(|fault| (hunks.len().saturating_sub(1), fault))?;
    Ok(rewrite.new)
}

impl Rewrite<'_> {
    fn hunk(&mut self, hunk: &Hunk) -> Result<(), HunkFault> {
        let begin = hunk.old.before();
        if begin > self.line {
            let (lines, length) = first_lines(self.rest, begin - self.line);
            self.line += lines;
            if self.line < begin {
                return Err(match hunk.body.iter().find(|line| line.kind != LineKind::Added) {
                    Some(first) => HunkFault::End {
                        line: begin + 1,
                        expected: Excerpt::of_line(&first.text),
                        lines: self.line,
                    },
                    None => HunkFault::Behind { line: begin, lines: self.line },
                });
            }
            let (kept, rest) = self.rest.split_at(length);
            self.rest = rest;
            self.append(kept)?;
        }
        for line in &hunk.body {
            if line.kind != LineKind::Added {
                self.expect(&line.text)?;
            }
            if line.kind != LineKind::Removed {
                self.append(&line.text)?;
            }
        }
        let is_context = |line: Option<&super::HunkLine>| line.is_some_and(|l| l.kind == LineKind::Context);
        match (is_context(hunk.body.first()), is_context(hunk.body.last())) {
            (false, true) if begin > 0 => Err(HunkFault::NotFirst { line: begin }),
            (true, false) if !self.rest.is_empty() => {
                let line = self.line + 1;
                Err(HunkFault::NotLast { line, found: Excerpt::of_line(self.take().unwrap_or_default()) })
            }
            _ => Ok(()),
        }
    }

    /// Moves past the next line, which must be `expected`.
    fn expect(&mut self, expected: &[u8]) -> Result<(), HunkFault> {
        let line = self.line + 1;
        let Some(found) = self.take() else {
            return Err(HunkFault::End { line, expected: Excerpt::of_line(expected), lines: self.line });
        };
        if found == expected {
            return Ok(());
        }
        let (shown, is) = (Excerpt::of_line(expected), Excerpt::of_line(found));
        if without_line_end(found) == without_line_end(expected)
            && found.ends_with(b"\n") == expected.ends_with(b"\n")
        {
            return Err(HunkFault::LineEnds { line, expected: shown, found: is });
        }
        Err(HunkFault::Mismatch { line, expected: shown, found: is })
    }

    /// Writes whole lines, or the last one.
    fn append(&mut self, text: &[u8]) -> Result<(), HunkFault> {
        if !text.is_empty() && self.new.last().is_some_and(|&byte| byte != b'\n') {
            let line = self.new.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
            return Err(HunkFault::Unterminated { text: Excerpt::of_line(line) });
        }
        self.new.extend_from_slice(text);
        Ok(())
    }
}

impl<'a> Rewrite<'a> {
    /// The next line with its line feed.
    fn take(&mut self) -> Option<&'a [u8]> {
        let line = self.rest.split_inclusive(|&byte| byte == b'\n').next()?;
        self.rest = &self.rest[line.len()..];
        self.line += 1;
        Some(line)
    }
}

/// How many of the first `max` lines there are, and how many bytes they have.
fn first_lines(text: &[u8], max: usize) -> (usize, usize) {
    let mut ends = memchr::memchr_iter(b'\n', text);
    match ends.by_ref().take(max).zip(1..).last() {
        Some((end, lines)) if lines == max => (lines, end + 1),
        // The last line may have no line feed.
        Some((end, lines)) if end + 1 < text.len() => (lines + 1, text.len()),
        Some((end, lines)) => (lines, end + 1),
        None => (usize::from(!text.is_empty()), text.len()),
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
