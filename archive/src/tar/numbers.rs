//! Numbers in the headers of tars.

use super::Policy;
use crate::TarError;

/// The value of a field: octal digits, or, as GNU tar writes larger ones, a number in base 256 whose first bit is set.
pub(super) fn number(field: &[u8], name: &'static str, policy: Policy) -> Result<u64, TarError> {
    match (field[0] & 0x80 != 0, policy) {
        (true, _) => base_256(field, name),
        (false, Policy::Strict) => octal(text(field).trim_ascii(), name),
        (false, Policy::Lenient) => {
            let digits = text(trimmed(field));
            if digits.is_empty() { Ok(0) } else { octal(digits, name) }
        }
    }
}

/// The bytes before the first NUL. Early tars left old buffer contents after it.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Without the spaces and NULs at both ends.
fn trimmed(field: &[u8]) -> &[u8] {
    let fills = |byte: &u8| matches!(byte, 0 | b' ');
    let begin = field.iter().position(|byte| !fills(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !fills(byte)).map_or(begin, |last| last + 1);
    &field[begin..end]
}

/// A field has at most 12 digits of 3 bits.
fn octal(digits: &[u8], name: &'static str) -> Result<u64, TarError> {
    let valid = !digits.is_empty() && digits.iter().all(|byte| (b'0'..=b'7').contains(byte));
    let value = digits.iter().fold(0, |value: u64, byte| value << 3 | u64::from(byte & 7));
    valid.then_some(value).ok_or(TarError::Number { field: name })
}

/// Two's complement, most significant byte first, without the marker bit.
fn base_256(field: &[u8], name: &'static str) -> Result<u64, TarError> {
    if field[0] & 0x40 != 0 {
        return Err(TarError::Negative { field: name });
    }
    let mut value = u64::from(field[0] & 0x3f);
    for &byte in &field[1..] {
        value = match value >> 55 {
            0 => value << 8 | u64::from(byte),
            _ => return Err(TarError::Overflow { field: name }),
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn both(field: &[u8], strict: Option<u64>, lenient: Option<u64>) {
        assert_eq!(number(field, "size", Policy::Strict).ok(), strict, "{field:?} strictly");
        assert_eq!(number(field, "size", Policy::Lenient).ok(), lenient, "{field:?} leniently");
    }

    /// The lenient column is the result of `parseNumeric` in Go's archive/tar.
    #[test]
    fn numbers_are_read_as_go_reads_them_or_refused() {
        both(b"0000012\0", Some(10), Some(10));
        both(b"     12 ", Some(10), Some(10));
        both(b"12      ", Some(10), Some(10));
        both(b"\0\0\0\0\0\0\0\0", None, Some(0));
        both(b"        ", None, Some(0));
        both(b"\0\0\x0012\0\0\0", None, Some(10));
        both(b"12\x0034\0\0\0", Some(10), Some(10));
        both(b"12 34\0\0\0", None, None);
        both(b"\t12\0\0\0\0\0", Some(10), None);
        both(b"128\0\0\0\0\0", None, None);
        both(b"-12\0\0\0\0\0", None, None);
        both(b"77777777", Some(0o77_777_777), Some(0o77_777_777));
        both(&[0x80, 0, 0, 0, 0, 0, 1, 0], Some(256), Some(256));
        both(&[0x81, 0, 0, 0, 0, 0, 0, 0], Some(1 << 56), Some(1 << 56));
        both(&[0xff; 8], None, None);
        both(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0], None, None);
        both(
            &[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Some(u64::MAX / 2),
            Some(u64::MAX / 2),
        );
    }
}
