//! Where another store is, as a user names it.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Another store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// Its folder on this machine.
    Folder(PathBuf),
    /// Its daemon's socket.
    Socket(PathBuf),
    /// A folder on another machine.
    Ssh(Ssh),
}

/// A store's folder on another machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ssh {
    /// `[USER@]HOST`.
    pub host: String,
    /// The port, if it is not that of ssh's configuration.
    pub port: Option<u16>,
    /// The store's folder there, as it is understood there; the default store when absent.
    pub folder: Option<String>,
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("ssh://") {
            return Ssh::parse(rest).map(Self::Ssh);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!(
                "{scheme}:// is no kind of store: name a folder, a socket or ssh://HOST/DIR"
            ));
        }
        if text.is_empty() {
            return Err("name a folder, a socket or ssh://HOST/DIR".to_owned());
        }
        let path = Path::new(text).to_owned();
        let is_socket = fs::metadata(&path).is_ok_and(|meta| meta.file_type().is_socket());
        Ok(if is_socket { Self::Socket(path) } else { Self::Folder(path) })
    }
}

impl Ssh {
    fn parse(rest: &str) -> Result<Self, String> {
        let (authority, folder) = match rest.split_once('/') {
            Some((authority, folder)) => (authority, Some(format!("/{folder}")).filter(|it| it != "/")),
            None => (rest, None),
        };
        // An IPv6 address has colons of its own, and brackets around it.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().map_err(|_| format!("`{port}` is not the number of a port"))?;
                (host, Some(port))
            }
            _ => (authority, None),
        };
        let host: String = host.chars().filter(|c| !matches!(c, '[' | ']')).collect();
        // ssh would read it as an option.
        let named = host.rsplit('@').next().unwrap_or_default();
        if named.is_empty()
            || host.starts_with('-')
            || host.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(format!("`{authority}` names no host: ssh://[USER@]HOST[:PORT][/DIR]"));
        }
        Ok(Self { host, port, folder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(host: &str, port: Option<u16>, folder: Option<&str>) -> Location {
        Location::Ssh(Ssh { host: host.to_owned(), port, folder: folder.map(str::to_owned) })
    }

    #[test]
    fn stores_are_folders_and_hosts() {
        let parse = |text: &str| text.parse::<Location>().unwrap();
        assert_eq!(parse("ssh://build"), ssh("build", None, None));
        assert_eq!(parse("ssh://build/"), ssh("build", None, None));
        assert_eq!(parse("ssh://me@build:2222/srv/stele"), ssh("me@build", Some(2222), Some("/srv/stele")));
        assert_eq!(parse("ssh://[::1]:22/s"), ssh("::1", Some(22), Some("/s")));
        assert_eq!(parse("ssh://me@[::1]"), ssh("me@::1", None, None));
        assert_eq!(parse("/srv/stele"), Location::Folder("/srv/stele".into()));
        assert_eq!(parse("build:stele"), Location::Folder("build:stele".into()));
    }

    #[test]
    fn nothing_else_is_a_store() {
        for text in [
            "",
            "ssh://",
            "ssh:///srv",
            "ssh://me@/srv",
            "ssh://-oProxyCommand=id/s",
            "ssh://h:x/s",
            "ssh://h:99999",
            "s3://bucket",
            "ssh://a b/s",
        ] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }
}
