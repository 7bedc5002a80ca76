//! Images as the store keeps them: a tree, under a root that is named `image-` and the image's name.
//!
//! It holds the documents unchanged, a text that describes the layers, the layers' trees, and their merged tree. So
//! garbage collection keeps what an image needs, and a mount shows it, without special support in either. Attachments
//! are in the same tree.

mod find;
mod referrer;

use std::collections::BTreeSet;
use std::io;

use oci_spec::image::MediaType;
use serde::{Deserialize, Serialize};
use stele_archive::TreeBuilder;
use stele_store::model::{BlobId, Node, RootNameError, Sha256, Tree, TreeId};
use stele_store::{ReadError, Session, Store};

use crate::canonical;
use crate::document::{self, Platform};
use crate::encode::Compression;
use crate::grow::{self, GrowError};
use crate::layer::Layer;
use crate::measure::{Measured, Sum};
use crate::path::ImagePath;

pub use find::{ROOT_PREFIX, RootedRecord, all, find, named, root_of, trees};
pub use referrer::{NamedBlob, Payload, Referrer, ReferrerError, ReferrerFields};

/// The version of the text's format.
const VERSION: u32 = 1;
/// The maximum size of a document that is read, in bytes: the limit that registries set for manifests.
pub const MAX_DOCUMENT: u64 = 4 << 20;
/// The maximum size in bytes of `image.json`, which has a line for each file with an unusual owner or mode: enough for
/// some half a million of them.
const MAX_TEXT: u64 = 64 << 20;
/// The maximum number of images in an index. Their directories have names of four digits, and are read in that order.
pub const MAX_IMAGES: usize = 1000;

/// What the store keeps under an image's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What is pulled by that name.
    pub top: Top,
    /// The attachments, and theirs, sorted by digest.
    pub referrers: Vec<Referrer>,
}

/// An image, or several for different platforms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Top {
    /// One.
    Image(Box<Image>),
    /// Several.
    Index(Index),
}

impl From<Top> for Record {
    fn from(top: Top) -> Self {
        Self { top, referrers: Vec::new() }
    }
}

/// An image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Its platform.
    pub platform: Platform,
    /// Its layers, the lowest first.
    pub layers: Vec<ImageLayer>,
    /// The config, unchanged.
    pub config: Vec<u8>,
    /// The manifest, unchanged.
    pub manifest: Vec<u8>,
    /// All layers merged.
    pub rootfs: TreeId,
}

/// A layer of an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageLayer {
    /// Its origin, as shown to the user.
    pub origin: String,
    /// The tree and rules that it is made of.
    pub layer: Layer,
    /// Its compression.
    pub compression: Compression,
    /// Its digests.
    pub measured: Measured,
    /// Whether the bytes of these digests can be generated from the tree. Not so for imported layers that differ from
    /// how this program writes layers.
    pub exact: bool,
}

/// Images for several platforms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Index {
    /// The images, in the order of the index.
    pub images: Vec<Image>,
    /// The index, unchanged.
    pub index: Vec<u8>,
}

/// The text `image.json` of an image.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    image: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    layers: Vec<ImageLayer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    /// Of an index: its number of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    images: Option<usize>,
}

