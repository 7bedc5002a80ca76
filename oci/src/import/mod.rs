//! Import: a third-party image becomes trees, with its whiteouts applied.
//!
//! The input is untrusted: every blob is verified against its digest and size before it is used, names cannot lead out
//! of the image, and the unpacked size is bounded.

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

/// Limits on an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Maximum size of an unpacked layer in bytes.
    pub layer: u64,
    /// Maximum number of entries of all layers together.
    pub entries: u64,
    /// Maximum total size of names and link targets in bytes.
    pub text: u64,
    /// Maximum window of a decoder in bytes.
    pub window: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { layer: 64 << 30, entries: 4_000_000, text: 512 << 20, window: 128 << 20 }
    }
}

/// The result of an import.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The image.
    pub record: Record,
    /// Its name in the layout or archive, if any.
    pub reference: Option<String>,
    /// Entries that a tree cannot represent, and that are left out.
    pub left_out: Vec<LeftOut>,
    /// Whether its manifest differs from the original: same content, compressed anew.
    pub repacked: bool,
    /// The number of referrers left out because their subject was not imported: all of them for an image that was
    /// compressed anew.
    pub strays: usize,
}

/// An entry that a tree cannot represent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its path.
    pub path: ImagePath,
    /// Its kind.
    pub what: String,
}

/// Why an import failed. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An archive cannot be unpacked into the store's folder.
    #[error("the archive cannot be decompressed into the store's folder: {0}")]
    Scratch(#[source] io::Error),
    /// Neither a layout nor a known archive.
    #[error("{path} is {what}")]
    Unknown {
        /// The path to import.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// The layout has several images.
    #[error("there are several images: {names}")]
    Several {
        /// Their names.
        names: String,
    },
    /// No image has that name.
    #[error("there is no image `{}`; there are {names}", wanted.escape_debug())]
    NoImage {
        /// The requested name.
        wanted: String,
        /// The existing names.
        names: String,
    },
    /// A blob is missing.
    #[error("the blob {blob} is missing")]
    Missing {
        /// Its digest.
        blob: String,
    },
    /// A blob has another size than stated.
    #[error("the blob {blob} has {found} bytes, not {wanted} as stated")]
    Size {
        /// Its digest.
        blob: String,
        /// Its size.
        found: u64,
        /// The stated size.
        wanted: u64,
    },
    /// A blob does not match its digest.
    #[error("the blob {blob} has the digest {found}")]
    Digest {
        /// Its digest.
        blob: String,
        /// The digest of its bytes.
        found: String,
    },
    /// A document is invalid.
    #[error("{what} is invalid: {why}")]
    Document {
        /// Its name.
        what: String,
        /// Why.
        why: String,
    },
    /// A layer does not unpack to the diffID in the config.
    #[error("layer {number} unpacks to {found}, not {wanted} as in the config")]
    DiffId {
        /// Counted from 0.
        number: usize,
        /// The digest of the unpacked layer.
        found: String,
        /// The diffID in the config.
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
    /// A layer is not an acceptable tar.
    #[error("layer {number}: {source}")]
    Tar {
        /// Counted from 0.
        number: usize,
        /// Why.
        source: TarError,
    },
    /// A referrer is invalid.
    #[error(transparent)]
    Referrer(#[from] ReferrerError),
    /// The image is empty or too large.
    #[error("the image has {what}")]
    Amount {
        /// What.
        what: &'static str,
    },
    /// The user stopped it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A tree cannot be built.
    #[error(transparent)]
    Grow(#[from] GrowError),
    /// The image cannot be made again.
    #[error(transparent)]
    Make(#[from] Box<MakeError>),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<StreamError> for ImportError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Write(error) => error.into(),
            // Read errors of the layer itself are reported where it is unpacked.
            StreamError::Read(why) => Self::Unpack { number: 0, why },
        }
    }
}

/// Imports an image of the layout or archive at `from`: the one named `reference`, or the only one. Its trees are
/// leased for an hour.
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
            // If something was left out, or a manifest was rewritten, the index changes too.
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
        _ => return Err(ImportError::Amount { what: "no runnable image" }),
    };
    let mut record = Record::from(top);
    let strays = referrers::add(store, &place, &mut record, found.referrers, progress)?;
    Ok(Imported { record, reference: found.reference, left_out, repacked, strays })
}

/// The platform in an image's config.
pub(crate) fn platform_of(config: &oci_spec::image::ImageConfiguration) -> Platform {
    Platform {
        architecture: config.architecture().to_string(),
        os: config.os().to_string(),
        variant: config.variant().clone(),
    }
}
