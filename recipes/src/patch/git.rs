//! The header of a git diff.

use super::excerpt::Excerpt;
use super::faults::{Foreign, ParseFault, ParsePatchError};
use super::lines::PatchLines;
use super::parse::{check_line_end, marks};
use super::{GitChange, GitHeader, Mode, hunks, names};

/// The fields of a header, each at most once.
#[derive(Default)]
struct HeaderFields {
    old: Option<Mode>,
    new: Option<Mode>,
    created: Option<Mode>,
    deleted: Option<Mode>,
    kept: Option<Mode>,
    index: Option<()>,
    rename_from: Option<Vec<u8>>,
    rename_to: Option<Vec<u8>>,
    copy_from: Option<Vec<u8>>,
    copy_to: Option<Vec<u8>>,
}

/// The header whose first line is next, `names` being the rest of it after `diff --git `.
pub(super) fn header(lines: &mut PatchLines<'_>, first: &[u8]) -> Result<GitHeader, ParsePatchError> {
    let begin = lines.clone();
    check_line_end(lines)?;
    let names = names::pair(first).map_err(|fault| lines.fault(fault))?;
    lines.advance();
    let mut fields = HeaderFields::default();
    while let Some(line) = lines.peek() {
        if line == b"GIT binary patch" || line.starts_with(b"Binary files ") {
            return Err(lines.fault(ParseFault::Foreign { kind: Foreign::Binary }));
        }
        match fields.line(line) {
            Ok(true) => check_line_end(lines)?,
            Ok(false) => break,
            Err(fault) => {
                check_line_end(lines)?;
                return Err(lines.fault(fault));
            }
        }
        lines.advance();
    }
    let marks = if hunks::marks_are_next(lines) { Some(marks(lines)?) } else { None };
    let (old, new, kept) = (fields.old.or(fields.deleted), fields.new.or(fields.created), fields.kept);
    let change = fields.change().map_err(|which| begin.fault(ParseFault::Header { which }))?;
    Ok(GitHeader { names, marks, change, old, new, kept })
}

impl HeaderFields {
    /// Takes in a line; whether it is one of a header.
    fn line(&mut self, line: &[u8]) -> Result<bool, ParseFault> {
        let behind = |what: &str| line.strip_prefix(what.as_bytes());
        if let Some(text) = behind("old mode ") {
            once(&mut self.old, mode(text)?)?;
        } else if let Some(text) = behind("new mode ") {
            once(&mut self.new, mode(text)?)?;
        } else if let Some(text) = behind("new file mode ") {
            once(&mut self.created, mode(text)?)?;
        } else if let Some(text) = behind("deleted file mode ") {
            once(&mut self.deleted, mode(text)?)?;
        } else if let Some(text) = behind("rename from ") {
            once(&mut self.rename_from, names::whole(text)?)?;
        } else if let Some(text) = behind("rename to ") {
            once(&mut self.rename_to, names::whole(text)?)?;
        } else if let Some(text) = behind("copy from ") {
            once(&mut self.copy_from, names::whole(text)?)?;
        } else if let Some(text) = behind("copy to ") {
            once(&mut self.copy_to, names::whole(text)?)?;
        } else if let Some(text) = behind("index ") {
            once(&mut self.index, ())?;
            if let Some(space) = text.iter().position(|&byte| byte == b' ') {
                once(&mut self.kept, mode(&text[space + 1..])?)?;
            }
        } else {
            return Ok(behind("similarity index ").or(behind("dissimilarity index ")).is_some());
        }
        Ok(true)
    }

    fn change(self) -> Result<GitChange, &'static str> {
        if self.old.is_some() != self.new.is_some() {
            return Err("`old mode` and `new mode` come together");
        }
        let changes_mode = self.old.is_some();
        match (self.created, self.deleted, self.rename_from, self.rename_to, self.copy_from, self.copy_to) {
            (None, None, None, None, None, None) => Ok(GitChange::Modify),
            (Some(_), None, None, None, None, None) if !changes_mode => Ok(GitChange::Create),
            (None, Some(_), None, None, None, None) if !changes_mode => Ok(GitChange::Delete),
            (None, None, Some(from), Some(to), None, None) => Ok(GitChange::Rename { from, to }),
            (None, None, None, None, Some(from), Some(to)) => Ok(GitChange::Copy { from, to }),
            _ => Err("a file is either created, deleted, renamed, copied or changed"),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), ParseFault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(ParseFault::Header { which: "this is said twice" }),
    }
}

fn mode(text: &[u8]) -> Result<Mode, ParseFault> {
    match text {
        b"100644" => Ok(Mode::File),
        b"100755" => Ok(Mode::Executable),
        b"120000" => Ok(Mode::Symlink),
        _ => Err(ParseFault::Mode { mode: Excerpt::of(text) }),
    }
}
