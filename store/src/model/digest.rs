//! Digests and the identities made of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// BLAKE3-256 of some bytes (BLAKE3 specification §2.6, plain hash mode): what `b3sum` prints.
///
/// Written as 64 lower-case hexadecimal digits; upper case is refused, so that a digest has one encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// The digest of a blob's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub Digest);

/// The digest of a tree's canonical text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeId(pub Digest);

/// SHA-256 of a blob's bytes (FIPS 180-4), by which OCI, SBOMs and the Remote Execution API identify it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDigestError {
    /// A digest has exactly 64 digits.
    #[error("a digest has 64 hexadecimal digits, not {found}")]
    Length {
        /// The number of characters found.
        found: usize,
    },
    /// A digest consists of `0-9a-f`.
    #[error("{found:?} at position {at} is not a lower-case hexadecimal digit")]
    Digit {
        /// The character.
        found: char,
        /// Its position, counted from 0.
        at: usize,
    },
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// A digest from its 32 raw bytes, as in database keys.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of a `name` of the form `<digest>` or `<digest>-<label>`. The label is ignored.
    pub fn labelled(name: &[u8]) -> Option<Self> {
        let (head, rest) = name.split_at_checked(64)?;
        if !(rest.is_empty() || rest.starts_with(b"-")) {
            return None;
        }
        std::str::from_utf8(head).ok()?.parse().ok()
    }

    /// The 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Sha256 {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// From its 32 raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn parse_hex(text: &str) -> Result<[u8; 32], ParseDigestError> {
    if let Some((at, found)) = text.chars().enumerate().find(|(_, c)| !matches!(c, '0'..='9' | 'a'..='f')) {
        return Err(ParseDigestError::Digit { found, at });
    }
    if text.len() != 64 {
        return Err(ParseDigestError::Length { found: text.len() });
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = hex_value(pair[0]) << 4 | hex_value(pair[1]);
    }
    Ok(bytes)
}

/// The value of one digit that was checked to be in `0-9a-f`.
fn hex_value(digit: u8) -> u8 {
    if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 }
}

fn write_hex(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    // The table above is ASCII, so the fallback is never taken.
    f.pad(std::str::from_utf8(&text).unwrap_or_default())
}

macro_rules! hex_text {
    ($type:ident, $path:ident $(. $rest:tt)*, $from:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $path = self;
                write_hex(&$path $(. $rest)*, f)
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
                parse_hex(text).map($from)
            }
        }

        /// As its 64 digits.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

hex_text!(Digest, it.0, Digest);
hex_text!(Sha256, it.0, Sha256);
hex_text!(BlobId, it.0.0, |bytes| BlobId(Digest(bytes)));
hex_text!(TreeId, it.0.0, |bytes| TreeId(Digest(bytes)));

/// The beginning of a digest, as a user types it: 8 to 64 digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DigestPrefix {
    low: Digest,
    digits: usize,
}

impl DigestPrefix {
    /// Fewer digits are not accepted as a prefix: their meaning would change as a store grows.
    pub const MIN_DIGITS: usize = 8;

    /// All of `digest`.
    pub fn whole(digest: Digest) -> Self {
        Self { low: digest, digits: 64 }
    }

    /// Reads `text` as a prefix; `None` when it is too short, too long or not lower-case hexadecimal.
    pub fn parse(text: &str) -> Option<Self> {
        if !(Self::MIN_DIGITS..=64).contains(&text.len()) {
            return None;
        }
        let low = format!("{text:0<64}").parse().ok()?;
        Some(Self { low, digits: text.len() })
    }

    /// The smallest digest with this prefix: where a search starts.
    pub fn low(&self) -> Digest {
        self.low
    }

    /// The digits.
    pub fn text(&self) -> String {
        self.low.to_string()[..self.digits].to_owned()
    }

    /// Whether `digest` has this prefix.
    pub fn matches(&self, digest: &Digest) -> bool {
        let whole = self.digits / 2;
        let same = digest.0[..whole] == self.low.0[..whole];
        same && (self.digits.is_multiple_of(2) || digest.0[whole] >> 4 == self.low.0[whole] >> 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_in_upper_case_or_of_another_length_is_refused() {
        let good = Digest::of(b"").to_string();
        assert_eq!(
            good.to_uppercase().parse::<Digest>().unwrap_err(),
            ParseDigestError::Digit { found: 'A', at: 0 }
        );
        assert_eq!(good[..63].parse::<Digest>().unwrap_err(), ParseDigestError::Length { found: 63 });
        assert_eq!(format!("{good}0").parse::<Digest>().unwrap_err(), ParseDigestError::Length { found: 65 });
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn the_published_vectors_of_both_hashes_hold() {
        // BLAKE3: test_vectors.json, input_len 0. SHA-256: FIPS 180-4 example of the empty message.
        assert_eq!(
            Digest::of(b"").to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        assert_eq!(
            Sha256::of(b"").to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_prefix_of_odd_length_compares_half_a_byte() {
        let digest: Digest = "0123456789abcdef".repeat(4).parse().unwrap();
        for digits in 8..=64 {
            let text = &digest.to_string()[..digits];
            assert!(DigestPrefix::parse(text).unwrap().matches(&digest), "{text}");
        }
        assert!(!DigestPrefix::parse("012345679").unwrap().matches(&digest));
        assert!(!DigestPrefix::parse("01234566").unwrap().matches(&digest));
        assert_eq!(DigestPrefix::parse("0123456"), None);
        assert_eq!(DigestPrefix::parse("0123456G"), None);
    }
}
