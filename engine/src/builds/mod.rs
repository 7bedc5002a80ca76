//! Builds: what the daemon is asked for, what it tells meanwhile, and what it answers.

mod event;
pub(crate) mod log;
mod realise;
mod trace;
mod visit;

pub use event::Event;
pub(crate) use realise::{build, realised};
pub(crate) use trace::trace;
pub use visit::visit;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::recipes::planned::{Fetch, Planned};

/// How a build is to be done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Order {
    /// So many builds at once; as many as there are processors without.
    pub jobs: Option<usize>,
    /// Whether to go on with what can be built when something failed.
    pub keep_going: bool,
    /// Whether to leave the folder of what failed.
    pub keep_failed: bool,
    /// Whether to build the goals again and compare.
    pub rebuild: bool,
    /// Seconds that each build may take.
    pub timeout: Option<u64>,
    /// Bytes of memory that each build may use.
    pub memory: Option<u64>,
    /// Whether no root keeps the goals.
    pub no_root: bool,
    /// Folders or sockets of other stores, which are asked first. Escaped.
    pub substituters: Vec<String>,
}

/// A program of a person's own in the sandbox of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Visit {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Variables besides those that the build has.
    pub env: Vec<(String, String)>,
    /// Recipes whose outputs are there, too.
    pub with: Vec<String>,
    /// Whether to begin with empty folders even if those of a failed build were kept.
    pub fresh: bool,
    /// Whether the stream that comes right after is a terminal: one descriptor. Three otherwise: input, output, errors.
    pub terminal: bool,
}

/// What is known of the log of a recipe's build.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LogOf {
    /// Which recipe.
    pub recipe: String,
    /// The log, as it grows, of one that runs. Escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// The digest of the log of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// What action that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// When it ended, in seconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<u64>,
}

/// What a build made use of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Traced {
    /// Of which recipe.
    pub recipe: String,
    /// What it was given, in the order of its recipe.
    pub inputs: Vec<TracedInput>,
    /// Paths that it looked for and that are not there, sorted. Escaped.
    pub missing: Vec<String>,
    /// How many more paths it looked for that were not noted.
    #[serde(default)]
    pub unnoted: u64,
    /// Whether it was built before, and came out the same if it did not fail.
    pub compared: bool,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
}

/// Something that a build was given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TracedInput {
    /// What.
    pub input: String,
    /// Where the build saw it.
    pub at: String,
    /// Files and links in it.
    pub files: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// Those of them that were opened, or read if they are links.
    pub opened: usize,
}

impl Built {
    /// The sources that a plan wants fetched first, if there are any.
    pub fn to_fetch(planned: &Planned) -> Option<Self> {
        let fetch = planned.fetch.clone();
        (!fetch.is_empty()).then(|| Self { fetch, ..Self::default() })
    }
}

/// What came of an action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Realised {
    /// The digests of its outputs.
    pub outputs: BTreeMap<String, String>,
    /// The digest of its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Whether it is only remembered, and not there any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// A recipe that is realised.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Goal {
    /// Which.
    pub name: String,
    /// The digests of its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Built {
    /// The goals that are realised.
    pub goals: Vec<Goal>,
    /// Why others are not.
    pub failed: Vec<Failure>,
    /// What was not tried because of that.
    pub skipped: Vec<String>,
    /// Sources that have to be fetched first: nothing was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetch: Vec<Fetch>,
}
