//! Names of directory entries and targets of symbolic links: bytes, not text.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use super::escape::escape;

/// The name of an entry of a tree.
///
/// 1 to 255 bytes (`NAME_MAX`), any byte but `/` and NUL, and neither `.` nor `..`. It need not be UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

/// The content of a symbolic link.
///
/// 1 to 4,095 bytes (`PATH_MAX` less the NUL), any byte but NUL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymlinkTarget(Box<[u8]>);

/// Why bytes are not a name or a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There are no bytes.
    #[error("it is empty")]
    Empty,
    /// It is longer than the kernel allows.
    #[error("it has {found} bytes; at most {max} are possible")]
    Long {
        /// Its length in bytes.
        found: usize,
        /// The bound in bytes.
        max: usize,
    },
    /// `.` and `..` name the directory and its parent.
    #[error("`.` and `..` cannot name an entry")]
    Dots,
    /// A NUL, or in a name a slash.
    #[error("byte {byte:#04x} is not allowed in it")]
    Byte {
        /// The byte.
        byte: u8,
    },
}

impl Name {
    /// A name of those bytes.
    ///
    /// # Errors
    /// When they violate an invariant of [`Name`].
    pub fn new(bytes: &[u8]) -> Result<Self, NameError> {
        check(bytes, 255, b"/\0")?;
        if matches!(bytes, b"." | b"..") {
            return Err(NameError::Dots);
        }
        Ok(Self(bytes.into()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For the standard library's file functions.
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }
}

impl SymlinkTarget {
    /// A target of those bytes.
    ///
    /// # Errors
    /// When they violate an invariant of [`SymlinkTarget`].
    pub fn new(bytes: &[u8]) -> Result<Self, NameError> {
        check(bytes, 4095, b"\0")?;
        Ok(Self(bytes.into()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For the standard library's file functions.
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }
}

fn check(bytes: &[u8], max: usize, forbidden: &[u8]) -> Result<(), NameError> {
    if bytes.is_empty() {
        return Err(NameError::Empty);
    }
    if bytes.len() > max {
        return Err(NameError::Long { found: bytes.len(), max });
    }
    match bytes.iter().find(|byte| forbidden.contains(byte)) {
        Some(&byte) => Err(NameError::Byte { byte }),
        None => Ok(()),
    }
}

macro_rules! escaped_text {
    ($type:ident) => {
        /// Shows the canonical encoding, which is safe in terminals.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = String::with_capacity(self.0.len());
                escape(&self.0, &mut text);
                f.pad(&text)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($type))
            }
        }
    };
}

escaped_text!(Name);
escaped_text!(SymlinkTarget);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_no_directory_can_hold_are_not_a_name() {
        assert_eq!(Name::new(b"").unwrap_err(), NameError::Empty);
        assert_eq!(Name::new(b".").unwrap_err(), NameError::Dots);
        assert_eq!(Name::new(b"..").unwrap_err(), NameError::Dots);
        assert_eq!(Name::new(b"a/b").unwrap_err(), NameError::Byte { byte: b'/' });
        assert_eq!(Name::new(b"a\0").unwrap_err(), NameError::Byte { byte: 0 });
        assert_eq!(Name::new(&[b'n'; 256]).unwrap_err(), NameError::Long { found: 256, max: 255 });
        assert!(Name::new(&[b'n'; 255]).is_ok());
        assert!(Name::new(b"\xff\xfe").is_ok());
        assert!(Name::new(b"...").is_ok());
    }

    #[test]
    fn a_target_may_hold_slashes_and_dots_but_no_nul() {
        assert!(SymlinkTarget::new(b"../a//b/.").is_ok());
        assert_eq!(SymlinkTarget::new(b"a\0b").unwrap_err(), NameError::Byte { byte: 0 });
        assert!(SymlinkTarget::new(&[b't'; 4096]).is_err());
    }
}
