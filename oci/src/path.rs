//! Paths in an image: below its root, as bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use stele_store::model::{Name, NameError, UnescapeError, escape, unescape};

/// A path below the root of an image. Its names are those of trees, so they may hold any byte but `/` and NUL.
///
/// It is written with a leading slash and escaped by [`escape`]; `/` is the root itself. Paths sort by their bytes, so
/// that each sorts behind its parent directories.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ImagePath(Vec<u8>);

/// Why a text is not a path in an image.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathError {
    /// It does not begin with a slash.
    #[error("a path in an image begins with `/`")]
    Relative,
    /// Its escapes are not canonical.
    #[error(transparent)]
    Spelling(#[from] UnescapeError),
    /// A name in it is invalid.
    #[error("a name in the path is invalid: {0}")]
    Name(#[from] NameError),
}

impl ImagePath {
    /// The root.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of these bytes, without the leading slash.
    ///
    /// # Errors
    /// When a name in it is invalid.
    pub fn new(bytes: &[u8]) -> Result<Self, NameError> {
        if !bytes.is_empty() {
            bytes.split(|&byte| byte == b'/').try_for_each(|name| Name::new(name).map(drop))?;
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The bytes, without a leading slash; empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its names, from the root on.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
    }

    /// The same, as names of entries.
    pub fn components(&self) -> Vec<Name> {
        // The names were checked when the path was made.
        self.names().filter_map(|name| Name::new(name).ok()).collect()
    }

    /// The directory that it is in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        match self.0.iter().rposition(|&byte| byte == b'/') {
            _ if self.0.is_empty() => None,
            Some(at) => Some(Self(self.0[..at].to_vec())),
            None => Some(Self::root()),
        }
    }

    /// The path of an entry in this directory.
    #[must_use]
    pub fn join(&self, name: &Name) -> Self {
        let mut path = self.0.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        Self(path)
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::from("/");
        escape(&self.0, &mut text);
        f.pad(&text)
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImagePath({self})")
    }
}

impl FromStr for ImagePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let rest = text.strip_prefix('/').ok_or(PathError::Relative)?;
        Ok(Self::new(&unescape(rest.as_bytes())?)?)
    }
}

impl Serialize for ImagePath {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImagePath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_paths_are_refused() {
        for text in ["", "a", "//", "/a/", "/a//b", "/./a", "/a/..", "/a b", "/\\x41", "/\\x00"] {
            assert!(text.parse::<ImagePath>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_path_has_one_encoding_and_a_parent() {
        let path: ImagePath = "/usr/a\\x20\\xff".parse().unwrap();
        assert_eq!(path.as_bytes(), b"usr/a \xff");
        assert_eq!(path.to_string(), "/usr/a\\x20\\xff");
        assert_eq!(path.parent().unwrap().to_string(), "/usr");
        assert_eq!(path.parent().unwrap().parent(), Some(ImagePath::root()));
        assert_eq!(ImagePath::root().parent(), None);
        assert_eq!("/".parse::<ImagePath>().unwrap(), ImagePath::root());
        assert_eq!(path.names().count(), 2);
    }
}
