//! A Debian binary package: its file name, and its mirror.

use super::{FileName, FileNameError, Mirror, MirrorError};

/// A Debian binary package at an exact version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BinaryPackage {
    /// The name of its file in the archive's pool: `NAME_VERSION_ARCHITECTURE.deb`, the version without its epoch.
    pub file: FileName,
    /// The machine's own package client.
    pub mirror: Mirror,
}

/// Why a package is not valid.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BinaryPackageError {
    /// Debian policy 5.6.1.
    #[error(
        "{text:?} is not the name of a package: two or more of `a-z 0-9 + - .`, the first a letter or digit"
    )]
    Name {
        /// The given value.
        text: String,
    },
    /// Debian policy 5.6.12.
    #[error(
        "{text:?} is not the version of a package: `EPOCH:UPSTREAM-REVISION`, where the epoch is optional"
    )]
    Version {
        /// The given value.
        text: String,
    },
    /// Debian policy 5.6.8.
    #[error("{text:?} is not the architecture of a package, such as `amd64` or `all`")]
    Architecture {
        /// The given value.
        text: String,
    },
    /// They do not form a valid file name.
    #[error(transparent)]
    File(#[from] FileNameError),
    /// They do not form a valid mirror.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl BinaryPackage {
    /// The package of that name, version and architecture.
    ///
    /// # Errors
    /// See [`BinaryPackageError`].
    pub fn new(name: &str, version: &str, architecture: &str) -> Result<Self, BinaryPackageError> {
        let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let made_of = |text: &str, more: &str| {
            text.starts_with(small) && text.chars().all(|c| small(c) || more.contains(c))
        };
        if name.len() < 2 || !made_of(name, "+-.") {
            return Err(BinaryPackageError::Name { text: name.to_owned() });
        }
        let wrong = || BinaryPackageError::Version { text: version.to_owned() };
        let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
        let fits = |c: char| c.is_ascii_alphanumeric() || "+-.~".contains(c);
        let is_number = !epoch.is_empty() && epoch.chars().all(|c| c.is_ascii_digit());
        if !is_number || !rest.starts_with(|c: char| c.is_ascii_digit()) || !rest.chars().all(fits) {
            return Err(wrong());
        }
        if !made_of(architecture, "-") {
            return Err(BinaryPackageError::Architecture { text: architecture.to_owned() });
        }
        let file = FileName::new(&format!("{name}_{rest}_{architecture}.deb"))?;
        let mirror = Mirror::new(&format!("debian:{name}/{version}/{file}"))?;
        Ok(Self { file, mirror })
    }
}
