//! A whole patch: the diffs in it, and the text around them.

use super::faults::{Foreign, ParseFault, ParsePatchError};
use super::lines::PatchLines;
use super::{FilePatch, GitChange, Header, Mark, git, hunks, names};

/// The diffs in `bytes`: at least one.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<FilePatch>, ParsePatchError> {
    let mut lines = PatchLines::new(bytes);
    let mut files = Vec::new();
    let mut joined = false;
    while let Some(line) = lines.peek() {
        if let Some(names) = line.strip_prefix(b"diff --git ") {
            files.push(git_diff(&mut lines, names, joined)?);
            joined = true;
        } else if hunks::marks_are_next(&lines) {
            files.push(plain_diff(&mut lines, joined)?);
            joined = true;
        } else {
            if let Some(fault) = foreign(&lines, line) {
                return Err(lines.fault(fault));
            }
            lines.advance();
            joined = false;
        }
    }
    if files.is_empty() { Err(lines.fault(ParseFault::NoDiff)) } else { Ok(files) }
}

fn git_diff(lines: &mut PatchLines<'_>, names: &[u8], joined: bool) -> Result<FilePatch, ParsePatchError> {
    let begin = lines.clone();
    let header = git::header(lines, names)?;
    let hunks = if header.marks.is_some() { hunks::parse(lines)? } else { Vec::new() };
    let idle = header.change == GitChange::Modify && header.old.is_none();
    if hunks.is_empty() && (header.marks.is_some() || idle) {
        return Err(begin.fault(ParseFault::NoChange));
    }
    Ok(FilePatch { line: begin.number(), joined, header: Header::Git(header), hunks })
}

fn plain_diff(lines: &mut PatchLines<'_>, joined: bool) -> Result<FilePatch, ParsePatchError> {
    let begin = lines.clone();
    let (old, new) = marks(lines)?;
    if old.name.is_none() && new.name.is_none() {
        return Err(begin.fault(ParseFault::NoName));
    }
    if let Some(line) = lines.peek().filter(|line| line.starts_with(b"@@@ ")) {
        return Err(lines.fault(foreign(lines, line).unwrap_or(ParseFault::NoChange)));
    }
    let hunks = hunks::parse(lines)?;
    if hunks.is_empty() {
        return Err(begin.fault(ParseFault::NoChange));
    }
    Ok(FilePatch { line: begin.number(), joined, header: Header::Plain { old, new }, hunks })
}

/// The next two lines, `---` and `+++`.
pub(super) fn marks(lines: &mut PatchLines<'_>) -> Result<(Mark, Mark), ParsePatchError> {
    let mut mark = || {
        check_line_end(lines)?;
        let text = lines.peek().and_then(|line| line.get(4..)).unwrap_or_default();
        let mark = names::mark(text).map_err(|fault| lines.fault(fault))?;
        lines.advance();
        Ok(mark)
    };
    Ok((mark()?, mark()?))
}

/// A name cannot end in a CR unless it is quoted: a header that does was converted.
pub(super) fn check_line_end(lines: &PatchLines<'_>) -> Result<(), ParsePatchError> {
    match lines.peek() {
        Some(line) if line.ends_with(b"\r") => Err(lines.fault(ParseFault::CarriageReturn)),
        _ => Ok(()),
    }
}

/// Why a line around diffs may not be skipped: it is a change in an unsupported format.
fn foreign(lines: &PatchLines<'_>, line: &[u8]) -> Option<ParseFault> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut ahead = lines.clone();
    ahead.advance();
    let (second, third) = (ahead.peek().unwrap_or_default(), ahead.peek_second().unwrap_or_default());
    let starts = |text: &str| line.starts_with(text.as_bytes());
    let kind = if line == b"GIT binary patch" || (starts("Binary files ") && line.ends_with(b" differ")) {
        Foreign::Binary
    } else if starts("diff --cc ") || starts("diff --combined ") || starts("@@@ -") {
        Foreign::Combined
    } else if starts("*** ") && second.starts_with(b"--- ") && third.starts_with(b"***************") {
        Foreign::Context
    } else {
        match command(line) {
            Some(Command::Ed) => Foreign::Ed,
            Some(Command::Normal) if second.starts_with(b"< ") || second.starts_with(b"> ") => {
                Foreign::Normal
            }
            _ if hunks::is_header(line) => return Some(ParseFault::Stray),
            _ => return None,
        }
    };
    Some(ParseFault::Foreign { kind })
}

enum Command {
    Ed,
    Normal,
}

/// The command that a line is: of ed, `12,14d`, or of the normal format, `12,14c3`.
fn command(line: &[u8]) -> Option<Command> {
    let letter = line.iter().position(|byte| matches!(byte, b'a' | b'c' | b'd'))?;
    let is_range = |text: &[u8]| {
        let mut numbers = text.split(|&byte| byte == b',');
        let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        numbers.by_ref().take(2).all(is_number) && numbers.next().is_none()
    };
    match (is_range(&line[..letter]), &line[letter + 1..]) {
        (true, b"") => Some(Command::Ed),
        (true, rest) if is_range(rest) => Some(Command::Normal),
        _ => None,
    }
}
