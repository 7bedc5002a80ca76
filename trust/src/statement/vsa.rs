//! SLSA verification summaries (slsa.dev, `verification_summary/v1`): that somebody verified something by a policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Resource, Statement, StatementError};
use crate::time::Time;

/// The predicate's type.
pub const VSA: &str = "https://slsa.dev/verification_summary/v1";

/// The predicate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Who verified.
    pub verifier: Verifier,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_verified: Option<Time>,
    /// What was verified: it says for which use of the subject this holds.
    pub resource_uri: String,
    /// By which policy.
    pub policy: Resource,
    /// By which attestations: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_attestations: Vec<Resource>,
    /// Whether it passed.
    pub verification_result: VerificationResult,
    /// What was verified, as levels.
    pub verified_levels: Vec<String>,
    /// How many dependencies reach each level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency_levels: Option<BTreeMap<String, u64>>,
    /// The version of SLSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slsa_version: Option<String>,
}

/// Who verified.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verifier {
    /// A URI.
    pub id: String,
    /// The versions of its parts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub version: BTreeMap<String, String>,
}

/// Whether it passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum VerificationResult {
    /// It did.
    #[serde(rename = "PASSED")]
    Passed,
    /// It did not.
    #[serde(rename = "FAILED")]
    Failed,
}

impl Summary {
    /// The predicate of a statement.
    pub fn of(statement: &Statement) -> Result<Self, StatementError> {
        let summary: Self = statement.predicate_of(VSA)?;
        if summary.verifier.id.is_empty() || summary.resource_uri.is_empty() {
            return Err(StatementError::Predicate {
                reason: "`verifier.id` or `resourceUri` is empty".to_owned(),
            });
        }
        Ok(summary)
    }

    /// The statement that says this of `subjects`.
    pub fn statement(&self, subjects: Vec<Resource>) -> Result<Statement, StatementError> {
        let statement = Statement::with(subjects, VSA, self)?;
        Self::of(&statement)?;
        Ok(statement)
    }
}
