//! PEM (RFC 7468), one block a text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::KeyError;

/// The label and the bytes of the only block in `text`.
pub(super) fn decode(text: &str) -> Result<(&str, Vec<u8>), KeyError> {
    let text = text.trim();
    let rest = text.strip_prefix("-----BEGIN ").ok_or(KeyError::Format)?;
    let (label, rest) = rest.split_once("-----").ok_or(KeyError::Format)?;
    let (body, after) = rest.split_once("-----END ").ok_or(KeyError::Format)?;
    if after.strip_suffix("-----") != Some(label) {
        return Err(KeyError::Format);
    }
    if body.contains("Proc-Type:") {
        return Err(KeyError::Encrypted);
    }
    let body: String = body.split_ascii_whitespace().collect();
    Ok((label, STANDARD.decode(body).map_err(|_| KeyError::Base64)?))
}

/// A block with lines of 64 characters.
pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let body = STANDARD.encode(bytes);
    for (at, digit) in body.chars().enumerate() {
        text.push(digit);
        if at % 64 == 63 || at + 1 == body.len() {
            text.push('\n');
        }
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
