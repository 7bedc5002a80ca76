//! The contents of an image, and what they were made of.

use std::fmt;
use std::str::FromStr;

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
    /// Whether the tools of each package are among the packages, down to the seed.
    pub tools_listed: bool,
    /// Who answers for this SBOM, if somebody does.
    pub author: Option<Party>,
    /// Who supplies the image and what was built for it, if that is known.
    pub supplier: Option<Party>,
}

/// A person or an organisation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// How to reach it.
    pub contact: Option<Contact>,
}

/// How to reach somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Contact {
    /// An e-mail address.
    Email(String),
    /// A site.
    Url(String),
}

/// Why a text does not name a party.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAParty;

impl fmt::Display for NotAParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected NAME, NAME <E-MAIL> or NAME <https://SITE>")
    }
}

impl std::error::Error for NotAParty {}

impl FromStr for Party {
    type Err = NotAParty;

    /// Reads `NAME`, `NAME <E-MAIL>` or `NAME <https://SITE>`.
    fn from_str(text: &str) -> Result<Self, NotAParty> {
        let (name, contact) = match text.split_once('<') {
            None => (text, None),
            Some((name, rest)) => {
                let inner = rest.trim_end().strip_suffix('>').ok_or(NotAParty)?;
                (name, Some(contact(inner)?))
            }
        };
        let name = name.trim();
        let is_plain =
            !name.is_empty() && !name.contains(['<', '>', '(', ')']) && !name.contains(char::is_control);
        is_plain.then(|| Self { name: name.to_owned(), contact }).ok_or(NotAParty)
    }
}

fn contact(text: &str) -> Result<Contact, NotAParty> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>()".contains(c)) {
        return Err(NotAParty);
    }
    if let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
        return if rest.is_empty() { Err(NotAParty) } else { Ok(Contact::Url(text.to_owned())) };
    }
    let is_address = |(user, host): (&str, &str)| !user.is_empty() && !host.is_empty() && !host.contains('@');
    let is_email = text.split_once('@').is_some_and(is_address);
    is_email.then(|| Contact::Email(text.to_owned())).ok_or(NotAParty)
}

/// Bytes that are handed out: a blob of the image.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Deliverable {
    /// Their SHA-256, 64 digits, which is also their name in an OCI layout.
    pub sha256: String,
    /// Their SHA-512, 128 digits.
    pub sha512: String,
}

/// The image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Its name.
    pub name: String,
    /// Its manifest.
    pub manifest: Deliverable,
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
    /// The layer that holds its files, and nothing else.
    pub layer: Option<Deliverable>,
    /// The digests of its outputs, as the store names them: BLAKE3 of a tree.
    pub outputs: Vec<String>,
    /// Its sources.
    pub sources: Vec<Source>,
    /// The tools that built it: indices in the list of packages.
    pub tools: Vec<usize>,
    /// Whether it has no upstream: its files are declared in the image's recipe.
    pub is_own: bool,
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
    /// Its SHA-512, which TR-03183-2 requires.
    pub sha512: String,
    /// What it is, by its first bytes and its permissions.
    pub kind: FileKind,
    /// The package that it belongs to: an index in the list.
    pub package: usize,
}

/// What TR-03183-2 distinguishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FileKind {
    /// Neither of the others.
    #[default]
    Data,
    /// A program, a library or a script.
    Executable,
    /// An archive, or a compressed file.
    Archive,
}
