//! REF: how a user refers to something in a store.
//!
//! ```text
//! REF    = START [ "/" PATH ]
//! START  = DIGEST | PREFIX | DIGEST "-" LABEL | "sha256:" SHA256 | ROOT
//! ```
//!
//! or a path below a mount: a filesystem path in which one component is a whole digest, with or without a label, or
//! follows a component `by-name`.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use stele_store::model::{
    BlobId, Digest, DigestPrefix, Node, RootName, Sha256, SymlinkTarget, Tree, TreeId, escape, unescape,
};
use stele_store::{Store, Target};

use crate::failure::{Failure, Kind};

/// The first part of a REF.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// A digest, or its first digits.
    Digest(DigestPrefix),
    /// A blob by its SHA-256.
    Sha256(Sha256),
    /// A root.
    Root(RootName),
}

/// A REF, parsed but not looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// The first part.
    pub start: Start,
    /// The path below it.
    pub path: Vec<Vec<u8>>,
}

/// What a REF refers to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named {
    /// A tree.
    Tree(TreeId),
    /// A blob, and whether its entry is executable; unknown for a digest alone.
    Blob(BlobId, Option<bool>),
    /// A symbolic link's target.
    Symlink(SymlinkTarget),
}

impl Named {
    /// The target for a root.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Tree(tree) => Some(Target::Tree(*tree)),
            Self::Blob(blob, _) => Some(Target::Blob(*blob)),
            Self::Symlink(_) => None,
        }
    }
}

impl Reference {
    /// Parses a REF.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let parts: Vec<&[u8]> =
            bytes.split(|&b| b == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
        let is_path = matches!(bytes.first(), Some(b'/' | b'.'));
        let found = if is_path {
            let whole = parts.iter().position(|part| whole_digest(part).is_some());
            let by_name = parts.iter().position(|part| *part == b"by-name").map(|at| at + 1);
            [whole, by_name].into_iter().flatten().min().and_then(|at| Some((at, start(parts.get(at)?)?)))
        } else {
            parts.first().and_then(|part| Some((0, start(part)?)))
        };
        let Some((at, start)) = found else {
            let shown = shown(bytes);
            let hint = if is_path {
                "a filesystem path must lead below a mount, through a digest of 64 digits; use a root's name or a \
                 digest"
            } else {
                "a REF is a digest, 8 or more of its first digits, `sha256:` and a SHA-256, or a root's name, and a \
                 path may follow: `gcc/bin/cc`"
            };
            return Err(Failure::new(Kind::Usage, format!("`{shown}` is not a valid REF")).hint(hint));
        };
        let path: Vec<Vec<u8>> = parts[at + 1..].iter().map(|part| part.to_vec()).collect();
        if path.iter().any(|part| part == b"..") {
            let message = format!("`{}` contains `..`", shown(bytes));
            return Err(Failure::new(Kind::Usage, message).hint("a REF cannot go up"));
        }
        Ok(Self { start, path })
    }

    /// Looks it up.
    ///
    /// # Errors
    /// When it is not found, not unique, or the store cannot be read.
    pub fn resolve(&self, store: &Store) -> Result<Named, Failure> {
        let mut named = match &self.start {
            Start::Digest(prefix) => by_prefix(store, prefix)?,
            Start::Sha256(sha256) => match store.blob_by_sha256(sha256)? {
                Some(blob) => Named::Blob(blob, None),
                None => return Err(not_found(format!("the store has no blob with the SHA-256 {sha256}"))),
            },
            Start::Root(name) => match store.root(name)? {
                Some(Target::Tree(tree)) => Named::Tree(tree),
                Some(Target::Blob(blob)) => Named::Blob(blob, None),
                None => {
                    let failure = not_found(format!("there is no root named {name}"));
                    return Err(failure.hint("`stele store root ls` lists the roots"));
                }
            },
        };
        for part in &self.path {
            named = match named {
                Named::Tree(tree) => match entry(&store.tree(&tree)?, part) {
                    Some(Node::Directory { tree, .. }) => Named::Tree(*tree),
                    Some(Node::File { blob, executable, .. }) => Named::Blob(*blob, Some(*executable)),
                    Some(Node::Symlink { target }) => Named::Symlink(target.clone()),
                    None => return Err(not_found(format!("tree {tree} has no entry {}", shown(part)))),
                },
                Named::Blob(blob, _) => {
                    return Err(not_found(format!("blob {blob} is a file: {} cannot be in it", shown(part))));
                }
                Named::Symlink(target) => {
                    let failure = not_found(format!("the path goes through a symbolic link to {target}"));
                    return Err(failure.hint("links are not followed: give the path of the link's target"));
                }
            };
        }
        Ok(named)
    }
}

