//! What can go wrong with a registry.

use std::io;
use std::time::Duration;

use stele_http::HttpError;

use crate::name::Sha256Digest;

/// Why nothing was pushed or pulled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It answered otherwise than the specification wants.
    #[error("{what}: the registry answered {status}{}", behind(detail))]
    Status {
        /// What was asked of it.
        what: String,
        /// The HTTP status.
        status: u16,
        /// What it says of it.
        detail: String,
    },
    /// It wants credentials, or others.
    #[error("{registry} does not let this user {what}{}", behind(detail))]
    Refused {
        /// The registry.
        registry: String,
        /// What was not let.
        what: &'static str,
        /// What it says of it.
        detail: String,
        /// Whether there were any credentials.
        credentials: bool,
    },
    /// There is no such image.
    #[error("{registry} has no {what}")]
    Absent {
        /// The registry.
        registry: String,
        /// What it has not.
        what: String,
    },
    /// It cannot be reached, or the connection broke and broke again.
    #[error("{registry}: {source}")]
    Network {
        /// The registry.
        registry: String,
        /// Why.
        source: Box<HttpError>,
    },
    /// The connection broke, and nothing more came through.
    #[error("{what}: the connection broke {tries} times without getting any further: {last}")]
    Broken {
        /// What was on its way.
        what: String,
        /// How often.
        tries: u32,
        /// How it broke last.
        last: String,
    },
    /// What came is not what its name says.
    #[error("{what} came as {found}")]
    Digest {
        /// What was asked for.
        what: String,
        /// What came.
        found: Sha256Digest,
    },
    /// It stored something else than was sent.
    #[error("the registry calls {sent} by another name: {stored}")]
    Stored {
        /// What was sent.
        sent: Sha256Digest,
        /// What it says that it is.
        stored: String,
    },
    /// It says something that makes no sense.
    #[error("{what}: the registry's answer makes no sense: {why}")]
    Answer {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// Credentials would go over a line that anybody can read.
    #[error("the registry wants credentials to go to {to}, without TLS")]
    Insecure {
        /// Where.
        to: String,
    },
    /// The files that hold credentials cannot be used.
    #[error("credentials: {0}")]
    Credentials(String),
    /// A file here.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Somebody stopped it.
    #[error("stopped")]
    Stopped,
}

fn behind(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// After so many tries that got nowhere it is given up.
pub(super) const TRIES: u32 = 5;

/// How long to wait before the next try.
pub(super) fn pause(tries: u32) -> Duration {
    Duration::from_millis(250 << tries.min(5))
}
