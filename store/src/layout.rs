//! The layout of a store's folder, and its `format` file.

use std::io;
use std::path::{Path, PathBuf};

use crate::folder::Folder;
use crate::model::BlobId;

/// The store format that this version reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// The feature bits that this version knows. Bit n set means that the store uses the n-th addition to the
/// format; a version that does not know it must not touch the store.
pub const KNOWN_FEATURES: u64 = ORIGINS | TIMED_LEASES;

/// The file that identifies the folder as a store.
pub(crate) const FORMAT: &str = "format";

/// Realisations record their origin. A version without this feature cannot read such rows, and would record a
/// substituter's answer as its own.
const ORIGINS: u64 = 1 << 0;

/// Leases record when they were made. A version without this feature cannot read such rows.
const TIMED_LEASES: u64 = 1 << 1;

/// The paths inside a store's folder. The table is in `docs/formats.md`.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

/// Why the `format` file does not let the store be opened.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The file could not be read.
    #[error("{path} could not be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is not a store's format file.
    #[error("{path} is not the format file of a store: it begins with {begins:?}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its first characters.
        begins: String,
    },
    /// A later format.
    #[error("{path} states format {found}; this version knows format {FORMAT_VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The stated version.
        found: u32,
    },
    /// A feature that this version does not know.
    #[error("{path} names features that this version does not know: bits {unknown:#x}")]
    Features {
        /// The file.
        path: PathBuf,
        /// The unknown bits.
        unknown: u64,
    },
}

impl Layout {
    /// The layout of the store in `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file that identifies the folder: version and feature bits, as text.
    pub fn format(&self) -> PathBuf {
        self.root.join("format")
    }

    /// The `format` file of a store that is being created.
    pub fn new_format(&self) -> PathBuf {
        self.root.join("format.new")
    }

    /// Held locked (flock) by the process that owns the store.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// RocksDB's folder.
    pub fn db(&self) -> PathBuf {
        self.root.join("db")
    }

    /// Payloads in files, by the first byte of their digest.
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// The folder of the objects whose digest begins with `byte`.
    pub fn object_dir(&self, byte: u8) -> PathBuf {
        self.root.join(format!("objects/{byte:02x}"))
    }

    /// The file of a blob that is not stored in the database.
    pub fn object(&self, blob: &BlobId) -> PathBuf {
        self.root.join(format!("objects/{:02x}/{blob}", blob.0.as_bytes()[0]))
    }

    /// Temporary files. Emptied whenever the store is opened.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Content that `verify` found corrupt, kept for inspection.
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// The roots as text, for `rebuild-index`; the database is the authority.
    pub fn roots(&self) -> PathBuf {
        self.root.join("roots")
    }

    /// Reserved space, released when the database cannot be opened for lack of it.
    pub fn ballast(&self) -> PathBuf {
        self.root.join("ballast")
    }

    /// Incomplete downloads. The store itself never reads it: it is here so that a download can be imported in
    /// place, on the same disk and as the same user.
    pub fn fetch(&self) -> PathBuf {
        self.root.join("fetch")
    }

    /// Contains a folder for each running build.
    pub fn builds(&self) -> PathBuf {
        self.root.join("builds")
    }

    /// Contains the folders of failed builds that are kept.
    pub fn failed(&self) -> PathBuf {
        self.root.join("failed")
    }

    /// Whether the folder holds a store or the remains of one.
    pub fn exists(&self) -> bool {
        self.format().exists() || self.db().join("CURRENT").exists() || self.object_dir(0).exists()
    }

    /// Checks the `format` file before anything else in the folder is touched. Returns its feature bits.
    ///
    /// # Errors
    /// When it cannot be read, is foreign, or names a version or a feature that this version does not know.
    pub fn check_format(folder: &Folder) -> Result<u64, FormatError> {
        let path = folder.path().join(FORMAT);
        let text = match folder.read(FORMAT) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(source) => return Err(FormatError::Read { path, source }),
        };
        let Some((version, features)) = parse_format(&text) else {
            return Err(FormatError::Foreign { path, begins: text.chars().take(40).collect() });
        };
        if version != FORMAT_VERSION {
            return Err(FormatError::Version { path, found: version });
        }
        match features & !KNOWN_FEATURES {
            0 => Ok(features),
            unknown => Err(FormatError::Features { path, unknown }),
        }
    }

    /// The text of the `format` file of a new store.
    pub fn format_text() -> String {
        format!("stele-store {FORMAT_VERSION}\nfeatures {KNOWN_FEATURES:#x}\n")
    }
}

/// Version and feature bits of a format file. Lines after the second belong to later versions.
fn parse_format(text: &str) -> Option<(u32, u64)> {
    let mut lines = text.lines();
    let version = lines.next()?.strip_prefix("stele-store ")?.parse().ok()?;
    // A later format may lack the features line or write it differently: its version is enough to refuse it.
    if version != FORMAT_VERSION {
        return Some((version, 0));
    }
    let features = u64::from_str_radix(lines.next()?.strip_prefix("features 0x")?, 16).ok()?;
    Some((version, features))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_later_version_an_unknown_feature_and_malformed_input_are_distinguished() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let folder = Folder::open(dir.path()).unwrap();
        let check = |text: &str| {
            fs::write(layout.format(), text).unwrap();
            Layout::check_format(&folder)
        };
        assert!(matches!(check("stele-store 2\n"), Err(FormatError::Version { found: 2, .. })));
        let features = check("stele-store 1\nfeatures 0x8000000000000007\n");
        assert!(matches!(features, Err(FormatError::Features { unknown: 0x8000_0000_0000_0004, .. })));
        for text in ["", "stele-store\n", "stele-store 1\n", "PNG", "stele-store 1\nfeatures 0xg\n"] {
            assert!(matches!(check(text), Err(FormatError::Foreign { .. })), "{text:?}");
        }
        assert_eq!(check(&Layout::format_text()).unwrap(), KNOWN_FEATURES);
        // A store of a version without features.
        assert_eq!(check("stele-store 1\nfeatures 0x0\n").unwrap(), 0);
        fs::remove_file(layout.format()).unwrap();
        assert!(matches!(Layout::check_format(&folder), Err(FormatError::Read { .. })));
    }
}
