//! A store in another program, over two pipes: `stele serve --stdio` at their far end, usually by way of ssh.
//!
//! Messages are lines of JSON. A question is answered by one line; a bundle goes in chunks before or after it: a length
//! (4 bytes, little-endian) and as many bytes, and at its end a length of 0. Both sides are strangers to each other.

mod asking;
mod chunks;
mod serving;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::end::{Found, Item, Keeping, Received, Wanted};

pub use asking::Asking;
pub use serving::serve;

/// The version of the exchange.
pub const VERSION: u32 = 1;
/// The maximum length of a line in bytes: a question about 60,000 items has some 5 MB.
pub const MAX_LINE: u64 = 16 << 20;

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// The first one: which version is spoken.
    Hello {
        /// That of the asking side.
        exchange: u32,
    },
    /// See [`End::find`](crate::End::find).
    Find {
        /// The REF, escaped.
        reference: String,
    },
    /// See [`End::lacking`](crate::End::lacking).
    Lacking {
        /// The items.
        items: Vec<Item>,
    },
    /// See [`End::send`](crate::End::send). A bundle comes before the answer.
    Send {
        /// What it is to have in it.
        wanted: Wanted,
    },
    /// See [`End::receive`](crate::End::receive). A bundle follows.
    Receive {
        /// What keeps it.
        keeping: Keeping,
    },
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "kebab-case")]
pub enum Answer<E> {
    /// The version that the answering side speaks.
    Hello {
        /// The version.
        exchange: u32,
    },
    /// What a REF names.
    Found(Found),
    /// What is lacking.
    Lacking(Vec<Item>),
    /// All of the bundle was sent.
    Sent {},
    /// What was received.
    Received(Received),
    /// The failure, instead of an answer.
    Failure(E),
}

/// Why the far end could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// It ended.
    #[error("it ended without an answer")]
    Ended,
    /// It speaks another version.
    #[error("it speaks version {theirs} of the exchange, and this program version {VERSION}")]
    Version {
        /// Its version.
        theirs: u32,
    },
    /// It sent something else than an answer.
    #[error("it sent something else than an answer{}: {why}", shown(.line))]
    Strange {
        /// The beginning of it.
        line: String,
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => Self::Ended,
            _ => Self::Io(error),
        }
    }
}

fn shown(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!(" ({line:?})") }
}

fn strange(line: &[u8], why: impl Into<String>) -> ExchangeError {
    let line = String::from_utf8_lossy(&line[..line.len().min(100)]).trim_end().to_owned();
    ExchangeError::Strange { line, why: why.into() }
}

/// Writes a message.
fn write_line(to: &mut impl Write, message: &impl Serialize) -> Result<(), ExchangeError> {
    let mut line = serde_json::to_vec(message).map_err(io::Error::from)?;
    line.push(b'\n');
    to.write_all(&line)?;
    Ok(to.flush()?)
}

/// Reads a message; `None` at the end.
fn read_line<T: DeserializeOwned>(from: &mut impl BufRead) -> Result<Option<T>, ExchangeError> {
    let mut line = Vec::new();
    from.take(MAX_LINE).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => {
            serde_json::from_slice(&line).map(Some).map_err(|error| strange(&line, error.to_string()))
        }
        Some(_) if line.len() as u64 == MAX_LINE => Err(strange(&line, "the line is too long")),
        Some(_) => Err(strange(&line, "the line has no end")),
    }
}
