//! Names that users give to roots.

use std::fmt;
use std::str::FromStr;

use super::digest::DigestPrefix;

/// The name of a root.
///
/// 1 to 200 characters of `A-Z a-z 0-9 . _ + @ -`, beginning with a letter or digit, and not a possible digest
/// prefix. So it is safe in a path, on a command line and beside digests.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RootName(String);

/// Why a text is not a root's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootNameError {
    /// Empty, or longer than 200 characters.
    #[error("a root's name has 1 to 200 characters, not {found}")]
    Length {
        /// Its length in bytes.
        found: usize,
    },
    /// A character that a root's name cannot have, at that position or at all.
    #[error("{found:?} is not allowed at position {at} of a root's name")]
    Character {
        /// The character.
        found: char,
        /// Its position, counted from 0.
        at: usize,
    },
    /// 8 to 64 hexadecimal digits.
    #[error("a root's name must not look like a digest: 8 or more hexadecimal digits would be ambiguous")]
    LooksLikeDigest,
}

impl RootName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RootName {
    type Err = RootNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > 200 {
            return Err(RootNameError::Length { found: text.len() });
        }
        let fits = |at: usize, c: char| c.is_ascii_alphanumeric() || (at > 0 && "._+@-".contains(c));
        if let Some((at, found)) = text.chars().enumerate().find(|&(at, c)| !fits(at, c)) {
            return Err(RootNameError::Character { found, at });
        }
        // A digest with a label is a digest, too: `<digest>-<label>`.
        let head = text.split('-').next().unwrap_or(text);
        if DigestPrefix::parse(head).is_some() {
            return Err(RootNameError::LooksLikeDigest);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RootName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_an_option_or_a_digest_is_refused() {
        for text in ["", "-x", ".hidden", "a/b", "a b", "é", "deadbeef", "deadbeef-label", "0123456789abcdef"]
        {
            assert!(text.parse::<RootName>().is_err(), "{text:?} was accepted");
        }
        assert!("x".repeat(201).parse::<RootName>().is_err());
    }

    #[test]
    fn usual_names_are_accepted() {
        for text in ["gcc", "gcc-13.2.0", "lib+x@1", "deadbee", "x".repeat(200).as_str(), "toolchain_2026-11"]
        {
            assert_eq!(text.parse::<RootName>().unwrap().as_str(), text);
        }
    }
}
