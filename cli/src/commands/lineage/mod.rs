//! `lineage`

mod generated;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use clap::{Args, ValueEnum};
use indicatif::HumanBytes;
use serde::Serialize;

use self::generated::Generated;
use stele_recipes::lineage;
use stele_recipes::plan::Graph;
use stele_recipes::recipe::{Recipe, RecipeName};
use stele_store::model::{Node, Sha256};

use super::context::Context;
use super::{graph, unexpected};
use crate::args::Global;
use crate::picture::{self, Shape};
use crate::recipe_tree::{self, RecipeTreeArg, find};
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::failure::{Failure, Kind};
use stele::recipes::generated::GeneratedIn;
use stele::recipes::name;
use stele::reference::to_wire;

/// Print a recipe's whole build lineage, down to the seed: each link, its tools, inputs and outputs.
///
/// Dependencies come first, the recipe itself last. *Opaque bytes* are those without readable source: prebuilt
/// packages, and the hand-written seed. What is trusted without being built here is listed.
///
/// With `--generated`, also which files of the sources were generated before upstream packed them, such as `configure`
/// scripts: they have a source, but were not made from it here. Their generators sign them; a file that hides its
/// origin is not found.
#[derive(Args, Debug)]
pub struct Lineage {
    /// The recipe
    name: String,
    /// Count the generated files of each source archive, which has to be in the store; --json lists them
    #[arg(long)]
    generated: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: RecipeTreeArg,
}

/// The format of a lineage.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// Lines for each link
    Text,
    /// An SVG picture; a pointer that rests on a box is told its digests
    Svg,
}

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Shown {
    pub(super) links: Vec<Link>,
    pub(super) opaque: OpaqueBytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generated: Option<Generated>,
    pub(super) trusted: Trusted,
}

/// A recipe and its inputs.
#[derive(Serialize)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) version: String,
    /// Its tools: outputs of earlier links.
    pub(super) with: Vec<String>,
    pub(super) sources: Vec<Source>,
    /// What is generated in its archives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) generated: Vec<GeneratedIn>,
    /// The digests of its outputs, when the store has them.
    pub(super) outputs: BTreeMap<String, Output>,
}

#[derive(Serialize)]
pub(super) struct Source {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    /// Why it is opaque: prebuilt, or hand-written in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opaque: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Output {
    pub(super) digest: String,
    pub(super) bytes: u64,
}

#[derive(Serialize)]
pub(super) struct OpaqueBytes {
    /// In prebuilt packages.
    pub(super) packages: u64,
    /// Hand-written.
    pub(super) seed: u64,
}

#[derive(Serialize)]
pub(super) struct Trusted {
    pub(super) kernel: String,
    pub(super) machine: String,
    pub(super) stele: String,
    /// Of the program that unpacks, patches and runs steps: this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stele_sha256: Option<String>,
}

/// A recipe's lineage, and the graph that it was read from.
pub(super) struct Found {
    pub(super) graph: Graph,
    pub(super) shown: Shown,
}

impl Found {
    /// The lineage as a picture.
    pub(super) fn picture(&self) -> String {
        // Writing to a string cannot fail.
        picture::draw(&shapes(&self.graph, &self.shown.links)).unwrap_or_default()
    }
}

/// Finds the lineage of a recipe; with `generated`, also what is generated in its sources.
///
/// # Errors
/// When there is no such recipe, or the store cannot be read.
pub(super) fn find_out(
    context: &mut Context,
    tree: &Path,
    name: &RecipeName,
    generated: bool,
) -> Result<Found, Failure> {
    let graph = recipe_tree::graph(tree, std::slice::from_ref(name))?;
    let missing = || Failure::new(Kind::NotFound, format!("there is no recipe `{name}`"));
    let number = graph.number(name).ok_or_else(missing)?;
    let goals = graph.recipes().iter().map(|recipe| recipe.name.to_string()).collect();
    let request = Request::Plan { tree: to_wire(tree.as_os_str()), goals };
    let Answer::Plan(planned) = context.ask(request)? else { return Err(unexpected()) };
    let mut links = Vec::new();
    for recipe in graph.recipes() {
        let mut link = link(recipe);
        let goal = planned.there.iter().find(|goal| goal.name == recipe.name.as_str());
        for (output, digest) in goal.iter().flat_map(|goal| &goal.outputs) {
            let Answer::Info(info) = context.ask(Request::Info { reference: digest.to_string() })? else {
                return Err(unexpected());
            };
            let bytes = info.closure.map_or(0, |closure| closure.bytes);
            link.outputs.insert(output.clone(), Output { digest: digest.to_string(), bytes });
        }
        if generated && !recipe.sources.is_empty() {
            let (tree, recipe) = (to_wire(tree.as_os_str()), recipe.name.to_string());
            let Answer::Generated(found) = context.ask(Request::Generated { tree, recipe })? else {
                return Err(unexpected());
            };
            link.generated = found;
        }
        links.push(link);
    }
    let generated = generated.then(|| generated::total(links.iter().flat_map(|it| &it.generated)));
    let opaque = opaque(&graph, number);
    Ok(Found { graph, shown: Shown { links, opaque, generated, trusted: trusted() } })
}

