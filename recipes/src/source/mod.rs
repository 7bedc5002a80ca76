//! A source: bytes from outside, pinned by their SHA-256, and where they may be had.

mod debian;
mod mirror;
mod sha512;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};
use stele_store::model::Sha256;

pub use debian::{BinaryPackage, BinaryPackageError};
pub use mirror::{Mirror, MirrorError, MirrorKind};
pub use sha512::Sha512;

/// Bytes from outside, identified by their SHA-256; everything else tells how to get and how to double-check them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// The file's name.
    pub file: FileName,
    /// The pin.
    pub sha256: Sha256,
    /// Upstream's SHA-512, when it publishes one; also checked.
    pub sha512: Option<Sha512>,
    /// Its size, when the recipe states it: checked too, and a bound for the download.
    pub size: Option<u64>,
    /// Where it may be had, in the order in which they are tried.
    pub mirrors: Vec<Mirror>,
    /// Upstream's own signature, checked too.
    pub signature: Option<Signature>,
}

/// A detached OpenPGP signature of upstream's over a source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Signature {
    /// The signature's own file: a source like any other, without a signature.
    pub source: Box<Source>,
    /// The keys of which one must have made it: OpenPGP certificates, armoured or not, as a file beside the recipe
    /// holds them.
    pub keys: Vec<u8>,
    /// The file's name, for messages.
    pub keys_file: String,
}

/// The name of a source's file: 1 to 128 characters of `A-Z a-z 0-9 . _ + @ ~ -`, beginning with a letter or
/// digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileName(String);

/// Why a text is not the name of a source's file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FileNameError {
    /// Empty, or too long.
    #[error("the name of a source's file has 1 to 128 characters, not {found}")]
    Length {
        /// Its length in bytes.
        found: usize,
    },
    /// A character that cannot stand there.
    #[error("{found:?} cannot stand at position {at} of the name of a source's file")]
    Character {
        /// The character.
        found: char,
        /// Its position, counted from 0.
        at: usize,
    },
}

impl FileName {
    /// Takes `text` for the name of a source's file.
    ///
    /// # Errors
    /// When it is not valid.
    pub fn new(text: &str) -> Result<Self, FileNameError> {
        if text.is_empty() || text.len() > 128 {
            return Err(FileNameError::Length { found: text.len() });
        }
        let fits = |at: usize, c: char| c.is_ascii_alphanumeric() || (at > 0 && "._+@~-".contains(c));
        match text.chars().enumerate().find(|&(at, c)| !fits(at, c)) {
            Some((at, found)) => Err(FileNameError::Character { found, at }),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
