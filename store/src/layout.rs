//! Where things lie in a store's folder, and the `format` file that says what it is.

use std::io;
use std::path::{Path, PathBuf};

use crate::folder::Folder;
use crate::model::BlobId;

/// The store format that this version reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// The feature bits that this version knows. Bit n set means that the store uses the n-th addition to the
/// format, and that a version which does not know it must not touch the store.
pub const KNOWN_FEATURES: u64 = ORIGINS | TIMED_LEASES;

/// The file that says what the folder is.
pub(crate) const FORMAT: &str = "format";

/// Realisations say where they are from. A version that does not know it cannot read such rows, and would write down
/// what another store says as if this one had found it out.
const ORIGINS: u64 = 1 << 0;

/// Leases say when they were made. A version that does not know it cannot read such rows.
const TIMED_LEASES: u64 = 1 << 1;

/// The paths inside a store's folder. `docs/formats.md` has the table.
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
        /// Why.
        source: io::Error,
    },
    /// The file is not what a store's format file is.
    #[error("{path} is no store's format file: it begins {begins:?}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its first characters.
        begins: String,
    },
    /// A later format.
    #[error("{path} says format {found}; this version knows format {FORMAT_VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
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

    /// Says what the folder is: version and feature bits, as text.
    pub fn format(&self) -> PathBuf {
        self.root.join("format")
    }

    /// The `format` file of a store that is being made.
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

    /// The file that holds a blob's bytes, when they are not in the database.
    pub fn object(&self, blob: &BlobId) -> PathBuf {
        self.root.join(format!("objects/{:02x}/{blob}", blob.0.as_bytes()[0]))
    }

    /// Files that are being written. Emptied whenever the store is opened.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// What `verify` found corrupt, kept for a look.
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// The roots as text, for `rebuild-index`; the database is the authority.
    pub fn roots(&self) -> PathBuf {
        self.root.join("roots")
    }

    /// Space kept back, given up when the database cannot be opened for want of it.
    pub fn ballast(&self) -> PathBuf {
        self.root.join("ballast")
    }

    /// Downloads that are not kept yet. The store itself never looks at it: it is here because a download is imported
    /// from where it lies, and belongs to the same disk and the same user.
    pub fn fetch(&self) -> PathBuf {
        self.root.join("fetch")
    }

    /// The folder that has a folder for each build that runs.
    pub fn builds(&self) -> PathBuf {
        self.root.join("builds")
    }

    /// The folder that has what failed builds left, when it is to be kept.
    pub fn failed(&self) -> PathBuf {
        self.root.join("failed")
    }

    /// Whether a store is here, or the remains of one.
    pub fn exists(&self) -> bool {
        self.format().exists() || self.db().join("CURRENT").exists() || self.object_dir(0).exists()
    }

    /// Checks the `format` file before anything else in the folder is touched. The feature bits that it names.
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

/// Version and feature bits of a format file. Lines behind the second belong to later versions.
fn parse_format(text: &str) -> Option<(u32, u64)> {
    let mut lines = text.lines();
    let version = lines.next()?.strip_prefix("stele-store ")?.parse().ok()?;
    // A later format may well say nothing of features, or say it otherwise: its version is enough to refuse
    // it.
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
    fn a_later_version_an_unknown_feature_and_rubbish_are_told_apart() {
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
        // A store of a version that knew none.
        assert_eq!(check("stele-store 1\nfeatures 0x0\n").unwrap(), 0);
        fs::remove_file(layout.format()).unwrap();
        assert!(matches!(Layout::check_format(&folder), Err(FormatError::Read { .. })));
    }
}
