//! Why there is no answer.

use std::io;
use std::time::Duration;

use ureq::Timeout;

use crate::client::{Limits, MAX_REDIRECTS};

/// Why a server did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It answered otherwise than with what was asked for.
    #[error("the server answered {status}{}", phrase(*.status))]
    Status {
        /// The status code.
        status: u16,
        /// How long the server wants to be left alone.
        pause: Option<Duration>,
    },
    /// Nothing came for so long.
    #[error("nothing came for {seconds} s")]
    Stalled {
        /// The bound.
        seconds: u64,
    },
    /// No connection.
    #[error("no connection within {seconds} s")]
    Connect {
        /// The bound.
        seconds: u64,
    },
    /// The deadline of the request is over.
    #[error("the time for it is over")]
    Deadline,
    /// Somebody stopped it.
    #[error("stopped")]
    Stopped,
    /// The connection ended early, or was refused.
    #[error("{}", plainly(.0))]
    Io(io::Error),
    /// The server does not speak TLS, or its certificate is not trusted.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
    /// It ended before all was there.
    #[error("the answer ended after {found} of {expected} bytes")]
    Short {
        /// How many there should have been.
        expected: u64,
        /// How many there were.
        found: u64,
    },
    /// It is longer than the caller takes.
    #[error("the answer is longer than {max} bytes")]
    Long {
        /// The bound.
        max: u64,
    },
    /// From one server to the next, and no end.
    #[error("more than {MAX_REDIRECTS} redirects, the last to {to}")]
    Redirects {
        /// Where the last one led.
        to: String,
    },
    /// A redirect that gives up what the address promised.
    #[error("a redirect leads from https to {to}, which anybody on the way could read and change")]
    Downgrade {
        /// Where it leads.
        to: String,
    },
    /// A redirect to nowhere.
    #[error("a redirect leads to {to:?}, which is no address of HTTP")]
    Location {
        /// What it says.
        to: String,
    },
    /// Compressed on the way, though it was asked for as it is.
    #[error("the server encoded it as {encoding:?}, and the digest is of the plain bytes")]
    Encoded {
        /// How.
        encoding: String,
    },
    /// Another part than the one that was asked for.
    #[error("the server was asked for the rest from byte {wanted} on, and answered with {range:?}")]
    Range {
        /// Where the rest begins.
        wanted: u64,
        /// What the server says it is.
        range: String,
    },
    /// The proxy of the environment is none.
    #[error("the variable {variable} names no proxy that could be asked")]
    Proxy {
        /// The variable.
        variable: &'static str,
    },
    /// Anything else that HTTP says.
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
        io::ErrorKind::UnexpectedEof => "the connection ended before all was there".to_owned(),
        _ => error.to_string(),
    }
}

impl HttpError {
    /// Whether it may pass: the server is busy, or the network lost something.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => is_transient(*status),
            Self::Stalled { .. } | Self::Connect { .. } | Self::Short { .. } | Self::Range { .. } => true,
            // A name that is not found, or a port where nobody listens, will not be there in a second either.
            Self::Io(e) => e.kind() != io::ErrorKind::ConnectionRefused,
            Self::Other(error) => matches!(error, ureq::Error::Protocol(_) | ureq::Error::ConnectionFailed),
            _ => false,
        }
    }

    /// Whether nobody was there who speaks TLS: the port is closed, or something else answered.
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

/// Whether a status says that another try may have another answer.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
}