/// The node of that name, or of the name whose escaped form this is: the output of `ls` can be typed.
fn entry<'a>(tree: &'a Tree, part: &[u8]) -> Option<&'a Node> {
    tree.get(part).or_else(|| tree.get(&unescape(part).ok()?))
}

fn not_found(message: String) -> Failure {
    Failure::new(Kind::NotFound, message)
}

fn by_prefix(store: &Store, prefix: &DigestPrefix) -> Result<Named, Failure> {
    let found = store.by_prefix(prefix, 9)?;
    let mut digests: Vec<Digest> = found.iter().map(Target::digest).collect();
    digests.dedup();
    match (found.first(), digests.len()) {
        (None, _) => Err(not_found(format!("the store has nothing with the digest {}", prefix.text()))),
        // A digest may name a tree and a blob: the tree's own text, stored as a file. The tree wins.
        (Some(Target::Tree(tree)), 1) => Ok(Named::Tree(*tree)),
        (Some(Target::Blob(blob)), 1) => Ok(Named::Blob(*blob, None)),
        _ => {
            let list: Vec<String> = digests.iter().take(8).map(Digest::to_string).collect();
            let more = if digests.len() > 8 { "\n  and more" } else { "" };
            let message = format!("{} is not unique:\n  {}{more}", prefix.text(), list.join("\n  "));
            Err(not_found(message).hint("give more digits"))
        }
    }
}

/// A component that is a whole digest, optionally with a label: `<digest>` or `<digest>-<label>`.
fn whole_digest(part: &[u8]) -> Option<DigestPrefix> {
    Digest::labelled(part).map(DigestPrefix::whole)
}

fn start(part: &[u8]) -> Option<Start> {
    if let Some(prefix) = whole_digest(part) {
        return Some(Start::Digest(prefix));
    }
    let text = std::str::from_utf8(part).ok()?;
    if let Some(sha256) = text.strip_prefix("sha256:") {
        return sha256.parse().ok().map(Start::Sha256);
    }
    match DigestPrefix::parse(text) {
        Some(prefix) => Some(Start::Digest(prefix)),
        None => text.parse().ok().map(Start::Root),
    }
}

fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    escape(bytes, &mut text);
    text
}

/// A path or REF as text for the wire, which preserves every byte.
pub fn to_wire(path: &std::ffi::OsStr) -> String {
    shown(path.as_bytes())
}

/// The inverse of [`to_wire`].
///
/// # Errors
/// When the text is not in the encoding that [`to_wire`] writes.
pub fn from_wire(text: &str) -> Result<PathBuf, Failure> {
    let bytes = unescape(text.as_bytes())
        .map_err(|e| Failure::new(Kind::Usage, format!("the daemon received a malformed path: {e}")))?;
    Ok(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    fn parse(text: &str) -> Result<Reference, Failure> {
        Reference::parse(text.as_bytes())
    }

    #[test]
    fn an_invalid_name_is_refused_with_a_hint() {
        for text in ["", "/", "/usr/bin", "./x", "a b", "sha256:12", "gcc/../x", "/mnt/by-name", "-x"] {
            let failure = parse(text).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{text}");
            assert!(failure.hint.is_some(), "{text}");
        }
    }

    #[test]
    fn digests_labels_prefixes_names_and_mount_paths_are_distinguished() {
        let whole = Start::Digest(DigestPrefix::parse(DIGEST).unwrap());
        for text in [DIGEST.to_owned(), format!("{DIGEST}-gcc"), format!("/mnt/stele/{DIGEST}-gcc/")] {
            assert_eq!(parse(&text).unwrap(), Reference { start: whole.clone(), path: vec![] }, "{text}");
        }
        let deep = parse(&format!("/mnt/{DIGEST}/bin//cc")).unwrap();
        assert_eq!(deep, Reference { start: whole, path: vec![b"bin".to_vec(), b"cc".to_vec()] });
        assert_eq!(parse("af1349b9").unwrap().start, Start::Digest(DigestPrefix::parse("af1349b9").unwrap()));
        let root = Start::Root("gcc-13".parse().unwrap());
        assert_eq!(
            parse("gcc-13/bin").unwrap(),
            Reference { start: root.clone(), path: vec![b"bin".to_vec()] }
        );
        assert_eq!(parse("/m/by-name/gcc-13").unwrap().start, root);
        let sha = parse(&format!("sha256:{DIGEST}")).unwrap().start;
        assert_eq!(sha, Start::Sha256(DIGEST.parse().unwrap()));
    }
}