/// Why a tree is not an image.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is no such image.
    #[error("there is no image `{}`", name.escape_debug())]
    Absent {
        /// The requested name.
        name: String,
    },
    /// The prefix is ambiguous.
    #[error("`{text}` is ambiguous: {names}")]
    Ambiguous {
        /// The prefix.
        text: String,
        /// The matching images.
        names: String,
    },
    /// The name is invalid for an image.
    #[error("`{}` cannot name an image: {why}", name.escape_debug())]
    Name {
        /// The name.
        name: String,
        /// Why.
        why: RootNameError,
    },
    /// The tree does not hold an image.
    #[error("{tree} does not hold an image: {what}")]
    NoImage {
        /// The tree.
        tree: TreeId,
        /// What is wrong with it.
        what: String,
    },
    /// It has a later version.
    #[error("the image is in format {found}, and this version supports {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A payload cannot be read.
    #[error("a document cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Record {
    /// The digest and size of the manifest or index by which the image is pulled.
    pub fn sum(&self) -> Sum {
        document::sum(self.document())
    }

    /// The manifest or index, unchanged.
    pub fn document(&self) -> &[u8] {
        match &self.top {
            Top::Image(image) => &image.manifest,
            Top::Index(index) => &index.index,
        }
    }

    /// The content digest, on which builders vote. It does not depend on encoders.
    pub fn content(&self) -> Sha256 {
        match &self.top {
            Top::Image(image) => image.content(),
            Top::Index(index) => {
                let each = index.images.iter().map(|image| (image.platform.clone(), image.content()));
                document::index_content(&each.collect::<Vec<_>>())
            }
        }
    }

    /// The images: one, or those of the index.
    pub fn images(&self) -> &[Image] {
        match &self.top {
            Top::Image(image) => std::slice::from_ref(image),
            Top::Index(index) => &index.images,
        }
    }

    /// The digest, size and media type of the index and of each image's manifest.
    fn manifests(&self) -> impl Iterator<Item = (Sum, MediaType)> {
        let of = |bytes: &Vec<u8>, media_type| (document::sum(bytes), media_type);
        let index = match &self.top {
            Top::Index(index) => Some(of(&index.index, MediaType::ImageIndex)),
            Top::Image(_) => None,
        };
        let images = self.images().iter().map(move |image| of(&image.manifest, MediaType::ImageManifest));
        index.into_iter().chain(images)
    }

    /// The possible subjects: those, and the existing attachments.
    pub fn subjects(&self) -> impl Iterator<Item = (Sum, MediaType)> {
        self.manifests().chain(self.referrers.iter().map(|it| (it.sum, MediaType::ImageManifest)))
    }

    /// Adds a referrer of this image, or of its referrers. Returns whether it is new.
    pub fn attach(&mut self, referrer: Referrer) -> bool {
        // In the order in which the store returns them.
        let place = self.referrers.binary_search_by_key(&referrer.sum.sha256, |it| it.sum.sha256);
        if let Err(at) = place {
            self.referrers.insert(at, referrer);
        }
        place.is_err()
    }

    /// Drops referrers whose subject is missing. Returns their number.
    pub fn drop_strays(&mut self) -> usize {
        let before = self.referrers.len();
        let images: BTreeSet<Sha256> = self.manifests().map(|(sum, _)| sum.sha256).collect();
        loop {
            let all = self.referrers.len();
            let others: BTreeSet<Sha256> = self.referrers.iter().map(|it| it.sum.sha256).collect();
            self.referrers
                .retain(|it| images.contains(&it.fields.subject) || others.contains(&it.fields.subject));
            if self.referrers.len() == all {
                return before - all;
            }
        }
    }

    /// Stores it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn store(&self, store: &Store, session: &Session<'_>) -> Result<TreeId, GrowError> {
        let mut tree = TreeBuilder::new();
        match &self.top {
            Top::Image(image) => image.put(&mut tree, "", store, session)?,
            Top::Index(index) if index.images.len() > MAX_IMAGES => {
                return Err(GrowError::Images { found: index.images.len(), max: MAX_IMAGES });
            }
            Top::Index(index) => {
                let text = Text {
                    image: VERSION,
                    layers: Vec::new(),
                    platform: None,
                    images: Some(index.images.len()),
                };
                put_blob(&mut tree, "image.json", &canonical::text(&text), MAX_TEXT, session)?;
                put_blob(&mut tree, "index.json", &index.index, MAX_DOCUMENT, session)?;
                for (number, image) in index.images.iter().enumerate() {
                    image.put(&mut tree, &format!("images/{number:04}/"), store, session)?;
                }
            }
        }
        for referrer in &self.referrers {
            referrer.put(&mut tree, session)?;
        }
        Ok(grow::store(tree, session)?.0)
    }

    /// Reads what [`Record::store`] stored.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn load(store: &Store, id: &TreeId) -> Result<Self, RecordError> {
        let tree = store.tree(id)?;
        let text = text(store, id, &tree)?;
        let referrers = referrer::load(store, id, &tree)?;
        let Some(count) = text.images else {
            let image = Image::load(store, id, &tree, text)?;
            return Ok(Self { top: Top::Image(Box::new(image)), referrers });
        };
        let broken = || RecordError::NoImage { tree: *id, what: "an image of its index is missing".into() };
        let Some(Node::Directory { tree: below, .. }) = tree.get(b"images") else { return Err(broken()) };
        let below = store.tree(below)?;
        let mut images = Vec::new();
        for (_, node) in below.entries() {
            let Node::Directory { tree: id, .. } = node else { return Err(broken()) };
            let tree = store.tree(id)?;
            let inner = self::text(store, id, &tree)?;
            images.push(Image::load(store, id, &tree, inner)?);
        }
        if images.len() != count {
            return Err(broken());
        }
        let index = Index { images, index: blob(store, id, &tree, "index.json", MAX_DOCUMENT)? };
        Ok(Self { top: Top::Index(index), referrers })
    }
}

