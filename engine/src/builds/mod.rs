//! Builds: requests, events and answers.

mod check;
mod event;
mod exec;
pub(crate) mod log;
mod perform;
mod prepared;
mod realise;
mod report;
mod trace;

pub(crate) use check::{check, explain, last as last_check, reported};
pub use event::Event;
pub use exec::exec;
pub(crate) use log::Attempt;
pub(crate) use perform::perform;
pub(crate) use realise::{build, realised};
pub use report::{Reported, Standing, page as report_page};
pub(crate) use trace::trace;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use stele_store::model::{BlobId, Digest, TreeId};

use crate::failure::Failure;
use crate::recipes::planned::{Fetch, Planned};

/// Options of a build.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Order {
    /// The maximum number of parallel builds; by default the number of processors.
    pub jobs: Option<usize>,
    /// Whether to keep going after a failure.
    pub keep_going: bool,
    /// Whether to keep the build directory on failure.
    pub keep_failed: bool,
    /// Whether to rebuild the goals and compare the outputs.
    pub rebuild: bool,
    /// The time limit of each build, in seconds.
    pub timeout: Option<u64>,
    /// The memory limit of each build, in bytes.
    pub memory: Option<u64>,
    /// Whether to make no roots for the goals.
    pub no_root: bool,
    /// Substituters, which are asked first: folders or sockets of other stores. Escaped.
    pub substituters: Vec<String>,
    /// The store that runs actions for this one, and is asked like a substituter: its folder or socket. Escaped.
    #[serde(default)]
    pub builder: Option<String>,
    /// The text of a policy: what it does not accept is not taken from a substituter, but built.
    #[serde(default)]
    pub policy: Option<String>,
}

/// An action that another store sends to be run here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ActionOfOther {
    /// What its recipe is called there.
    pub recipe: String,
    /// Its canonical text.
    pub action: String,
    /// The time limit in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// The memory limit in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

/// A user command in the sandbox of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Environment variables besides those of the build.
    pub env: Vec<(String, String)>,
    /// Recipes whose outputs are added.
    pub with: Vec<String>,
    /// Whether to start with empty folders even if those of a failed build were kept.
    pub fresh: bool,
    /// Whether the stream that follows is a terminal: one descriptor. Otherwise three: stdin, stdout, stderr.
    pub terminal: bool,
}

/// Metadata of the log of a recipe's build.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LogOf {
    /// The recipe.
    pub recipe: String,
    /// The growing log file of a running build. Escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// The digest of the last build's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<BlobId>,
    /// The last build's action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Digest>,
    /// The reason, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// When it ended, in seconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<u64>,
}

/// What a build used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Traced {
    /// The recipe.
    pub recipe: String,
    /// Its inputs, in the order of its recipe.
    pub inputs: Vec<TracedInput>,
    /// Paths that it looked up and that do not exist, sorted. Escaped.
    pub missing: Vec<String>,
    /// How many more missing paths were not recorded.
    #[serde(default)]
    pub unnoted: u64,
    /// Whether it was built before, so that the outputs were compared.
    pub compared: bool,
    /// The reason, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
}

/// An input of a build.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TracedInput {
    /// The input.
    pub input: String,
    /// Its path in the sandbox.
    pub at: String,
    /// Files and links in it.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them were opened, or read if they are links.
    pub opened: usize,
}

impl Built {
    /// The sources that have to be fetched before a plan can run, if there are any.
    pub fn to_fetch(planned: &Planned) -> Option<Self> {
        let fetch = planned.fetch.clone();
        (!fetch.is_empty()).then(|| Self { fetch, ..Self::default() })
    }
}

/// The result of an action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Realised {
    /// The digests of its outputs.
    pub outputs: BTreeMap<String, TreeId>,
    /// The digest of its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<BlobId>,
    /// Whether it is only recorded, and was garbage-collected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// A realised recipe.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Goal {
    /// Its name.
    pub name: String,
    /// The digests of its outputs.
    pub outputs: BTreeMap<String, TreeId>,
}

/// The result of a build request.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Built {
    /// The realised goals.
    pub goals: Vec<Goal>,
    /// The failures.
    pub failed: Vec<Failure>,
    /// Recipes that were skipped because a dependency failed.
    pub skipped: Vec<String>,
    /// Sources that have to be fetched first: nothing was built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetch: Vec<Fetch>,
}
