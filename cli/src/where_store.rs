//! Which store: `--store`, `STELE_STORE`, or the default of the user.

use std::env;
use std::path::PathBuf;

use stele::failure::{Failure, Kind};

/// The store's folder as an absolute path. Root's default is `/var/lib/stele`; a user's is
/// `$XDG_DATA_HOME/stele`, which by the XDG Base Directory Specification is `~/.local/share/stele` when
/// unset.
pub fn find(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let path = match named {
        Some(path) if path.as_os_str().is_empty() => None,
        Some(path) => Some(path),
        None if rustix::process::geteuid().is_root() => Some(PathBuf::from("/var/lib/stele")),
        None => user_default(),
    };
    let path = path.ok_or_else(|| {
        Failure::new(Kind::Usage, "no default store: neither XDG_DATA_HOME nor HOME is set")
            .hint("name it with --store DIR or STELE_STORE")
    })?;
    std::path::absolute(&path)
        .map_err(|e| Failure::io(&format!("{} is not a usable path", path.display()), &e))
}

fn user_default() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("stele"))
}
