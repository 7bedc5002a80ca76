//! hex0: bytes written by hand as hexadecimal digits, with comments. `docs/formats.md` has the grammar.
//!
//! It makes the first binary possible without a binary in the repository. Such files are reviewed by reading them, so
//! characters that a reader could not see, or could mistake, are refused in comments too.

/// The maximum size of a decoded file: longer ones could not be checked by reading.
pub const MAX_HEX0: usize = 64 << 10;

/// Why a text is not valid hex0. Lines and columns are counted from 1.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HexError {
    /// It has no meaning there.
    #[error("{:?} is neither a digit nor white space, and begins no comment", char::from(*.byte))]
    Character {
        /// Its line.
        line: usize,
        /// Its column.
        column: usize,
        /// What it is: printable ASCII.
        byte: u8,
    },
    /// Who reads the file would not see it, or would see something else.
    #[error("the byte 0x{byte:02x} is neither printable ASCII nor a tab")]
    Hidden {
        /// Its line.
        line: usize,
        /// Its column, counted in bytes.
        column: usize,
        /// What it is.
        byte: u8,
    },
    /// The second digit is missing.
    #[error("a digit stands alone: two that stand together make a byte")]
    Alone {
        /// Its line.
        line: usize,
        /// Its column.
        column: usize,
    },
    /// It comes to more than [`MAX_HEX0`] bytes.
    #[error("it comes to more than {MAX_HEX0} bytes")]
    Large {
        /// The line of the first digit that is too many.
        line: usize,
        /// The column of that digit.
        column: usize,
    },
}

impl HexError {
    /// The line and the column that it is about.
    pub fn place(&self) -> (usize, usize) {
        match *self {
            Self::Character { line, column, .. }
            | Self::Hidden { line, column, .. }
            | Self::Alone { line, column }
            | Self::Large { line, column } => (line, column),
        }
    }
}

/// The bytes that `text` encodes.
///
/// # Errors
/// At the first line that breaks a rule; see [`HexError`].
pub fn decode(text: &[u8]) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        decode_line(line.strip_suffix(b"\r").unwrap_or(line), number, &mut bytes)?;
    }
    Ok(bytes)
}

