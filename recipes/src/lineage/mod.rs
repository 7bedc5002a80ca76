//! The opaque bytes that a recipe depends on.
//!
//! *Opaque* means prebuilt. What is built with it is as opaque as that, however readable its own source is; so it is
//! counted over all dependencies of a recipe, and each package once.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use stele_store::model::{Sha256, TreeId};

use crate::plan::Graph;
use crate::recipe::RecipeName;

/// A prebuilt source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opaque {
    /// Its file's name; the first one, when recipes give it several.
    pub file: String,
    /// Its identity.
    pub pin: Pin,
    /// The size of the file in bytes, as distributed.
    pub size: u64,
    /// The recipes that name it, dependencies first.
    pub named_by: Vec<RecipeName>,
}

/// The identity of something opaque.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Pin {
    /// The SHA-256 of a package.
    Sha256(Sha256),
    /// The tree of an image.
    Tree(TreeId),
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sha256(sha256) => sha256.fmt(f),
            Self::Tree(tree) => tree.fmt(f),
        }
    }
}

/// The opaque sources of the recipe of that number in `graph`, and of its dependencies: each once, sorted by name.
pub fn opaque(graph: &Graph, number: usize) -> Vec<Opaque> {
    let mut found: BTreeMap<Pin, Opaque> = BTreeMap::new();
    for number in closure(graph, number) {
        let recipe = &graph.recipes()[number];
        // The language requires a size for everything opaque.
        let sources = recipe.sources.iter().filter(|it| it.opaque).map(|it| &it.source);
        let sources =
            sources.map(|it| (it.file.to_string(), Pin::Sha256(it.sha256), it.size.unwrap_or_default()));
        let images = recipe.images.iter().map(|it| (it.reference.clone(), Pin::Tree(it.rootfs), it.size));
        for (file, pin, size) in sources.chain(images) {
            let opaque = found.entry(pin).or_insert_with(|| Opaque { file, pin, size, named_by: Vec::new() });
            if !opaque.named_by.contains(&recipe.name) {
                opaque.named_by.push(recipe.name.clone());
            }
        }
    }
    let mut found: Vec<Opaque> = found.into_values().collect();
    found.sort_by(|one, other| (&one.file, one.pin).cmp(&(&other.file, other.pin)));
    found
}

/// Their total size in bytes.
pub fn bytes(opaque: &[Opaque]) -> u64 {
    opaque.iter().fold(0, |sum, it| sum.saturating_add(it.size))
}

/// A recipe and its dependencies, in the order of the graph.
fn closure(graph: &Graph, number: usize) -> Vec<usize> {
    let mut needed = vec![false; number + 1];
    needed[number] = true;
    // Dependencies come before their dependents.
    for number in (0..=number).rev() {
        if needed[number] {
            graph.needs(number).iter().for_each(|need| needed[*need] = true);
        }
    }
    (0..=number).filter(|number| needed[*number]).collect()
}
