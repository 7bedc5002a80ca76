//! The canonical encoding of arbitrary bytes in text.
//!
//! Printable ASCII but the backslash (0x21 to 0x7e) stands for itself; every other byte is `\x` and two
//! lower-case hexadecimal digits. A name that is not UTF-8 survives, no byte can forge a column or a line, and
//! no control or bidirectional character can alter what a pager shows. `env printf '%b'` decodes it.

/// Why a text is not the canonical encoding of any bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnescapeError {
    /// A byte that must be escaped is not.
    #[error("byte {byte:#04x} at position {at} must be written as \\x{byte:02x}")]
    Raw {
        /// The byte.
        byte: u8,
        /// Its position, counted from 0.
        at: usize,
    },
    /// A backslash begins something other than `\x` and two lower-case digits, or an unnecessary escape.
    #[error("the escape at position {at} is not canonical")]
    Escape {
        /// The position of the backslash, counted from 0.
        at: usize,
    },
}

fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && byte != b'\\'
}

/// Appends the canonical encoding of `bytes` to `out`.
pub fn escape(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        if stands_for_itself(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str("\\x");
            out.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
    }
}

/// Decodes `text`. Only the output of [`escape`] is accepted.
///
/// # Errors
/// When a byte that must be escaped is not, or an escape is malformed or unnecessary.
pub fn unescape(text: &[u8]) -> Result<Vec<u8>, UnescapeError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if stands_for_itself(byte) {
            bytes.push(byte);
            at += 1;
        } else if byte == b'\\' {
            let escaped = text.get(at + 1..at + 4).and_then(escaped_byte);
            bytes.push(escaped.ok_or(UnescapeError::Escape { at })?);
            at += 4;
        } else {
            return Err(UnescapeError::Raw { byte, at });
        }
    }
    Ok(bytes)
}

/// The byte of `xHH`, if it needs the escape.
fn escaped_byte(text: &[u8]) -> Option<u8> {
    let digit = |d: u8| match d {
        b'0'..=b'9' => Some(d - b'0'),
        b'a'..=b'f' => Some(d - b'a' + 10),
        _ => None,
    };
    let [b'x', high, low] = text else { return None };
    let byte = digit(*high)? << 4 | digit(*low)?;
    (!stands_for_itself(byte)).then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_second_encoding_of_the_same_bytes_is_refused() {
        for text in ["\\x41", "\\x5C", "\\x0", "\\", "\\n", "\\X0a", "a b", "a\n", "\u{e9}", "\\xC3"] {
            assert!(unescape(text.as_bytes()).is_err(), "{text:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn every_byte_string_survives(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut text = String::new();
            escape(&bytes, &mut text);
            prop_assert!(text.bytes().all(|b| (0x21..=0x7e).contains(&b)));
            prop_assert_eq!(unescape(text.as_bytes()).unwrap(), bytes);
        }

        #[test]
        fn only_the_canonical_encoding_decodes(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(bytes) = unescape(&text) {
                let mut again = String::new();
                escape(&bytes, &mut again);
                prop_assert_eq!(again.into_bytes(), text);
            }
        }
    }
}
