//! Mirrors of sources.

use std::fmt;

/// An address from which a source can be fetched, as a recipe writes it: a scheme, a colon, and the rest.
///
/// `https://…` and `http://…` are used directly. `file:/…` is a local file. `debian:PACKAGE/VERSION/FILE` is one file
/// of a Debian source package at an exact version, or with a FILE that ends in `.deb` the binary package, fetched by
/// the machine's own package client. Any other scheme is an alias: the user's configuration defines its addresses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mirror(String);

/// Why a text is not a valid mirror.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MirrorError {
    /// There is no scheme before a colon.
    #[error("{text:?} does not begin with a scheme, such as `https:` or `gnu:`")]
    NoScheme {
        /// The text.
        text: String,
    },
    /// Whitespace, a control character, or one that is not ASCII.
    #[error("{text:?} has {found:?} in it; write it percent-encoded")]
    Character {
        /// The text.
        text: String,
        /// The character.
        found: char,
    },
    /// `https:` and `http:` require a host.
    #[error("{text:?} has no host")]
    NoHost {
        /// The text.
        text: String,
    },
    /// A recipe is public and messages show it, so it must not hold a password.
    #[error("{host:?} has a user or password before its host; leave it out")]
    User {
        /// Host and port, without the user part.
        host: String,
    },
    /// `file:` requires an absolute path.
    #[error("{text:?} is not absolute: a file beside the recipe is given with `local`, not with a mirror")]
    RelativeFile {
        /// The text.
        text: String,
    },
    /// `debian:` requires three parts.
    #[error("{text:?} is not `debian:PACKAGE/VERSION/FILE`")]
    Debian {
        /// The text.
        text: String,
    },
    /// Nothing follows the colon, or a path that leaves the alias's addresses.
    #[error("{text:?} has no path, or has `..` or an empty component in it")]
    Path {
        /// The text.
        text: String,
    },
}

/// A mirror, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MirrorKind<'a> {
    /// HTTP or HTTPS.
    Http(&'a str),
    /// An absolute path on this machine.
    File(&'a str),
    /// One file of a Debian source package, or a binary package.
    Debian {
        /// The package.
        package: &'a str,
        /// Its full version, with epoch and revision.
        version: &'a str,
        /// The file.
        file: &'a str,
    },
    /// From the user's configuration.
    Alias {
        /// The scheme.
        name: &'a str,
        /// The suffix to each address of the alias.
        rest: &'a str,
    },
}

impl Mirror {
    /// Parses a mirror.
    ///
    /// # Errors
    /// See [`MirrorError`].
    pub fn new(text: &str) -> Result<Self, MirrorError> {
        let shown = || text.chars().take(200).collect::<String>();
        let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
            return Err(MirrorError::NoScheme { text: shown() });
        };
        if let Some(found) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(MirrorError::Character { text: shown(), found });
        }
        match scheme {
            "http" | "https" => {
                let host = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
                match host {
                    None | Some("") => return Err(MirrorError::NoHost { text: shown() }),
                    Some(host) => {
                        if let Some((_, host)) = host.rsplit_once('@') {
                            return Err(MirrorError::User { host: host.to_owned() });
                        }
                    }
                }
            }
            "file" if !rest.starts_with('/') => return Err(MirrorError::RelativeFile { text: shown() }),
            "debian" if debian_parts(rest).is_none() => return Err(MirrorError::Debian { text: shown() }),
            "file" | "debian" => {}
            _ if rest.split('/').any(|part| matches!(part, "" | "." | "..")) => {
                return Err(MirrorError::Path { text: shown() });
            }
            _ => {}
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its kind.
    pub fn kind(&self) -> MirrorKind<'_> {
        let (scheme, rest) = self.0.split_once(':').unwrap_or((&self.0, ""));
        match (scheme, debian_parts(rest)) {
            ("http" | "https", _) => MirrorKind::Http(&self.0),
            ("file", _) => MirrorKind::File(rest),
            ("debian", Some((package, version, file))) => MirrorKind::Debian { package, version, file },
            _ => MirrorKind::Alias { name: scheme, rest },
        }
    }
}

/// A letter, then letters, digits and hyphens, all in lower case.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// `PACKAGE/VERSION/FILE`, with the characters that Debian allows in them (policy 5.6.1, 5.6.12).
fn debian_parts(rest: &str) -> Option<(&str, &str, &str)> {
    let mut parts = rest.split('/');
    let (package, version, file) = (parts.next()?, parts.next()?, parts.next()?);
    let made_of = |text: &str, more: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let fits = made_of(package, "+-.") && made_of(version, "+-.~:") && made_of(file, "+-._~");
    (parts.next().is_none() && fits).then_some((package, version, file))
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
