//! Names that have one spelling: plain ASCII, so that no two of them look alike or fold into each other.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The maximum length of a name.
pub const MAX_NAME: usize = 64;

/// What a policy names: a principal, or the value of one of its facts. 1 to 64 of `a-z0-9._-`, beginning with a
/// letter or digit. Upper case is not in it, so that `Acme` and `acme` cannot pass for two organisations.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label(String);

/// The name of an output of an action: 1 to 64 of `A-Za-z0-9-_`, compared byte by byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OutputName(String);

/// Why a text is not such a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a name: 1 to {MAX_NAME} of {of}")]
pub struct NameError {
    /// Its beginning, escaped.
    text: String,
    /// What it may consist of.
    of: &'static str,
}

impl NameError {
    fn new(text: &str, of: &'static str) -> Self {
        Self { text: text.chars().take(MAX_NAME).collect(), of }
    }
}

impl FromStr for Label {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = (1..=MAX_NAME).contains(&text.len())
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'));
        let of = "`a-z`, `0-9`, `.`, `_` and `-`, beginning with a letter or a digit";
        valid.then(|| Self(text.to_owned())).ok_or_else(|| NameError::new(text, of))
    }
}

impl FromStr for OutputName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let valid = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain);
        let of = "`A-Z`, `a-z`, `0-9`, `-` and `_`";
        valid.then(|| Self(text.to_owned())).ok_or_else(|| NameError::new(text, of))
    }
}

macro_rules! name_text {
    ($type:ident) => {
        impl $type {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

name_text!(Label);
name_text!(OutputName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_or_fold_into_each_other_are_refused() {
        let long = "a".repeat(MAX_NAME + 1);
        for text in [
            "",
            "Alice",
            "аlice",
            "alice ",
            " alice",
            "ali\u{200b}ce",
            "ａlice",
            "-a",
            ".a",
            "a/b",
            "a\0",
            &long,
        ] {
            assert!(text.parse::<Label>().is_err(), "{text:?}");
        }
        for text in ["", "a.b", "ou\u{0442}", "a b", &long] {
            assert!(text.parse::<OutputName>().is_err(), "{text:?}");
        }
        assert_eq!("builder-1.example_x".parse::<Label>().unwrap().as_str(), "builder-1.example_x");
        assert_eq!("Dev-lib_2".parse::<OutputName>().unwrap().as_str(), "Dev-lib_2");
    }
}
