//! The predicate `rebuild/v1`: what came out when somebody ran an action. `docs/predicates/rebuild-v1.md` specifies
//! it.
//!
//! The vote in it is the outcome, the action and the outputs. Times and facts are beside the vote: two statements
//! that differ only in them are the same vote.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Resource, Statement, StatementError};
use crate::digest::{Blake3, Digests};
use crate::json;
use crate::name::OutputName;
use crate::time::Time;

/// The predicate's type. A URN, as the project has no domain that could not pass to somebody else.
pub const REBUILD: &str = "urn:stele:predicate:rebuild:v1";

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The action ran, and its outputs are these.
    Built,
    /// The action ran, its outputs are these, and they are not the ones that were expected: a dissent.
    Differs,
    /// The action ran and failed: there are no outputs.
    Failed,
    /// The builder takes back what it said of these outputs of the action, whenever it said it.
    Revoked,
}

/// The predicate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rebuild {
    /// What became of it.
    pub outcome: Outcome,
    /// What was run.
    pub action: Action,
    /// The outputs, sorted by name; none where the action failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// Where the build ran; missing where nothing was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Sandbox>,
    /// Who built.
    #[serde(default)]
    pub builder: Builder,
    /// When, for readers; never part of the vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Why, in words: of a failure or a revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Action {
    /// The digest of its canonical text.
    pub digest: ActionDigest,
    /// That text. Not part of the vote; whoever uses it checks that it has the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The digest that names an action.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ActionDigest {
    /// By BLAKE3.
    pub blake3: Blake3,
}

/// An output.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Output {
    /// Its name in the action.
    pub name: OutputName,
    /// The digests of its tree's canonical text, by BLAKE3 and SHA-256.
    pub digest: Digests,
    /// The digests that were expected; only where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Digests>,
}

/// Where the build ran.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sandbox {
    /// The version of the sandbox profile.
    pub profile: u32,
    /// What kept the build apart, each in a word or two: `network` → `none`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub isolation: BTreeMap<String, String>,
}

/// Facts about the builder, as it states them. A policy has its own and compares.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Builder {
    /// The program that built, such as `stele`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The maker of the CPU, such as `amd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_vendor: Option<String>,
    /// The CPU's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// The kernel, such as `linux-6.12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
}

/// When it was, as the builder's clock says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// When the build began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_on: Option<Time>,
    /// When it ended, or was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<Time>,
    /// When this was stated, where the end of the build is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_on: Option<Time>,
}

impl Rebuild {
    /// The predicate of a statement, checked against its specification.
    pub fn of(statement: &Statement) -> Result<Self, StatementError> {
        json::refuse_case_twins_within(&serde_json::Value::Object(statement.predicate.clone()))?;
        let rebuild: Self = statement.predicate_of(REBUILD)?;
        rebuild.check()?;
        // What a reader of subjects sees is what a reader of the predicate counts.
        let same = |stated: &Resource, expected: &Resource| {
            stated.name == expected.name
                && expected.digest.iter().all(|it| stated.digest.get(it.0) == Some(it.1))
        };
        let expected = rebuild.subjects();
        let mut stated: Vec<&Resource> = statement.subjects.iter().collect();
        stated.sort_by(|a, b| a.name.cmp(&b.name));
        let equal = stated.len() == expected.len() && stated.iter().zip(&expected).all(|(a, b)| same(a, b));
        if !equal {
            return Err(wrong("its subjects are not its outputs, or not its action where it failed"));
        }
        Ok(rebuild)
    }

    /// The statement that says this.
    pub fn statement(mut self) -> Result<Statement, StatementError> {
        self.outputs.sort_by(|a, b| a.name.cmp(&b.name));
        self.check()?;
        Statement::with(self.subjects(), REBUILD, &self)
    }

    /// Where the statement dates itself.
    pub fn time(&self) -> Option<Time> {
        self.metadata.as_ref().and_then(|it| it.finished_on.or(it.started_on).or(it.stated_on))
    }

    fn subjects(&self) -> Vec<Resource> {
        if self.outcome == Outcome::Failed {
            let digests = Digests { blake3: Some(self.action.digest.blake3), sha256: None };
            return vec![Resource::named("action", &digests)];
        }
        self.outputs.iter().map(|it| Resource::named(it.name.as_str(), &it.digest)).collect()
    }

    fn check(&self) -> Result<(), StatementError> {
        if !self.outputs.is_sorted_by(|a, b| a.name < b.name) {
            return Err(wrong("its outputs are not sorted by name, or one stands twice"));
        }
        if self.outputs.iter().any(|it| it.digest.blake3.is_none() || it.digest.sha256.is_none()) {
            return Err(wrong("an output lacks its `blake3` or its `sha256`"));
        }
        if (self.outcome == Outcome::Failed) != self.outputs.is_empty() {
            return Err(wrong("it has outputs although it failed, or none although it did not"));
        }
        let differing =
            self.outputs.iter().filter(|it| it.expected.is_some_and(|other| !other.matches(&it.digest)));
        let agreeing =
            self.outputs.iter().filter(|it| it.expected.is_some_and(|other| other.matches(&it.digest)));
        if (self.outcome == Outcome::Differs) != (differing.count() > 0) || agreeing.count() > 0 {
            return Err(wrong(
                "`expected` is for outputs that differ from it, and for the outcome `differs`",
            ));
        }
        let ran = self.outcome != Outcome::Revoked;
        if ran != self.sandbox.is_some() {
            return Err(wrong("`sandbox` belongs to every outcome but `revoked`"));
        }
        Ok(())
    }
}

fn wrong(reason: &str) -> StatementError {
    StatementError::Predicate { reason: reason.to_owned() }
}
