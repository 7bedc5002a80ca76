//! Untrusted text: from an image, a recipe, a build, a registry or another store.

use std::fmt::{self, Display, Write};

/// Untrusted text, shown within one line. Characters that control a terminal, start a new line, or change the text
/// direction are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untrusted<T>(pub T);

impl<T: Display> Display for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping { to: f, lines: false }, "{}", self.0)
    }
}

/// The same over many lines: a message with untrusted text in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UntrustedLines<T>(pub T);

impl<T: Display> Display for UntrustedLines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping { to: f, lines: true }, "{}", self.0)
    }
}

/// Whether a character controls a terminal, or reorders adjacent text.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            // Bidirectional marks, embeddings, overrides and isolates.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Line and paragraph separators.
            | '\u{2028}' | '\u{2029}'
        )
}

struct Escaping<'a, 'f> {
    to: &'a mut fmt::Formatter<'f>,
    lines: bool,
}

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\n' if self.lines => self.to.write_char(c)?,
                '\n' | '\r' | '\t' => write!(self.to, "{}", c.escape_default())?,
                c if is_obeyed(c) => write!(self.to, "{}", c.escape_unicode())?,
                c => self.to.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_terminal_control_character_is_left() {
        let every: String = (0..=0x2100_u32).filter_map(char::from_u32).collect();
        let shown = Untrusted(&every).to_string();
        assert!(!shown.contains(is_obeyed), "{shown:?}");
        assert_eq!(shown.lines().count(), 1);
        let shown = UntrustedLines(&every).to_string();
        assert!(!shown.contains(|c| is_obeyed(c) && c != '\n'));
        assert_eq!(shown.lines().count(), 2);
    }

    #[test]
    fn other_text_is_unchanged() {
        for text in ["", "plain", "größer", "日本語", "a\\b", "\u{1f600}"] {
            assert_eq!(Untrusted(text).to_string(), text);
        }
        assert_eq!(Untrusted("a\u{1b}[2J\nb\u{202e}").to_string(), "a\\u{1b}[2J\\nb\\u{202e}");
    }
}
