//! The recipe: the result of evaluation, as data that needs no further computation.

pub mod image;
mod name;
pub(crate) mod spelling;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stele_archive::Form;
use stele_store::model::{Node, TreeId};

pub use image::{ImageError, ImageParts, ImageRecipe};
pub use name::{OutputName, RecipeName, RecipeNameError};
pub use version::{Version, VersionError};

use crate::action::{Platform, SandboxPath, Special};
use crate::paths::TreePath;
use crate::source::Source;

/// A location in a recipe tree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Span {
    /// The file, from the top of the recipe tree: `pkgs/zlib/recipe.star`.
    pub file: Arc<str>,
    /// Line and column of its first character, counted from 1; columns are characters.
    pub begin: (usize, usize),
    /// Line and column after its last character.
    pub end: (usize, usize),
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.begin.0, self.begin.1)
    }
}

/// How to build something: an evaluated recipe.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recipe {
    /// Its name.
    pub name: RecipeName,
    /// Upstream's version.
    pub version: Version,
    /// Its location: the call in the file of its folder.
    pub at: Span,
    /// Its metadata, none of which reaches a build.
    pub about: About,
    /// Bytes from outside, and where the build sees them.
    pub sources: Vec<SourceInput>,
    /// Files and folders beside the recipe, and where the build sees them.
    pub locals: Vec<LocalInput>,
    /// Third-party images, and where the build sees them.
    #[serde(default)]
    pub images: Vec<ForeignImage>,
    /// Outputs of other recipes, and where the build sees them.
    pub inputs: Vec<RecipeInput>,
    /// Places at which two inputs may conflict, and the one of them that wins there.
    pub prefer: BTreeMap<SandboxPath, Origin>,
    /// Programs with their arguments, run in order until one fails.
    pub steps: Vec<Vec<String>>,
    /// Environment variables, including those with the paths of outputs.
    pub env: BTreeMap<String, String>,
    /// The outputs, and the directories in which they are found afterwards.
    pub outputs: BTreeMap<OutputName, SandboxPath>,
    /// The working directory of the first step.
    pub workdir: SandboxPath,
    /// Its platform.
    pub platform: Platform,
    /// What its build has otherwise than most.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub special: BTreeSet<Special>,
    /// Outputs of other recipes that its own need when they run, for images. No build sees them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runtime: Vec<RecipeInput>,
}

/// A recipe's metadata.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct About {
    /// An SPDX licence expression.
    pub license: Option<String>,
    /// The upstream project's site.
    pub homepage: Option<String>,
    /// A one-line description.
    pub description: Option<String>,
    /// Notes for maintainers.
    pub notes: Option<String>,
    /// Where newer versions are announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<String>,
    /// Whether its outputs are known to differ from build to build.
    #[serde(default)]
    pub irreproducible: bool,
}

/// A source as an input.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceInput {
    /// The bytes.
    pub source: Source,
    /// How they are unpacked. Without it the file itself is the input.
    pub unpack: Option<UnpackSource>,
    /// Where the build sees it.
    pub place: SandboxPath,
    /// Whether a file that is not unpacked is executable.
    pub executable: bool,
    /// Whether it is prebuilt, so that its build cannot be checked. Opaque sources have a size.
    #[serde(default)]
    pub opaque: bool,
    /// Its location.
    pub at: Span,
}

/// How a source is unpacked.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct UnpackSource {
    /// The expected format.
    #[serde(default)]
    pub form: Form,
    /// The inner archive to unpack instead, by its path in the archive.
    pub inner: Option<TreePath>,
    /// The number of leading components to strip.
    pub strip: usize,
    /// The directory to select from the rest.
    pub subdir: Option<TreePath>,
    /// Patches, in order of application.
    pub patches: Vec<PatchFile>,
}

/// A patch beside a recipe.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PatchFile {
    /// Its path from the top of the recipe tree.
    pub path: TreePath,
    /// Its node.
    #[serde(with = "spelling::node")]
    pub node: Node,
    /// The number of leading components to strip from its names.
    pub strip: usize,
}

/// A file or folder of the recipe tree as an input.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LocalInput {
    /// Its path from the top of the recipe tree.
    pub path: TreePath,
    /// Its node.
    #[serde(with = "spelling::node")]
    pub node: Node,
    /// Where the build sees it.
    pub place: SandboxPath,
    /// Whether the file holds hex0, and `node` is the result of [`crate::hex0::decode`]: an executable.
    #[serde(default)]
    pub hex0: bool,
    /// Its location.
    pub at: Span,
}

/// A third-party image as an input: its root file system, all layers merged. Its build cannot be checked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ForeignImage {
    /// Its name in a registry, which tells what to import; the tree decides what is accepted.
    pub reference: String,
    /// Its tree.
    pub rootfs: TreeId,
    /// The size of its files in bytes, each once: counted as opaque.
    pub size: u64,
    /// Where the build sees it.
    pub place: SandboxPath,
    /// Its location.
    pub at: Span,
}

impl ForeignImage {
    /// The image as a part of a root.
    pub fn node(&self) -> Node {
        Node::Directory { tree: self.rootfs, size: 0 }
    }
}

/// An output of another recipe as an input.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecipeInput {
    /// The recipe.
    pub recipe: RecipeName,
    /// The output.
    pub output: OutputName,
    /// Where the build sees it.
    pub place: SandboxPath,
    /// Its location.
    pub at: Span,
}

/// The origin of an entry of a merged root, under a name that the user knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// An output of a recipe.
    Recipe(RecipeName, OutputName),
    /// A source, by its file's name.
    Source(String),
    /// A file or folder of the recipe tree.
    Local(TreePath),
    /// A third-party image, by its reference.
    Image(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Recipe(name, output) if *output == OutputName::usual() => write!(f, "recipe {name}"),
            Self::Recipe(name, output) => write!(f, "output {output} of recipe {name}"),
            Self::Source(file) => write!(f, "source {file}"),
            Self::Local(path) => write!(f, "local {path}"),
            Self::Image(reference) => write!(f, "image {reference}"),
        }
    }
}

impl Recipe {
    /// The recipes whose outputs it needs, each once, sorted by name.
    pub fn needs(&self) -> Vec<&RecipeName> {
        let mut names: Vec<_> = self.inputs.iter().map(|input| &input.recipe).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
