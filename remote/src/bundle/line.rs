//! The lines of a bundle.

use std::fmt;

use stele_store::model::{Digest, RootName};

use crate::end::{Item, Rooted};

/// A line before, between or after contents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// A directory's text follows.
    Tree {
        /// Its digest.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
    },
    /// A file's bytes follow.
    File {
        /// Their digest.
        digest: Digest,
        /// Their number.
        size: u64,
        /// Whether some directory names it as executable.
        executable: bool,
    },
    /// A root.
    Root(Rooted),
    /// The end.
    End {
        /// How many lines came after the first.
        records: u64,
        /// The BLAKE3 of all bytes before this line.
        digest: Digest,
    },
}

/// Why bytes are not a line of a bundle.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{line:?} is not a line of a bundle")]
pub struct LineError {
    /// What stands there.
    pub line: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree { digest, size } => write!(f, "d {digest} {size}"),
            Self::File { digest, size, executable: false } => write!(f, "f {digest} {size}"),
            Self::File { digest, size, executable: true } => write!(f, "x {digest} {size}"),
            Self::Root(Rooted { name, item: Item::Tree(digest) }) => write!(f, "r {name} d {digest}"),
            Self::Root(Rooted { name, item: Item::Blob(digest) }) => write!(f, "r {name} f {digest}"),
            Self::End { records, digest } => write!(f, "z {records} {digest}"),
        }
    }
}

impl Line {
    /// Reads a line without its line feed. Only the text that [`Line`] displays as is accepted.
    ///
    /// # Errors
    /// When it is any other text.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let text = std::str::from_utf8(line).ok();
        let parsed = text.and_then(Self::parsed).filter(|it| text == Some(it.to_string().as_str()));
        parsed.ok_or_else(|| LineError { line: String::from_utf8_lossy(line).into_owned() })
    }

    fn parsed(text: &str) -> Option<Self> {
        let columns: Vec<&str> = text.split(' ').collect();
        match columns[..] {
            ["d", digest, size] => {
                Some(Self::Tree { digest: digest.parse().ok()?, size: size.parse().ok()? })
            }
            [kind @ ("f" | "x"), digest, size] => Some(Self::File {
                digest: digest.parse().ok()?,
                size: size.parse().ok()?,
                executable: kind == "x",
            }),
            ["r", name, kind @ ("d" | "f"), digest] => {
                let name = name.parse::<RootName>().ok()?.to_string();
                let digest = digest.parse().ok()?;
                let item = if kind == "d" { Item::Tree(digest) } else { Item::Blob(digest) };
                Some(Self::Root(Rooted { name, item }))
            }
            ["z", records, digest] => {
                Some(Self::End { records: records.parse().ok()?, digest: digest.parse().ok()? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines() -> impl Strategy<Value = Line> {
        let digest = any::<[u8; 32]>().prop_map(Digest::from_bytes);
        let named = ("[a-z][a-z0-9.-]{0,20}", digest.clone(), any::<bool>());
        prop_oneof![
            (digest.clone(), any::<u64>()).prop_map(|(digest, size)| Line::Tree { digest, size }),
            (digest.clone(), any::<u64>(), any::<bool>()).prop_map(|(digest, size, executable)| Line::File {
                digest,
                size,
                executable
            }),
            named.prop_map(|(name, digest, is_tree)| {
                let item = if is_tree { Item::Tree(digest) } else { Item::Blob(digest) };
                Line::Root(Rooted { name, item })
            }),
            (any::<u64>(), digest).prop_map(|(records, digest)| Line::End { records, digest }),
        ]
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_was_written(line in lines()) {
            prop_assert_eq!(Line::parse(line.to_string().as_bytes()), Ok(line));
        }

        #[test]
        fn what_is_read_is_the_only_text_of_its_line(bytes in "[dfxrz] ?[0-9a-f +-]{0,80}") {
            if let Ok(line) = Line::parse(bytes.as_bytes()) {
                prop_assert_eq!(line.to_string(), bytes);
            }
        }
    }

    #[test]
    fn nothing_else_is_a_line() {
        let digest = Digest::of(b"");
        for line in [
            String::new(),
            format!("f {digest}"),
            format!("f {digest} 01"),
            format!("f {digest} +1"),
            format!("f {digest} 1 "),
            format!(" f {digest} 1"),
            format!("l {digest} 1"),
            format!("F {digest} 1"),
            format!("f {} 1", digest.to_string().to_uppercase()),
            format!("f {digest} 18446744073709551616"),
            format!("r ../gcc d {digest}"),
            format!("r gcc x {digest}"),
            format!("r gcc d {digest} 1"),
            format!("z -1 {digest}"),
        ] {
            assert!(Line::parse(line.as_bytes()).is_err(), "{line}");
        }
        assert!(Line::parse(b"f \xff 1").is_err());
    }
}
