//! What an action or a request was made from, read from its canonical text. Whoever has the text and its digest needs
//! no recipe to follow an output back to the seed.

use serde::Deserialize;
use stele_store::model::{BlobId, Digest, Sha256, TreeId};

use crate::action::{Action, MAX_TEXT};

/// The direct inputs of an action or a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Of an action: its root.
    Action {
        /// The root.
        root: TreeId,
    },
    /// Of an unpacked source.
    Unpacked {
        /// The source.
        sha256: Sha256,
        /// Its patches.
        patches: Vec<BlobId>,
    },
    /// Of a merged root.
    Merged {
        /// Its inputs.
        inputs: Vec<Merged>,
    },
}

/// An input of a merged root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// Where the build sees it.
    pub at: String,
    /// What it is.
    pub content: Content,
}

/// The content of such an input. A symbolic link is in the text itself, and needs nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// A directory.
    Tree(TreeId),
    /// A file.
    Blob(BlobId),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unpacking {
    #[serde(default, rename = "form")]
    _form: Option<String>,
    #[serde(default, rename = "inner")]
    _inner: Option<String>,
    patches: Vec<Patching>,
    sha256: Sha256,
    #[serde(rename = "strip")]
    _strip: usize,
    #[serde(default, rename = "subdir")]
    _subdir: Option<String>,
    #[serde(rename = "unpack")]
    _unpack: u32,
}

#[derive(Deserialize)]
struct Patching {
    patch: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merging {
    inputs: Vec<Input>,
    #[serde(rename = "merge")]
    _merge: u32,
    #[serde(rename = "prefer")]
    _prefer: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Input {
    at: String,
    digest: Digest,
    kind: String,
}

impl Needs {
    /// Reads a canonical text. `None` for anything else than an action or a request of a known version.
    pub fn of(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        if let Ok(action) = Action::decode(text) {
            return Some(Self::Action { root: action.root });
        }
        if let Ok(it) = serde_json::from_slice::<Unpacking>(text) {
            let patches = it.patches.into_iter().map(|it| BlobId(it.patch)).collect();
            return Some(Self::Unpacked { sha256: it.sha256, patches });
        }
        let merging: Merging = serde_json::from_slice(text).ok()?;
        let input = |it: Input| {
            let content = match it.kind.as_str() {
                "directory" => Content::Tree(TreeId(it.digest)),
                "file" | "executable" => Content::Blob(BlobId(it.digest)),
                _ => return None,
            };
            Some(Merged { at: it.at, content })
        };
        Some(Self::Merged { inputs: merging.inputs.into_iter().filter_map(input).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "92a2b787a06d7272df43eaf87acc3b9c1d315d79d599d61c285983483e431998";

    #[test]
    fn a_text_of_something_else_or_with_more_than_is_known_needs_nothing_that_could_be_named() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"merge":1}"#,
            r#"{"patches":[],"sha256":"12","strip":0,"unpack":1}"#,
            r#"{"inputs":[],"merge":1,"more":1,"prefer":{}}"#,
        ] {
            assert_eq!(Needs::of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn each_kind_of_text_names_its_inputs() {
        let root = TreeId(DIGEST.parse().unwrap());
        let action = format!(
            "{{\"action\":1,\"env\":{{}},\"outputs\":{{\"out\":\"/out\"}},\"platform\":\"x86_64-linux\",\"profile\":1,\
             \"root\":\"{DIGEST}\",\"steps\":[[\"/bin/cc\"]],\"workdir\":\"/build\"}}"
        );
        assert_eq!(Needs::of(action.as_bytes()), Some(Needs::Action { root }));
        let unpacking = format!(
            "{{\"form\":\"debian-package\",\"patches\":[{{\"patch\":\"{DIGEST}\",\"strip\":1}}],\
             \"sha256\":\"{DIGEST}\",\"strip\":0,\"unpack\":1}}"
        );
        let needs = Needs::Unpacked {
            sha256: DIGEST.parse().unwrap(),
            patches: vec![BlobId(DIGEST.parse().unwrap())],
        };
        assert_eq!(Needs::of(unpacking.as_bytes()), Some(needs));
        let merging = format!(
            "{{\"inputs\":[{{\"at\":\"/\",\"digest\":\"{DIGEST}\",\"kind\":\"directory\"}},{{\"at\":\"/s\",\
             \"digest\":\"{DIGEST}\",\"kind\":\"symlink\"}}],\"merge\":1,\"prefer\":{{}}}}"
        );
        let inputs = vec![Merged { at: "/".to_owned(), content: Content::Tree(root) }];
        assert_eq!(Needs::of(merging.as_bytes()), Some(Needs::Merged { inputs }));
    }
}
