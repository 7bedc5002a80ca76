//! The specification of an image: data, in which every input is a digest.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use stele_store::model::{SymlinkTarget, TreeId};

use crate::document::{Platform, Run};
use crate::encode::Compression;
use crate::path::ImagePath;
use crate::rules::Rules;

/// A requested image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its platform.
    pub platform: Platform,
    /// Every time in it: seconds since 1970-01-01 UTC.
    pub epoch: u64,
    /// The compression of its layers.
    pub compression: Compression,
    /// Its inputs, one layer each, the lowest first.
    pub inputs: Vec<Input>,
    /// Declared entries: a layer of their own above all others, if there are any.
    #[serde(default)]
    pub declared: Declared,
    /// Owners and modes.
    #[serde(default)]
    pub rules: Rules,
    /// Files and links that several layers have, of which the highest wins.
    #[serde(default)]
    pub overrides: BTreeSet<ImagePath>,
    /// The program and its environment.
    #[serde(default)]
    pub run: Run,
    /// The annotations of the manifest.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A tree in an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its origin, as shown to the user.
    pub origin: String,
    /// The tree.
    pub tree: TreeId,
    /// The directory in which it is placed.
    pub at: ImagePath,
}

/// Files, links and directories that are written in the recipe of the image.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Declared {
    /// Files and their content.
    pub files: BTreeMap<ImagePath, String>,
    /// Links and their targets.
    pub links: BTreeMap<ImagePath, String>,
    /// Directories that have to exist.
    pub directories: BTreeSet<ImagePath>,
}

/// Why declared entries are inconsistent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeclaredError {
    /// A path is declared as two different things.
    #[error("{path} is declared twice, as different things")]
    Twice {
        /// The path.
        path: ImagePath,
    },
    /// An entry is declared below a file or link.
    #[error("{path} is declared below {above}, which is not a directory")]
    Below {
        /// The entry.
        path: ImagePath,
        /// The file or link.
        above: ImagePath,
    },
    /// The root can only be a directory.
    #[error("/ can only be a directory")]
    Root,
    /// The target of a link is invalid.
    #[error("the link {path} has an invalid target: {why}")]
    Link {
        /// The link.
        path: ImagePath,
        /// Why.
        why: stele_store::model::NameError,
    },
}

impl Declared {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.links.is_empty() && self.directories.is_empty()
    }

    /// Checks that it makes a tree.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self) -> Result<(), DeclaredError> {
        let ends = || self.files.keys().chain(self.links.keys());
        let is_end = |path: &ImagePath| self.files.contains_key(path) || self.links.contains_key(path);
        for path in ends() {
            if *path == ImagePath::root() {
                return Err(DeclaredError::Root);
            }
            let both = self.files.contains_key(path) && self.links.contains_key(path);
            if both || self.directories.contains(path) {
                return Err(DeclaredError::Twice { path: path.clone() });
            }
        }
        for path in ends().chain(&self.directories) {
            let mut above = std::iter::successors(path.parent(), ImagePath::parent);
            if let Some(above) = above.find(is_end) {
                return Err(DeclaredError::Below { path: path.clone(), above });
            }
        }
        for (path, target) in &self.links {
            SymlinkTarget::new(target.as_bytes())
                .map_err(|why| DeclaredError::Link { path: path.clone(), why })?;
        }
        Ok(())
    }
}
