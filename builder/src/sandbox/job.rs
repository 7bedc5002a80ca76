//! What the processes of a sandbox are told, and what they tell.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ops::SetupOp;

/// What bounds a build.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds that it may take.
    pub seconds: Option<u64>,
    /// Bytes of memory that all of it may use.
    pub memory: u64,
    /// Bytes that it may write to its log.
    pub log: u64,
    /// Processes and threads that it may have.
    pub processes: u64,
}

/// A build, for the process that supervises it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Job {
    /// What is done before the first step.
    pub ops: Vec<SetupOp>,
    /// Programs with their arguments.
    pub steps: Vec<Vec<String>>,
    /// All environment variables.
    pub env: Vec<(String, String)>,
    /// Directories that are made before the first step.
    pub directories: Vec<String>,
    /// Where each step begins.
    pub workdir: String,
    /// The build's folder on this machine. It is removed when nobody wants it any more.
    pub folder: PathBuf,
    /// What bounds it.
    pub limits: Limits,
    /// What the steps read from and write to.
    pub streams: Streams,
    /// Whether its folder stays when it is over, even if nobody is left to say so.
    pub kept: bool,
}

/// What the steps of a job read from and write to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Streams {
    /// Nothing, and the log.
    Log,
    /// A terminal, which was handed over.
    Terminal,
    /// Three descriptors, which were handed over: input, output, errors.
    Three,
}

impl Streams {
    /// How many descriptors are handed over.
    pub fn count(self) -> usize {
        match self {
            Self::Log => 0,
            Self::Terminal => 1,
            Self::Three => 3,
        }
    }
}

/// How a build ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "kebab-case")]
pub enum Ending {
    /// All steps ended with status 0.
    Done {},
    /// A step ended with another status.
    Status {
        /// Counted from 1.
        step: usize,
        /// The status.
        status: i32,
    },
    /// A step was ended by a signal.
    Signal {
        /// Counted from 1.
        step: usize,
        /// Which.
        signal: i32,
    },
    /// A step could not be started.
    Unstarted {
        /// Counted from 1.
        step: usize,
        /// Why.
        error: String,
    },
    /// A limit was met.
    Limit {
        /// The step that ran, counted from 1.
        step: usize,
        /// Which.
        limit: Limit,
    },
    /// The sandbox could not be set up.
    NotSetUp {
        /// What was to be done.
        doing: String,
        /// Why it could not.
        error: String,
    },
    /// Somebody stopped it.
    Stopped {},
}

/// A limit that was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "limit", rename_all = "kebab-case")]
pub enum Limit {
    /// It took longer.
    Time {
        /// Than so many seconds.
        seconds: u64,
    },
    /// It used more memory.
    Memory {
        /// Than so many bytes.
        bytes: u64,
    },
    /// It wrote a longer log.
    Log {
        /// Than so many bytes.
        bytes: u64,
    },
    /// It had as many processes and threads as it may.
    Processes {
        /// So many.
        count: u64,
    },
    /// The disk of the store is nearly full.
    Room {
        /// Bytes that are left.
        left: u64,
    },
    /// The disk of the store has room for hardly any other file (inodes).
    Files {
        /// Files that are left.
        left: u64,
    },
}

impl Ending {
    /// The step that it ended in, counted from 1.
    pub fn step(&self) -> Option<usize> {
        match self {
            Self::Status { step, .. }
            | Self::Signal { step, .. }
            | Self::Unstarted { step, .. }
            | Self::Limit { step, .. } => Some(*step),
            Self::Done {} | Self::NotSetUp { .. } | Self::Stopped {} => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { seconds } => write!(f, "it took longer than {seconds} s"),
            Self::Memory { bytes } => write!(f, "it used more than {} MiB of memory", bytes >> 20),
            Self::Log { bytes } => write!(f, "its log grew beyond {} MiB", bytes >> 20),
            Self::Processes { count } => write!(f, "it had {count} processes and threads"),
            Self::Files { left } => {
                write!(f, "the disk of the store has room for only {left} more files (inodes)")
            }
            Self::Room { left } => write!(f, "the disk of the store has only {} MiB left", left >> 20),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done {} => f.write_str("done"),
            Self::Status { step, status } => write!(f, "step {step} ended with status {status}"),
            Self::Signal { step, signal } => {
                let name =
                    nix::sys::signal::Signal::try_from(*signal).map_or("?", nix::sys::signal::Signal::as_str);
                write!(f, "step {step} was ended by signal {signal} ({name})")
            }
            Self::Unstarted { step, error } => write!(f, "step {step} could not be started: {error}"),
            Self::Limit { step, limit } => write!(f, "step {step} was ended: {limit}"),
            Self::NotSetUp { doing, error } => write!(f, "the sandbox could not be set up: {doing}: {error}"),
            Self::Stopped {} => f.write_str("it was stopped"),
        }
    }
}

/// What the supervisor tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub enum Report {
    /// A step begins.
    Step {
        /// Counted from 1.
        step: usize,
    },
    /// No process of the build is left.
    Ended {
        /// How it ended.
        ending: Ending,
    },
}

/// What the supervisor is told. That nobody is there any more to tell it anything means [`Order::Clear`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum Order {
    /// End the build.
    Stop {},
    /// Remove its folder, and end.
    Clear {},
    /// Leave its folder, and end.
    Keep {},
}

/// What the first process of a sandbox tells the supervisor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "inside", rename_all = "kebab-case")]
pub(super) enum Inside {
    /// It is there. A descriptor of it comes along, which is what the supervisor kills to end all: a number may be
    /// another's already.
    Born {},
    /// Its filter is set. The listener comes along, and its list of processes and `/dev/shm`, to be watched.
    Filtered {},
    /// A step begins.
    Step {
        /// Counted from 1.
        step: usize,
    },
    /// It is over.
    Over {
        /// How.
        ending: Ending,
    },
}
