//! What is made without a sandbox: unpacked sources and merged roots. Like an action, each has a canonical text whose
//! digest is what the result is remembered by.

use std::collections::BTreeMap;

use serde::Serialize;
use stele_archive::Form;
use stele_store::model::{Digest, Node};

use crate::action::SandboxPath;
use crate::recipe::{Origin, SourceInput};

/// The version of both formats.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Unpacking {
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner: Option<String>,
    patches: Vec<Patching>,
    sha256: String,
    strip: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    subdir: Option<String>,
    unpack: u32,
}

#[derive(Serialize)]
struct Patching {
    patch: String,
    strip: usize,
}

/// The text by which the unpacked and patched `source` is remembered: its SHA-256, and how it is unpacked and patched.
/// Nothing for a source that is not unpacked.
pub fn unpacking(source: &SourceInput) -> Option<Vec<u8>> {
    let unpack = source.unpack.as_ref()?;
    let digest = |node: &Node| match node {
        Node::File { blob, .. } => blob.to_string(),
        _ => String::new(),
    };
    let patches =
        unpack.patches.iter().map(|it| Patching { patch: digest(&it.node), strip: it.strip }).collect();
    let text = Unpacking {
        form: match unpack.form {
            Form::Archive => None,
            Form::DebianPackage => Some("debian-package"),
        },
        inner: unpack.inner.as_ref().map(ToString::to_string),
        patches,
        sha256: source.source.sha256.to_string(),
        strip: unpack.strip,
        subdir: unpack.subdir.as_ref().map(ToString::to_string),
        unpack: FORMAT,
    };
    Some(canonical(&text))
}

/// One input of a merged root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// What a conflict calls it.
    pub origin: Origin,
    /// Where the build sees it.
    pub place: SandboxPath,
    /// What it is.
    pub node: Node,
}

#[derive(Serialize)]
struct Merging {
    inputs: Vec<Input>,
    merge: u32,
    prefer: BTreeMap<String, usize>,
}

/// An input, of a merge or a derivation.
#[derive(Serialize)]
pub(super) struct Input {
    pub at: String,
    pub digest: String,
    pub kind: &'static str,
}

/// What an input is called that is content.
pub(super) fn kind_of(node: &Node) -> &'static str {
    match node {
        Node::Directory { .. } => "directory",
        Node::File { executable: false, .. } => "file",
        Node::File { executable: true, .. } => "executable",
        Node::Symlink { .. } => "symlink",
    }
}

pub(super) fn digest_of(node: &Node) -> String {
    match node {
        Node::Directory { tree, .. } => tree.to_string(),
        Node::File { blob, .. } => blob.to_string(),
        Node::Symlink { target } => Digest::of(target.as_bytes()).to_string(),
    }
}

/// The text by which the merged root of `parts` is remembered. The parts count in the order of the recipe; what is
/// preferred is told by its number there, as no origin's name reaches a build.
pub fn merging(parts: &[Part], prefer: &BTreeMap<SandboxPath, Origin>) -> Vec<u8> {
    let input = |part: &Part| Input {
        at: part.place.as_str().to_owned(),
        digest: digest_of(&part.node),
        kind: kind_of(&part.node),
    };
    let number = |origin: &Origin| parts.iter().position(|part| part.origin == *origin).unwrap_or(usize::MAX);
    let prefer = prefer.iter().map(|(place, origin)| (place.as_str().to_owned(), number(origin)));
    let text = Merging { inputs: parts.iter().map(input).collect(), merge: FORMAT, prefer: prefer.collect() };
    canonical(&text)
}

pub(super) fn canonical(text: &impl Serialize) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(text).expect("strings and numbers can be written")
}
