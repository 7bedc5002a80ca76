//! From recipes and an image to an SBOM.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use stele_recipes::language::{Files as _, OnDisk};
use stele_recipes::paths::TreePath;
use stele_recipes::plan::Graph;
use stele_recipes::recipe::{ImageParts, Recipe};
use stele_recipes::source::MirrorKind;
use stele_sbom::{Bill, Checksum, Deliverable, File, FileKind, Image, Package, Role, Source};
use stele_store::model::{Digest, Node, Sha256};

use crate::commands::unexpected;
use stele::builds::Goal;
use stele::failure::{Failure, Kind};
use stele::images::{BlobSums, ImageFile, ImageFileKind, Shown, ShownImage};

/// The maximum size in bytes of a file beside a recipe, as a build has it.
const MAX_FILE: usize = 1 << 30;

/// Everything known about an image.
pub(super) struct Known<'a> {
    /// The folder of its recipes.
    pub tree: &'a Path,
    /// The image as the store keeps it.
    pub shown: &'a Shown,
    /// The selected image of it.
    pub image: &'a ShownImage,
    /// What the recipe declares of that image.
    pub parts: &'a ImageParts,
    /// The recipes of its contents; none for an image of declared files only.
    pub graph: Option<&'a Graph>,
    /// Their outputs.
    pub goals: &'a [Goal],
    /// More digests of its manifest and layers.
    pub sums: &'a [BlobSums],
}

impl Known<'_> {
    /// A blob of the image by its digest.
    ///
    /// # Errors
    /// When its other digest is missing.
    fn deliverable(&self, digest: &str) -> Result<Deliverable, Failure> {
        let found = self.sums.iter().find(|it| it.digest == digest).ok_or_else(unexpected)?;
        Ok(Deliverable { sha256: digits(digest), sha512: found.sha512.clone() })
    }

    /// The layer with this number, the lowest being 0.
    fn layer(&self, number: usize) -> Result<Option<Deliverable>, Failure> {
        self.image.layers.get(number).map(|it| self.deliverable(&it.digest)).transpose()
    }
}

fn digits(digest: &str) -> String {
    digest.trim_start_matches("sha256:").to_owned()
}

/// The contents of an image, and with `tools` what they were built with. The recipes are those in `tree`.
///
/// # Errors
/// When a file beside a recipe cannot be read.
pub(super) fn bill(known: &Known<'_>, files: Vec<ImageFile>, tools: bool) -> Result<Bill, Failure> {
    let Known { tree, shown, image, parts, graph, goals, sums: _ } = *known;
    let recipes = graph.map_or(&[][..], Graph::recipes);
    let inputs: BTreeSet<&str> = parts.inputs.iter().map(|it| it.recipe.as_str()).collect();
    let contained = |number: &usize| inputs.contains(recipes[*number].name.as_str());
    // The recipes in the image first, then their build tools; sorted by name.
    let all = 0..recipes.len();
    let mut order: Vec<usize> = all.clone().filter(contained).collect();
    order.sort_by_key(|number| recipes[*number].name.as_str());
    if tools {
        let reached = reached(graph, &order);
        let mut others: Vec<usize> = all.filter(|it| reached.contains(it) && !contained(it)).collect();
        others.sort_by_key(|number| recipes[*number].name.as_str());
        order.extend(others);
    }
    let place: BTreeMap<usize, usize> = order.iter().enumerate().map(|(at, number)| (*number, at)).collect();
    let mut packages: Vec<Package> = Vec::with_capacity(order.len() + 1);
    for number in &order {
        let recipe = &recipes[*number];
        let needs = graph.map_or(&[][..], |graph| graph.needs(*number));
        let mut with: Vec<usize> = needs.iter().filter_map(|it| place.get(it).copied()).collect();
        with.sort_unstable();
        with.dedup();
        let goal = goals.iter().find(|goal| goal.name == recipe.name.as_str());
        // A recipe that is two inputs has two layers, and no one blob brings it.
        let mut layers = parts.inputs.iter().enumerate().filter(|(_, it)| it.recipe == recipe.name);
        let layer = match (layers.next(), layers.next()) {
            (Some((number, _)), None) => known.layer(number)?,
            _ => None,
        };
        packages.push(Package {
            layer,
            role: if contained(number) { Role::Contained } else { Role::Tool },
            outputs: goal
                .map(|goal| goal.outputs.values().map(ToString::to_string).collect())
                .unwrap_or_default(),
            tools: if tools { with } else { Vec::new() },
            ..package(tree, recipe)?
        });
    }
    // Files declared by the image's recipe are in a layer above those of its inputs.
    let mut own = None;
    let own_layer = known.layer(parts.inputs.len())?;
    let mut of_layer = |layer: usize| {
        let input = parts
            .inputs
            .get(layer)
            .and_then(|input| packages.iter().position(|package| package.name == input.recipe.as_str()));
        input.unwrap_or_else(|| {
            *own.get_or_insert_with(|| {
                packages.push(Package {
                    name: format!("{} (declared files)", shown.name),
                    version: own_layer.as_ref().map(|it| format!("sha256:{}", it.sha256)),
                    description: Some("files declared in the image's recipe".to_owned()),
                    layer: own_layer.clone(),
                    is_own: true,
                    ..Package::default()
                });
                packages.len() - 1
            })
        })
    };
    let files = files.into_iter().map(|file| {
        let ImageFile { path, layer, sha256, sha1, sha512, kind } = file;
        let kind = match kind {
            ImageFileKind::Archive => FileKind::Archive,
            ImageFileKind::Executable => FileKind::Executable,
            ImageFileKind::Data => FileKind::Data,
        };
        File { path, sha256, sha1, sha512, kind, package: of_layer(layer) }
    });
    let files: Vec<File> = files.collect();
    let created = image.config.get("created").and_then(serde_json::Value::as_str).unwrap_or_default();
    Ok(Bill {
        image: Image {
            name: shown.name.clone(),
            manifest: known.deliverable(&image.digest)?,
            content: digits(&image.content),
            platform: image.platform.to_string(),
            created: created.to_owned(),
        },
        packages,
        files,
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        tools_listed: tools,
        author: None,
        supplier: None,
    })
}

