//! A layer: a tree, and what else a tar needs to be made of it. Its bytes are made when somebody wants them.
//!
//! The bytes are a function of the layer alone (`docs/formats.md`, "Layers"). They are never kept: a layer's digests
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

pub use read::LayerReader;
pub use walk::{Entry, Walk};

/// The version of what a layer's bytes are made by. Another one may give other bytes.
const VERSION: u32 = 1;
/// What begins the names by which layers take things away (image-spec, `layer.md`, "Whiteouts").
pub const WHITEOUT: &[u8] = b".wh.";

/// A layer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// What every time in it is: seconds since 1970-01-01 UTC.
    pub epoch: u64,
    /// What changes something in it.
    #[serde(default, skip_serializing_if = "Rules::is_empty")]
    pub rules: Rules,
    /// What is in it.
    pub tree: TreeId,
}

/// Why a layer has no bytes.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A name means something else in a layer.
    #[error("{path} cannot be in an image: in a layer a name that begins with `.wh.` takes another away")]
    Whiteout {
        /// Which.
        path: ImagePath,
    },
    /// The tree is nested too deeply.
    #[error("{path} is nested deeper than {MAX_DEPTH} directories")]
    Deep {
        /// Where.
        path: ImagePath,
    },
    /// A file has fewer bytes than the tree says, or more.
    #[error("{path} does not have the {size} bytes that its tree says")]
    Size {
        /// Which.
        path: ImagePath,
        /// What the tree says.
        size: u64,
    },
    /// A path has a name that can be none. Trees have none such.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The trees or blobs cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Layer {
    /// The canonical text that the layer's bytes are a function of.
    pub fn text(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Versioned<'a> {
            layer: u32,
            of: &'a Layer,
        }
        canonical::text(&Versioned { layer: VERSION, of: self })
    }
}
