//! The hunks of a file.

use super::excerpt::Excerpt;
use super::faults::{ParseFault, ParsePatchError};
use super::lines::PatchLines;
use super::{Hunk, HunkLine, LineKind, Lines};

/// All hunks at this position.
pub(super) fn parse(lines: &mut PatchLines<'_>) -> Result<Vec<Hunk>, ParsePatchError> {
    let mut hunks: Vec<Hunk> = Vec::new();
    while lines.peek().is_some_and(|line| line.starts_with(b"@@ ")) {
        let number = hunks.len() + 1;
        let end = hunks.last().map_or(0, |before| before.old.before() + before.old.count);
        let hunk = hunk(lines, end).map_err(|error| ParsePatchError { hunk: Some(number), ..error })?;
        hunks.push(hunk);
    }
    Ok(hunks)
}

/// Whether a line is the header of a hunk.
pub(super) fn is_header(line: &[u8]) -> bool {
    ranges(line).is_some()
}

/// Whether a `---` and a `+++` line are next.
pub(super) fn marks_are_next(lines: &PatchLines<'_>) -> bool {
    lines.peek().is_some_and(|line| line.starts_with(b"--- "))
        && lines.peek_second().is_some_and(|line| line.starts_with(b"+++ "))
}

fn hunk(lines: &mut PatchLines<'_>, end: usize) -> Result<Hunk, ParsePatchError> {
    let header = lines.peek().unwrap_or_default();
    let malformed = || lines.fault(ParseFault::HunkHeader { header: Excerpt::of(header) });
    let (old, new) = ranges(header).ok_or_else(malformed)?;
    let begin = old.before();
    if begin < end {
        return Err(lines.fault(ParseFault::Order { begin, end }));
    }
    let line = lines.number();
    lines.advance();
    let body = body(lines, old.count, new.count)?;
    if body.iter().all(|line| line.kind == LineKind::Context) {
        return Err(ParsePatchError { line, hunk: None, fault: ParseFault::IdleHunk });
    }
    Ok(Hunk { line, old, new, body })
}

fn body(
    lines: &mut PatchLines<'_>,
    mut old: usize,
    mut new: usize,
) -> Result<Vec<HunkLine>, ParsePatchError> {
    let mut body: Vec<HunkLine> = Vec::new();
    loop {
        let next = lines.peek();
        if next.is_some_and(|line| line.starts_with(b"\\ ")) {
            last_line(&mut body, old, new).ok_or_else(|| lines.fault(ParseFault::NoNewline))?;
            lines.advance();
            continue;
        }
        if (old, new) == (0, 0) {
            break;
        }
        // GNU diff omits the space of an empty line with --suppress-blank-empty, and mail programs do.
        let kind = match next.map(<[u8]>::first) {
            Some(Some(b' ') | None) if old > 0 && new > 0 => LineKind::Context,
            Some(Some(b'-')) if old > 0 => LineKind::Removed,
            Some(Some(b'+')) if new > 0 => LineKind::Added,
            _ => return Err(lines.fault(ParseFault::Short { old, new })),
        };
        if lines.is_cut() {
            return Err(lines.fault(ParseFault::Cut));
        }
        old -= usize::from(kind != LineKind::Added);
        new -= usize::from(kind != LineKind::Removed);
        let mut text = next.and_then(|line| line.get(1..)).unwrap_or_default().to_vec();
        text.push(b'\n');
        body.push(HunkLine { kind, text });
        lines.advance();
    }
    // `-- ` is the line above the signature of git format-patch, and `--- ` may begin the next file.
    let more = lines.peek().is_some_and(|line| {
        matches!(line.first(), Some(b' ' | b'-' | b'+')) && !matches!(line, b"-- ") && !marks_are_next(lines)
    });
    if more { Err(lines.fault(ParseFault::Long)) } else { Ok(body) }
}

/// Removes the line feed of the last line, when no line of its side follows in the hunk.
fn last_line(body: &mut [HunkLine], old: usize, new: usize) -> Option<()> {
    let line = body.last_mut()?;
    let last = match line.kind {
        LineKind::Context => old == 0 && new == 0,
        LineKind::Removed => old == 0,
        LineKind::Added => new == 0,
    };
    (last && line.text.pop_if(|byte| *byte == b'\n').is_some()).then_some(())
}

/// The two ranges of `@@ -1,2 +3,4 @@`; the rest is for readers.
fn ranges(header: &[u8]) -> Option<(Lines, Lines)> {
    let rest = header.strip_prefix(b"@@ -")?;
    let (old, rest) = range(rest)?;
    let (new, rest) = range(rest.strip_prefix(b" +")?)?;
    rest.starts_with(b" @@").then_some((old, new))
}

/// `START,COUNT` or `START` for one line, and the rest.
fn range(text: &[u8]) -> Option<(Lines, &[u8])> {
    let (start, rest) = decimal(text)?;
    let (count, rest) = match rest.strip_prefix(b",") {
        Some(rest) => decimal(rest)?,
        None => (1, rest),
    };
    // Lines are counted from 1: only an empty range may begin at 0. And its end has to be a number as well.
    (start > 0 || count == 0).then_some(())?;
    start.checked_add(count)?;
    Some((Lines { start, count }, rest))
}

fn decimal(text: &[u8]) -> Option<(usize, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((number, &text[digits..]))
}
