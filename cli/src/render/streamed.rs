//! Bytes that come in parts, as text that controls no terminal.

use stele::UntrustedLines;

/// What has come of a character whose rest comes with the next part.
#[derive(Default)]
pub struct Streamed(Vec<u8>);

impl Streamed {
    /// The text of one more part. What is no UTF-8 is shown as U+FFFD.
    pub fn show(&mut self, part: &[u8]) -> String {
        self.0.extend_from_slice(part);
        let mut text = String::new();
        let mut rest = &self.0[..];
        loop {
            match std::str::from_utf8(rest) {
                Ok(whole) => {
                    text.push_str(whole);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (whole, more) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(whole));
                    rest = more;
                    let Some(wrong) = error.error_len() else { break };
                    text.push('\u{fffd}');
                    rest = &rest[wrong..];
                }
            }
        }
        self.0 = rest.to_vec();
        UntrustedLines(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_controls_a_terminal_and_no_character_is_lost_between_two() {
        let bytes = "a\u{1b}]0;x\u{7}é\u{9b}2J\u{202e}z\n".as_bytes();
        let whole = Streamed::default().show(bytes);
        assert!(!whole.chars().any(|c| c.is_control() && c != '\n'), "{whole:?}");
        assert!(whole.contains('é') && whole.ends_with("z\n") && !whole.contains('\u{202e}'), "{whole:?}");
        let mut streamed = Streamed::default();
        let parts: String = bytes.chunks(1).map(|part| streamed.show(part)).collect();
        assert_eq!(parts, whole);
        assert_eq!(Streamed::default().show(b"a\xff\xfeb"), "a\u{fffd}\u{fffd}b");
    }
}