impl Lineage {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, name) = (find(global, &self.place)?, name(&self.name)?);
        let mut context = Context::new(global, false)?;
        let found = find_out(&mut context, &tree, &name, self.generated)?;
        if global.json {
            return render::json(&found.shown);
        }
        if self.format == Format::Svg {
            return render::exact(found.picture().as_bytes());
        }
        // Writing to a string cannot fail.
        render::out(text(&found.shown).unwrap_or_default().as_bytes())
    }
}

/// The boxes of the graph, with what was built of each.
fn shapes(graph: &Graph, links: &[Link]) -> Vec<Shape> {
    let mut shapes = graph::shapes(graph);
    for (shape, link) in shapes.iter_mut().zip(links) {
        if link.outputs.is_empty() {
            shape.kind = picture::Kind::Absent;
        }
        for (name, output) in &link.outputs {
            shape.title.push_str(&format!("\n{name} {}, {} bytes", output.digest, output.bytes));
        }
        let bytes: u64 = link.outputs.values().map(|output| output.bytes).sum();
        if bytes > 0 {
            shape.below = format!("{}, {}", shape.below, HumanBytes(bytes));
        }
    }
    shapes
}

fn link(recipe: &Recipe) -> Link {
    let mut with: Vec<String> = recipe.inputs.iter().map(|it| it.recipe.to_string()).collect();
    with.dedup();
    let fetched = recipe.sources.iter().map(|it| Source {
        name: it.source.file.to_string(),
        sha256: Some(it.source.sha256.to_string()),
        bytes: it.source.size,
        opaque: it.opaque.then_some("prebuilt"),
    });
    let images = recipe.images.iter().map(|it| Source {
        name: format!("image {}, rootfs {}", it.reference, it.rootfs),
        sha256: None,
        bytes: Some(it.size),
        opaque: Some("prebuilt"),
    });
    let local = recipe.locals.iter().map(|it| Source {
        name: it.path.to_string(),
        sha256: None,
        bytes: match it.node {
            Node::File { size, .. } => Some(size),
            Node::Directory { .. } | Node::Symlink { .. } => None,
        },
        opaque: it.hex0.then_some("hand-written in hexadecimal digits"),
    });
    Link {
        name: recipe.name.to_string(),
        version: recipe.version.as_str().to_owned(),
        with,
        sources: fetched.chain(images).chain(local).collect(),
        generated: Vec::new(),
        outputs: BTreeMap::new(),
    }
}

fn opaque(graph: &Graph, number: usize) -> OpaqueBytes {
    let locals = graph.recipes().iter().flat_map(|recipe| &recipe.locals).filter(|it| it.hex0);
    let seed = locals.map(|it| match it.node {
        Node::File { size, .. } => size,
        Node::Directory { .. } | Node::Symlink { .. } => 0,
    });
    OpaqueBytes { packages: lineage::bytes(&lineage::opaque(graph, number)), seed: seed.sum() }
}

fn trusted() -> Trusted {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let program = std::fs::read("/proc/self/exe").ok();
    Trusted {
        kernel: format!("{} {}", text(uname.sysname()), text(uname.release())),
        machine: text(uname.machine()),
        stele: env!("CARGO_PKG_VERSION").to_owned(),
        stele_sha256: program.map(|bytes| Sha256::of(&bytes).to_string()),
    }
}

fn text(shown: &Shown) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for link in &shown.links {
        let with = if link.with.is_empty() { "nothing".to_owned() } else { link.with.join(", ") };
        writeln!(text, "{} {}, with {with}", link.name, link.version)?;
        for it in &link.sources {
            let bytes = it.bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
            let sha256 = it.sha256.as_deref().map(|it| format!(", SHA-256 {it}")).unwrap_or_default();
            let opaque = it.opaque.map(|it| format!(", {it}")).unwrap_or_default();
            writeln!(text, "  of {}{bytes}{sha256}{opaque}", it.name)?;
        }
        for it in &link.generated {
            writeln!(text, "  generated in {}: {}", it.source, generated::text(&generated::count(it)))?;
        }
        for (output, it) in &link.outputs {
            writeln!(text, "  {output} {}, {} bytes", it.digest, it.bytes)?;
        }
        if link.outputs.is_empty() {
            writeln!(text, "  not built here, or garbage-collected")?;
        }
    }
    let OpaqueBytes { packages, seed } = shown.opaque;
    writeln!(text, "opaque bytes: {packages} in prebuilt packages, {seed} hand-written")?;
    if let Some(generated) = &shown.generated {
        writeln!(text, "generated before they were packed: {}", generated::text(generated))?;
    }
    let Trusted { kernel, machine, stele, stele_sha256 } = &shown.trusted;
    let sha256 = stele_sha256.as_deref().map(|it| format!(", SHA-256 {it}")).unwrap_or_default();
    writeln!(
        text,
        "trusted, not built here: the kernel ({kernel}), the processor ({machine}), and stele {stele}"
    )?;
    writeln!(text, "  itself{sha256}, which unpacks, patches and runs steps")?;
    Ok(text)
}
