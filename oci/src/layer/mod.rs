//! A layer: a tree, and what else is needed to make a tar of it. Its bytes are generated on demand.
//!
//! The bytes are a function of the layer alone (`docs/formats.md`, "Layers"). They are never stored; a layer's digests
//! are.

mod read;
#[cfg(test)]
mod tests;
mod walk;

use serde::{Deserialize, Serialize};
use stele_store::ReadError;
use stele_store::model::{MAX_DEPTH, NameError, TreeId};

use crate::canonical;
use crate::path::ImagePath;
use crate::rules::Rules;

pub use read::{FilePart, LayerReader};
pub use walk::{Entry, Walk};

/// The version of the layer format. Another one may give other bytes.
const VERSION: u32 = 1;
/// The prefix of whiteouts (image-spec, `layer.md`, "Whiteouts").
pub const WHITEOUT: &[u8] = b".wh.";

/// A layer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// The time of every entry: seconds since 1970-01-01 UTC.
    pub epoch: u64,
    /// The owners and modes that differ from the defaults.
    #[serde(default, skip_serializing_if = "Rules::is_empty")]
    pub rules: Rules,
    /// The content.
    pub tree: TreeId,
}

/// Why the bytes of a layer cannot be generated.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A name that would be a whiteout.
    #[error("{path} cannot be in an image: in a layer a name that begins with `.wh.` removes another")]
    Whiteout {
        /// Its path.
        path: ImagePath,
    },
    /// The tree is nested too deeply.
    #[error("{path} is nested deeper than {MAX_DEPTH} directories")]
    Deep {
        /// Its path.
        path: ImagePath,
    },
    /// A file is shorter or longer than its tree states.
    #[error("{path} does not have the {size} bytes that its tree states")]
    Size {
        /// Its path.
        path: ImagePath,
        /// The size in the tree.
        size: u64,
    },
    /// An invalid name in a path. Trees have none such.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The trees or blobs cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Layer {
    /// The canonical text that determines the layer's bytes.
    pub fn text(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Versioned<'a> {
            layer: u32,
            of: &'a Layer,
        }
        canonical::text(&Versioned { layer: VERSION, of: self })
    }
}
