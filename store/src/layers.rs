//! A cache of the digests of image layers, so that an unchanged layer is not read again.
//!
//! The row lies in `meta`, where a version without images ignores it. It protects nothing from the garbage
//! collector, and stays valid when the layer's tree is gone.

use crate::db::{Durability, Rows};
use crate::model::{Digest, Sha256};
use crate::realised::RealiseError;
use crate::store::{ReadError, Store};

/// The key prefix of a row among the store's own state.
const LAYER: &str = "layer/";
/// The version byte of a row.
const ROW_VERSION: u8 = 1;

/// The SHA-256 and size of a layer's tar, and of the compressed tar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LayerRow {
    /// Of the tar.
    pub plain: (Sha256, u64),
    /// Of the compressed tar.
    pub packed: (Sha256, u64),
}

impl LayerRow {
    fn encode(&self) -> Vec<u8> {
        let mut row = vec![ROW_VERSION];
        for (sha256, size) in [self.plain, self.packed] {
            row.extend_from_slice(sha256.as_bytes());
            row.extend_from_slice(&size.to_le_bytes());
        }
        row
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        fn sum(bytes: &[u8]) -> Option<((Sha256, u64), &[u8])> {
            let (sha256, rest) = bytes.split_first_chunk::<32>()?;
            let (size, rest) = rest.split_first_chunk::<8>()?;
            Some(((Sha256::from_bytes(*sha256), u64::from_le_bytes(*size)), rest))
        }
        let (plain, rest) = sum(bytes.strip_prefix(&[ROW_VERSION])?)?;
        let (packed, rest) = sum(rest)?;
        rest.is_empty().then_some(Self { plain, packed })
    }
}

impl Store {
    /// The row of the layer whose canonical text, with that of its encoder, has the digest `of`. An unreadable
    /// row counts as absent: it only saves work.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn layer(&self, of: &Digest) -> Result<Option<LayerRow>, ReadError> {
        Ok(self.db.meta(&format!("{LAYER}{of}"))?.and_then(|row| LayerRow::decode(&row)))
    }

    /// Records a row. Not synced: after a crash it is computed again.
    ///
    /// # Errors
    /// When the database cannot write.
    pub fn remember_layer(&self, of: &Digest, row: &LayerRow) -> Result<(), RealiseError> {
        if self.is_read_only() {
            return Err(RealiseError::ReadOnly);
        }
        let mut rows = Rows::default();
        rows.put_meta(&format!("{LAYER}{of}"), row.encode());
        Ok(self.db.write(rows, Durability::Later)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_and_no_other_length_or_version_is_accepted() {
        let row = LayerRow { plain: (Sha256::of(b"a"), u64::MAX), packed: (Sha256::of(b"b"), 7) };
        let bytes = row.encode();
        assert_eq!(LayerRow::decode(&bytes), Some(row));
        assert_eq!(LayerRow::decode(&bytes[..80]), None);
        assert_eq!(LayerRow::decode(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(LayerRow::decode(&[&[2][..], &bytes[1..]].concat()), None);
    }
}
