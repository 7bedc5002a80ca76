//! A line, or a part of it, as errors display it.

use std::fmt;

/// The beginning of a line, in printable ASCII: spaces are kept, and every other byte that a terminal could
/// misinterpret is escaped. A long line ends in `…`; a line without a line feed is marked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt(String);

/// The maximum size in bytes of a line that are shown.
const SHOWN: usize = 72;

impl Excerpt {
    /// Of a line with its line feed.
    pub(super) fn of_line(line: &[u8]) -> Self {
        let mut excerpt = Self::of(line.strip_suffix(b"\n").unwrap_or(line));
        if !line.ends_with(b"\n") {
            excerpt.0.push_str(" (without a line feed)");
        }
        excerpt
    }

    /// Of other bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut text = String::from("`");
        for &byte in &bytes[..bytes.len().min(SHOWN)] {
            match byte {
                b'\t' => text.push_str("\\t"),
                b'\r' => text.push_str("\\r"),
                b'\\' => text.push_str("\\\\"),
                b' '..=b'~' => text.push(char::from(byte)),
                _ => text.push_str(&format!("\\x{byte:02x}")),
            }
        }
        if bytes.len() > SHOWN {
            text.push('…');
        }
        text.push('`');
        Self(text)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
