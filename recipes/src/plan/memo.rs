//! The inputs of a recipe's last build, to report what changed since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stele_store::model::{Digest, Node};

use super::requests;
use crate::recipe::{Origin, Recipe};

/// What a build depends on: names, with a digest of each value. No digest for what is not known yet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Memo(pub BTreeMap<String, Option<String>>);

/// A difference between two builds of a recipe.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// It changed.
    Changed {
        /// The name: `input gcc`, `steps`.
        what: String,
        /// The old digest.
        from: String,
        /// The new digest.
        to: String,
    },
    /// It is new.
    Added {
        /// The name.
        what: String,
    },
    /// It was removed.
    Removed {
        /// The name.
        what: String,
    },
    /// It is built first, and may be unchanged.
    Pending {
        /// The name.
        what: String,
    },
}

impl Memo {
    /// The memo of `recipe`, with `inputs` for the outputs of other recipes, in the order of the recipe.
    pub(super) fn of(recipe: &Recipe, inputs: &[Option<Node>], profile: u32) -> Self {
        let mut memo = BTreeMap::new();
        for (input, node) in recipe.inputs.iter().zip(inputs) {
            let origin = Origin::Recipe(input.recipe.clone(), input.output.clone());
            memo.insert(format!("{origin} at {}", input.place), node.as_ref().map(digest));
        }
        for source in &recipe.sources {
            let text =
                requests::unpacking(source).unwrap_or_else(|| source.source.sha256.to_string().into_bytes());
            let text = [text, vec![u8::from(source.executable)]].concat();
            let what = format!("{} at {}", Origin::Source(source.source.file.to_string()), source.place);
            memo.insert(what, Some(Digest::of(&text).to_string()));
        }
        for local in &recipe.locals {
            let what = format!("{} at {}", Origin::Local(local.path.clone()), local.place);
            memo.insert(what, Some(digest(&local.node)));
        }
        for image in &recipe.images {
            let what = format!("{} at {}", Origin::Image(image.reference.clone()), image.place);
            memo.insert(what, Some(digest(&image.node())));
        }
        let mut insert = |what: &str, value: String| memo.insert(what.to_owned(), Some(value));
        insert("steps", json(&recipe.steps));
        insert("environment", json(&recipe.env));
        let outputs: BTreeMap<_, _> =
            recipe.outputs.iter().map(|(name, place)| (name.as_str(), place)).collect();
        insert("outputs", json(&outputs));
        let prefer: BTreeMap<_, _> =
            recipe.prefer.iter().map(|(place, origin)| (place.as_str(), origin.to_string())).collect();
        insert("what is preferred", json(&prefer));
        insert("working directory", recipe.workdir.as_str().to_owned());
        insert("what is special", json(&recipe.special));
        insert("platform", recipe.platform.name().to_owned());
        insert("sandbox profile", profile.to_string());
        Self(memo)
    }

    /// The differences since `before`, sorted by name.
    pub fn since(&self, before: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (what, now) in &self.0 {
            let what = what.clone();
            match (before.0.get(&what), now) {
                (None, _) => changes.push(Change::Added { what }),
                (Some(_), None) => changes.push(Change::Pending { what }),
                (Some(Some(from)), Some(to)) if from != to => {
                    changes.push(Change::Changed { what, from: from.clone(), to: to.clone() });
                }
                _ => {}
            }
        }
        let removed = before.0.keys().filter(|what| !self.0.contains_key(*what));
        changes.extend(removed.map(|what| Change::Removed { what: what.clone() }));
        changes
    }
}

/// The digest of `value` as JSON.
fn json(value: &impl Serialize) -> String {
    // Strings in lists and maps can always be serialised.
    Digest::of(&serde_json::to_vec(value).unwrap_or_default()).to_string()
}

fn digest(node: &Node) -> String {
    match node {
        Node::Directory { tree, .. } => tree.to_string(),
        Node::File { blob, executable, .. } => {
            format!("{blob}{}", if *executable { " executable" } else { "" })
        }
        Node::Symlink { target } => Digest::of(target.as_bytes()).to_string(),
    }
}
