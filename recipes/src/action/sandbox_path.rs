//! A path inside the sandbox: absolute and canonical.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum size in bytes of a path: the kernel's PATH_MAX, less the NUL.
const MAX: usize = 4095;

/// An absolute path without `.`, `..`, empty names or a slash at its end. `/` is one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SandboxPath(String);

/// Why a text is not a valid place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SandboxPathError {
    /// It does not begin at `/`.
    #[error("{text:?} is not absolute")]
    Relative {
        /// The text.
        text: String,
    },
    /// It is not the canonical form of its path.
    #[error("{text:?} has an empty name, `.`, `..` or a slash at its end")]
    NotCanonical {
        /// The text.
        text: String,
    },
    /// Paths have no NUL, and fewer bytes.
    #[error("{text:?} has a NUL, a name of more than 255 bytes, or more than {MAX} bytes")]
    Long {
        /// Its beginning.
        text: String,
    },
}

impl SandboxPath {
    /// The place that `text` names.
    ///
    /// # Errors
    /// See [`SandboxPathError`].
    pub fn new(text: &str) -> Result<Self, SandboxPathError> {
        let shown = || text.chars().take(80).collect::<String>();
        let Some(rest) = text.strip_prefix('/') else {
            return Err(SandboxPathError::Relative { text: shown() });
        };
        if text.len() > MAX || text.contains('\0') || rest.split('/').any(|name| name.len() > 255) {
            return Err(SandboxPathError::Long { text: shown() });
        }
        if !rest.is_empty() && rest.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return Err(SandboxPathError::NotCanonical { text: shown() });
        }
        Ok(Self(text.to_owned()))
    }

    /// `/`.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names on the way there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Whether it is `outer`, or lies below.
    pub fn is_in(&self, outer: &Self) -> bool {
        match self.0.strip_prefix(outer.0.trim_end_matches('/')) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }
}

impl fmt::Display for SandboxPath {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl TryFrom<String> for SandboxPath {
    type Error = SandboxPathError;

    fn try_from(text: String) -> Result<Self, SandboxPathError> {
        Self::new(&text)
    }
}

impl From<SandboxPath> for String {
    fn from(place: SandboxPath) -> Self {
        place.0
    }
}
