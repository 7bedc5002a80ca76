//! What went wrong, as a person reads it: the fact, then a hint.

pub mod builds;
pub(crate) mod images;
mod registries;
pub mod store;

use serde::{Deserialize, Serialize};

use stele_store::Target;

/// What sort of failure it is: it decides the exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Anything that is none of the others.
    Failed,
    /// The command line is right, what it says is not.
    Usage,
    /// What was asked for is not there, or not unique.
    NotFound,
    /// Something is not what its name says.
    Corrupt,
    /// No space is left.
    NoSpace,
    /// Somebody stopped it.
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
    /// What sort.
    pub kind: Kind,
    /// The fact.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the daemon had better begin anew: its database has stopped taking writes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
    /// What was found corrupt on the way: it is set aside before anybody else reads it.
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

    /// With a hint, when it has none.
    pub fn or_hint(mut self, hint: &str) -> Self {
        self.hint.get_or_insert_with(|| hint.to_owned());
        self
    }

    /// Of an answer whose reader did not take it: stdout, for a command.
    pub fn unwritten(error: &std::io::Error) -> Self {
        match error.kind() {
            // Whoever read has enough: nothing is said, and the exit code tells.
            std::io::ErrorKind::BrokenPipe => Self::new(Kind::Cancelled, ""),
            std::io::ErrorKind::StorageFull => {
                Self::new(Kind::NoSpace, format!("stdout could not be written: {error}"))
            }
            _ => Self::io("stdout could not be written", error),
        }
    }

    /// For the command line's own input and output.
    pub fn io(doing: &str, error: &std::io::Error) -> Self {
        Self::new(Kind::Failed, format!("{doing}: {error}"))
    }
}
