//! The contents of an image, and what they were made of.

/// Everything known about an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bill {
    /// The image.
    pub image: Image,
    /// What it is made of and, on request, what that was built with.
    pub packages: Vec<Package>,
    /// Its files, sorted by path.
    pub files: Vec<File>,
    /// The version of the program that writes this.
    pub made_by: String,
}

/// The image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Its name.
    pub name: String,
    /// The SHA-256 of its manifest, 64 digits.
    pub digest: String,
    /// Its content digest, 64 digits.
    pub content: String,
    /// Its platform: `linux/amd64`.
    pub platform: String,
    /// Its creation time, as RFC 3339 writes it.
    pub created: String,
}

/// A package built from a recipe.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, if it has one.
    pub version: Option<String>,
    /// Its licence, an SPDX expression.
    pub license: Option<String>,
    /// The upstream project's site.
    pub homepage: Option<String>,
    /// A one-line description.
    pub description: Option<String>,
    /// Its relation to the image.
    pub role: Role,
    /// The digests of its outputs, as the store names them: BLAKE3 of a tree.
    pub outputs: Vec<String>,
    /// Its sources.
    pub sources: Vec<Source>,
    /// The tools that built it: indices in the list of packages.
    pub tools: Vec<usize>,
}

/// The relation of a package to an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Role {
    /// Its files are in it.
    #[default]
    Contained,
    /// Something in it was built with it.
    Tool,
}

/// A source of a package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Source {
    /// The file's name.
    pub name: String,
    /// The digest of its bytes.
    pub checksum: Checksum,
    /// Its origin: an address, or an alias of the recipes.
    pub from: Option<String>,
    /// Whether it is prebuilt, so that its build cannot be inspected.
    pub opaque: bool,
    /// Whether it is a patch to another of the sources.
    pub patch: bool,
}

/// A digest, by its algorithm, in hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Checksum {
    /// Of the bytes.
    Sha256(String),
    /// Of a folder: its tree in the store.
    Tree(String),
}

/// A file in an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Its absolute path.
    pub path: String,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// Its SHA-1, which SPDX 2.3 requires of every file.
    pub sha1: String,
    /// The package that it belongs to: an index in the list.
    pub package: usize,
}
