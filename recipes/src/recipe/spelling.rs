//! How the values of a recipe are spelled in JSON: each as the text that names it.

/// A type whose values are spelled as their `Display`, and read back by a function that checks.
macro_rules! spelled {
    ($type:ty, $parse:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                ($parse)(text.as_str()).map_err(serde::de::Error::custom)
            }
        }
    };
}

spelled!(super::RecipeName, super::RecipeName::new);
spelled!(super::OutputName, super::OutputName::new);
spelled!(super::Version, super::Version::new);
spelled!(crate::source::FileName, crate::source::FileName::new);
spelled!(crate::source::Mirror, crate::source::Mirror::new);
spelled!(crate::source::Sha512, str::parse::<crate::source::Sha512>);
spelled!(crate::paths::TreePath, crate::paths::TreePath::unescape);

/// A node as an object.
pub(crate) mod node {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
    use stele_store::model::{BlobId, Node, SymlinkTarget, TreeId, escape, unescape};

    #[derive(Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
    enum Spelled {
        Directory { digest: TreeId, size: u64 },
        File { digest: BlobId, size: u64, executable: bool },
        Symlink { target: String },
    }

    pub(crate) fn serialize<S: Serializer>(node: &Node, serializer: S) -> Result<S::Ok, S::Error> {
        match node {
            Node::Directory { tree, size } => Spelled::Directory { digest: *tree, size: *size },
            Node::File { blob, size, executable } => {
                Spelled::File { digest: *blob, size: *size, executable: *executable }
            }
            Node::Symlink { target } => {
                let mut text = String::new();
                escape(target.as_bytes(), &mut text);
                Spelled::Symlink { target: text }
            }
        }
        .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        Ok(match Spelled::deserialize(deserializer)? {
            Spelled::Directory { digest, size } => Node::Directory { tree: digest, size },
            Spelled::File { digest, size, executable } => Node::File { blob: digest, size, executable },
            Spelled::Symlink { target } => {
                let bytes = unescape(target.as_bytes()).map_err(de::Error::custom)?;
                Node::Symlink { target: SymlinkTarget::new(&bytes).map_err(de::Error::custom)? }
            }
        })
    }
}
