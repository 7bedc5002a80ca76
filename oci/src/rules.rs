//! The owners, modes and capabilities of files in an image: trees lack them, and a root filesystem needs them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use stele_store::ReadError;
use stele_store::model::{Node, TreeId};

use crate::as_text::as_text;
use crate::capabilities::Capabilities;
use crate::content::Content;
use crate::path::ImagePath;

/// The numeric IDs of a user and a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner {
    /// The user.
    pub user: u32,
    /// The group.
    pub group: u32,
}

/// The twelve bits of a mode: permissions, setuid, setgid and sticky. Written as four octal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(u16);

/// Why a text is not an owner or mode.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RuleError {
    /// It is not two numbers.
    #[error(
        "{text:?} is not an owner: a user and a group, as numbers below 4294967295, such as \"1000:1000\""
    )]
    Owner {
        /// The text.
        text: String,
    },
    /// It is not octal.
    #[error("{text:?} is not a mode: three or four octal digits, such as \"0755\" or \"4755\"")]
    Mode {
        /// The text.
        text: String,
    },
}

impl FromStr for Owner {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let number = |digits: &str| -> Option<u32> {
            let canonical = digits == "0" || !digits.starts_with('0');
            let number =
                digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())??;
            // To chown(2), the last one means "unchanged".
            (canonical && number != u32::MAX).then_some(number)
        };
        let parts = text.split_once(':').and_then(|(user, group)| Some((number(user)?, number(group)?)));
        let (user, group) = parts.ok_or_else(|| RuleError::Owner { text: text.to_owned() })?;
        Ok(Self { user, group })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.user, self.group))
    }
}

impl Mode {
    /// The default for directories.
    pub const DIRECTORY: Self = Self(0o755);
    /// The default for files.
    pub const FILE: Self = Self(0o644);
    /// The default for executable files.
    pub const EXECUTABLE: Self = Self(0o755);
    /// The mode of every symbolic link: kernels ignore it.
    pub const LINK: Self = Self(0o777);

    /// The twelve lower bits of `bits`.
    pub fn from_bits(bits: u32) -> Self {
        Self(u16::try_from(bits & 0o7777).unwrap_or(0))
    }

    /// The bits.
    pub fn bits(self) -> u32 {
        self.0.into()
    }

    /// The default for a node.
    pub fn usual(node: &Node) -> Self {
        match node {
            Node::Directory { .. } => Self::DIRECTORY,
            Node::File { executable: false, .. } => Self::FILE,
            Node::File { executable: true, .. } => Self::EXECUTABLE,
            Node::Symlink { .. } => Self::LINK,
        }
    }
}

impl FromStr for Mode {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let octal = matches!(text.len(), 3 | 4) && text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
        octal
            .then(|| u16::from_str_radix(text, 8).ok().map(Self))
            .flatten()
            .ok_or_else(|| RuleError::Mode { text: text.to_owned() })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:04o}", self.0))
    }
}

as_text!(Owner, RuleError);
as_text!(Mode, RuleError);

/// The declared owners, modes and capabilities.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The owner of a path and everything below it, unless a deeper rule applies. The default is `0:0`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<ImagePath, Owner>,
    /// The mode of exactly this path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modes: BTreeMap<ImagePath, Mode>,
    /// The capabilities of exactly this file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capabilities: BTreeMap<ImagePath, Capabilities>,
}

impl Rules {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty() && self.modes.is_empty() && self.capabilities.is_empty()
    }

    /// The owner of the entry at `path`, in a directory owned by `above`.
    pub fn owner(&self, path: &ImagePath, above: Owner) -> Owner {
        self.owners.get(path).copied().unwrap_or(above)
    }

    /// The mode of `node` at `path`.
    pub fn mode(&self, path: &ImagePath, node: &Node) -> Mode {
        match node {
            Node::Symlink { .. } => Mode::LINK,
            _ => self.modes.get(path).copied().unwrap_or_else(|| Mode::usual(node)),
        }
    }

    /// The capabilities of `node` at `path`.
    pub fn capabilities(&self, path: &ImagePath, node: &Node) -> Option<Capabilities> {
        match node {
            Node::File { .. } => self.capabilities.get(path).copied(),
            Node::Directory { .. } | Node::Symlink { .. } => None,
        }
    }

    /// The rules that have an effect in `tree`. Equal layers then have equal rules, whatever the recipes of their
    /// images declare for other layers.
    ///
    /// # Errors
    /// When a directory of it cannot be read.
    pub fn narrowed(&self, content: &dyn Content, tree: &TreeId) -> Result<Self, ReadError> {
        let mut narrowed = Self::default();
        for (path, owner) in &self.owners {
            // Sorted by path: parents were decided before.
            let above = std::iter::successors(path.parent(), ImagePath::parent);
            let inherited = above.filter_map(|it| narrowed.owners.get(&it).copied()).next();
            if inherited.unwrap_or_default() != *owner && node_at(content, tree, path)?.is_some() {
                narrowed.owners.insert(path.clone(), *owner);
            }
        }
        for (path, mode) in &self.modes {
            if node_at(content, tree, path)?.is_some_and(|node| Mode::usual(&node) != *mode) {
                narrowed.modes.insert(path.clone(), *mode);
            }
        }
        for (path, set) in &self.capabilities {
            if matches!(node_at(content, tree, path)?, Some(Node::File { .. })) {
                narrowed.capabilities.insert(path.clone(), *set);
            }
        }
        Ok(narrowed)
    }
}

/// The node at `path` in `tree`. Links are not followed.
///
/// # Errors
/// When a directory on the way cannot be read.
pub fn node_at(content: &dyn Content, tree: &TreeId, path: &ImagePath) -> Result<Option<Node>, ReadError> {
    let mut node = Node::Directory { tree: *tree, size: 0 };
    for name in path.names() {
        let Node::Directory { tree, .. } = node else { return Ok(None) };
        match content.tree(&tree)?.get(name) {
            Some(found) => node = found.clone(),
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_owners_and_modes_are_refused() {
        for text in ["", "0", "root:root", "1000", "1000:", "-1:0", "+1:0", "01:0", "4294967295:0", "0:0:0"] {
            assert!(text.parse::<Owner>().is_err(), "{text:?} was taken");
        }
        for text in ["", "7", "75", "888", "0o755", "10755", "-755", "+755", "rwx"] {
            assert!(text.parse::<Mode>().is_err(), "{text:?} was taken");
        }
        assert_eq!("4755".parse::<Mode>().unwrap().bits(), 0o4755);
        assert_eq!("755".parse::<Mode>().unwrap().to_string(), "0755");
        assert_eq!("4294967294:5".parse::<Owner>().unwrap().to_string(), "4294967294:5");
    }
}
