//! The user's configuration file: where it is, and what it says of fetching.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stele_recipes::fetch::Config;

use stele::failure::{Failure, Kind};

/// What a user configured: the file that `named` is; or else the first that is there of
/// `$XDG_CONFIG_HOME/stele/config.toml` (by the XDG Base Directory Specification `~/.config/stele/config.toml` when
/// that is unset) and `/etc/stele/config.toml`; or else nothing.
///
/// # Errors
/// When the file cannot be read, a named one is not there, or it says what no configuration can say.
pub fn read(named: Option<&Path>) -> Result<Config, Failure> {
    if let Some(path) = named.filter(|path| !path.as_os_str().is_empty()) {
        let text = fs::read_to_string(path).map_err(|e| unread(path, &e))?;
        return parse(path, &text);
    }
    for path in places() {
        match fs::read_to_string(&path) {
            Ok(text) => return parse(&path, &text),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            // Going on without it would ask other mirrors than the user chose.
            Err(e) => return Err(unread(&path, &e)),
        }
    }
    Ok(Config::default())
}

fn places() -> impl Iterator<Item = PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    own.into_iter().chain([PathBuf::from("/etc")]).map(|folder| folder.join("stele/config.toml"))
}

/// Where a user would write one, for hints.
pub fn usual_place() -> String {
    let place = places().next().unwrap_or_else(|| PathBuf::from("/etc/stele/config.toml"));
    place.display().to_string()
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    Failure::io(&format!("the configuration {} could not be read", path.display()), error)
        .hint("name another with --config or STELE_CONFIG; `/dev/null` is an empty one")
}

fn parse(path: &Path, text: &str) -> Result<Config, Failure> {
    Config::parse(text).map_err(|e| {
        let message = format!("the configuration {} says something that it cannot: {e}", path.display());
        Failure::new(Kind::Usage, message).hint("docs/formats.md lists the keys of a configuration")
    })
}
