//! Versions.

use std::fmt;

/// The maximum length in characters of a version.
const MAX: usize = 64;

/// Upstream's version of a release: 1 to 64 characters of `A-Z a-z 0-9 . + ~ _ -`, beginning with a digit.
///
/// Metadata: no build sees it unless its steps contain it, and nothing is ordered by it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Version(String);

/// Why a text is not a valid version.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VersionError {
    /// Empty, or too long.
    #[error("a version has 1 to {MAX} characters, not {found}")]
    Length {
        /// Its length in bytes.
        found: usize,
    },
    /// It does not begin with a digit.
    #[error("version {text:?} does not begin with a digit")]
    NoDigit {
        /// The text.
        text: String,
    },
    /// A character that cannot stand in a version.
    #[error("{found:?} cannot stand in a version ({text:?}): it is made of letters, digits and . + ~ _ -")]
    Character {
        /// The text.
        text: String,
        /// The character.
        found: char,
    },
}

impl Version {
    /// Takes `text` for a version.
    ///
    /// # Errors
    /// When it is not valid.
    pub fn new(text: &str) -> Result<Self, VersionError> {
        if text.is_empty() || text.len() > MAX {
            return Err(VersionError::Length { found: text.len() });
        }
        let text = text.to_owned();
        if let Some(found) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !".+~_-".contains(*c)) {
            return Err(VersionError::Character { text, found });
        }
        match text.starts_with(|c: char| c.is_ascii_digit()) {
            true => Ok(Self(text)),
            false => Err(VersionError::NoDigit { text }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
