//! Downloads that nobody continues.

use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};

/// Downloads in a folder, and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unfinished {
    /// How many.
    pub downloads: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes the downloads in `folder` that no process works on; in a dry run counts them. One that cannot be removed
/// stays: it only costs space.
pub fn remove_unfinished(folder: &Path, dry_run: bool) -> Unfinished {
    let mut unfinished = Unfinished::default();
    let mut options = fs::OpenOptions::new();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let Ok(entries) = fs::read_dir(folder) else { return unfinished };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_part = path.extension().is_some_and(|it| it == "part");
        let (true, Ok(file)) = (is_part, options.open(&path)) else { continue };
        // Held until it is removed: a process that begins now finds another file.
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        // Its name may be another file's by now.
        let (Ok(opened), Ok(named)) = (file.metadata(), fs::symlink_metadata(&path)) else { continue };
        if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) || !named.is_file() {
            continue;
        }
        let bytes = opened.len();
        if dry_run || fs::remove_file(&path).is_ok() {
            unfinished.downloads += 1;
            unfinished.bytes += bytes;
        }
    }
    unfinished
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_that_is_worked_on_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.part", "b.part", "other"] {
            fs::write(path(name), "12345").unwrap();
        }
        let busy = fs::File::open(path("b.part")).unwrap();
        flock(&busy, FlockOperation::NonBlockingLockExclusive).unwrap();
        let found = Unfinished { downloads: 1, bytes: 5 };
        assert_eq!(remove_unfinished(folder.path(), true), found);
        assert!(path("a.part").exists());
        assert_eq!(remove_unfinished(folder.path(), false), found);
        assert!(!path("a.part").exists() && path("b.part").exists() && path("other").exists());
        assert_eq!(remove_unfinished(&path("none"), false), Unfinished::default());
    }
}
