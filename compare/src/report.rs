//! What a comparison found. `docs/formats.md`, "`diff`", has these as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of the JSON form.
pub const VERSION: u32 = 1;

/// All that was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// Whether the two are equal.
    pub same: bool,
    /// How many paths differ, also those that are not listed.
    pub counts: Counts,
    /// Where they differ, directory by directory, in the order of names.
    pub differences: Vec<Difference>,
    /// What the limits left out.
    pub left_out: Vec<LeftOut>,
}

/// How many paths differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Only in the second; a directory counts once, whatever is in it.
    pub added: u64,
    /// Only in the first.
    pub removed: u64,
    /// In both, and not the same.
    pub changed: u64,
}

/// Something that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Difference {
    /// What it is a part of.
    pub part: Part,
    /// Its path or name, escaped as names are; empty where there is only one of its kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// In which way it differs.
    pub change: Change,
    /// What it was read as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Single values that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Lines that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hunks: Vec<Hunk>,
    /// Bytes that differ, of what no reader explains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Hex>,
    /// A likely cause of the lines or bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guess: Option<Guess>,
    /// What differs in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<Difference>,
    /// How many more facts, lines and parts differ that are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// Why something could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

// The signature that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a difference is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// A path of the tree.
    Path,
    /// A member of an archive.
    Member,
    /// What is compressed.
    Content,
    /// A section of an ELF file.
    Section,
    /// The code behind a pyc's header.
    Code,
}

/// In which way something differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it.
    Changed,
}

/// As what bytes were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// ar(5), and so a Debian package.
    Ar,
    /// bzip2.
    Bzip2,
    /// ELF.
    Elf,
    /// gzip.
    Gzip,
    /// A compiled Python module.
    Pyc,
    /// tar.
    Tar,
    /// Lines.
    Text,
    /// xz.
    Xz,
    /// zip, and so a jar or a wheel.
    Zip,
    /// zstd.
    Zstd,
}

/// A value that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fact {
    /// Of what.
    pub what: String,
    /// In the first; nothing when it has none.
    pub before: Option<String>,
    /// In the second.
    pub after: Option<String>,
    /// A likely cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guess: Option<Guess>,
}

/// Lines that differ, with some around them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hunk {
    /// The number of its first line in the first, counted from 1.
    pub before: usize,
    /// The same in the second.
    pub after: usize,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a hunk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Who has it.
    pub sign: Sign,
    /// The text; what is no UTF-8 is replaced, and long lines are cut around the first difference.
    pub text: String,
}

/// Who has a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Sign {
    /// Both.
    #[serde(rename = " ")]
    Both,
    /// The first.
    #[serde(rename = "-")]
    Before,
    /// The second.
    #[serde(rename = "+")]
    After,
}

/// Bytes that differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hex {
    /// How long the first is.
    pub before_size: u64,
    /// How long the second is.
    pub after_size: u64,
    /// The offset of the first difference.
    pub first: u64,
    /// At how many offsets both have a byte, and another one.
    pub differing: u64,
    /// The first places.
    pub regions: Vec<Region>,
}

/// A place where bytes differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Region {
    /// The offset of what is shown.
    pub offset: u64,
    /// The bytes of the first, in hexadecimal.
    pub before: String,
    /// The bytes of the second.
    pub after: String,
}

/// A likely cause, from what the bytes look like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Guess {
    /// The cause.
    pub cause: Cause,
    /// What it is concluded from.
    pub evidence: String,
}

/// Kinds of causes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The clock, or the time of a file.
    Timestamp,
    /// The folder of the build.
    BuildPath,
    /// The name of a temporary file.
    TemporaryName,
    /// The same things in another order.
    Order,
    /// Random bytes, or a digest of what differs elsewhere.
    Random,
    /// An address in memory.
    Address,
    /// The user or group of the build.
    Owner,
    /// The umask of the build.
    Mode,
    /// How it is compressed.
    Compression,
    /// It is derived from the rest.
    Derived,
}

/// What a limit left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which limit.
    pub bound: Bound,
    /// How often: differences that are not listed, or contents that are not looked into.
    pub count: u64,
}

/// A limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The number of findings.
    Findings,
    /// The depth of containers.
    Depth,
    /// The bytes that are read.
    Bytes,
    /// The time.
    Time,
    /// The number of members or symbols.
    Members,
    /// The room for what is decompressed.
    Room,
}

impl Difference {
    /// Nothing is known of it yet.
    pub(crate) fn new(part: Part, name: String, change: Change) -> Self {
        Self {
            part,
            name,
            change,
            format: None,
            facts: Vec::new(),
            hunks: Vec::new(),
            bytes: None,
            guess: None,
            inside: Vec::new(),
            unlisted: 0,
            notes: Vec::new(),
        }
    }

    /// Whether anything is known of it.
    pub(crate) fn says_something(&self) -> bool {
        !self.facts.is_empty()
            || !self.hunks.is_empty()
            || self.bytes.is_some()
            || !self.inside.is_empty()
            || self.unlisted > 0
    }

    /// All guesses in it, from the outside in.
    pub fn guesses(&self) -> Vec<&Guess> {
        let facts = self.facts.iter().filter_map(|fact| fact.guess.as_ref());
        let inside = self.inside.iter().flat_map(Self::guesses);
        facts.chain(&self.guess).chain(inside).collect()
    }
}

impl Fact {
    /// A value that both have.
    pub(crate) fn both(what: impl Into<String>, before: impl Into<String>, after: impl Into<String>) -> Self {
        Self { what: what.into(), before: Some(before.into()), after: Some(after.into()), guess: None }
    }

    pub(crate) fn guess(mut self, guess: Option<Guess>) -> Self {
        self.guess = guess;
        self
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timestamp => "a timestamp",
            Self::BuildPath => "a build path",
            Self::TemporaryName => "the name of a temporary file",
            Self::Order => "another order",
            Self::Random => "random-looking bytes",
            Self::Address => "an address in memory",
            Self::Owner => "the user of the build",
            Self::Mode => "the umask of the build",
            Self::Compression => "another compression",
            Self::Derived => "derived from what differs",
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ar => "ar",
            Self::Bzip2 => "bzip2",
            Self::Elf => "ELF",
            Self::Gzip => "gzip",
            Self::Pyc => "pyc",
            Self::Tar => "tar",
            Self::Text => "text",
            Self::Xz => "xz",
            Self::Zip => "zip",
            Self::Zstd => "zstd",
        })
    }
}
