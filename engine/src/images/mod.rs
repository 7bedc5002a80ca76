//! Images: what the daemon is asked for, and what it answers.

mod attach;
mod blob;

mod files;
mod repository;
mod resolve;
pub mod serve;
mod served;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use stele_oci::import::LeftOut;
use stele_oci::layout::Exported;
use stele_oci::record::Referrer;
use stele_oci::{ImageLayer, Platform, Record, Spec, Top, document};
use stele_registry::Repository;

use crate::failure::{Failure, Kind};

pub use files::ImageFile;
pub use resolve::{needed, specs};

/// A request about images. Paths are escaped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "image", rename_all = "kebab-case")]
pub enum Ask {
    /// Make an image, or with `index` an index of several.
    Make {
        /// The image's name.
        name: String,
        /// What each image is made of.
        images: Vec<Spec>,
        /// The annotations of an index.
        #[serde(default)]
        index: Option<BTreeMap<String, String>>,
        /// Whether it is kept under its name, and not only described.
        keep: bool,
    },
    /// List the files of an image with their digests: a line of JSON each.
    Files {
        /// The tree that keeps the image.
        tree: String,
        /// The platform, of an index.
        platform: String,
    },
    /// List all images.
    List {},
    /// Describe an image.
    Inspect {
        /// Its name or digest.
        reference: String,
    },
    /// List what is in the layers of an image: a line each.
    Tree {
        /// Its name or digest.
        reference: String,
        /// Whether lines are JSON.
        json: bool,
        /// The platform, of an index.
        platform: Option<String>,
    },
    /// The names of the images that an endpoint can serve.
    Served {},
    /// An image as a repository. `None` when there is no such image, or it cannot be served.
    Repository {
        /// Its name.
        name: String,
    },
    /// The image that a tree keeps, as a repository, or why it cannot be one.
    Kept {
        /// The tree.
        tree: String,
        /// Whether with its referrers.
        referrers: bool,
    },
    /// Read bytes of a blob of an image.
    Blob {
        /// The tree that keeps the image.
        tree: String,
        /// The blob's SHA-256 digest in OCI's spelling.
        digest: String,
        /// The offset of the first byte.
        first: u64,
        /// How many bytes.
        length: u64,
    },
    /// Make a blob and compare it with its digest.
    CheckBlob {
        /// The tree that keeps the image.
        tree: String,
        /// The blob's SHA-256 digest in OCI's spelling.
        digest: String,
    },
    /// Import an image from a layout or archive.
    Import {
        /// The path of the layout or archive.
        from: String,
        /// Which image of it.
        reference: Option<String>,
        /// The name that it gets; its own when absent.
        name: Option<String>,
        /// Whether with its referrers.
        referrers: bool,
    },
    /// Attach files to an image, or to a manifest of it.
    Attach {
        /// The image's name or digest.
        reference: String,
        /// The digest of the manifest, of an index.
        subject: Option<String>,
        /// The artifact's type (image-spec, "Guidelines for Artifact Usage").
        artifact_type: String,
        /// The artifact's annotations.
        annotations: BTreeMap<String, String>,
        /// The files.
        files: Vec<AttachedFile>,
    },
    /// Remove a referrer from an image.
    Detach {
        /// The image's name or digest.
        reference: String,
        /// The digest of the referrer's manifest, or its first digits.
        digest: String,
    },
    /// Write an image to a folder or file.
    Export {
        /// The image's name or digest.
        reference: String,
        /// Where to.
        to: String,
        /// In which form.
        form: Form,
        /// What the layout calls it; its name when absent.
        called: Option<String>,
        /// The platform, of an index.
        platform: Option<String>,
        /// Whether with its referrers.
        referrers: bool,
        /// The permission bits that the copy does not get.
        umask: u32,
    },
}

/// A file that is to be attached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttachedFile {
    /// Where it is.
    pub path: String,
    /// What it is.
    pub media_type: String,
}

