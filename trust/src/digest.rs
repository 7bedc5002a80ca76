//! Digests as plain values: this crate computes SHA-256 and compares BLAKE3, and needs no store for either.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// BLAKE3-256 of an action's text or of a tree's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blake3(pub [u8; 32]);

/// SHA-256 (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// The digests of one content. Equal only if all of them are: two that agree in one and differ in another do not
/// agree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Digests {
    /// By BLAKE3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Blake3>,
    /// By SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
}

impl Digests {
    /// By both algorithms.
    pub const fn both(blake3: Blake3, sha256: Sha256) -> Self {
        Self { blake3: Some(blake3), sha256: Some(sha256) }
    }

    /// Whether each digest that `self` has is the same in `other`, and there is one.
    pub fn matches(&self, other: &Self) -> bool {
        let blake3 = self.blake3.is_none() || self.blake3 == other.blake3;
        let sha256 = self.sha256.is_none() || self.sha256 == other.sha256;
        (self.blake3.is_some() || self.sha256.is_some()) && blake3 && sha256
    }
}

impl fmt::Display for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.blake3, self.sha256) {
            (Some(blake3), _) => write!(f, "blake3:{blake3}"),
            (None, Some(sha256)) => write!(f, "sha256:{sha256}"),
            (None, None) => f.write_str("no digest"),
        }
    }
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDigestError {
    /// A digest has exactly 64 digits.
    #[error("a digest has 64 hexadecimal digits, not {found}")]
    Length {
        /// How many characters there were.
        found: usize,
    },
    /// Only `0-9a-f`, so that a digest has one spelling.
    #[error("{found:?} in a digest is not a lower-case hexadecimal digit")]
    Digit {
        /// The character.
        found: char,
    },
}

impl Sha256 {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut value = [0; 32];
        value.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        Self(value)
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The bytes that lower-case hexadecimal digits stand for; `None` for anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks_exact(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

fn parse(text: &str) -> Result<[u8; 32], ParseDigestError> {
    if let Some(found) = text.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
        return Err(ParseDigestError::Digit { found });
    }
    let wrong = ParseDigestError::Length { found: text.len() };
    unhex(text).and_then(|bytes| bytes.try_into().ok()).ok_or(wrong)
}

macro_rules! digest_text {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex(&self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self)
            }
        }

        impl FromStr for $type {
            type Err = ParseDigestError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

digest_text!(Blake3);
digest_text!(Sha256);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_in_upper_case_or_of_another_length_is_refused() {
        let good = Sha256::of(b"").to_string();
        assert_eq!(good, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(good.to_uppercase().parse::<Sha256>().is_err());
        assert!(good[..63].parse::<Sha256>().is_err());
        assert!(format!("{good}0").parse::<Sha256>().is_err());
        assert!("é".repeat(32).parse::<Blake3>().is_err());
    }
}
