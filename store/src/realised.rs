//! What came of what was asked for: of an action, or of anything else whose canonical text has a digest.
//!
//! A realisation keeps nothing from the collector, and outlives it: what the outputs were is worth knowing also when
//! they are gone. `docs/formats.md` has the rows.

use crate::db::{DbError, Durability, Family, OUTPUT_NAME_MOST, Outputs, Rows, is_output_name};
use crate::model::{Digest, TreeId};
use crate::store::{ReadError, Store};

/// A realisation could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RealiseError {
    /// The store was opened without the right to write.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// There are no outputs, or one has a name that none can have.
    #[error("{name:?} is no name of an output: it has 1 to {OUTPUT_NAME_MOST} bytes")]
    Name {
        /// The name; empty when there are no outputs.
        name: String,
    },
    /// An output is not in the store.
    #[error("output {name}, the tree {tree}, is not in the store")]
    Missing {
        /// Its name.
        name: String,
        /// Its tree.
        tree: TreeId,
    },
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Store {
    /// What came of what has the digest `of`, if that is remembered; whether or not it is still there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn realisation(&self, of: &Digest) -> Result<Option<Outputs>, ReadError> {
        Ok(self.db.realisation(of)?)
    }

    /// The canonical text of which something came.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn request(&self, of: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.db.request(of)?)
    }

    /// What was noted under a name by [`Store::realise`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn memo(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.db.meta(&memo_key(name))?)
    }

    /// Remembers, durably, that `outputs` came of `request`, a canonical text; and under a name what may be of use to
    /// whoever asks next time.
    ///
    /// # Errors
    /// When an output is not there, or the database takes no write.
    pub fn realise(
        &self,
        request: &[u8],
        outputs: &Outputs,
        memo: Option<(&str, &[u8])>,
    ) -> Result<Digest, RealiseError> {
        if self.is_read_only() {
            return Err(RealiseError::ReadOnly);
        }
        if outputs.0.is_empty() {
            return Err(RealiseError::Name { name: String::new() });
        }
        for (name, tree) in &outputs.0 {
            if !is_output_name(name) {
                return Err(RealiseError::Name { name: name.clone() });
            }
            if !self.db.has_tree(tree)? {
                return Err(RealiseError::Missing { name: name.clone(), tree: *tree });
            }
        }
        let of = Digest::of(request);
        let mut rows = Rows::default();
        rows.put_raw(Family::Action, of.as_bytes(), request.to_vec());
        rows.put_raw(Family::Realisation, of.as_bytes(), outputs.encode());
        if let Some((name, text)) = memo {
            rows.put_meta(&memo_key(name), text.to_vec());
        }
        self.db.write(rows, Durability::Synced)?;
        Ok(of)
    }

    /// A number that is another after every change of the store.
    pub fn change_number(&self) -> u64 {
        self.db.change_number()
    }
}

fn memo_key(name: &str) -> String {
    format!("memo/{name}")
}
