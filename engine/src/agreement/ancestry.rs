//! Everything that something was made from, back to the seed: by the texts of actions and requests.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use stele_oci::Spec;
use stele_recipes::plan::{Content, Needs};
use stele_store::Maker;
use stele_store::model::{BlobId, Digest, TreeId};
use stele_trust::digest::{Blake3, Digests, Sha256};

use super::answers::{Ancestor, Expected, MadeKind, Pinned, PinnedKind, Used};
use super::records::Records;
use crate::failure::Failure;

/// The most actions and requests that are walked.
const MAX_ANCESTORS: usize = 100_000;

/// What a recipe tree knows of digests.
#[derive(Default)]
pub(super) struct Labels {
    /// The actions of the recipes that are asked about, with all that they need.
    pub steps: HashSet<Digest>,
    /// The recipes, by their actions.
    pub recipes: HashMap<Digest, String>,
    /// Sources, by SHA-256.
    pub sources: HashMap<Sha256, Label>,
    /// Local files and folders, and foreign images, by their digests.
    pub contents: HashMap<Digest, Label>,
}

/// What a recipe says of an input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Label {
    pub name: String,
    pub kind: PinnedKind,
    pub size: Option<u64>,
}

/// What something was made from.
#[derive(Default)]
pub(super) struct Ancestry {
    /// The actions and requests, dependencies first.
    pub made: Vec<Ancestor>,
    /// What nobody makes.
    pub pinned: Vec<Pinned>,
    /// Directories of which nothing is known.
    pub unexplained: Vec<Pinned>,
}

/// The text of an image request.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageText {
    pub image: u32,
    pub images: Vec<Spec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<BTreeMap<String, String>>,
}

/// What is known of an action or request before it is told which of its inputs' makers count.
struct Entered {
    name: String,
    kind: MadeKind,
    text: String,
    own: bool,
    /// The trees that it needs, and where.
    trees: Vec<(TreeId, String)>,
    pinned: BTreeSet<Pinned>,
}

struct Walk<'a> {
    records: &'a Records<'a>,
    labels: &'a Labels,
    /// Everything that could have made something on the way.
    entered: HashMap<Digest, Entered>,
    /// Of each tree that was made, the maker that counts.
    chosen: HashMap<TreeId, Maker>,
    /// Actions whose texts are not known.
    unknown: BTreeSet<Pinned>,
}

/// Walks from what was asked about. With `closure` to the seed, and otherwise only through the requests that stand
/// between it and its inputs: they are Stele's own work on the way to its root.
///
/// One tree may have several makers, and a maker may need a tree that another maker of what it makes needs. So all of
/// them are gathered first, and those count that can be built from the seed upwards, the nearest to it.
///
/// # Errors
/// When the store cannot be read, or there is no end to it.
pub(super) fn walk(
    records: &Records<'_>,
    labels: &Labels,
    asked: &Expected,
    name: &str,
    closure: bool,
) -> Result<Ancestry, Failure> {
    let mut walk =
        Walk { records, labels, entered: HashMap::new(), chosen: HashMap::new(), unknown: BTreeSet::new() };
    let Some(of) = asked.of else { return Ok(Ancestry::default()) };
    walk.gather(of, name, closure)?;
    walk.choose();
    Ok(walk.told(of, asked, name))
}

