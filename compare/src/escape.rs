//! Bytes of strangers as text.

/// A value is shown up to so many characters.
const MAX_SHOWN: usize = 200;

/// A name, spelled as names are in `docs/formats.md`: printable ASCII but the backslash stands for itself.
pub(crate) fn name(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            0x21..=0x7e if byte != b'\\' => text.push(char::from(byte)),
            _ => text += &format!("\\x{byte:02x}"),
        }
    }
    text
}

/// Some text, with what is no UTF-8 replaced, and cut. It may hold anything that controls a terminal.
pub(crate) fn text(bytes: &[u8]) -> String {
    cut(&String::from_utf8_lossy(&bytes[..bytes.len().min(4 * MAX_SHOWN)]), MAX_SHOWN)
}

/// The first `max` characters, and a sign when there are more.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}\u{2026}", &text[..at]),
        None => text.to_owned(),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
