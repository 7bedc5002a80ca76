//! SLSA provenance v1 (slsa.dev, `provenance/v1`): for those who read that and not [`rebuild`](super::rebuild).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Resource, Statement, StatementError};
use crate::time::Time;

/// The predicate's type.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// What the external parameters of ours are: an action.
pub const BUILD_TYPE: &str = "urn:stele:build-type:action:v1";

/// The predicate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// The inputs.
    pub build_definition: BuildDefinition,
    /// This run.
    pub run_details: RunDetails,
}

/// All inputs that could change the outputs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    /// What the parameters mean: a URI.
    pub build_type: String,
    /// What is under external control: of ours, the action, all of it.
    pub external_parameters: Map<String, Value>,
    /// What the builder decides: of ours, the sandbox profile.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub internal_parameters: Map<String, Value>,
    /// What was fetched or read: the direct inputs and the sources, by digest.
    #[serde(default)]
    pub resolved_dependencies: Vec<Resource>,
    /// That no other dependency exists. SLSA has no field for this, so it is an extension field; missing is not
    /// known.
    #[serde(rename = "stele_resolvedDependenciesComplete", default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
}

/// This run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunDetails {
    /// Who built.
    pub builder: BuilderId,
    /// When, and which run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<RunMetadata>,
    /// What came out besides the subjects, such as a log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub byproducts: Vec<Resource>,
}

/// The platform that the signer vouches for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuilderId {
    /// A URI.
    pub id: String,
    /// The versions of its parts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub version: Map<String, Value>,
    /// What it depends on itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub builder_dependencies: Vec<Resource>,
}

/// Which run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunMetadata {
    /// Its name with the builder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_id: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_on: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<Time>,
}

impl Provenance {
    /// The predicate of a statement.
    pub fn of(statement: &Statement) -> Result<Self, StatementError> {
        let provenance: Self = statement.predicate_of(PROVENANCE)?;
        let definition = &provenance.build_definition;
        if definition.build_type.is_empty() || provenance.run_details.builder.id.is_empty() {
            let reason = "`buildType` or `builder.id` is empty".to_owned();
            return Err(StatementError::Predicate { reason });
        }
        if definition.complete == Some(true)
            && definition.resolved_dependencies.iter().any(|it| it.digest.is_empty())
        {
            let reason = "its dependencies are said to be complete, and one has no digest".to_owned();
            return Err(StatementError::Predicate { reason });
        }
        Ok(provenance)
    }

    /// The statement that says this of `subjects`.
    pub fn statement(&self, subjects: Vec<Resource>) -> Result<Statement, StatementError> {
        let statement = Statement::with(subjects, PROVENANCE, self)?;
        Self::of(&statement)?;
        Ok(statement)
    }
}
