//! The canonical form of a JSON document: RFC 8785, as for actions.

use serde::Serialize;

/// The canonical text of `value`, independent of the order of maps in memory. Only for values that are texts, whole
/// numbers, and lists and maps of them.
pub fn text<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("texts, whole numbers, lists and maps have a spelling")
}