/// What an export writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// An OCI layout in a folder.
    Layout,
    /// An OCI layout as a tar.
    OciArchive,
    /// What `docker load` takes.
    DockerArchive,
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// An image.
    One(Box<Shown>),
    /// Images.
    List(Vec<Shown>),
    /// Names of images.
    Names(Vec<String>),
    /// An image as a repository.
    Repository(Option<Box<Repository>>),
    /// What an export did.
    Exported(Exported),
    /// What was attached.
    Attached(AttachedReferrer),
    /// The digest of what is not attached any more.
    Detached(String),
    /// What an import did.
    Imported(Box<ImportedImage>),
}

/// What an import did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportedImage {
    /// The image.
    pub image: Shown,
    /// What no tree can hold, and is not there.
    pub left_out: Vec<LeftOut>,
    /// Whether its manifest is another than that which was imported.
    pub repacked: bool,
    /// What refers to nothing that was imported, and was left out.
    pub strays: usize,
}

/// What was attached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttachedReferrer {
    /// The digest of its manifest.
    pub digest: String,
    /// What it was attached to.
    pub image: String,
    /// Whether it was attached before.
    pub was_there: bool,
}

/// An image that is kept, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// `image` or `index`.
    pub kind: String,
    /// The digest of its manifest or index.
    pub digest: String,
    /// Its content digest, on which builders vote.
    pub content: String,
    /// The tree that it is kept in.
    pub tree: String,
    /// The images: one, or those of the index.
    pub images: Vec<ShownImage>,
    /// What is attached to them.
    pub referrers: Vec<ShownReferrer>,
}

/// One image of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownImage {
    /// What it runs on.
    pub platform: Platform,
    /// The digest of its manifest.
    pub digest: String,
    /// Its content digest, which is that of its config.
    pub content: String,
    /// All layers united, as a tree.
    pub rootfs: String,
    /// Bytes of all layers as they go on their way.
    pub packed: u64,
    /// Bytes of all layers as tars.
    pub size: u64,
    /// The config, as it is.
    pub config: serde_json::Value,
    /// The manifest, as it is.
    pub manifest: serde_json::Value,
    /// The layers, the lowest first.
    pub layers: Vec<ShownLayer>,
}

/// What is attached to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownReferrer {
    /// The digest of its manifest.
    pub digest: String,
    /// What it is.
    pub artifact_type: String,
    /// The digest of the manifest that it refers to.
    pub subject: String,
    /// What else is to be known of it.
    pub annotations: BTreeMap<String, String>,
    /// What it brings, the config aside.
    pub blobs: Vec<ShownBlob>,
}

/// A blob that was attached.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownBlob {
    /// Its digest.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// What it is.
    pub media_type: String,
    /// How a file with it is to be called, if that is said.
    pub title: Option<String>,
    /// Where it is in the store, for `store cat` and behind `by-name/` of a mount.
    pub place: String,
}

/// A layer of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownLayer {
    /// What it is made of, as a person calls it.
    pub origin: String,
    /// What it is made of.
    pub tree: String,
    /// The digest of its tar.
    pub diff_id: String,
    /// Bytes of its tar.
    pub size: u64,
    /// How it is packed.
    pub compression: String,
    /// The digest of the packed bytes.
    pub digest: String,
    /// How many these are.
    pub packed: u64,
    /// Whether its bytes can be made again.
    pub exact: bool,
}

impl Shown {
    fn new(name: &str, tree: String, record: &Record) -> Self {
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

    /// The image for `platform`, which may leave the variant out; the only one, when nobody says which.
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
            rootfs: image.rootfs.to_string(),
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
        let said = &referrer.said;
        let blobs = said.blobs.iter().skip(1).map(|it| ShownBlob {
            digest: spelled(&it.sum.sha256),
            size: it.sum.size,
            media_type: it.media_type.clone(),
            title: it.annotations.get(document::TITLE).cloned(),
            place: format!("image-{image}/referrers/{manifest}/blobs/{}", it.sum.sha256),
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
            tree: layer.tree.to_string(),
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
