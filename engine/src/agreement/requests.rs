//! Requests about agreement.

use serde::{Deserialize, Serialize};

use stele_store::model::Digest;

use crate::request::PathUse;

/// A request about agreement. `reference` is a REF, or the name of a recipe or image; with a recipe tree, names of its
/// recipes count first. Recipe trees are escaped paths.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "agreement", rename_all = "kebab-case")]
pub enum AgreementRequest {
    /// The statements that this store can make, to be signed.
    State {
        /// Of what.
        reference: String,
        /// The recipe tree.
        tree: Option<String>,
        /// Whether also of everything that it was made from.
        closure: bool,
        /// The digest that was to be reproduced.
        expected: Option<String>,
        /// Whether what was stated before is revoked, and why.
        revoke: Option<String>,
    },
    /// Keep evidence: each a text in one of the known formats.
    Add {
        /// The evidence.
        evidence: Vec<String>,
    },
    /// List evidence: about something, with everything that it was made from; or all.
    List {
        /// About what.
        reference: Option<String>,
        /// The recipe tree.
        tree: Option<String>,
        /// Whether its bytes are sent along.
        content: bool,
    },
    /// The evidence about an action or request: for another store that wants to decide about its outputs.
    About {
        /// Its digest.
        of: Digest,
    },
    /// Remove a piece of evidence, named by 8 or more digits of its SHA-256.
    Remove {
        /// The digits.
        digest: String,
    },
    /// Decide by a policy.
    Decide {
        /// About what.
        reference: String,
        /// The recipe tree.
        tree: Option<String>,
        /// The policy's text.
        policy: String,
        /// Whether also about everything that it was made from.
        closure: bool,
        /// Further evidence, besides that of the store.
        evidence: Vec<String>,
    },
}

impl AgreementRequest {
    /// Like [`Request::paths_mut`](crate::Request::paths_mut).
    pub(crate) fn paths_mut(&mut self) -> Vec<(PathUse, &mut String)> {
        match self {
            Self::State { tree, .. } | Self::List { tree, .. } | Self::Decide { tree, .. } => {
                tree.iter_mut().map(|tree| (PathUse::Tree, tree)).collect()
            }
            Self::Add { .. } | Self::About { .. } | Self::Remove { .. } => Vec::new(),
        }
    }
}
