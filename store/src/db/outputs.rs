//! The row of a realisation. `docs/formats.md` has the table.

use std::collections::BTreeMap;

use crate::model::{BlobId, Digest, TreeId};

/// The version byte of a row with neither an origin nor a log.
const ROW_VERSION: u8 = 1;
/// The version byte of a row without an origin and with a log: the log's digest, then the outputs.
const WITH_LOG: u8 = 2;
/// The version byte of a row with an origin: the origin, the log, then the outputs.
const WITH_ORIGIN: u8 = 3;
/// The longest name of an output, in bytes.
pub const MAX_NAME: usize = 64;
/// The longest name of another store, in bytes; longer ones are truncated.
const MAX_FROM: usize = 255;

/// Outputs by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outputs(pub BTreeMap<String, TreeId>);

impl Outputs {
    /// The row's bytes: a version, and for each output, sorted by name, the length of its name, the name, the digest.
    pub fn encode(&self) -> Vec<u8> {
        let mut row = vec![ROW_VERSION];
        for (name, tree) in &self.0 {
            // No name is longer than 64 bytes: writers check that before.
            row.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            row.extend_from_slice(name.as_bytes());
            row.extend_from_slice(tree.0.as_bytes());
        }
        row
    }

    /// Decodes a row.
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

/// How a realisation came into the store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Origin {
    /// This store made the outputs: it ran the action, unpacked the source, merged the trees.
    Built,
    /// A substituter supplied it.
    Substituted {
        /// The user's name for that store.
        from: String,
    },
    /// It came with imported content.
    Imported {
        /// The name of the import.
        from: String,
    },
    /// The row is from before origins were recorded. It may be any of the above, so it does not count as built.
    #[default]
    Unknown,
}

impl Origin {
    fn encode(&self, row: &mut Vec<u8>) {
        let (kind, from) = match self {
            Self::Built => (1, None),
            Self::Substituted { from } => (2, Some(from)),
            Self::Imported { from } => (3, Some(from)),
            // Such a row is written without an origin.
            Self::Unknown => (0, None),
        };
        row.push(kind);
        if let Some(from) = from {
            let from = &from[..from.floor_char_boundary(MAX_FROM)];
            row.push(u8::try_from(from.len()).unwrap_or(u8::MAX));
            row.extend_from_slice(from.as_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&kind, rest) = bytes.split_first()?;
        if kind == 1 {
            return Some((Self::Built, rest));
        }
        let (&length, rest) = rest.split_first()?;
        let (from, rest) = rest.split_at_checked(usize::from(length))?;
        let from = std::str::from_utf8(from).ok()?.to_owned();
        match kind {
            2 => Some((Self::Substituted { from }, rest)),
            3 => Some((Self::Imported { from }, rest)),
            _ => None,
        }
    }
}

/// A realisation: the outputs of an action or a request, its log, and its origin.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Realisation {
    /// The outputs.
    pub outputs: Outputs,
    /// The log, if there is one.
    pub log: Option<BlobId>,
    /// How it came into the store.
    pub origin: Origin,
}

impl Realisation {
    /// The row's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let outputs = self.outputs.encode();
        let mut row = match (&self.origin, &self.log) {
            (Origin::Unknown, None) => return outputs,
            (Origin::Unknown, Some(_)) => vec![WITH_LOG],
            (origin, log) => {
                let mut row = vec![WITH_ORIGIN];
                origin.encode(&mut row);
                row.push(u8::from(log.is_some()));
                row
            }
        };
        row.extend(self.log.iter().flat_map(|log| log.0.as_bytes()));
        row.extend_from_slice(&outputs[1..]);
        row
    }

    /// Decodes a row.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let (origin, has_log, rest) = match version {
            ROW_VERSION => (Origin::Unknown, false, rest),
            WITH_LOG => (Origin::Unknown, true, rest),
            WITH_ORIGIN => {
                let (origin, rest) = Origin::decode(rest)?;
                match rest.split_first()? {
                    (0, rest) => (origin, false, rest),
                    (1, rest) => (origin, true, rest),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let (log, outputs) = match has_log {
            true => {
                let (log, outputs) = rest.split_first_chunk::<32>()?;
                (Some(BlobId(Digest::from_bytes(*log))), outputs)
            }
            false => (None, rest),
        };
        let outputs = Outputs::decode(&[&[ROW_VERSION], outputs].concat())?;
        Some(Self { outputs, log, origin })
    }
}

/// Whether `name` is a valid output name.
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
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
        fn a_realisation_survives_with_its_log_and_origin(
            log in proptest::option::of(any::<[u8; 32]>()), tree in any::<[u8; 32]>(), origin in origins(),
        ) {
            let outputs = Outputs(BTreeMap::from([("out".to_owned(), TreeId(Digest::from_bytes(tree)))]));
            let log = log.map(|log| BlobId(Digest::from_bytes(log)));
            let row = Realisation { outputs, log, origin };
            prop_assert_eq!(Realisation::decode(&row.encode()), Some(row.clone()));
            let bytes = row.encode();
            prop_assert_eq!(Realisation::decode(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn only_the_canonical_encoding_decodes(bytes in proptest::collection::vec(0..70u8, 0..120)) {
            for first in [ROW_VERSION, WITH_LOG, WITH_ORIGIN] {
                let bytes = [&[first][..], &bytes].concat();
                if let Some(row) = Realisation::decode(&bytes) {
                    prop_assert_eq!(row.encode(), bytes);
                }
            }
        }
    }

    fn origins() -> impl Strategy<Value = Origin> {
        prop_oneof![
            Just(Origin::Built),
            Just(Origin::Unknown),
            ".{0,40}".prop_map(|from| Origin::Substituted { from }),
            ".{0,40}".prop_map(|from| Origin::Imported { from }),
        ]
    }

    #[test]
    fn no_row_from_before_origins_counts_as_built_here() {
        let outputs = Outputs(BTreeMap::from([("out".to_owned(), TreeId(Digest::from_bytes([7; 32])))]));
        let without_log = outputs.encode();
        let with_log = [&[WITH_LOG][..], &[9; 32], &without_log[1..]].concat();
        for old in [without_log, with_log] {
            assert_eq!(Realisation::decode(&old).unwrap().origin, Origin::Unknown);
        }
    }

    #[test]
    fn a_long_name_of_another_store_is_truncated_between_characters() {
        let outputs = Outputs(BTreeMap::from([("out".to_owned(), TreeId(Digest::from_bytes([7; 32])))]));
        let origin = Origin::Substituted { from: "é".repeat(200) };
        let row = Realisation { outputs, log: None, origin };
        let read = Realisation::decode(&row.encode()).unwrap();
        assert_eq!(read.origin, Origin::Substituted { from: "é".repeat(127) });
    }

    #[test]
    fn an_unsorted_or_empty_row_does_not_decode() {
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
