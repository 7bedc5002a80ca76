//! How things were made: by the records of a store, and by what others signed.
//!
//! A signed statement is taken for two things only. The text of an action or request, whose digest proves it; and that
//! an action may have made a tree, which the votes then have to agree on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stele_store::model::{BlobId, Digest, TreeId};
use stele_store::{Maker, Origins, Store};
use stele_trust::digest::{Blake3, Digests, Sha256};
use stele_trust::dsse::IN_TOTO;
use stele_trust::name::Label;
use stele_trust::policy::Policy;
use stele_trust::principal::SigningTime;
use stele_trust::statement::provenance::Provenance;
use stele_trust::statement::rebuild::{Outcome, Rebuild};
use stele_trust::statement::{Resource, Statement};
use stele_trust::time::Time;
use stele_trust::vote::{Evidence, principals};

use super::answers::PinnedKind;
use crate::failure::Failure;

/// The name of the output of an image request: the manifest, or the index.
pub(super) const MANIFEST: &str = "manifest";

/// What is known.
#[derive(Default)]
pub(super) struct Records<'a> {
    store: Option<&'a Store>,
    /// By output tree.
    makers: HashMap<TreeId, Vec<Maker>>,
    /// By the digest of the text.
    texts: HashMap<Digest, String>,
    /// What a principal calls an action. A name decides nothing.
    names: HashMap<Digest, String>,
    /// What principals say that content is which nobody makes, with all who say so.
    roles: HashMap<Digests, BTreeMap<(PinnedKind, String), BTreeSet<Label>>>,
    /// The requests that made an image, by the SHA-256 of its manifest.
    images: HashMap<Sha256, Vec<Digest>>,
}

