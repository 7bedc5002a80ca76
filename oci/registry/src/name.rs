//! What repositories, tags and digests may be called (distribution-spec v1.1, "Pulling manifests").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most bytes of a repository's name: what registries take together with their own.
const MAX_NAME: usize = 255;
/// The most bytes of a tag.
const MAX_TAG: usize = 128;

/// Why a text is no name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Not a repository's.
    #[error(
        "a repository's name is lower-case letters, digits, and `.`, `_`, `__` or `-` between them, in parts with `/` \
         between, at most {MAX_NAME} bytes"
    )]
    Repository,
    /// Not a tag.
    #[error(
        "a tag is letters, digits, `_`, `.` and `-`, begins with none of the last two, and has at most {MAX_TAG} bytes"
    )]
    Tag,
    /// Not a digest that is known here.
    #[error("a digest is `sha256:` and 64 lower-case hexadecimal digits")]
    Digest,
}

macro_rules! text {
    ($name:ident, $what:literal, $error:ident, $valid:expr) => {
        #[doc = $what]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                if $valid(text.as_bytes()) { Ok(Self(text)) } else { Err(NameError::$error) }
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str(&self.0)
            }
        }
    };
}

text!(RepositoryName, "The name of a repository: `<name>` of the specification.", Repository, is_repository);
text!(Tag, "A tag.", Tag, is_tag);
text!(Sha256Digest, "A digest: `sha256:` and 64 digits.", Digest, is_digest);

impl Sha256Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        <[u8; 32]>::from(sha2::Sha256::digest(bytes)).into()
    }

    /// The tag under which the referrers of a manifest are where a registry has no API for them ("Referrers tag
    /// schema").
    pub fn fallback_tag(&self) -> Tag {
        Tag(self.0.replacen(':', "-", 1))
    }
}

impl From<[u8; 32]> for Sha256Digest {
    fn from(hash: [u8; 32]) -> Self {
        use fmt::Write as _;
        let mut text = String::from("sha256:");
        for byte in hash {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

fn is_repository(name: &[u8]) -> bool {
    name.len() <= MAX_NAME && name.split(|byte| *byte == b'/').all(is_part)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_part(part: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (Some(first), Some(last)) = (part.first(), part.last()) else { return false };
    let between = part.split(plain).filter(|it| !it.is_empty());
    let mut between = between.map(|it| matches!(it, b"." | b"_" | b"__") || it.iter().all(|it| *it == b'-'));
    plain(first) && plain(last) && between.all(|fits| fits)
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
fn is_tag(tag: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let inner = |byte: &u8| word(byte) || matches!(byte, b'.' | b'-');
    tag.len() <= MAX_TAG && tag.first().is_some_and(word) && tag.iter().all(inner)
}

fn is_digest(digest: &[u8]) -> bool {
    let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    digest.strip_prefix(b"sha256:").is_some_and(|digits| digits.len() == 64 && digits.iter().all(hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_the_specification_says() {
        for bad in [
            "", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a._b", "-a", "a-", ".a", "a b", "ä", "a:b",
            "..", "a/../b",
        ] {
            assert_eq!(bad.parse::<RepositoryName>(), Err(NameError::Repository), "{bad}");
        }
        assert!("a".repeat(256).parse::<RepositoryName>().is_err());
        for good in ["a", "0", "a.b", "a_b", "a__b", "a-b", "a---b", "library/hello-world", "a/b/c.d"] {
            assert_eq!(good.parse::<RepositoryName>().map(String::from).as_deref(), Ok(good));
        }
    }

    #[test]
    fn tags_and_digests_are_as_the_specification_says() {
        for bad in ["", ".a", "-a", "a b", "a/b", "a:b", "ä", &"a".repeat(129)] {
            assert_eq!(bad.parse::<Tag>(), Err(NameError::Tag), "{bad}");
        }
        for good in ["latest", "1.0-rc_1", "_", &"a".repeat(128)] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        let good = Sha256Digest::of(b"");
        assert_eq!(good.as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(good.as_str().parse::<Sha256Digest>(), Ok(good.clone()));
        assert_eq!(good.fallback_tag().as_str(), good.as_str().replace(':', "-"));
        for bad in [&good.as_str()[7..], &good.as_str().to_uppercase(), &good.as_str()[..70], "sha512:00"] {
            assert_eq!(bad.parse::<Sha256Digest>(), Err(NameError::Digest), "{bad}");
        }
    }
}
