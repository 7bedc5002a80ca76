//! Requests about images.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use stele_oci::Spec;
use stele_oci::keep::Existing;
use stele_store::model::TreeId;

use crate::request::PathUse;

/// A request about images. Paths are escaped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "image", rename_all = "kebab-case")]
pub enum ImageRequest {
    /// Make an image, or with `index` an index of several.
    Make {
        /// The image's name.
        name: String,
        /// The specification of each image.
        images: Vec<Spec>,
        /// The annotations of an index.
        #[serde(default)]
        index: Option<BTreeMap<String, String>>,
        /// Whether it is kept under its name, and not only described.
        keep: bool,
        /// Those of the images, by their number from 0, that are refused if they could not start.
        #[serde(default)]
        check: BTreeSet<usize>,
        /// Those that are refused if a library is missing that any file in them asks for.
        #[serde(default)]
        closed: BTreeSet<usize>,
    },
    /// List the files of an image with their digests: a line of JSON each.
    Files {
        /// The tree that keeps the image.
        tree: TreeId,
        /// The platform, of an index.
        platform: String,
    },
    /// List the SHA-512 of an image's manifest and layers: a line of JSON each. Every layer is generated for it.
    Sums {
        /// The tree that keeps the image.
        tree: TreeId,
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
    /// List the contents of an image's layers: a line each.
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
    /// The image in a tree, as a repository, or why it cannot be one.
    Kept {
        /// The tree.
        tree: TreeId,
        /// Whether with its referrers.
        referrers: bool,
    },
    /// Read bytes of a blob of an image.
    Blob {
        /// The tree that keeps the image.
        tree: TreeId,
        /// The blob's SHA-256 digest in OCI's notation.
        digest: String,
        /// The offset of the first byte.
        first: u64,
        /// The number of bytes.
        length: u64,
        /// Whether large files are sent as descriptors, instead of their bytes.
        #[serde(default)]
        descriptors: bool,
    },
    /// Generate a blob and compare it with its digest.
    CheckBlob {
        /// The tree that keeps the image.
        tree: TreeId,
        /// The blob's SHA-256 digest in OCI's notation.
        digest: String,
    },
    /// Import an image from a layout or archive.
    Import {
        /// The path of the layout or archive.
        from: String,
        /// Which image of it.
        reference: Option<String>,
        /// Its name in this store; its own when absent.
        name: Option<String>,
        /// Whether with its referrers.
        referrers: bool,
        /// Whether to take the name from another image that has it.
        replace: bool,
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
        /// What becomes of what is attached already with the same type.
        #[serde(default)]
        existing: Existing,
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
        /// The destination.
        to: String,
        /// The format.
        form: Form,
        /// Its name in the layout; its own when absent.
        called: Option<String>,
        /// The platform, of an index.
        platform: Option<String>,
        /// Whether with its referrers.
        referrers: bool,
        /// The umask of the copy.
        umask: u32,
    },
}

impl ImageRequest {
    /// Like [`Request::paths_mut`](crate::Request::paths_mut).
    pub(crate) fn paths_mut(&mut self) -> Vec<(PathUse, &mut String)> {
        match self {
            Self::Import { from, .. } => vec![(PathUse::Read, from)],
            Self::Export { to, .. } => vec![(PathUse::Create, to)],
            Self::Attach { files, .. } => {
                files.iter_mut().map(|file| (PathUse::Read, &mut file.path)).collect()
            }
            Self::Make { .. }
            | Self::Files { .. }
            | Self::Sums { .. }
            | Self::List {}
            | Self::Inspect { .. }
            | Self::Tree { .. }
            | Self::Served {}
            | Self::Repository { .. }
            | Self::Kept { .. }
            | Self::Blob { .. }
            | Self::CheckBlob { .. }
            | Self::Detach { .. } => Vec::new(),
        }
    }
}

/// A file to attach.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttachedFile {
    /// Its path.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// The file name for it.
    pub title: Option<String>,
    /// Further annotations of its descriptor.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// The format of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// An OCI layout in a folder.
    Layout,
    /// An OCI layout as a tar.
    OciArchive,
    /// An archive for `docker load`.
    DockerArchive,
}
