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

/// A step of the walk, which is a loop: a chain may be longer than a stack.
enum Visit {
    Enter(Digest),
    Leave(Digest),
}

struct Walk<'a> {
    records: &'a Records<'a>,
    labels: &'a Labels,
    /// Of each that was met, in the order of meeting.
    met: HashMap<Digest, Ancestor>,
    /// The outputs of each that are used.
    used: HashMap<Digest, BTreeMap<String, Digests>>,
    /// Those on the way from what was asked about to the current one.
    open: HashSet<Digest>,
    order: Vec<Digest>,
    pinned: BTreeSet<Pinned>,
}

/// The inputs of the action or request that is being entered.
#[derive(Default)]
struct Inputs {
    made: Vec<(Maker, TreeId)>,
    pinned: BTreeSet<Pinned>,
}

/// Walks from what was asked about. With `closure` to the seed, and otherwise only through the requests that stand
/// between it and its inputs: they are Stele's own work on the way to its root.
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
    let mut walk = Walk {
        records,
        labels,
        met: HashMap::new(),
        used: HashMap::new(),
        open: HashSet::new(),
        order: Vec::new(),
        pinned: BTreeSet::new(),
    };
    let Some(of) = asked.of else { return Ok(Ancestry::default()) };
    let mut todo = vec![Visit::Enter(of)];
    while let Some(visit) = todo.pop() {
        match visit {
            Visit::Leave(of) => {
                walk.open.remove(&of);
                walk.order.push(of);
            }
            Visit::Enter(of) if walk.met.contains_key(&of) => {}
            Visit::Enter(next) => {
                if walk.met.len() >= MAX_ANCESTORS {
                    let message = format!("{name} was made from more than {MAX_ANCESTORS} others");
                    return Err(Failure::new(crate::Kind::Failed, message));
                }
                walk.open.insert(next);
                let mut from = walk.enter(&next)?;
                if !closure {
                    let is_request =
                        |of: &Digest| walk.kind_of(of).is_some_and(|kind| kind != MadeKind::Action);
                    from.retain(is_request);
                }
                todo.push(Visit::Leave(next));
                todo.extend(from.into_iter().rev().map(Visit::Enter));
            }
        }
    }
    walk.used.insert(of, asked.outputs.clone());
    if let Some(top) = walk.met.get_mut(&of) {
        name.clone_into(&mut top.name);
        top.own |= asked.own;
    }
    let mut made = Vec::with_capacity(walk.order.len());
    for of in &walk.order {
        let Some(ancestor) = walk.met.remove(of) else { continue };
        made.push(Ancestor { outputs: walk.used.remove(of).unwrap_or_default(), ..ancestor });
    }
    let (unexplained, pinned) = walk.pinned.into_iter().partition(|it| it.kind == PinnedKind::Unknown);
    Ok(Ancestry { made, pinned, unexplained })
}

