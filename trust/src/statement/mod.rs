//! in-toto Statements, version 1 (in-toto/attestation, `spec/v1/statement.md`), and the predicates that are used
//! here.
//!
//! Fields that the specification does not have are ignored, as it demands of its readers; what must not be
//! ambiguous (a key twice, keys that differ only in case, a subject without a digest) is refused.

pub mod provenance;
pub mod rebuild;
#[cfg(test)]
mod tests;
pub mod vsa;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digests;
use crate::json::{self, JsonError};

/// The type of a statement.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The maximum number of subjects.
pub const MAX_SUBJECTS: usize = 4096;

/// What is said (the predicate) of what (the subjects).
#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    /// At least one, each with a digest.
    pub subjects: Vec<Resource>,
    /// What the predicate means: a URI.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Map<String, Value>,
}

/// An artifact, as in-toto's ResourceDescriptor names one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// A name within the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is, or where it can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests by algorithm, hexadecimal where the algorithm is one of hashes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Where it can be fetched, if the URI does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Anything else about it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub annotations: Map<String, Value>,
}

impl Resource {
    /// An artifact with a name and digests.
    pub fn named(name: &str, digests: &Digests) -> Self {
        let mut digest = BTreeMap::new();
        digest.extend(digests.blake3.map(|it| ("blake3".to_owned(), it.to_string())));
        digest.extend(digests.sha256.map(|it| ("sha256".to_owned(), it.to_string())));
        Self { name: Some(name.to_owned()), digest, ..Self::default() }
    }
}

/// Why bytes are not a statement, or not one with the expected predicate.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not a JSON document, or one of another shape.
    #[error("it is not an in-toto statement: {0}")]
    Json(#[from] JsonError),
    /// A field is missing or of another type.
    #[error("it is not an in-toto statement: {field:?} is missing, or is not {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A version that is not known, or something else.
    #[error("it is of the type {found:?}, and {STATEMENT:?} was expected")]
    Type {
        /// What it says it is.
        found: String,
    },
    /// Subjects that say nothing or contradict each other.
    #[error("the subjects of the statement are not valid: {reason}")]
    Subjects {
        /// What is wrong.
        reason: &'static str,
    },
    /// Another predicate.
    #[error("its predicate is of the type {found:?}, and {expected:?} was expected")]
    PredicateType {
        /// What it is.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The predicate contradicts its specification.
    #[error("its predicate is not valid: {reason}")]
    Predicate {
        /// What is wrong.
        reason: String,
    },
}

const fn field(field: &'static str, expected: &'static str) -> StatementError {
    StatementError::Field { field, expected }
}

impl Statement {
    /// Reads a statement. Whether somebody signed it is another question.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let Value::Object(mut object) = json::parse(bytes)? else {
            return Err(field("_type", "in an object"));
        };
        json::refuse_case_twins(&object)?;
        let text = |object: &Map<String, Value>, name: &str| object.get(name)?.as_str().map(str::to_owned);
        let found = text(&object, "_type").ok_or(field("_type", "a text"))?;
        if found != STATEMENT {
            return Err(StatementError::Type { found });
        }
        let predicate_type = text(&object, "predicateType").filter(|it| !it.is_empty());
        let predicate_type = predicate_type.ok_or(field("predicateType", "a URI"))?;
        let predicate = match object.remove("predicate") {
            // The specification lets it be missing.
            None => Map::new(),
            Some(Value::Object(predicate)) => predicate,
            Some(_) => return Err(field("predicate", "an object")),
        };
        json::refuse_case_twins(&predicate)?;
        let subject = object.remove("subject").ok_or(field("subject", "an array"))?;
        json::refuse_case_twins_within(&subject)?;
        let subjects: Vec<Resource> = json::typed(subject)?;
        check_subjects(&subjects)?;
        Ok(Self { subjects, predicate_type, predicate })
    }

    /// The bytes that are signed: canonical JSON.
    pub fn encode(&self) -> Result<Vec<u8>, StatementError> {
        check_subjects(&self.subjects)?;
        Ok(json::canonical(&serde_json::json!({
            "_type": STATEMENT,
            "subject": self.subjects,
            "predicateType": self.predicate_type,
            "predicate": self.predicate,
        }))?)
    }

    /// The predicate, which has to be of that type.
    fn predicate_of<T: serde::de::DeserializeOwned>(
        &self,
        expected: &'static str,
    ) -> Result<T, StatementError> {
        if self.predicate_type != expected {
            return Err(StatementError::PredicateType { found: self.predicate_type.clone(), expected });
        }
        Ok(json::typed(Value::Object(self.predicate.clone()))?)
    }

    /// A statement of one of the predicates here.
    fn with(
        subjects: Vec<Resource>,
        predicate_type: &str,
        predicate: &impl Serialize,
    ) -> Result<Self, StatementError> {
        match serde_json::to_value(predicate) {
            Ok(Value::Object(predicate)) => {
                check_subjects(&subjects)?;
                Ok(Self { subjects, predicate_type: predicate_type.to_owned(), predicate })
            }
            _ => Err(field("predicate", "an object")),
        }
    }
}

fn check_subjects(subjects: &[Resource]) -> Result<(), StatementError> {
    let wrong = |reason| Err(StatementError::Subjects { reason });
    if subjects.is_empty() || subjects.len() > MAX_SUBJECTS {
        return wrong("there are none, or too many");
    }
    if subjects.iter().any(|it| it.digest.is_empty() || it.digest.values().any(String::is_empty)) {
        return wrong("one has no digest");
    }
    let names: Vec<&str> = subjects.iter().filter_map(|it| it.name.as_deref()).collect();
    // in-toto allows names to be left out or to be "_"; one that is given names one artifact.
    let given = names.iter().filter(|name| !matches!(**name, "" | "_"));
    if given.clone().collect::<BTreeSet<_>>().len() != given.count() {
        return wrong("two have the same name");
    }
    Ok(())
}
