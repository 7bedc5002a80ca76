//! Errors of a patch, and of applying it to a tree.

use super::names::NameFault;
use super::{Excerpt, MAX_FILE};
use crate::content::ContentError;
use crate::paths::{TreePath, WalkError};

/// Bytes that are not a patch that can be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the patch{}: {fault}", hunk.map(|n| format!(", hunk {n} of its file")).unwrap_or_default())]
pub struct ParsePatchError {
    /// Counted from 1; for missing lines at the end, the line after the last.
    pub line: usize,
    /// The hunk of its file, counted from 1.
    pub hunk: Option<usize>,
    /// The problem.
    pub fault: ParseFault,
}

/// Kinds of patches that are recognised and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// `GIT binary patch`, `Binary files … differ`.
    Binary,
    /// `diff --cc`, `@@@`: of a merge.
    Combined,
    /// `diff -c`.
    Context,
    /// `diff` without an option.
    Normal,
    /// `diff -e`.
    Ed,
}

/// An error of a patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseFault {
    /// There is no diff in it.
    #[error("there is no unified diff in it")]
    NoDiff,
    /// A diff of another kind.
    #[error("this is {}; only unified diffs of text are applied", match kind {
        Foreign::Binary => "a binary patch",
        Foreign::Combined => "a combined diff",
        Foreign::Context => "a context diff",
        Foreign::Normal => "a diff in the normal format",
        Foreign::Ed => "an ed script",
    })]
    Foreign {
        /// Its kind.
        kind: Foreign,
    },
    /// A header's line ends in CR LF: something has converted the patch.
    #[error("the header ends in CR LF; something has converted the line ends of the patch itself")]
    CarriageReturn,
    /// A quoted name has no closing quote, text after it, or an escape that C does not have.
    #[error("the quoted name {name} is malformed")]
    Quoting {
        /// The name.
        name: Excerpt,
    },
    /// Both sides are `/dev/null`.
    #[error("both of its names are /dev/null")]
    NoName,
    /// A plain diff without a hunk, or a git diff that changes nothing.
    #[error("the diff changes nothing")]
    NoChange,
    /// A line of a git header is duplicate, lacks the other of its pair, or contradicts another.
    #[error("the lines of the git header do not fit together: {which}")]
    Header {
        /// The lines.
        which: &'static str,
    },
    /// A mode that no file of a tree has.
    #[error("the mode {mode} is not 100644, 100755 or 120000")]
    Mode {
        /// The mode.
        mode: Excerpt,
    },
    /// A hunk that belongs to no file.
    #[error("a hunk without the header of a file before it")]
    Stray,
    /// `@@` without valid ranges.
    #[error("the hunk's header {header} is malformed")]
    HunkHeader {
        /// The header.
        header: Excerpt,
    },
    /// A hunk begins before the end of the one before.
    #[error("the hunk begins after line {begin}, but the previous one ends at line {end} of the file")]
    Order {
        /// The line of the old file after which it begins.
        begin: usize,
        /// The last line of the previous hunk.
        end: usize,
    },
    /// The patch continues with something else, or ends, within a hunk.
    #[error("the hunk ends here, but its header promises {old} more old and {new} more new lines")]
    Short {
        /// How many old lines are missing.
        old: usize,
        /// How many new lines are missing.
        new: usize,
    },
    /// More lines than the header states.
    #[error("the hunk has more lines than its header promises")]
    Long,
    /// A hunk that neither removes nor adds a line.
    #[error("the hunk changes nothing")]
    IdleHunk,
    /// The last line of the patch is part of a hunk and has no line feed.
    #[error("the patch ends in the middle of a line; it may be cut off")]
    Cut,
    /// `\ No newline at end of file` where no line can be the last.
    #[error("`\\ No newline at end of file` does not follow the last line of a side")]
    NoNewline,
}

/// A patch that does not fit a tree. Nothing of it is applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A file, or its stated mode, does not fit.
    #[error("{file} (line {line} of the patch): {fault}")]
    File {
        /// The file's name as far as it is known, escaped.
        file: String,
        /// Where its diff begins in the patch, counted from 1.
        line: usize,
        /// The problem.
        fault: Box<FileFault>,
    },
    /// A hunk does not fit.
    #[error("{file}, hunk {hunk} (line {line} of the patch): {fault}")]
    Hunk {
        /// The file's path, escaped.
        file: String,
        /// The hunk of that diff, counted from 1.
        hunk: usize,
        /// Where its header is in the patch, counted from 1.
        line: usize,
        /// The problem.
        fault: Box<HunkFault>,
    },
    /// The tree cannot be read, or the new one cannot be stored.
    #[error(transparent)]
    Content(#[from] ContentError),
}

