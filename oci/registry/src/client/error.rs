//! Failures of registry requests.

use std::io;
use std::time::Duration;

use stele_http::HttpError;

use crate::name::Sha256Digest;

/// Why nothing was pushed or pulled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry answered with a status that the specification does not allow here.
    #[error("{what}: the registry answered {status}{}", behind(detail))]
    Status {
        /// What was requested.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The details that it gives.
        detail: String,
    },
    /// The registry requires credentials, or other ones.
    #[error("{registry} does not allow this user to {what}{}", behind(detail))]
    Refused {
        /// The registry.
        registry: String,
        /// What it denied.
        what: &'static str,
        /// The details that it gives.
        detail: String,
        /// Whether any credentials were sent.
        credentials: bool,
    },
    /// There is no such image.
    #[error("{registry} has no {what}")]
    Absent {
        /// The registry.
        registry: String,
        /// What it lacks.
        what: String,
    },
    /// The registry cannot be reached, or the connection broke repeatedly.
    #[error("{registry}: {source}")]
    Network {
        /// The registry.
        registry: String,
        /// Why.
        source: Box<HttpError>,
    },
    /// The connection broke repeatedly without progress.
    #[error("{what}: the connection broke {tries} times without getting any further: {last}")]
    Broken {
        /// What was being transferred.
        what: String,
        /// How often.
        tries: u32,
        /// The last failure.
        last: String,
    },
    /// The bytes received do not match their digest.
    #[error("{what} does not match its digest: received {found}")]
    Digest {
        /// What was requested.
        what: String,
        /// What was received.
        found: Sha256Digest,
    },
    /// The registry stored something other than what was sent.
    #[error("the registry stored {sent} under another digest: {stored}")]
    Stored {
        /// What was sent.
        sent: Sha256Digest,
        /// The digest that it reports.
        stored: String,
    },
    /// The registry's answer is malformed.
    #[error("{what}: malformed answer from the registry: {why}")]
    Answer {
        /// What was requested.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// Credentials would be sent unencrypted.
    #[error("the registry wants credentials sent to {to}, without TLS")]
    Insecure {
        /// The destination.
        to: String,
    },
    /// The files that hold credentials cannot be used.
    #[error("credentials: {0}")]
    Credentials(String),
    /// A local file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The user stopped it.
    #[error("stopped")]
    Stopped,
}

fn behind(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// The number of attempts without progress before giving up.
pub(super) const TRIES: u32 = 5;

/// The delay before the next attempt.
pub(super) fn pause(tries: u32) -> Duration {
    Duration::from_millis(250 << tries.min(5))
}
