//! Images: requests and answers.

mod attach;
mod blob;

mod files;
mod known;
mod repository;
mod request;
mod resolve;
pub mod serve;
mod sums;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use stele_oci::import::LeftOut;
use stele_oci::layout::Exported;
use stele_oci::record::Referrer;
use stele_oci::{ImageLayer, Platform, Record, Top, document};
use stele_registry::Repository;
use stele_store::model::TreeId;

use crate::failure::{Failure, Kind};

pub use files::{ImageFile, ImageFileKind};
pub(crate) use known::KnownImages;
pub use repository::SIGNATURES;
pub use request::{AttachedFile, Form, ImageRequest};
pub use resolve::{needed, specs};
pub use stele_oci::keep::Existing;
pub use stele_oci::record::ROOT_PREFIX;
pub use sums::BlobSums;

/// An answer about images.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageAnswer {
    /// An image.
    One(Box<Shown>),
    /// Images.
    List(Vec<Shown>),
    /// Names of images.
    Names(Vec<String>),
    /// An image as a repository.
    Repository(Option<Box<Repository>>),
    /// The result of an export.
    Exported(Exported),
    /// A new referrer.
    Attached(AttachedReferrer),
    /// The digest of the removed referrer.
    Detached(String),
    /// The result of an import.
    Imported(Box<ImportedImage>),
}

/// The result of an import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportedImage {
    /// The image.
    pub image: Shown,
    /// Entries that a tree cannot hold, which were left out.
    pub left_out: Vec<LeftOut>,
    /// Whether its manifest differs from the imported one.
    pub repacked: bool,
    /// Referrers whose subject was not imported, which were left out.
    pub strays: usize,
}

/// A new referrer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttachedReferrer {
    /// The digest of its manifest.
    pub digest: String,
    /// The image it was attached to.
    pub image: String,
    /// Whether it was already attached.
    pub was_there: bool,
}

/// An image in the store, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// `image` or `index`.
    pub kind: String,
    /// The digest of its manifest or index.
    pub digest: String,
    /// Its content digest, on which builders agree.
    pub content: String,
    /// The tree that keeps it.
    pub tree: TreeId,
    /// The images: one, or those of the index.
    pub images: Vec<ShownImage>,
    /// Their referrers.
    pub referrers: Vec<ShownReferrer>,
}

/// One image of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownImage {
    /// Its platform.
    pub platform: Platform,
    /// The digest of its manifest.
    pub digest: String,
    /// Its content digest, which is that of its config.
    pub content: String,
    /// The merged layers, as a tree.
    pub rootfs: TreeId,
    /// Bytes of all layers as they are distributed.
    pub packed: u64,
    /// Bytes of all layers as tars.
    pub size: u64,
    /// The config, unchanged.
    pub config: serde_json::Value,
    /// The manifest, unchanged.
    pub manifest: serde_json::Value,
    /// The layers, the lowest first.
    pub layers: Vec<ShownLayer>,
}

/// A referrer of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownReferrer {
    /// The digest of its manifest.
    pub digest: String,
    /// Its type.
    pub artifact_type: String,
    /// The digest of the manifest that it refers to.
    pub subject: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its blobs, without the config.
    pub blobs: Vec<ShownBlob>,
}

/// A blob of a referrer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownBlob {
    /// Its digest.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// The file name for it, if it has one.
    pub title: Option<String>,
    /// Its path in the store, for `store cat` and below `by-name/` of a mount.
    pub place: String,
}

/// A layer of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownLayer {
    /// A name for its content, for the user.
    pub origin: String,
    /// The tree of its content.
    pub tree: TreeId,
    /// The digest of its tar.
    pub diff_id: String,
    /// Bytes of its tar.
    pub size: u64,
    /// Its compression.
    pub compression: String,
    /// The digest of the compressed bytes.
    pub digest: String,
    /// The number of compressed bytes.
    pub packed: u64,
    /// Whether its bytes can be regenerated.
    pub exact: bool,
}

impl Shown {
    fn new(name: &str, tree: TreeId, record: &Record) -> Self {
        let kind = if matches!(record.top, Top::Image(_)) { "image" } else { "index" };
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            digest: spelled(&record.sum().sha256),
            content: spelled(&record.content()),
            tree,
            images: record.images().iter().map(ShownImage::new).collect(),
            referrers: record.referrers.iter().map(|it| ShownReferrer::new(name, it)).collect(),
        }
    }

    /// The image for `platform`, which may omit the variant; the only one when `platform` is absent.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn single(&self, platform: Option<&str>) -> Result<&ShownImage, Failure> {
        let fits = |image: &&ShownImage| platform.is_none_or(|wanted| image.platform.is(wanted));
        let found: Vec<&ShownImage> = self.images.iter().filter(fits).collect();
        let all = self.images.iter().map(|it| it.platform.to_string()).collect::<Vec<_>>().join(", ");
        match (found.as_slice(), platform) {
            ([one], _) => Ok(one),
            ([], Some(wanted)) => {
                Err(Failure::new(Kind::NotFound, format!("`{}` is for {all}, not for {wanted}", self.name)))
            }
            _ => Err(Failure::new(Kind::Usage, format!("`{}` has images for {all}", self.name))
                .hint("choose one with --platform")),
        }
    }
}

impl ShownImage {
    fn new(image: &stele_oci::Image) -> Self {
        let value = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
        Self {
            platform: image.platform.clone(),
            digest: spelled(&image.sum().sha256),
            content: spelled(&image.content()),
            rootfs: image.rootfs,
            packed: image.layers.iter().map(|layer| layer.measured.packed.size).sum(),
            size: image.layers.iter().map(|layer| layer.measured.plain.size).sum(),
            config: value(&image.config),
            manifest: value(&image.manifest),
            layers: image.layers.iter().map(ShownLayer::new).collect(),
        }
    }
}

impl ShownReferrer {
    fn new(image: &str, referrer: &Referrer) -> Self {
        let manifest = referrer.sum.sha256;
        let said = &referrer.fields;
        let blobs = said.blobs.iter().skip(1).map(|it| ShownBlob {
            digest: spelled(&it.sum.sha256),
            size: it.sum.size,
            media_type: it.media_type.clone(),
            title: it.annotations.get(document::TITLE).cloned(),
            place: format!("{ROOT_PREFIX}{image}/referrers/{manifest}/blobs/{}", it.sum.sha256),
        });
        Self {
            digest: spelled(&manifest),
            artifact_type: said.artifact_type.clone(),
            subject: spelled(&said.subject),
            annotations: said.annotations.clone(),
            blobs: blobs.collect(),
        }
    }
}

impl ShownLayer {
    fn new(layer: &ImageLayer) -> Self {
        let ImageLayer { origin, layer, compression, measured, exact } = layer;
        Self {
            origin: origin.clone(),
            tree: layer.tree,
            diff_id: spelled(&measured.plain.sha256),
            size: measured.plain.size,
            compression: compression.name().to_owned(),
            digest: spelled(&measured.packed.sha256),
            packed: measured.packed.size,
            exact: *exact,
        }
    }
}

fn spelled(sha256: &stele_store::model::Sha256) -> String {
    stele_oci::document::digest_text(sha256)
}
