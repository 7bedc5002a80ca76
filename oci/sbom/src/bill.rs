//! What is in an image, and what that was made of.

/// All that is known of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bill {
    /// The image.
    pub image: Image,
    /// What it is made of, and on request what that was made with.
    pub packages: Vec<Package>,
    /// What a person finds in it, sorted by path.
    pub files: Vec<File>,
    /// The version of the program that says this.
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
    /// What it runs on: `linux/amd64`.
    pub platform: String,
    /// Its time, as RFC 3339 writes it.
    pub created: String,
}

/// Something that was built of a recipe.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Package {
    /// What it is called.
    pub name: String,
    /// Its version, if it has one.
    pub version: Option<String>,
    /// Its licence, an SPDX expression.
    pub license: Option<String>,
    /// Where upstream is found.
    pub homepage: Option<String>,
    /// What it is, in a line.
    pub description: Option<String>,
    /// What it is to the image.
    pub role: Role,
    /// The digests of its outputs, as the store names them: BLAKE3 of a tree.
    pub outputs: Vec<String>,
    /// What it is made of.
    pub sources: Vec<Source>,
    /// What it is made with: places in the list of packages.
    pub tools: Vec<usize>,
}

/// What a package is to an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Role {
    /// Its files are in it.
    #[default]
    Contained,
    /// Something in it was made with it.
    Tool,
}

/// Bytes that a package is made of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Source {
    /// What the file is called.
    pub name: String,
    /// What the bytes are.
    pub checksum: Checksum,
    /// Where they come from: an address, or an alias of the recipes.
    pub from: Option<String>,
    /// Whether they were built elsewhere, so that nobody can read how they came to be.
    pub opaque: bool,
    /// Whether it is a patch to another of the sources.
    pub patch: bool,
}

/// A digest, by its algorithm, in hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Checksum {
    /// Of the bytes.
    Sha256(String),
    /// Of a folder, as the store names it.
    Tree(String),
}

/// A file in an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Where, from the root on, with a slash in front.
    pub path: String,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// Their SHA-1, which SPDX 2.3 wants of every file.
    pub sha1: String,
    /// The package that it is of: a place in the list.
    pub package: usize,
}
