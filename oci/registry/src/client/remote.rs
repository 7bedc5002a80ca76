//! The user's name for an image in a registry: `REGISTRY/NAME[:TAG][@DIGEST]`.

use std::fmt;
use std::str::FromStr;

use crate::name::{NameError, RepositoryName, Sha256Digest, Tag};

/// An image in a registry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// `HOST` or `HOST:PORT`.
    pub registry: String,
    /// The repository there.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Option<Tag>,
    /// The digest, which takes precedence over the tag.
    pub digest: Option<Sha256Digest>,
}

/// Why a text is not such a name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RemoteError {
    /// It has no registry. Engines fill one in, each a different one.
    #[error(
        "`{0}` has no registry: write REGISTRY/NAME:TAG, where REGISTRY has a dot or a port, or is \
         `localhost`"
    )]
    Registry(String),
    /// A part of it is invalid.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Remote {
    /// Whether `text` begins with a registry: with a part that has a dot or a port, or is `localhost`.
    pub fn is_one(text: &str) -> bool {
        text.split_once('/').is_some_and(|(host, _)| is_host(host))
    }

    /// The reference by which a manifest is requested.
    pub fn reference(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.to_string(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// Whether the registry is on this machine.
    pub fn is_loopback(&self) -> bool {
        let host = match self.registry.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or(rest),
            None => self.registry.split(':').next().unwrap_or(&self.registry),
        };
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
    }
}

fn is_host(host: &str) -> bool {
    let fits = host.bytes().all(|it| it.is_ascii_alphanumeric() || b".-:[]".contains(&it));
    fits && !host.starts_with('.') && (host.contains(['.', ':']) || host == "localhost")
}

impl FromStr for Remote {
    type Err = RemoteError;

    fn from_str(text: &str) -> Result<Self, RemoteError> {
        let absent = || RemoteError::Registry(text.to_owned());
        let (registry, rest) = text.split_once('/').filter(|(host, _)| is_host(host)).ok_or_else(absent)?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (rest, None),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse()?)),
            None => (rest, None),
        };
        Ok(Self { registry: registry.to_owned(), repository: repository.parse()?, tag, digest })
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(to, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(to, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_registry_is_refused() {
        for bad in
            ["", "box", "box:1", "library/box", "/box", "a b.c/box", "../box", "user@host.x/box", ".x/box"]
        {
            assert!(matches!(bad.parse::<Remote>(), Err(RemoteError::Registry(_))), "{bad}");
            assert!(!Remote::is_one(bad), "{bad}");
        }
        for bad in
            ["a.b/", "a.b/Box", "a.b/box:", "a.b/box:.x", "a.b/box@sha256:1", "a.b/box:1:2", "a.b/../x"]
        {
            assert!(matches!(bad.parse::<Remote>(), Err(RemoteError::Name(_))), "{bad}");
        }
    }

    #[test]
    fn a_reference_is_read_and_written() {
        let digest = Sha256Digest::of(b"");
        let both = format!("localhost:5000/a/b:1@{digest}");
        for text in ["r.example/box", "localhost/box", "127.0.0.1:5000/a/b:latest", "[::1]:5000/box:1", &both]
        {
            assert_eq!(text.parse::<Remote>().unwrap().to_string(), text);
        }
        let reference = |text: &str| text.parse::<Remote>().unwrap().reference();
        assert_eq!(reference("r.example/box"), "latest");
        assert_eq!(reference("r.example/box:1"), "1");
        assert_eq!(reference(&both), digest.to_string());
        for (text, loopback) in [
            ("localhost/a", true),
            ("localhost:1/a", true),
            ("127.0.0.1:1/a", true),
            ("[::1]:1/a", true),
            ("r.example/a", false),
            ("10.0.0.1:1/a", false),
            ("localhost.example/a", false),
        ] {
            assert_eq!(text.parse::<Remote>().unwrap().is_loopback(), loopback, "{text}");
        }
    }
}
