//! JSON as evidence: one reading of every document, within bounds.
//!
//! RFC 8259 leaves open what an object with a key twice means, and readers differ: a signed document with such a
//! key can say one thing to a verifier and another to the program that acts on it. It is refused, and so are two
//! keys that differ only in case where a reader that ignores case (Go's) would take one for the other.

mod strict;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The maximum size of a document, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// How deeply arrays and objects may be nested.
pub const MAX_DEPTH: usize = 64;

/// Why bytes are not a JSON document that can serve as evidence.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is too large.
    #[error("the document has {size} bytes, and at most {MAX_BYTES} are read")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// It is not JSON, is nested too deeply, or has a key twice.
    #[error("{0}")]
    Syntax(serde_json::Error),
    /// Two keys that a reader which ignores case takes for one.
    #[error("the keys {first:?} and {second:?} of one object differ only in case")]
    CaseTwins {
        /// The first in the order of their bytes.
        first: String,
        /// The other.
        second: String,
    },
    /// It is JSON of another shape.
    #[error("{0}")]
    Shape(serde_json::Error),
    /// It cannot be written in the canonical encoding, as when a number has no exact one.
    #[error("it has no canonical encoding: {0}")]
    Canonical(String),
}

/// Reads a whole document: no key twice in an object, nothing behind it, at most [`MAX_BYTES`] and [`MAX_DEPTH`].
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::TooLarge { size: bytes.len() });
    }
    strict::parse(bytes, MAX_DEPTH).map_err(JsonError::Syntax)
}

/// A parsed document as a value of a type.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, JsonError> {
    serde_json::from_value(value).map_err(JsonError::Shape)
}

/// Refuses an object with two keys that differ only in case.
pub fn refuse_case_twins(object: &Map<String, Value>) -> Result<(), JsonError> {
    let mut folded = std::collections::BTreeMap::new();
    for key in object.keys() {
        if let Some(first) = folded.insert(key.to_lowercase(), key) {
            return Err(JsonError::CaseTwins { first: first.clone(), second: key.clone() });
        }
    }
    Ok(())
}

/// The same for every object of a document whose keys are all of a known format.
pub fn refuse_case_twins_within(value: &Value) -> Result<(), JsonError> {
    match value {
        Value::Array(values) => values.iter().try_for_each(refuse_case_twins_within),
        Value::Object(object) => {
            refuse_case_twins(object)?;
            object.values().try_for_each(refuse_case_twins_within)
        }
        _ => Ok(()),
    }
}

/// The canonical encoding of RFC 8785: what is signed here is written in one way only.
pub fn canonical(value: &impl Serialize) -> Result<Vec<u8>, JsonError> {
    serde_json_canonicalizer::to_vec(value).map_err(|e| JsonError::Canonical(e.to_string()))
}
