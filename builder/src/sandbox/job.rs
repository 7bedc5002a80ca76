//! Messages between the daemon, the supervisor and the processes of a sandbox.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::filter::Wanted;
use super::ops::{self, BUILD, SetupOp};
use crate::machine::Machine;

/// The limits of a build.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Maximum duration in seconds.
    pub seconds: Option<u64>,
    /// Maximum bytes of memory of all its processes.
    pub memory: u64,
    /// Maximum bytes of its log.
    pub log: u64,
    /// Maximum number of processes and threads.
    pub processes: u64,
}

/// The folder of a build that may begin, for the process that will supervise it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Guarded {
    /// The folder: it is removed if no build follows.
    #[serde(with = "crate::path_text")]
    pub folder: PathBuf,
    /// Whether it stays even then.
    pub kept: bool,
}

/// A build, for the process that supervises it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The set-up before the first step.
    pub ops: Vec<SetupOp>,
    /// Programs with their arguments.
    pub steps: Vec<Vec<String>>,
    /// All environment variables.
    pub env: Vec<(String, String)>,
    /// Directories to create before the first step.
    pub directories: Vec<String>,
    /// The working directory of each step.
    pub workdir: String,
    /// The build's folder on this machine. It is removed when nobody wants it any more.
    #[serde(with = "crate::path_text")]
    pub folder: PathBuf,
    /// Its limits.
    pub limits: Limits,
    /// What it sees of the machine.
    #[serde(default, skip_serializing_if = "Machine::is_usual")]
    pub machine: Machine,
    /// When its clock begins, in seconds since 1970, unless it has the machine's.
    pub date: Option<i64>,
    /// What its random numbers follow from, unless it has the machine's.
    pub seed: Option<String>,
    /// The standard streams of the steps.
    pub streams: Streams,
    /// Whether its folder is kept at the end, even without an order.
    pub kept: bool,
    /// Whether the supervisor notes which process writes what.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notes: bool,
}

impl Job {
    /// Has the build begin elsewhere in the same folder: it is at the path `place` below `/dev`, too. What a step
    /// refers to below `/build` is there still.
    pub(crate) fn move_to(&mut self, place: &str) {
        if let Some(rest) = self.workdir.strip_prefix(BUILD)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            self.workdir = format!("{place}{rest}");
        }
        ops::also_at(&mut self.ops, place);
    }

    /// The calls that the supervisor wants to answer.
    pub(super) fn wanted(&self, holds_starts: bool) -> Wanted {
        let (real_clock, real_random) = (self.date.is_none(), self.seed.is_none());
        Wanted { real_clock, real_random, holds_starts, notes: self.notes }
    }
}

/// The standard streams of a job's steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Streams {
    /// No input; output to the log.
    Log,
    /// A terminal, handed over.
    Terminal,
    /// Three descriptors, handed over: input, output, errors.
    Three,
}

impl Streams {
    /// The number of descriptors handed over.
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
    /// All steps exited with status 0.
    Done {},
    /// A step exited with another status.
    Status {
        /// Counted from 1.
        step: usize,
        /// The status.
        status: i32,
    },
    /// A step was killed by a signal.
    Signal {
        /// Counted from 1.
        step: usize,
        /// The signal.
        signal: i32,
    },
    /// A step could not be started.
    Unstarted {
        /// Counted from 1.
        step: usize,
        /// The cause.
        error: String,
    },
    /// A limit was reached.
    Limit {
        /// The step that ran, counted from 1.
        step: usize,
        /// The limit.
        limit: Limit,
    },
    /// The sandbox could not be set up.
    NotSetUp {
        /// What failed.
        doing: String,
        /// The cause.
        error: String,
    },
    /// It was stopped on request.
    Stopped {},
}

/// A limit that was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "limit", rename_all = "kebab-case")]
pub enum Limit {
    /// It exceeded the time limit.
    Time {
        /// The limit in seconds.
        seconds: u64,
    },
    /// It exceeded the memory limit.
    Memory {
        /// The limit in bytes.
        bytes: u64,
    },
    /// Its log was too long.
    Log {
        /// The limit in bytes.
        bytes: u64,
    },
    /// It reached the maximum number of processes and threads.
    Processes {
        /// The limit.
        count: u64,
    },
    /// The disk of the store is nearly full.
    Room {
        /// Free bytes.
        left: u64,
    },
    /// The disk of the store is nearly out of inodes.
    Files {
        /// Free inodes.
        left: u64,
    },
}

impl Ending {
    /// The step in which it ended, counted from 1.
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
                write!(f, "step {step} was killed by signal {signal} ({name})")
            }
            Self::Unstarted { step, error } => write!(f, "step {step} could not be started: {error}"),
            Self::Limit { step, limit } => write!(f, "step {step} was ended: {limit}"),
            Self::NotSetUp { doing, error } => write!(f, "the sandbox could not be set up: {doing}: {error}"),
            Self::Stopped {} => f.write_str("it was stopped"),
        }
    }
}

/// The supervisor's reports.
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

/// Orders of the daemon to the supervisor. A closed connection means [`Order::Clear`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum Order {
    /// End the build.
    Stop {},
    /// Remove its folder, and exit.
    Clear {},
    /// Leave its folder, and exit.
    Keep {},
}

/// Messages of a sandbox's first process to the supervisor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "inside", rename_all = "kebab-case")]
pub(super) enum Inside {
    /// It exists. The message carries its pidfd, with which the supervisor kills the sandbox: a process ID may
    /// have been reused.
    Born {},
    /// Its filter is installed. The message carries the listener, the sandbox's `/proc` and its `/dev/shm`, and the
    /// device of its random bytes unless they are the machine's.
    Filtered {},
    /// A step begins.
    Step {
        /// Counted from 1.
        step: usize,
    },
    /// The build ended.
    Over {
        /// How it ended.
        ending: Ending,
    },
}
