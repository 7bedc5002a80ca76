//! The way in: an image of others becomes trees, with what its layers take away taken away.
//!
//! What comes is a stranger's: every blob is compared with its name and size before anything of it counts, names
//! cannot lead out of the image, and what may be unpacked is bounded.

mod apply;
mod choose;
mod layers;
mod names;
mod open_layout;
mod referrers;
#[cfg(test)]
mod tests;
mod unpack;
mod untar;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stele_store::{Cancelled, Progress, ReadError, Store, StreamError, WriteError};

use crate::document::Platform;
use crate::grow::GrowError;
use crate::make::MakeError;
use crate::path::ImagePath;
use crate::record::{Index, Record, ReferrerError, Top};

pub use apply::{Changes, Sink, Taken};
pub use untar::{TarError, Untar};

/// How much an image may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most bytes that one layer may unpack to.
    pub layer: u64,
    /// The most entries of all layers together.
    pub entries: u64,
    /// The most bytes of names and what links say, together.
    pub text: u64,
    /// The most bytes that a decoder may look back.
    pub window: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { layer: 64 << 30, entries: 4_000_000, text: 512 << 20, window: 128 << 20 }
    }
}

/// What came of an import.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The image.
    pub record: Record,
    /// How the layout or archive calls it, when it does.
    pub reference: Option<String>,
    /// What no tree can hold, and is not there.
    pub left_out: Vec<LeftOut>,
    /// Whether its manifest is another than that which was imported: its content is the same, and packed anew.
    pub repacked: bool,
    /// What refers to nothing that was imported, and is not there: of an image that was packed anew, all that was
    /// attached.
    pub strays: usize,
}

/// Something that a tree cannot hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeftOut {
    /// Where it was.
    pub path: ImagePath,
    /// What it was.
    pub what: String,
}

/// Why there is no import. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An archive cannot be unpacked into the store's folder.
    #[error("what is packed cannot be unpacked into the store's folder: {0}")]
    Scratch(#[source] io::Error),
    /// It is neither a layout nor an archive that is known.
    #[error("{path} is {what}")]
    Unknown {
        /// What was to be imported.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// There are several images.
    #[error("there are several images: {names}")]
    Several {
        /// What they are called.
        names: String,
    },
    /// There is none of that name.
    #[error("there is no image `{}`; there are {names}", wanted.escape_debug())]
    NoImage {
        /// What was asked for.
        wanted: String,
        /// What there is.
        names: String,
    },
    /// A blob is missing.
    #[error("the blob {blob} is missing")]
    Missing {
        /// Which.
        blob: String,
    },
    /// A blob has another size.
    #[error("the blob {blob} has {found} bytes, and {wanted} is said of it")]
    Size {
        /// Which.
        blob: String,
        /// What it has.
        found: u64,
        /// What is said.
        wanted: u64,
    },
    /// A blob is not what its name says.
    #[error("the blob {blob} holds bytes whose digest is {found}")]
    Digest {
        /// Which.
        blob: String,
        /// What its bytes are.
        found: String,
    },
    /// A document will not do.
    #[error("{what} will not do: {why}")]
    Document {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// A layer is not what the config says that it unpacks to.
    #[error("layer {number} unpacks to {found}, and the config says {wanted}")]
    DiffId {
        /// Counted from 0.
        number: usize,
        /// What it unpacks to.
        found: String,
        /// What is said.
        wanted: String,
    },
    /// A layer cannot be unpacked.
    #[error("layer {number} cannot be unpacked: {why}")]
    Unpack {
        /// Counted from 0.
        number: usize,
        /// Why.
        why: io::Error,
    },
    /// A layer is no tar that can be taken.
    #[error("layer {number}: {source}")]
    Tar {
        /// Counted from 0.
        number: usize,
        /// Why.
        source: TarError,
    },
    /// What refers to the image will not do.
    #[error(transparent)]
    Referrer(#[from] ReferrerError),
    /// Nothing is left, or too much.
    #[error("the image has {what}")]
    Amount {
        /// What.
        what: &'static str,
    },
    /// Somebody stopped it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A tree cannot be made.
    #[error(transparent)]
    Grow(#[from] GrowError),
    /// The image cannot be made again.
    #[error(transparent)]
    Make(#[from] Box<MakeError>),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store does not take it.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<StreamError> for ImportError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Write(error) => error.into(),
            // What is read is the layer: its own errors are told where it is unpacked.
            StreamError::Read(why) => Self::Unpack { number: 0, why },
        }
    }
}

/// Imports an image of the layout or archive at `from`: the one that is called `reference`, or the only one. Its trees
/// are kept for an hour.
///
/// # Errors
/// See [`ImportError`].
pub fn import(
    store: &Store,
    from: &Path,
    reference: Option<&str>,
    limits: &Limits,
    progress: &Progress,
) -> Result<Imported, ImportError> {
    let place = open_layout::OpenLayout::open(from, store)?;
    let found = place.choose(reference)?;
    let mut work = layers::Work::new(store, &place, *limits, progress);
    let mut images = Vec::new();
    for manifest in &found.manifests {
        images.push(work.image(manifest)?);
    }
    let (left_out, repacked) = work.finish();
    let top = match (found.index, images.len()) {
        (Some(index), 1..) => {
            // An index that left out, or names manifests that were packed anew, is another index.
            let platforms: Vec<_> =
                images.iter().map(|image| (image.platform.clone(), image.sum())).collect();
            let index = match found.whole && !repacked {
                true => index,
                false => crate::document::index(&platforms, &BTreeMap::new()).map_err(|e| {
                    ImportError::Document { what: "the index".to_owned(), why: e.to_string() }
                })?,
            };
            Top::Index(Index { images, index })
        }
        (None, 1) => match images.pop() {
            Some(image) => Top::Image(Box::new(image)),
            None => return Err(ImportError::Amount { what: "no manifest" }),
        },
        _ => return Err(ImportError::Amount { what: "no image that could be run" }),
    };
    let mut record = Record::from(top);
    let strays = referrers::add(store, &place, &mut record, found.referrers, progress)?;
    Ok(Imported { record, reference: found.reference, left_out, repacked, strays })
}

/// What an image's config says that it runs on.
pub(crate) fn platform_of(config: &oci_spec::image::ImageConfiguration) -> Platform {
    Platform {
        architecture: config.architecture().to_string(),
        os: config.os().to_string(),
        variant: config.variant().clone(),
    }
}
