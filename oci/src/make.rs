//! From a specification to an image: its layers, their digests, and its documents.

use std::collections::{BTreeMap, HashMap};

use oci_spec::OciSpecError;
use stele_archive::TreeBuilder;
use stele_store::model::{
    Conflict, Digest, MAX_DEPTH, Merge, MergeError, MergeInput, NameError, Node, SymlinkTarget, Tree, TreeId,
};
use stele_store::{Holder, Keep, LayerRow, Progress, ReadError, RealiseError, Store, Target, WriteError};

use crate::canonical;
use crate::content::Content;
use crate::document;
use crate::encode::Compression;
use crate::grow::{self, GrowError};
use crate::layer::Layer;
use crate::measure::{Measured, StreamError, Sum, measure_and};
use crate::packed::keeping;
use crate::path::ImagePath;
use crate::record::{Image, ImageLayer, Index, RecordError, ReferrerError};
use crate::rules::node_at;
use crate::spec::{DeclaredError, Spec};
use crate::tar::MAX_MTIME;

/// The lease in seconds of what is stored before its root exists.
pub(crate) const MEANWHILE: u64 = 3600;
/// The name of the layer of declared files.
const DECLARED: &str = "declared files";

/// Why an image cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Two layers have different entries at one path.
    #[error("{first} and {second} both provide /{path} with different content")]
    Conflict {
        /// The path, escaped, without the slash in front.
        path: String,
        /// One layer.
        first: String,
        /// The other layer.
        second: String,
    },
    /// An override without a conflict.
    #[error("{path} is in `overrides`, but {what}")]
    Override {
        /// The path.
        path: ImagePath,
        /// What is there.
        what: &'static str,
    },
    /// A rule for a path that it cannot apply to.
    #[error("{what} of {path} is declared, but {why}")]
    Rule {
        /// `the mode` or `the owner`.
        what: &'static str,
        /// The path.
        path: ImagePath,
        /// What is there.
        why: &'static str,
    },
    /// The user or group does not exist in the image.
    #[error("the image runs as `{name}`, which its {file} does not have: engines would refuse to run it")]
    Nobody {
        /// The name of the user or group.
        name: String,
        /// The file in which engines look it up.
        file: &'static str,
    },
    /// A time beyond the range of tar.
    #[error("{epoch} is beyond the times of layers: at most {MAX_MTIME}, in the year 2242")]
    Epoch {
        /// The time.
        epoch: u64,
    },
    /// The merged layers are nested too deeply.
    #[error("/{path} is nested deeper than {MAX_DEPTH} directories")]
    Deep {
        /// The path.
        path: String,
    },
    /// Two images of an index have the same platform.
    #[error("two images are for {platform}")]
    TwoPlatforms {
        /// The platform.
        platform: String,
    },
    /// The declared files are inconsistent.
    #[error(transparent)]
    Declared(#[from] DeclaredError),
    /// The bytes of a layer cannot be generated.
    #[error("layer {origin}: {source}")]
    Layer {
        /// The layer's origin.
        origin: String,
        /// Why.
        source: StreamError,
    },
    /// A document could not be generated.
    #[error("the documents cannot be made: {0}")]
    Document(#[from] OciSpecError),
    /// The name or the record is invalid.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Something cannot be attached or detached.
    #[error(transparent)]
    Referrer(#[from] ReferrerError),
    /// A file to attach cannot be read.
    #[error("the attachment cannot be read: {0}")]
    Payload(std::io::Error),
    /// A tree cannot be built.
    #[error(transparent)]
    Grow(#[from] GrowError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The computed digests cannot be stored.
    #[error(transparent)]
    Realise(#[from] RealiseError),
}

impl From<NameError> for MakeError {
    fn from(error: NameError) -> Self {
        Self::Grow(error.into())
    }
}

impl From<stele_store::StreamError> for MakeError {
    fn from(error: stele_store::StreamError) -> Self {
        match error {
            stele_store::StreamError::Read(error) => Self::Payload(error),
            stele_store::StreamError::Write(error) => error.into(),
        }
    }
}

/// A layer before it is measured.
struct Planned {
    origin: String,
    tree: TreeId,
}

/// Makes an image. All its inputs have to be in the store. New content is leased for an hour.
///
/// # Errors
/// See [`MakeError`].
pub fn make(store: &Store, spec: &Spec, progress: &Progress) -> Result<Image, MakeError> {
    if spec.epoch > MAX_MTIME {
        return Err(MakeError::Epoch { epoch: spec.epoch });
    }
    spec.declared.check()?;
    let (planned, rootfs) = store_layers(store, spec)?;
    check_rules(store, spec, &rootfs)?;
    check_user(store, spec, &rootfs)?;
    let mut layers = Vec::with_capacity(planned.len());
    for Planned { origin, tree } in planned {
        let rules = spec.rules.narrowed(store, &tree)?;
        let layer = Layer { epoch: spec.epoch, rules, tree };
        let measured = measured(store, &layer, spec.compression, progress).map_err(|e| e.of(&origin))?;
        layers.push(ImageLayer { origin, layer, compression: spec.compression, measured, exact: true });
    }
    let diff_ids = layers.iter().map(|layer| layer.measured.plain.sha256);
    let config = document::config(&spec.platform, spec.epoch, &spec.run, diff_ids)?;
    let packed: Vec<_> = layers.iter().map(|layer| (layer.compression, layer.measured)).collect();
    let manifest = document::manifest(&document::sum(&config), &packed, &spec.annotations)?;
    Ok(Image { platform: spec.platform.clone(), layers, config, manifest, rootfs })
}

/// An index of images for several platforms.
///
/// # Errors
/// When two have the same platform.
pub fn index(images: Vec<Image>, annotations: &BTreeMap<String, String>) -> Result<Index, MakeError> {
    let each: Vec<_> = images.iter().map(|image| (image.platform.clone(), image.sum())).collect();
    let mut platforms: Vec<_> = each.iter().map(|(platform, _)| platform).collect();
    platforms.sort_unstable();
    if let Some(pair) = platforms.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(MakeError::TwoPlatforms { platform: pair[0].to_string() });
    }
    let index = document::index(&each, annotations)?;
    Ok(Index { images, index })
}

/// An error of a layer, without its origin.
enum Unnamed {
    Stream(StreamError),
    Store(MakeError),
}

impl Unnamed {
    fn of(self, origin: &str) -> MakeError {
        match self {
            Self::Stream(source) => MakeError::Layer { origin: origin.to_owned(), source },
            Self::Store(error) => error,
        }
    }
}

/// The digests of an imported layer when its bytes are generated from its tree.
pub(crate) fn remeasured(
    store: &Store,
    layer: &Layer,
    compression: Compression,
    progress: &Progress,
) -> Result<Measured, MakeError> {
    measured(store, layer, compression, progress).map_err(|e| e.of("that was imported"))
}

/// The digests of a layer: remembered, or computed and remembered.
fn measured(
    store: &Store,
    layer: &Layer,
    compression: Compression,
    progress: &Progress,
) -> Result<Measured, Unnamed> {
    #[derive(serde::Serialize)]
    struct Asked<'a> {
        encoder: &'a str,
        layer: String,
    }
    let of = Digest::of(&layer.text()).to_string();
    let key = Digest::of(&canonical::text(&Asked { encoder: compression.encoder(), layer: of }));
    let sum = |(sha256, size)| Sum { sha256, size };
    if let Some(row) = store.layer(&key).map_err(|e| Unnamed::Store(e.into()))? {
        return Ok(Measured { plain: sum(row.plain), packed: sum(row.packed) });
    }
    let packed = store.packed().filter(|_| compression != Compression::None);
    let found = keeping(packed, |also| measure_and(store, layer, compression, progress, also));
    let found = found.map_err(Unnamed::Stream)?;
    let pair = |sum: Sum| (sum.sha256, sum.size);
    let row = LayerRow { plain: pair(found.plain), packed: pair(found.packed) };
    store.remember_layer(&key, &row).map_err(|e| Unnamed::Store(e.into()))?;
    Ok(found)
}

/// The trees of the layers, and the merged tree; all are stored.
fn store_layers(store: &Store, spec: &Spec) -> Result<(Vec<Planned>, TreeId), MakeError> {
    let session = store.session()?;
    let mut planned = Vec::new();
    for input in &spec.inputs {
        let tree = match &input.at {
            at if *at == ImagePath::root() => input.tree,
            at => {
                let size = store.tree_text(&input.tree)?.len() as u64;
                let mut tree = TreeBuilder::new();
                tree.put(&at.components(), Node::Directory { tree: input.tree, size })
                    .map_err(GrowError::from)?;
                grow::store(tree, &session)?.0
            }
        };
        planned.push(Planned { origin: input.origin.clone(), tree });
    }
    if !spec.declared.is_empty() {
        let mut tree = TreeBuilder::new();
        for path in &spec.declared.directories {
            tree.directory(&path.components());
        }
        for (path, text) in &spec.declared.files {
            let (blob, size) = (session.add_blob(text.as_bytes(), false)?, text.len() as u64);
            let file = Node::File { blob, size, executable: false };
            tree.put(&path.components(), file).map_err(GrowError::from)?;
        }
        for (path, target) in &spec.declared.links {
            let link = Node::Symlink { target: SymlinkTarget::new(target.as_bytes())? };
            tree.put(&path.components(), link).map_err(GrowError::from)?;
        }
        planned.push(Planned { origin: DECLARED.to_owned(), tree: grow::store(tree, &session)?.0 });
    }
    let until = Holder::Until(stele_store::now().saturating_add(MEANWHILE));
    let leased = || Keep { lease: Some(until), ..Keep::default() };
    // The trees of the layers must be stored before the merge reads them.
    session.finish(&planned.iter().map(|it| Target::Tree(it.tree)).collect::<Vec<_>>(), &leased())?;
    let merged = merge(store, spec, &planned)?;
    let session = store.session()?;
    for tree in &merged.1 {
        session.add_tree(tree)?;
    }
    session.finish(&[Target::Tree(merged.0)], &leased())?;
    Ok((planned, merged.0))
}

fn merge(store: &Store, spec: &Spec, planned: &[Planned]) -> Result<(TreeId, Vec<Tree>), MakeError> {
    // A merge identifies its sides by name, and two layers may come from one recipe.
    let name = |number: usize| number.to_string();
    let origin = |side: &str| {
        let number = side.parse::<usize>().ok();
        number.and_then(|number| planned.get(number)).map_or_else(String::new, |it| it.origin.clone())
    };
    let mut winners = BTreeMap::new();
    for path in &spec.overrides {
        let fails = |what| MakeError::Override { path: path.clone(), what };
        let mut there = Vec::new();
        for (number, layer) in planned.iter().enumerate() {
            match node_at(store, &layer.tree, path)? {
                Some(Node::Directory { .. }) => return Err(fails("a layer has a directory there")),
                Some(_) => there.push(number),
                None => {}
            }
        }
        let [_, .., last] = there[..] else { return Err(fails("no two layers have it")) };
        let spelled = path.to_string();
        winners.insert(spelled.trim_start_matches('/').to_owned(), name(last));
    }
    let inputs = planned.iter().enumerate();
    let inputs = inputs.map(|(number, it)| MergeInput { origin: name(number), tree: it.tree }).collect();
    match (Merge { inputs, winners }).run(store) {
        Ok(merged) => Ok((merged.root, merged.new)),
        Err(MergeError::Conflict(Conflict { path, first, second })) => {
            Err(MakeError::Conflict { path, first: origin(&first), second: origin(&second) })
        }
        Err(MergeError::Source { source, .. }) => Err(source.into()),
        Err(MergeError::Deep { path }) => Err(MakeError::Deep { path }),
    }
}

/// Engines look names up in the image, and refuse to run it when there is no such user.
fn check_user(store: &Store, spec: &Spec, rootfs: &TreeId) -> Result<(), MakeError> {
    let Some(user) = &spec.run.user else { return Ok(()) };
    let (user, group) =
        user.split_once(':').map_or((user.as_str(), None), |(user, group)| (user, Some(group)));
    for (name, file) in [(Some(user), "/etc/passwd"), (group, "/etc/group")] {
        let Some(name) = name.filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit())) else {
            continue;
        };
        let path = ImagePath::new(file.trim_start_matches('/').as_bytes())?;
        let there = match node_at(store, rootfs, &path)? {
            Some(Node::File { blob, .. }) => {
                let mut text = Vec::new();
                store.open_blob(&blob)?.verified_by(|part| text.extend_from_slice(part))?;
                let called = |line: &[u8]| line.split(|&byte| byte == b':').next() == Some(name.as_bytes());
                text.split(|&byte| byte == b'\n').any(called)
            }
            // Engines resolve links themselves.
            Some(Node::Symlink { .. }) => true,
            _ => false,
        };
        if !there {
            return Err(MakeError::Nobody { name: name.to_owned(), file });
        }
    }
    Ok(())
}

/// A rule without effect is a mistake in the recipe: its author relies on it.
fn check_rules(store: &Store, spec: &Spec, rootfs: &TreeId) -> Result<(), MakeError> {
    let mut known: HashMap<&ImagePath, Option<Node>> = HashMap::new();
    let owners = spec.rules.owners.keys().map(|path| ("the owner", path));
    let modes = spec.rules.modes.keys().map(|path| ("the mode", path));
    let capabilities = spec.rules.capabilities.keys().map(|path| ("the set of capabilities", path));
    for (what, path) in owners.chain(modes).chain(capabilities) {
        let node = match known.get(path) {
            Some(node) => node.clone(),
            None => node_at(store, rootfs, path)?,
        };
        let why = match &node {
            None => Some("the image does not have it"),
            Some(Node::Symlink { .. }) if what == "the mode" => Some("it is a link, which has none"),
            Some(Node::Directory { .. } | Node::Symlink { .. }) if what == "the set of capabilities" => {
                Some("it is not a file")
            }
            Some(_) => None,
        };
        if let Some(why) = why {
            return Err(MakeError::Rule { what, path: path.clone(), why });
        }
        known.insert(path, node);
    }
    Ok(())
}
