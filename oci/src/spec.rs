//! What an image is to be made of: data, in which every input is a digest.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use stele_store::model::{SymlinkTarget, TreeId};

use crate::document::{Platform, Run};
use crate::encode::Compression;
use crate::path::ImagePath;
use crate::rules::Rules;

/// An image as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What it runs on.
    pub platform: Platform,
    /// Every time in it: seconds since 1970-01-01 UTC.
    pub epoch: u64,
    /// How its layers are packed.
    pub compression: Compression,
    /// What it is made of, one layer each, the lowest first.
    pub inputs: Vec<Input>,
    /// What is declared beside them: a layer of its own above all others, when there is any.
    #[serde(default)]
    pub declared: Declared,
    /// Owners and modes.
    #[serde(default)]
    pub rules: Rules,
    /// Files and links that several layers have, of which the highest is meant.
    #[serde(default)]
    pub overrides: BTreeSet<ImagePath>,
    /// What is run, and how.
    #[serde(default)]
    pub run: Run,
    /// What the manifest says besides.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A tree in an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What a person calls it.
    pub origin: String,
    /// The tree.
    pub tree: TreeId,
    /// The directory that it is put into.
    pub at: ImagePath,
}

/// Files, links and directories that are written in the recipe of the image.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Declared {
    /// Files with what is in them.
    pub files: BTreeMap<ImagePath, String>,
    /// Links with what they say.
    pub links: BTreeMap<ImagePath, String>,
    /// Directories that have to be there.
    pub directories: BTreeSet<ImagePath>,
}

/// Why what is declared makes no tree.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeclaredError {
    /// One path, two things.
    #[error("{path} is declared twice, as different things")]
    Twice {
        /// The path.
        path: ImagePath,
    },
    /// Something is declared below a file or link.
    #[error("{path} is declared, and {above}, which is no directory, too")]
    Below {
        /// What is below.
        path: ImagePath,
        /// What it is below of.
        above: ImagePath,
    },
    /// The root is a directory, and nothing else.
    #[error("/ can only be a directory")]
    Root,
    /// A link says nothing that a link can say.
    #[error("the link {path} cannot say that: {why}")]
    Link {
        /// The link.
        path: ImagePath,
        /// Why.
        why: stele_store::model::NameError,
    },
}

impl Declared {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.links.is_empty() && self.directories.is_empty()
    }

    /// Looks whether it makes a tree.
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