impl Walk<'_> {
    /// Enters everything that could have made something on the way from `top`.
    fn gather(&mut self, top: Digest, name: &str, closure: bool) -> Result<(), Failure> {
        let mut todo = vec![top];
        let mut seen = HashSet::from([top]);
        while let Some(of) = todo.pop() {
            if seen.len() > MAX_ANCESTORS {
                let message = format!("{name} could have been made from more than {MAX_ANCESTORS} others");
                return Err(Failure::new(crate::Kind::Failed, message));
            }
            let Some(entered) = self.enter(&of)? else { continue };
            if closure || of == top || entered.kind != MadeKind::Action {
                let makers = entered.trees.iter().flat_map(|(tree, _)| self.candidates(tree));
                todo.extend(makers.map(|maker| maker.of).filter(|of| seen.insert(*of)));
                self.entered.insert(of, entered);
            }
        }
        Ok(())
    }

    /// What may have made a tree. Where recipes say which actions count, only these do.
    fn candidates(&self, tree: &TreeId) -> impl Iterator<Item = &Maker> {
        let makers = self.records.makers(tree);
        let planned = makers.iter().any(|maker| self.labels.steps.contains(&maker.of));
        makers.iter().filter(move |maker| !planned || self.labels.steps.contains(&maker.of))
    }

    /// Chooses makers from the leaves upwards: one counts as soon as all that it needs has a maker, or has none.
    fn choose(&mut self) {
        let mut waiting: Vec<Digest> = self.entered.keys().copied().collect();
        waiting.sort_unstable();
        loop {
            let is_ready = |of: &Digest| {
                let mut trees = self.entered[of].trees.iter();
                trees
                    .all(|(tree, _)| self.chosen.contains_key(tree) || self.candidates(tree).next().is_none())
            };
            let (ready, rest): (Vec<Digest>, Vec<Digest>) = waiting.iter().partition(|of| is_ready(of));
            let ready: HashSet<Digest> = ready.into_iter().collect();
            let trees = self.entered.values().flat_map(|it| &it.trees).map(|(tree, _)| *tree);
            let open: BTreeSet<TreeId> = trees.filter(|tree| !self.chosen.contains_key(tree)).collect();
            let mut chosen = Vec::new();
            for tree in open {
                let rank = |maker: &&Maker| (!maker.own, maker.of);
                let made = self.candidates(&tree).filter(|maker| self.is_made(&maker.of, &ready));
                chosen.extend(made.min_by_key(rank).map(|maker| (tree, maker.clone())));
            }
            if chosen.is_empty() {
                return;
            }
            self.chosen.extend(chosen);
            waiting = rest;
        }
    }

    /// Whether a maker is ready, or is not looked into: then it is a name that is voted on, and no more.
    fn is_made(&self, of: &Digest, ready: &HashSet<Digest>) -> bool {
        ready.contains(of) || !self.entered.contains_key(of)
    }

    /// The ancestors of `top` by the makers that were chosen, dependencies first.
    fn told(mut self, top: Digest, asked: &Expected, name: &str) -> Ancestry {
        let mut used: HashMap<Digest, BTreeMap<String, Digests>> = HashMap::new();
        let mut found: HashMap<Digest, Ancestor> = HashMap::new();
        let mut order = Vec::new();
        let mut pinned = std::mem::take(&mut self.unknown);
        // Each twice: entered, and left when all below it are told.
        let mut todo = vec![(top, false)];
        while let Some((of, is_left)) = todo.pop() {
            if is_left {
                order.push(of);
                continue;
            }
            let Some(entered) = self.entered.remove(&of) else { continue };
            let Entered { name, kind, text, own, trees, pinned: mut own_pinned } = entered;
            let mut from = Vec::new();
            for (tree, at) in trees {
                let digests = self.records.tree_digests(&tree);
                match self.chosen.get(&tree) {
                    Some(maker) => from.push(Used { of: maker.of, output: maker.output.clone(), digests }),
                    None => {
                        own_pinned.insert(self.leaf(&tree, digests, &at));
                    }
                }
            }
            for Used { of, output, digests } in &from {
                used.entry(*of).or_default().insert(output.clone(), *digests);
            }
            pinned.extend(own_pinned.iter().cloned());
            todo.push((of, true));
            todo.extend(from.iter().rev().map(|it| (it.of, false)));
            let (outputs, pinned) = (BTreeMap::new(), own_pinned.into_iter().collect());
            found.insert(of, Ancestor { name, kind, of, text, outputs, own, from, pinned });
        }
        used.insert(top, asked.outputs.clone());
        if let Some(top) = found.get_mut(&top) {
            name.clone_into(&mut top.name);
            top.own |= asked.own;
        }
        let ancestor = |of: &Digest| {
            let ancestor = found.remove(of)?;
            Some(Ancestor { outputs: used.remove(of).unwrap_or_default(), ..ancestor })
        };
        let made = order.iter().filter_map(ancestor).collect();
        let (unexplained, pinned) = pinned.into_iter().partition(|it| it.kind == PinnedKind::Unknown);
        Ancestry { made, pinned, unexplained }
    }

    /// Reads an action or request; `None` when its text is not known.
    fn enter(&mut self, of: &Digest) -> Result<Option<Entered>, Failure> {
        let name = self.labels.recipes.get(of).or_else(|| self.records.name(of)).cloned();
        let Some(text) = self.records.text(of)? else {
            self.unknown.insert(Pinned {
                name: name.unwrap_or_else(|| format!("action {of}")),
                kind: PinnedKind::Unknown,
                digests: Digests { blake3: Some(Blake3(*of.as_bytes())), sha256: None },
                size: None,
            });
            return Ok(None);
        };
        let (mut trees, mut pinned) = (Vec::new(), BTreeSet::new());
        let (kind, name) = match Needs::of(text.as_bytes()) {
            Some(Needs::Action { root }) => {
                trees.push((root, "its root".to_owned()));
                (MadeKind::Action, name.unwrap_or_else(|| short(of)))
            }
            Some(Needs::Unpacked { sha256, patches }) => {
                let source = self.source(&Sha256(*sha256.as_bytes()));
                let name = format!("{}, unpacked", source.name);
                pinned.insert(source);
                pinned.extend(patches.iter().map(|patch| self.file(patch, "a patch")));
                (MadeKind::Unpacked, name)
            }
            Some(Needs::Merged { inputs }) => {
                for it in inputs {
                    match it.content {
                        Content::Tree(tree) => trees.push((tree, it.at)),
                        Content::Blob(blob) => {
                            pinned.insert(self.file(&blob, &it.at));
                        }
                    }
                }
                (MadeKind::Merged, format!("root {}", short(of)))
            }
            None => {
                let image: ImageText = serde_json::from_str(&text).map_err(|_| unknown_text(of))?;
                let inputs = image.images.into_iter().flat_map(|spec| spec.inputs);
                trees.extend(inputs.map(|input| (input.tree, input.origin)));
                (MadeKind::Image, name.unwrap_or_else(|| short(of)))
            }
        };
        Ok(Some(Entered { name, kind, text, own: self.records.own(of)?, trees, pinned }))
    }

    /// A tree that nobody is known to have made.
    fn leaf(&self, tree: &TreeId, digests: Digests, at: &str) -> Pinned {
        let label = self.labels.contents.get(&tree.0).cloned().or_else(|| self.signed(&digests));
        match label {
            Some(Label { name, kind, size }) => Pinned { name, kind, digests, size },
            None => {
                let name = format!("the directory at {at}");
                Pinned { name, kind: PinnedKind::Unknown, digests, size: None }
            }
        }
    }

    /// What enough principals say that it is.
    fn signed(&self, digests: &Digests) -> Option<Label> {
        let (kind, name) = self.records.role(digests)?;
        Some(Label { name: name.to_owned(), kind, size: None })
    }

    fn source(&self, sha256: &Sha256) -> Pinned {
        let digests = Digests { blake3: None, sha256: Some(*sha256) };
        let label = self.labels.sources.get(sha256).cloned().or_else(|| self.signed(&digests));
        let label = label.unwrap_or_else(|| Label {
            name: format!("source {}", &sha256.to_string()[..12]),
            kind: PinnedKind::Source,
            size: None,
        });
        Pinned { name: label.name, kind: label.kind, digests, size: label.size }
    }

    fn file(&self, blob: &BlobId, at: &str) -> Pinned {
        let (digests, size) = self.records.blob_digests(blob);
        let of_source = digests.sha256.and_then(|sha256| self.labels.sources.get(&sha256));
        let label =
            self.labels.contents.get(&blob.0).or(of_source).cloned().or_else(|| self.signed(&digests));
        let (name, kind) =
            label.map_or_else(|| (format!("the file at {at}"), PinnedKind::File), |it| (it.name, it.kind));
        Pinned { name, kind, digests, size }
    }
}

fn short(of: &Digest) -> String {
    of.to_string()[..12].to_owned()
}

fn unknown_text(of: &Digest) -> Failure {
    Failure::new(
        crate::Kind::Failed,
        format!("what {of} did is written in a form that this version does not know"),
    )
}
