//! The one spelling of a JSON document: RFC 8785, as actions have it.

use serde::Serialize;

/// The canonical text of `value`, in which no order of a map in memory shows. Only for values that are texts, whole
/// numbers, and lists and maps of them.
pub fn text<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("texts, whole numbers, lists and maps have a spelling")
}
