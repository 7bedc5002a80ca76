//! Notes of a build: which process wrote which content, and what it had read before. They are taken only for an
//! explanation (`sandbox/note`), and compared with those of another build of the same action (`realise/writers`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use stele_store::model::Digest;

/// What was noted of a build.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Notes {
    /// Its processes: each program that a process ran counts as one.
    pub processes: Vec<Process>,
    /// Files and pipes that were written.
    pub contents: Vec<Content>,
    /// Paths, and the last process that created, linked, renamed or changed the mode of what is there.
    pub makers: BTreeMap<String, usize>,
    /// How many further events were not noted: notes are bounded.
    pub left_out: u64,
}

/// A process of a build, while it ran one program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Its arguments; cut when there are very many.
    pub argv: Vec<String>,
    /// Its working directory when it was first noted.
    pub directory: String,
    /// What it has read so far that the build had written.
    pub reads: BTreeSet<Version>,
}

/// A version of a content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Version {
    /// Its index in [`Notes::contents`].
    pub content: usize,
    /// Its index in [`Content::versions`].
    pub number: usize,
}

/// A file, or what went through a pipe.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Content {
    /// The path under which a file was written first, spelled as paths are in a comparison; none of a pipe.
    pub path: Option<String>,
    /// Its path at the end of the build, if it still existed.
    pub last: Option<String>,
    /// What it was, each time that another process read it or the build ended.
    pub versions: Vec<Written>,
}

/// A version of a content: what it was until someone else read it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Written {
    /// Who wrote to it, in the order in which they began to.
    pub writers: Vec<usize>,
    /// When it was begun, counted in writes of the build.
    pub order: u64,
    /// When it was last written to, counted likewise.
    pub until: u64,
    /// Its digest, if it could be read. That of a pipe is of what was written, in pieces.
    pub digest: Option<Digest>,
}