/// Why a diff does not fit its file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// A name cannot be used.
    #[error("the name {name} with {strip} levels stripped: {fault}")]
    Name {
        /// The name in the patch.
        name: Excerpt,
        /// The number of stripped levels.
        strip: usize,
        /// The problem.
        fault: NameFault,
    },
    /// A git diff whose first line is ambiguous or malformed.
    #[error("its header is ambiguous about its file")]
    Unnamed,
    /// A git header that names one side twice, differently.
    #[error("its header names both {first} and {second} for the same side")]
    Disagree {
        /// One name.
        first: TreePath,
        /// The other.
        second: TreePath,
    },
    /// A plain diff has two names, and both files exist.
    #[error("both {old} and {new} exist, and the diff does not say which one it changes")]
    TwoFiles {
        /// Its old name.
        old: TreePath,
        /// Its new name.
        new: TreePath,
    },
    /// The file does not exist.
    #[error("there is no such file")]
    Absent,
    /// A new file already exists.
    #[error("the patch creates it, but it exists already")]
    Exists,
    /// It is a directory.
    #[error("it is a directory")]
    Directory,
    /// A component of its path is not a directory.
    #[error(transparent)]
    Walk(WalkError),
    /// It is a link and the patch has a file, or the other way round.
    #[error("it is {}, but not in the patch", if *symlink { "a symbolic link" } else { "a file" })]
    Kind {
        /// Whether it is a link.
        symlink: bool,
    },
    /// The mode in the patch is not the file's.
    #[error("it is {}executable, but not so in the patch", if *executable { "" } else { "not " })]
    Mode {
        /// Whether it is executable.
        executable: bool,
    },
    /// A link becomes a file or the other way round without being deleted in between.
    #[error("the patch makes a file of a symbolic link or the other way round in one step")]
    KindChange,
    /// A link's new target is invalid.
    #[error("its new target is invalid: {source}")]
    Target {
        /// The problem.
        source: stele_store::model::NameError,
    },
    /// A deletion that leaves something.
    #[error("the patch deletes it, but {bytes} bytes of it are not in the patch")]
    Remains {
        /// The number of remaining bytes.
        bytes: usize,
    },
    /// The patches of its source have rewritten so much that they would take too long.
    #[error(
        "the patches of this source rewrite more than {max} bytes, each file as a whole for each diff about it"
    )]
    Work {
        /// The most, in bytes.
        max: u64,
    },
    /// It is larger than what is patched.
    #[error("it has {bytes} bytes; files of up to {MAX_FILE} are patched")]
    Large {
        /// Its size, old or new.
        bytes: u64,
    },
}

/// Why a hunk does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HunkFault {
    /// A line differs.
    #[error("line {line} should be {expected}, but it is {found}")]
    Mismatch {
        /// The line of the file as it was before this diff, counted from 1.
        line: usize,
        /// From the patch.
        expected: Excerpt,
        /// The actual line.
        found: Excerpt,
    },
    /// A line differs only in its end: CR LF or LF.
    #[error("line {line} should be {expected}, but it is {found}: they differ only in CR LF and LF")]
    LineEnds {
        /// The line of the file as it was before this diff, counted from 1.
        line: usize,
        /// From the patch.
        expected: Excerpt,
        /// The actual line.
        found: Excerpt,
    },
    /// A line is expected after the end.
    #[error("line {line} should be {expected}, but the file has {lines} lines")]
    End {
        /// The line, counted from 1.
        line: usize,
        /// From the patch.
        expected: Excerpt,
        /// The number of lines.
        lines: usize,
    },
    /// A hunk without old lines is after the end.
    #[error("it inserts after line {line}, but the file has {lines} lines")]
    Behind {
        /// The line before the insertion.
        line: usize,
        /// The number of lines.
        lines: usize,
    },
    /// It has no context before its first change, so it has to begin the file, and does not.
    #[error(
        "it has context only after its changes, so it has to begin the file; here it is after line {line}"
    )]
    NotFirst {
        /// The line before it.
        line: usize,
    },
    /// It has no context after its last change, so it has to end the file, and more lines follow.
    #[error(
        "it has context only before its changes, so it has to end the file; here line {line} follows: {found}"
    )]
    NotLast {
        /// The next line's number.
        line: usize,
        /// The next line.
        found: Excerpt,
    },
    /// A line without a line feed would come before another.
    #[error("the line {text} would come before another one")]
    Unterminated {
        /// The line.
        text: Excerpt,
    },
}

impl ApplyError {
    /// A hint for the user, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Hunk { fault, .. } => match **fault {
                HunkFault::LineEnds { .. } => {
                    Some("the line ends differ; convert those of the patch with `unix2dos` or `dos2unix`")
                }
                HunkFault::Mismatch { .. }
                | HunkFault::End { .. }
                | HunkFault::Behind { .. }
                | HunkFault::NotFirst { .. }
                | HunkFault::NotLast { .. } => Some(
                    "hunks are not searched for elsewhere; regenerate the patch for this version of the file",
                ),
                HunkFault::Unterminated { .. } => None,
            },
            Self::File { fault, .. } => match **fault {
                FileFault::Name { .. } => Some("try another number of levels to strip"),
                FileFault::Absent => Some(
                    "perhaps another number of levels has to be stripped, or the patch is for another version",
                ),
                FileFault::Exists => Some("perhaps the patch is already applied"),
                FileFault::Work { .. } => Some("unite the diffs about one file"),
                _ => None,
            },
            Self::Content(_) => None,
        }
    }
}
