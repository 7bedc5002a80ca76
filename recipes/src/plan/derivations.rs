//! The derivation of a recipe: it, and all its dependencies, as written. Unlike an action it is known before anything
//! is fetched, unpacked or built, so it refers to no content but what is pinned.
//!
//! By its digest this store remembers which outputs another store gave for a recipe, without having to trust that
//! store's unpacked sources and merged roots. `docs/formats.md` has the text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use stele_store::model::Digest;

use super::graph::Graph;
use super::requests::{Input, canonical, digest_of, kind_of, unpacking};
use super::{Known, Planning};
use crate::action::Special;
use crate::recipe::{Origin, Recipe};

/// The version of the text.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Derivation<'a> {
    derivation: u32,
    env: &'a BTreeMap<String, String>,
    inputs: Vec<Input>,
    outputs: BTreeMap<&'a str, &'a str>,
    platform: &'static str,
    prefer: BTreeMap<&'a str, usize>,
    profile: u32,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    special: &'a BTreeSet<Special>,
    steps: &'a [Vec<String>],
    workdir: &'a str,
}

/// The text of a recipe, given the digests of its dependencies' derivations.
fn encode(recipe: &Recipe, of: impl Fn(&Recipe, usize) -> String, profile: u32) -> Vec<u8> {
    let mut inputs = Vec::new();
    let mut origins = Vec::new();
    for (at, input) in recipe.inputs.iter().enumerate() {
        let digest = format!("{} {}", of(recipe, at), input.output.as_str());
        inputs.push(Input { at: input.place.as_str().to_owned(), digest, kind: "output" });
        origins.push(Origin::Recipe(input.recipe.clone(), input.output.clone()));
    }
    for source in &recipe.sources {
        let (digest, kind) = match (unpacking(source), source.executable) {
            (Some(text), _) => (Digest::of(&text).to_string(), "unpacked"),
            (None, true) => (source.source.sha256.to_string(), "executable-source"),
            (None, false) => (source.source.sha256.to_string(), "source"),
        };
        inputs.push(Input { at: source.place.as_str().to_owned(), digest, kind });
        origins.push(Origin::Source(source.source.file.to_string()));
    }
    for local in &recipe.locals {
        let (digest, kind) = (digest_of(&local.node), kind_of(&local.node));
        inputs.push(Input { at: local.place.as_str().to_owned(), digest, kind });
        origins.push(Origin::Local(local.path.clone()));
    }
    for image in &recipe.images {
        let (digest, kind) = (image.rootfs.to_string(), "directory");
        inputs.push(Input { at: image.place.as_str().to_owned(), digest, kind });
        origins.push(Origin::Image(image.reference.clone()));
    }
    let number = |origin: &Origin| origins.iter().position(|it| it == origin).unwrap_or(usize::MAX);
    let text = Derivation {
        derivation: FORMAT,
        env: &recipe.env,
        inputs,
        outputs: recipe.outputs.iter().map(|(name, place)| (name.as_str(), place.as_str())).collect(),
        platform: recipe.platform.name(),
        prefer: recipe.prefer.iter().map(|(place, origin)| (place.as_str(), number(origin))).collect(),
        profile,
        special: &recipe.special,
        steps: &recipe.steps,
        workdir: recipe.workdir.as_str(),
    };
    canonical(&text)
}

/// The text of the recipe of that number. A loop over all before it: a chain of recipes may be longer than a stack.
pub(super) fn text(graph: &Graph, number: usize, profile: u32) -> Vec<u8> {
    let mut known = Vec::with_capacity(number);
    extend(graph, &mut known, number, profile);
    text_of(graph, &known, number, profile)
}

/// The digests of the derivations of the first `count` recipes of a graph. Each recipe comes after its dependencies.
fn extend(graph: &Graph, known: &mut Vec<Digest>, count: usize, profile: u32) {
    while known.len() < count {
        let text = text_of(graph, known, known.len(), profile);
        known.push(Digest::of(&text));
    }
}

fn text_of(graph: &Graph, known: &[Digest], number: usize, profile: u32) -> Vec<u8> {
    let of = |recipe: &Recipe, at: usize| {
        let need = graph.number(&recipe.inputs[at].recipe);
        need.and_then(|need| known.get(need)).map(ToString::to_string).unwrap_or_default()
    };
    encode(&graph.recipes()[number], of, profile)
}

impl<K: Known> Planning<'_, K> {
    /// The digest of the derivation of a recipe.
    pub(super) fn derivation(&mut self, number: usize) -> Digest {
        extend(self.graph, &mut self.derivations, number + 1, self.profile);
        self.derivations[number]
    }
}
