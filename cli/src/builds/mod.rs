//! Builds: what the daemon is asked for, what it tells meanwhile, and what it answers.

mod board;
mod event;
pub mod serve;
mod substituter;

pub use board::Board;
pub use event::Event;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::recipes::planned::Fetch;

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

/// What came of an action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Realised {
    /// The digests of its outputs.
    pub outputs: BTreeMap<String, String>,
    /// The digest of its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
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
