//! Failures as messages for the user: the fact, then a hint.

pub mod builds;
mod copies;
pub(crate) mod images;
mod registries;
pub mod store;

use serde::{Deserialize, Serialize};

use stele_store::Target;

/// The kind of a failure, which decides the exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Any other failure.
    Failed,
    /// The request is well-formed but invalid.
    Usage,
    /// The requested object is not found, or not unique.
    NotFound,
    /// Content does not match its digest.
    Corrupt,
    /// The disk is full.
    NoSpace,
    /// The request was cancelled.
    Cancelled,
}

impl Kind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Corrupt => 4,
            Self::NoSpace => 5,
            Self::Cancelled => 130,
        }
    }
}

/// A failure on its way to the terminal, also through the daemon's socket.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The kind.
    pub kind: Kind,
    /// The fact.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the daemon must restart: its database refuses writes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
    /// The corrupt object that was found: it is quarantined before it is read again.
    #[serde(skip)]
    pub corrupt: Option<Target>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, restart: false, corrupt: None }
    }

    /// With a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a hint, unless it has one.
    pub fn or_hint(mut self, hint: &str) -> Self {
        self.hint.get_or_insert_with(|| hint.to_owned());
        self
    }

    /// The failure to write an answer to stdout.
    pub fn unwritten(error: &std::io::Error) -> Self {
        match error.kind() {
            // The reader closed the pipe: no message, only the exit code.
            std::io::ErrorKind::BrokenPipe => Self::new(Kind::Cancelled, ""),
            _ => Self::io("stdout could not be written", error),
        }
    }

    /// For the command line's own input and output.
    pub fn io(doing: &str, error: &std::io::Error) -> Self {
        let kind = if stele_store::is_no_space(error) { Kind::NoSpace } else { Kind::Failed };
        Self::new(kind, format!("{doing}: {error}"))
    }
}