/// The dependency closure of these recipes, themselves included.
fn reached(graph: Option<&Graph>, from: &[usize]) -> BTreeSet<usize> {
    let (mut reached, mut left) = (BTreeSet::new(), from.to_vec());
    while let Some(number) = left.pop() {
        if reached.insert(number) {
            left.extend(graph.map_or(&[][..], |graph| graph.needs(number)));
        }
    }
    reached
}

fn package(tree: &Path, recipe: &Recipe) -> Result<Package, Failure> {
    let mut sources = Vec::new();
    for input in &recipe.sources {
        let from = input.source.mirrors.iter().find(|it| !matches!(it.kind(), MirrorKind::File(_)));
        sources.push(Source {
            name: input.source.file.to_string(),
            checksum: Checksum::Sha256(input.source.sha256.to_string()),
            from: from.map(ToString::to_string),
            opaque: input.opaque,
            patch: false,
        });
        for patch in input.unpack.iter().flat_map(|unpack| &unpack.patches) {
            sources.extend(local(tree, &patch.path, &patch.node, (true, false))?);
        }
    }
    for input in &recipe.locals {
        sources.extend(local(tree, &input.path, &input.node, (false, input.hex0))?);
    }
    for image in &recipe.images {
        sources.push(Source {
            name: image.reference.clone(),
            checksum: Checksum::Tree(image.rootfs.to_string()),
            from: None,
            opaque: true,
            patch: false,
        });
    }
    let about = &recipe.about;
    Ok(Package {
        name: recipe.name.to_string(),
        version: Some(recipe.version.as_str().to_owned()),
        license: about.license.clone(),
        homepage: about.homepage.clone(),
        description: about.description.clone(),
        sources,
        ..Package::default()
    })
}

/// A file or folder beside a recipe. A hex0 file is listed as it is written, not as the bytes that it decodes to.
fn local(
    tree: &Path,
    path: &TreePath,
    node: &Node,
    (patch, hex0): (bool, bool),
) -> Result<Option<Source>, Failure> {
    let checksum = match node {
        Node::File { blob, .. } => {
            let place = tree.join(path.to_string());
            let fails = |e: &io::Error| Failure::io(&format!("{} cannot be read", place.display()), e);
            let files = OnDisk::open(tree).map_err(|e| fails(&io::Error::other(e)))?;
            let bytes = files.read(path, MAX_FILE).map_err(|e| fails(&e))?.unwrap_or_default();
            if !hex0 && Digest::of(&bytes) != blob.0 {
                return Err(Failure::new(
                    Kind::Failed,
                    format!("{} changed while it was read", place.display()),
                )
                .hint("run the command again"));
            }
            Checksum::Sha256(Sha256::of(&bytes).to_string())
        }
        Node::Directory { tree, .. } => Checksum::Tree(tree.to_string()),
        Node::Symlink { .. } => return Ok(None),
    };
    Ok(Some(Source { name: path.to_string(), checksum, from: None, opaque: false, patch }))
}