impl<'a> Records<'a> {
    /// Those of a store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn of(store: &'a Store) -> Result<Self, Failure> {
        Ok(Self { store: Some(store), makers: store.makers()?, ..Self::default() })
    }

    /// Adds what principals of a policy signed.
    pub(super) fn learn(&mut self, policy: &Policy, evidence: &[Evidence], now: Time) {
        for evidence in evidence {
            let Evidence::Envelope { envelope, witnessed } = evidence else { continue };
            let statement = envelope.payload_of(IN_TOTO).ok().and_then(|it| Statement::parse(it).ok());
            let Some(statement) = statement else { continue };
            let rebuild = Rebuild::of(&statement).ok();
            let provenance = Provenance::of(&statement).ok();
            let claimed = rebuild.as_ref().and_then(Rebuild::time);
            let signed = SigningTime { claimed, witnessed: *witnessed };
            let principals = principals(policy, envelope, signed, now);
            if principals.is_empty() {
                continue;
            }
            if let Some(rebuild) = rebuild.filter(|it| it.outcome != Outcome::Revoked) {
                self.learn_rebuild(rebuild);
            }
            for resource in provenance.into_iter().flat_map(|it| it.build_definition.resolved_dependencies) {
                self.learn_role(&resource, &principals);
            }
        }
        // A role that too few vouch for would let one of them hide how something was made.
        self.roles.retain(|_, roles| {
            roles.retain(|_, principals| policy.satisfied_by(principals));
            !roles.is_empty()
        });
    }

    fn learn_role(&mut self, resource: &Resource, principals: &BTreeSet<Label>) {
        let role = resource.annotations.get("role").cloned().and_then(|it| serde_json::from_value(it).ok());
        let action = resource.annotations.get("action").and_then(|it| it.as_str()?.parse().ok());
        if let (Some(of), Some(name)) = (action, &resource.name) {
            self.names.entry(of).or_insert_with(|| name.clone());
        }
        let (Some(kind), Some(name)) = (role, &resource.name) else { return };
        let digest = |name: &str| resource.digest.get(name);
        let digests = Digests {
            blake3: digest("blake3").and_then(|it| it.parse().ok()),
            sha256: digest("sha256").and_then(|it| it.parse().ok()),
        };
        // By each digest alone, since not everybody knows both.
        let each = [Digests { sha256: None, ..digests }, Digests { blake3: None, ..digests }];
        for one in each.into_iter().filter(|it| *it != Digests::default()) {
            let roles = self.roles.entry(one).or_default();
            roles.entry((kind, name.clone())).or_default().extend(principals.iter().cloned());
        }
    }

    /// What enough principals of a policy say that a content is, and nobody makes it.
    pub(super) fn role(&self, digests: &Digests) -> Option<(PinnedKind, &str)> {
        let by = |one: Digests| self.roles.get(&one).filter(|_| one != Digests::default());
        let roles =
            by(Digests { sha256: None, ..*digests }).or_else(|| by(Digests { blake3: None, ..*digests }))?;
        // Where they differ, the one that admits more.
        roles
            .keys()
            .rev()
            .find(|(kind, _)| *kind != PinnedKind::Unknown)
            .map(|(kind, name)| (*kind, name.as_str()))
    }

    fn learn_rebuild(&mut self, rebuild: Rebuild) {
        let of = Digest::from_bytes(rebuild.action.digest.blake3.0);
        if let Some(text) = rebuild.action.text.filter(|text| Digest::of(text.as_bytes()) == of) {
            self.texts.insert(of, text);
        }
        for output in rebuild.outputs {
            match (output.name.as_str(), output.digest) {
                (MANIFEST, Digests { sha256: Some(sha256), .. }) => {
                    let known = self.images.entry(sha256).or_default();
                    if !known.contains(&of) {
                        known.push(of);
                    }
                }
                (name, Digests { blake3: Some(Blake3(bytes)), .. }) => {
                    let known = self.makers.entry(TreeId(Digest::from_bytes(bytes))).or_default();
                    if !known.iter().any(|it| it.of == of && it.output == name) {
                        known.push(Maker { of, output: name.to_owned(), own: false });
                    }
                }
                _ => {}
            }
        }
    }

    /// The canonical text of an action or request.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn text(&self, of: &Digest) -> Result<Option<String>, Failure> {
        let stored = self.store.map(|store| store.request(of)).transpose()?.flatten();
        let stored =
            stored.filter(|text| Digest::of(text) == *of).and_then(|text| String::from_utf8(text).ok());
        Ok(stored.or_else(|| self.texts.get(of).cloned()))
    }

    /// What may have made a tree.
    pub(super) fn makers(&self, tree: &TreeId) -> &[Maker] {
        self.makers.get(tree).map_or(&[], Vec::as_slice)
    }

    /// The requests that may have made an image.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn image_requests(&self, manifest: &Sha256) -> Result<Vec<(Digest, bool)>, Failure> {
        let model = stele_store::model::Sha256::from_bytes(manifest.0);
        let own = self.store.map(|store| store.artifact_request(&model)).transpose()?.flatten();
        let signed = self.images.get(manifest).into_iter().flatten().filter(|of| Some(**of) != own);
        Ok(own.map(|of| (of, true)).into_iter().chain(signed.map(|of| (*of, false))).collect())
    }

    /// Whether the store made the outputs of an action or request itself.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn own(&self, of: &Digest) -> Result<bool, Failure> {
        let own = self.store.map(|store| store.realisation(of, Origins::Own)).transpose()?;
        Ok(own.flatten().is_some())
    }

    /// What a principal calls an action.
    pub(super) fn name(&self, of: &Digest) -> Option<&String> {
        self.names.get(of)
    }

    /// The digests of a tree's text: both if the store has it.
    pub(super) fn tree_digests(&self, tree: &TreeId) -> Digests {
        let text = self.store.and_then(|store| store.tree_text(tree).ok());
        Digests { blake3: Some(Blake3(*tree.0.as_bytes())), sha256: text.map(|text| Sha256::of(&text)) }
    }

    /// The digests of a file, and its size.
    pub(super) fn blob_digests(&self, blob: &BlobId) -> (Digests, Option<u64>) {
        let info = self.store.and_then(|store| store.blob_info(blob).ok());
        let sha256 = info.as_ref().map(|info| Sha256(*info.sha256.as_bytes()));
        (Digests { blake3: Some(Blake3(*blob.0.as_bytes())), sha256 }, info.map(|info| info.size))
    }
}
