//! Names that people give to roots.

use std::fmt;
use std::str::FromStr;

use super::digest::DigestPrefix;

/// The name of a root: what the collector must keep.
///
/// 1 to 200 characters of `A-Z a-z 0-9 . _ + @ -`, beginning with a letter or digit, and nothing that could
/// be taken for the beginning of a digest. So it can stand in a path, on a command line and beside digests.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RootName(String);

/// Why a text is no root's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootNameError {
    /// Empty, or longer than 200 characters.
    #[error("a root's name has 1 to 200 characters, not {found}")]
    Length {
        /// Its length in bytes.
        found: usize,
    },
    /// A character that a root's name cannot hold, there or at all.
    #[error("{found:?} cannot stand at position {at} of a root's name")]
    Character {
        /// The character.
        found: char,
        /// Where it stands, counted from 0.
        at: usize,
    },
    /// 8 to 64 hexadecimal digits.
    #[error("a root's name must not look like a digest: 8 or more hexadecimal digits would be taken for one")]
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
        // With a label behind it a digest is a digest too: `<digest>-<label>`.
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
    fn what_could_be_a_path_an_option_or_a_digest_is_refused() {
        for text in ["", "-x", ".hidden", "a/b", "a b", "é", "deadbeef", "deadbeef-label", "0123456789abcdef"]
        {
            assert!(text.parse::<RootName>().is_err(), "{text:?} was taken");
        }
        assert!("x".repeat(201).parse::<RootName>().is_err());
    }

    #[test]
    fn names_that_people_give_are_taken() {
        for text in ["gcc", "gcc-13.2.0", "lib+x@1", "deadbee", "x".repeat(200).as_str(), "toolchain_2026-11"]
        {
            assert_eq!(text.parse::<RootName>().unwrap().as_str(), text);
        }
    }
}