impl Walk<'_> {
    fn kind_of(&self, of: &Digest) -> Option<MadeKind> {
        let text = self.records.text(of).ok()??;
        match Needs::of(text.as_bytes()) {
            Some(Needs::Action { .. }) => Some(MadeKind::Action),
            Some(Needs::Unpacked { .. }) => Some(MadeKind::Unpacked),
            Some(Needs::Merged { .. }) => Some(MadeKind::Merged),
            None => Some(MadeKind::Image),
        }
    }

    /// Notes an action or request; returns those that made its inputs.
    fn enter(&mut self, of: &Digest) -> Result<Vec<Digest>, Failure> {
        let name = self.labels.recipes.get(of).or_else(|| self.records.name(of)).cloned();
        let Some(text) = self.records.text(of)? else {
            self.pinned.insert(Pinned {
                name: name.unwrap_or_else(|| format!("action {of}")),
                kind: PinnedKind::Unknown,
                digests: Digests { blake3: Some(Blake3(*of.as_bytes())), sha256: None },
                size: None,
            });
            return Ok(Vec::new());
        };
        let mut inputs = Inputs::default();
        let (kind, name) = match Needs::of(text.as_bytes()) {
            Some(Needs::Action { root }) => {
                self.tree(&root, "its root", &mut inputs);
                (MadeKind::Action, name.unwrap_or_else(|| short(of)))
            }
            Some(Needs::Unpacked { sha256, patches }) => {
                let file = self.source(&Sha256(*sha256.as_bytes()), &mut inputs);
                patches.iter().for_each(|patch| self.file(patch, "a patch", &mut inputs));
                (MadeKind::Unpacked, format!("{file}, unpacked"))
            }
            Some(Needs::Merged { inputs: merged }) => {
                for it in merged {
                    match it.content {
                        Content::Tree(tree) => self.tree(&tree, &it.at, &mut inputs),
                        Content::Blob(blob) => self.file(&blob, &it.at, &mut inputs),
                    }
                }
                (MadeKind::Merged, format!("root {}", short(of)))
            }
            None => {
                let image: ImageText = serde_json::from_str(&text).map_err(|_| unknown_text(of))?;
                for input in image.images.iter().flat_map(|spec| &spec.inputs) {
                    self.tree(&input.tree, &input.origin, &mut inputs);
                }
                (MadeKind::Image, name.unwrap_or_else(|| short(of)))
            }
        };
        let used = |(maker, tree): &(Maker, TreeId)| Used {
            of: maker.of,
            output: maker.output.clone(),
            digests: self.records.tree_digests(tree),
        };
        let from: Vec<Used> = inputs.made.iter().map(used).collect();
        for Used { of, output, digests } in &from {
            self.used.entry(*of).or_default().insert(output.clone(), *digests);
        }
        self.pinned.extend(inputs.pinned.iter().cloned());
        let makers = from.iter().map(|it| it.of).collect();
        let (own, pinned) = (self.records.own(of)?, inputs.pinned.into_iter().collect());
        let outputs = BTreeMap::new();
        self.met.insert(*of, Ancestor { name, kind, of: *of, text, outputs, own, from, pinned });
        Ok(makers)
    }

    /// Adds what made a tree. Among several, one that a recipe names comes first, then one that this store ran itself.
    /// None that leads back to itself.
    fn tree(&self, tree: &TreeId, at: &str, inputs: &mut Inputs) {
        let candidates = self.records.makers(tree).iter().filter(|maker| !self.open.contains(&maker.of));
        let rank = |maker: &&Maker| (!self.labels.recipes.contains_key(&maker.of), !maker.own, maker.of);
        if let Some(maker) = candidates.min_by_key(rank) {
            inputs.made.push((maker.clone(), *tree));
            return;
        }
        let digests = self.records.tree_digests(tree);
        let label = self.labels.contents.get(&tree.0).cloned().or_else(|| self.signed(&digests));
        match label {
            Some(Label { name, kind, size }) => {
                inputs.pinned.insert(Pinned { name, kind, digests, size });
            }
            None => {
                let name = format!("the directory at {at}");
                inputs.pinned.insert(Pinned { name, kind: PinnedKind::Unknown, digests, size: None });
            }
        }
    }

    /// What enough principals say that it is.
    fn signed(&self, digests: &Digests) -> Option<Label> {
        let (kind, name) = self.records.role(digests)?;
        Some(Label { name: name.to_owned(), kind, size: None })
    }

    fn source(&self, sha256: &Sha256, inputs: &mut Inputs) -> String {
        let digests = Digests { blake3: None, sha256: Some(*sha256) };
        let label = self.labels.sources.get(sha256).cloned().or_else(|| self.signed(&digests));
        let label = label.unwrap_or_else(|| Label {
            name: format!("source {}", &sha256.to_string()[..12]),
            kind: PinnedKind::Source,
            size: None,
        });
        inputs.pinned.insert(Pinned {
            name: label.name.clone(),
            kind: label.kind,
            digests,
            size: label.size,
        });
        label.name
    }

    fn file(&self, blob: &BlobId, at: &str, inputs: &mut Inputs) {
        let (digests, size) = self.records.blob_digests(blob);
        let of_source = digests.sha256.and_then(|sha256| self.labels.sources.get(&sha256));
        let label =
            self.labels.contents.get(&blob.0).or(of_source).cloned().or_else(|| self.signed(&digests));
        let (name, kind) =
            label.map_or_else(|| (format!("the file at {at}"), PinnedKind::File), |it| (it.name, it.kind));
        inputs.pinned.insert(Pinned { name, kind, digests, size });
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
