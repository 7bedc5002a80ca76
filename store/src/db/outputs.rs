//! The row of a realisation. `docs/formats.md` has the table.

use std::collections::BTreeMap;

use crate::model::{BlobId, Digest, TreeId};

/// The version byte that begins a row without a log.
const ROW_VERSION: u8 = 1;
/// The version byte that begins a row with one: the digest of the log follows, then the outputs.
const WITH_LOG: u8 = 2;
/// The most bytes of an output's name.
pub const NAME_MOST: usize = 64;

/// The outputs of something, by their names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outputs(pub BTreeMap<String, TreeId>);

impl Outputs {
    /// The row's bytes: a version, and for each output, sorted by name, the length of its name, the name, the digest.
    pub fn encode(&self) -> Vec<u8> {
        let mut row = vec![ROW_VERSION];
        for (name, tree) in &self.0 {
            // No name is longer than 64 bytes: that is checked before a row is written.
            row.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            row.extend_from_slice(name.as_bytes());
            row.extend_from_slice(tree.0.as_bytes());
        }
        row
    }

    /// The outputs of those bytes, when they are a row.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[ROW_VERSION])?;
        let mut outputs = BTreeMap::new();
        while let Some((&length, after)) = rest.split_first() {
            let (name, after) = after.split_at_checked(usize::from(length))?;
            let (digest, after) = after.split_first_chunk::<32>()?;
            let name = std::str::from_utf8(name).ok()?.to_owned();
            let sorted = outputs.last_key_value().is_none_or(|(before, _)| *before < name);
            if !sorted || !is_name(&name) {
                return None;
            }
            outputs.insert(name, TreeId(Digest::from_bytes(*digest)));
            rest = after;
        }
        (!outputs.is_empty()).then_some(Self(outputs))
    }
}

/// A realisation: what came of something, and what it said meanwhile.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Realisation {
    /// The outputs.
    pub outputs: Outputs,
    /// The log, of what has one.
    pub log: Option<BlobId>,
}

impl Realisation {
    /// The row's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let outputs = self.outputs.encode();
        let Some(log) = &self.log else { return outputs };
        let mut row = vec![WITH_LOG];
        row.extend_from_slice(log.0.as_bytes());
        row.extend_from_slice(&outputs[1..]);
        row
    }

    /// The realisation of those bytes, when they are a row.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let Some(rest) = bytes.strip_prefix(&[WITH_LOG]) else {
            return Outputs::decode(bytes).map(|outputs| Self { outputs, log: None });
        };
        let (log, outputs) = rest.split_first_chunk::<32>()?;
        let outputs = Outputs::decode(&[&[ROW_VERSION], outputs].concat())?;
        Some(Self { outputs, log: Some(BlobId(Digest::from_bytes(*log))) })
    }
}

/// Whether an output can be called that.
pub fn is_name(name: &str) -> bool {
    (1..=NAME_MOST).contains(&name.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn outputs_survive(outputs in proptest::collection::btree_map("[a-z-]{1,64}", any::<[u8; 32]>(), 1..5)) {
            let outputs = outputs.into_iter().map(|(name, tree)| (name, TreeId(Digest::from_bytes(tree))));
            let outputs = Outputs(outputs.collect());
            prop_assert_eq!(Outputs::decode(&outputs.encode()), Some(outputs.clone()));
            let bytes = outputs.encode();
            prop_assert_eq!(Outputs::decode(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn a_log_survives_beside_the_outputs(log in any::<[u8; 32]>(), tree in any::<[u8; 32]>()) {
            let outputs = Outputs(BTreeMap::from([("out".to_owned(), TreeId(Digest::from_bytes(tree)))]));
            let row = Realisation { outputs, log: Some(BlobId(Digest::from_bytes(log))) };
            prop_assert_eq!(Realisation::decode(&row.encode()), Some(row.clone()));
            prop_assert_eq!(Realisation::decode(&row.encode()[..32]), None);
        }

        #[test]
        fn what_is_taken_is_spelled_in_one_way(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            for first in [ROW_VERSION, WITH_LOG] {
                let bytes = [&[first][..], &bytes].concat();
                if let Some(row) = Realisation::decode(&bytes) {
                    prop_assert_eq!(row.encode(), bytes);
                }
            }
        }
    }

    #[test]
    fn a_row_that_is_not_sorted_or_empty_is_none() {
        let row = |names: &[&str]| {
            let mut row = vec![1];
            for name in names {
                row.push(u8::try_from(name.len()).unwrap());
                row.extend_from_slice(name.as_bytes());
                row.extend_from_slice(&[7; 32]);
            }
            Outputs::decode(&row)
        };
        assert!(row(&["a", "b"]).is_some());
        for wrong in [&["b", "a"][..], &["a", "a"], &[""], &[]] {
            assert_eq!(row(wrong), None, "{wrong:?}");
        }
        assert_eq!(row(&["x".repeat(65).as_str()]), None);
    }
}
