//! Why there is no answer.

use std::io;
use std::time::Duration;

use ureq::Timeout;

use crate::client::{Limits, MAX_REDIRECTS};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The server answered with an unexpected status.
    #[error("the server answered {status}{}", phrase(*.status))]
    Status {
        /// The status code.
        status: u16,
        /// The delay that the server asks for.
        pause: Option<Duration>,
    },
    /// The server stalled.
    #[error("no data for {seconds} s")]
    Stalled {
        /// The limit.
        seconds: u64,
    },
    /// The connection timed out.
    #[error("no connection within {seconds} s")]
    Connect {
        /// The limit.
        seconds: u64,
    },
    /// The deadline of the request has passed.
    #[error("the deadline has passed")]
    Deadline,
    /// The stop flag is set.
    #[error("stopped")]
    Stopped,
    /// The connection ended early, or was refused.
    #[error("{}", plainly(.0))]
    Io(io::Error),
    /// The server does not support TLS, or its certificate is not trusted.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
    /// The body ended early.
    #[error("the answer ended after {found} of {expected} bytes")]
    Short {
        /// The stated length.
        expected: u64,
        /// The number of bytes received.
        found: u64,
    },
    /// It exceeds the caller's limit.
    #[error("the answer is longer than {max} bytes")]
    Long {
        /// The limit.
        max: u64,
    },
    /// Too many redirects.
    #[error("more than {MAX_REDIRECTS} redirects, the last to {to}")]
    Redirects {
        /// The last target.
        to: String,
    },
    /// A redirect from https to http.
    #[error("a redirect leads from https to {to}, which is not encrypted")]
    Downgrade {
        /// Its target.
        to: String,
    },
    /// A redirect to an invalid address.
    #[error("a redirect leads to {to:?}, which is not an HTTP URL")]
    Location {
        /// Its target.
        to: String,
    },
    /// Compressed for transfer, though identity was requested.
    #[error("the server encoded it as {encoding:?}, and the digest is of the plain bytes")]
    Encoded {
        /// The encoding.
        encoding: String,
    },
    /// Another part than requested.
    #[error("the server answered a request for the rest from byte {wanted} with {range:?}")]
    Range {
        /// The start of the requested rest.
        wanted: u64,
        /// The server's `Content-Range`.
        range: String,
    },
    /// The environment's proxy is invalid.
    #[error("the variable {variable} does not name a usable proxy")]
    Proxy {
        /// The variable.
        variable: &'static str,
    },
    /// Any other HTTP error.
    #[error("{0}")]
    Other(ureq::Error),
}

fn phrase(status: u16) -> String {
    let phrase = ureq::http::StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
    phrase.map(|phrase| format!(" {phrase}")).unwrap_or_default()
}

fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection ended early".to_owned(),
        _ => error.to_string(),
    }
}

impl HttpError {
    /// Whether it may be temporary: the server is busy, or the network failed.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => is_transient(*status),
            Self::Stalled { .. } | Self::Connect { .. } | Self::Short { .. } | Self::Range { .. } => true,
            // An unknown name, or a closed port, will not change within seconds.
            Self::Io(e) => e.kind() != io::ErrorKind::ConnectionRefused,
            Self::Other(error) => matches!(error, ureq::Error::Protocol(_) | ureq::Error::ConnectionFailed),
            _ => false,
        }
    }

    /// Whether the server does not support TLS: the port is closed, or something else answered.
    pub fn is_without_tls(&self) -> bool {
        match self {
            Self::Tls(error) => matches!(error, rustls::Error::InvalidMessage(_)),
            Self::Io(error) => {
                use io::ErrorKind as Kind;
                matches!(error.kind(), Kind::ConnectionRefused | Kind::ConnectionReset | Kind::UnexpectedEof)
            }
            _ => false,
        }
    }

    pub(crate) fn of_io(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => Self::Tls(error.clone()),
            None => Self::Io(error),
        }
    }

    pub(crate) fn of(error: ureq::Error, limits: &Limits) -> Self {
        match error {
            ureq::Error::Timeout(Timeout::Global) => Self::Deadline,
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                Self::Connect { seconds: limits.connect.as_secs() }
            }
            ureq::Error::Timeout(_) => Self::Stalled { seconds: limits.stall.as_secs() },
            ureq::Error::Io(error) => Self::of_io(error),
            ureq::Error::Rustls(error) => Self::Tls(error),
            error => Self::Other(error),
        }
    }
}

/// Whether a status is temporary.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
}