fn decode_line(text: &[u8], line: usize, bytes: &mut Vec<u8>) -> Result<(), HexError> {
    if let Some(at) = text.iter().position(|byte| !matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(HexError::Hidden { line, column: at + 1, byte: text[at] });
    }
    let code = text.split(|byte| matches!(byte, b';' | b'#')).next().unwrap_or_default();
    // The first digit of two, and its column.
    let mut first = None;
    for (column, &byte) in (1..).zip(code) {
        match (digit(byte), first.take()) {
            (Some(digit), None) => first = Some((digit, column)),
            (Some(_), Some((_, column))) if bytes.len() == MAX_HEX0 => {
                return Err(HexError::Large { line, column });
            }
            (Some(digit), Some((before, _))) => bytes.push(before << 4 | digit),
            (None, _) if !matches!(byte, b' ' | b'\t') => {
                return Err(HexError::Character { line, column, byte });
            }
            (None, Some((_, column))) => return Err(HexError::Alone { line, column }),
            (None, None) => {}
        }
    }
    first.map_or(Ok(()), |(_, column)| Err(HexError::Alone { line, column }))
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn refused(text: &[u8], said: &str) {
        let error = decode(text).expect_err("it was taken");
        let (line, column) = error.place();
        assert_eq!(format!("{line}:{column} {error}"), said, "{:?}", String::from_utf8_lossy(text));
    }

    #[test]
    fn a_character_that_means_nothing_is_refused_where_it_stands() {
        let said = |place: &str, it: &str| {
            format!("{place} {it} is neither a digit nor white space, and begins no comment")
        };
        refused(b"g", &said("1:1", "'g'"));
        refused(b"00 ; fine\n  11 0x22", &said("2:7", "'x'"));
        refused(b"00\n\n4:", &said("3:2", "':'"));
        for byte in (b'!'..=b'~').filter(|byte| !byte.is_ascii_hexdigit() && !b";#".contains(byte)) {
            refused(&[b'0', b'0', byte], &said("1:3", &format!("{:?}", char::from(byte))));
        }
    }

    #[test]
    fn what_nobody_sees_is_refused_in_comments_too() {
        for byte in (0..=255).filter(|byte| !matches!(byte, b'\t' | b'\n' | b' '..=b'~')) {
            let said = format!("the byte 0x{byte:02x} is neither printable ASCII nor a tab");
            refused(&[b'\n', byte, b'0', b'0'], &format!("2:1 {said}"));
            refused(&[b'0', b'0', b'#', byte, b' '], &format!("1:4 {said}"));
        }
        refused("90 # nop\u{202e}".as_bytes(), "1:9 the byte 0xe2 is neither printable ASCII nor a tab");
        refused(b"00\r\r\n", "1:3 the byte 0x0d is neither printable ASCII nor a tab");
    }

    #[test]
    fn a_digit_that_stands_alone_is_refused() {
        let said = "a digit stands alone: two that stand together make a byte";
        for (text, place) in
            [("4", "1:1"), ("00 4", "1:4"), ("004\n8", "1:3"), ("4 8", "1:1"), ("\n 4;8", "2:2")]
        {
            refused(text.as_bytes(), &format!("{place} {said}"));
        }
    }

    #[test]
    fn one_byte_too_many_is_refused() {
        let max = "00".repeat(MAX_HEX0);
        assert_eq!(decode(max.as_bytes()).unwrap(), vec![0; MAX_HEX0]);
        refused(format!("{max}\n 00").as_bytes(), "2:2 it comes to more than 65536 bytes");
    }

    #[test]
    fn digits_white_space_and_comments_are_taken() {
        let takes =
            |text: &str, bytes: &[u8]| assert_eq!(decode(text.as_bytes()).unwrap(), bytes, "{text:?}");
        takes("", b"");
        takes(" \t\n\n;\n#", b"");
        takes("48656C6c6F", b"Hello");
        takes("48 65\t6c6C ; l # 00\n6f # ; o\n", b"Hello");
        takes("48\r\n65 ; e\r\n\r\n", b"He");
        takes("48;not the end\n65", b"He");
        for byte in 0..=255_u8 {
            takes(&format!("{byte:02x}{byte:02X}"), &[byte, byte]);
        }
    }

    /// The grammar again, in a second implementation that works on words instead of bytes.
    fn by_words(text: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for line in text.split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.chars().any(|c| c != '\t' && (!c.is_ascii() || c.is_ascii_control())) {
                return None;
            }
            let code = line.find([';', '#']).map_or(line, |at| &line[..at]);
            for word in code.split_whitespace() {
                if word.len() % 2 == 1 || !word.chars().all(|c| c.is_ascii_hexdigit()) {
                    return None;
                }
                let pairs = (0..word.len()).step_by(2).map(|at| &word[at..at + 2]);
                bytes.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")));
            }
        }
        Some(bytes)
    }

    proptest! {
        #[test]
        fn decoding_is_what_the_grammar_says(text in "([0-9a-fA-F]{2}|[ \t\n;#]|\r\n|[4gx\r\u{1b}é]){0,40}") {
            prop_assert_eq!(decode(text.as_bytes()).ok(), by_words(&text));
        }

        #[test]
        fn any_bytes_can_be_written(bytes in proptest::collection::vec(any::<u8>(), 0..200), upper: bool) {
            let lines = bytes.chunks(7).map(|line| {
                let words = line.iter().map(|it| if upper { format!("{it:02X} ") } else { format!("{it:02x}") });
                words.collect::<String>() + " ; mov # why\n"
            });
            prop_assert_eq!(decode(lines.collect::<String>().as_bytes()), Ok(bytes));
        }
    }
}