impl Image {
    /// The content digest of an image is that of its config, which lists the layers' diffIDs.
    pub fn content(&self) -> Sha256 {
        Sha256::of(&self.config)
    }

    /// The digest and size of its manifest.
    pub fn sum(&self) -> Sum {
        document::sum(&self.manifest)
    }

    fn put(
        &self,
        tree: &mut TreeBuilder,
        at: &str,
        store: &Store,
        session: &Session<'_>,
    ) -> Result<(), GrowError> {
        let text = Text {
            image: VERSION,
            layers: self.layers.clone(),
            platform: Some(self.platform.clone()),
            images: None,
        };
        put_blob(tree, &format!("{at}image.json"), &canonical::text(&text), MAX_TEXT, session)?;
        put_blob(tree, &format!("{at}config.json"), &self.config, MAX_DOCUMENT, session)?;
        put_blob(tree, &format!("{at}manifest.json"), &self.manifest, MAX_DOCUMENT, session)?;
        let mut put = |name: String, id: TreeId| -> Result<(), GrowError> {
            let size = store.tree_text(&id)?.len() as u64;
            Ok(tree.put(&ImagePath::new(name.as_bytes())?.components(), Node::Directory { tree: id, size })?)
        };
        put(format!("{at}rootfs"), self.rootfs)?;
        for (number, layer) in self.layers.iter().enumerate() {
            put(format!("{at}layers/{number:04}"), layer.layer.tree)?;
        }
        Ok(())
    }

    fn load(store: &Store, id: &TreeId, tree: &Tree, text: Text) -> Result<Self, RecordError> {
        let broken = |what: &str| RecordError::NoImage { tree: *id, what: what.to_owned() };
        let Some(Node::Directory { tree: rootfs, .. }) = tree.get(b"rootfs") else {
            return Err(broken("it has no rootfs"));
        };
        let platform = text.platform.ok_or_else(|| broken("it has no platform"))?;
        let document = |name| blob(store, id, tree, name, MAX_DOCUMENT);
        let (config, manifest) = (document("config.json")?, document("manifest.json")?);
        Ok(Self { platform, layers: text.layers, config, manifest, rootfs: *rootfs })
    }
}

/// Puts a document into a tree, unless it is too long for [`blob`] to read.
fn put_blob(
    tree: &mut TreeBuilder,
    name: &str,
    bytes: &[u8],
    max: u64,
    session: &Session<'_>,
) -> Result<(), GrowError> {
    if bytes.len() as u64 > max {
        return Err(GrowError::Long { name: name.to_owned(), found: bytes.len() as u64, max });
    }
    let (blob, size) = (session.add_blob(bytes, false)?, bytes.len() as u64);
    let path = ImagePath::new(name.as_bytes())?.components();
    Ok(tree.put(&path, Node::File { blob, size, executable: false })?)
}

fn text(store: &Store, id: &TreeId, tree: &Tree) -> Result<Text, RecordError> {
    #[derive(Deserialize)]
    struct Version {
        image: u32,
    }
    let bytes = blob(store, id, tree, "image.json", MAX_TEXT)?;
    let broken = |e: serde_json::Error| RecordError::NoImage { tree: *id, what: format!("image.json: {e}") };
    let Version { image: found } = serde_json::from_slice(&bytes).map_err(broken)?;
    if found != VERSION {
        return Err(RecordError::Version { found });
    }
    serde_json::from_slice(&bytes).map_err(broken)
}

fn blob(store: &Store, id: &TreeId, tree: &Tree, name: &str, max: u64) -> Result<Vec<u8>, RecordError> {
    let broken = |what: String| RecordError::NoImage { tree: *id, what };
    match tree.get(name.as_bytes()) {
        Some(Node::File { blob, size, .. }) if *size <= max => Ok(read_blob(store, blob)?),
        Some(Node::File { size, .. }) => Err(broken(format!("its {name} has {size} bytes, more than {max}"))),
        _ => Err(broken(format!("it has no {name}"))),
    }
}

/// The bytes of a small blob, verified against its digest.
fn read_blob(store: &Store, blob: &BlobId) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    store.open_blob(blob)?.verified_by(|part| bytes.extend_from_slice(part))?;
    Ok(bytes)
}
