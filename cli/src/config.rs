//! The user's configuration file: where it is, and its settings for fetching.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stele_recipes::fetch::Config;

use stele::failure::{Failure, Kind};

/// The user's configuration: the file `named`; or else the first that exists of
/// `$XDG_CONFIG_HOME/stele/config.toml` (by the XDG Base Directory Specification `~/.config/stele/config.toml` when
/// that is unset) and `/etc/stele/config.toml`; or else nothing.
///
/// # Errors
/// When the file cannot be read, a named one does not exist, or it is invalid.
pub fn read(named: Option<&Path>) -> Result<Config, Failure> {
    if let Some(path) = named.filter(|path| !path.as_os_str().is_empty()) {
        let text = fs::read_to_string(path).map_err(|e| unread(path, &e))?;
        return parse(path, &text);
    }
    for path in places() {
        match fs::read_to_string(&path) {
            Ok(text) => return parse(&path, &text),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            // Without it, other mirrors would be used than the user chose.
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

/// The file that counts: the first that exists.
pub fn counting() -> Option<PathBuf> {
    places().find(|path| path.exists())
}

/// The usual path of a user's configuration, for hints.
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
        let message = format!("the configuration {} is invalid: {e}", path.display());
        Failure::new(Kind::Usage, message).hint("docs/formats.md lists the keys of a configuration")
    })
}
