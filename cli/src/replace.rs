//! A file that people edit, written anew.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a temporary file beside it and renames: a process killed half way leaves the old file. An old file's mode
/// stays; a new one can be read by all.
///
/// # Errors
/// When it cannot be written; the old file is then as it was.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    let mode =
        fs::metadata(path).map_or_else(|_| PermissionsExt::from_mode(0o644), |found| found.permissions());
    file.as_file().set_permissions(mode)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|e| e.error)
}
