//! What came of what was asked for: of an action, or of anything else whose canonical text has a digest.
//!
//! A realisation keeps nothing from the collector, and outlives it: what the outputs were is worth knowing also when
//! they are gone. `docs/formats.md` has the rows.

use crate::db::{DbError, Durability, Family, OUTPUT_NAME_MOST, Outputs, Realisation, Rows, is_output_name};
use crate::model::{BlobId, Digest, TreeId};
use crate::store::{ReadError, Store};

/// What begins the key of a [`Last`] among the store's own state.
pub(crate) const LAST: &str = "last/";
/// The version byte of its row: the digest of the log follows, then the text.
const LAST_VERSION: u8 = 1;

/// How it went the last time, also if nothing came of it. Its log is kept from the collector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Last {
    /// The log.
    pub log: BlobId,
    /// Whatever else is worth knowing.
    pub text: Vec<u8>,
}

impl Last {
    fn encode(&self) -> Vec<u8> {
        [&[LAST_VERSION][..], self.log.0.as_bytes(), &self.text].concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (log, text) = bytes.strip_prefix(&[LAST_VERSION])?.split_first_chunk::<32>()?;
        Some(Self { log: BlobId(Digest::from_bytes(*log)), text: text.to_vec() })
    }
}

/// What a session's end makes known, in the batch that makes its content durable.
#[derive(Clone, Debug, Default)]
pub struct Realised {
    /// The canonical text of which something came, and what did.
    pub of: Option<(Vec<u8>, Realisation)>,
    /// Under a name, what may be of use to whoever asks next time.
    pub memo: Option<(String, Vec<u8>)>,
    /// Under a name, how it went.
    pub last: Option<(String, Last)>,
}

impl Realised {
    pub(crate) fn put(&self, rows: &mut Rows) {
        if let Some((request, realisation)) = &self.of {
            let of = Digest::of(request);
            rows.put_raw(Family::Action, of.as_bytes(), request.clone());
            rows.put_raw(Family::Realisation, of.as_bytes(), realisation.encode());
        }
        if let Some((name, text)) = &self.memo {
            rows.put_meta(&memo_key(name), text.clone());
        }
        if let Some((name, last)) = &self.last {
            rows.put_meta(&format!("{LAST}{name}"), last.encode());
        }
    }
}

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
        Ok(self.db.realisation(of)?.map(|it| it.outputs))
    }

    /// The log of what has the digest `of`, if it had one; whether or not it is still there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn log(&self, of: &Digest) -> Result<Option<BlobId>, ReadError> {
        Ok(self.db.realisation(of)?.and_then(|it| it.log))
    }

    /// How it went the last time, under a name of [`Realised::last`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last(&self, name: &str) -> Result<Option<Last>, ReadError> {
        Ok(self.db.meta(&format!("{LAST}{name}"))?.and_then(|row| Last::decode(&row)))
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

    /// The logs that a collection keeps: of what has an output that stays, and the last one of everything that was
    /// tried.
    pub(crate) fn logs(&self, stays: impl Fn(&TreeId) -> bool) -> Result<Vec<BlobId>, DbError> {
        let mut logs = Vec::new();
        for row in self.db.realisations()? {
            let Realisation { outputs, log: Some(log) } = row? else { continue };
            if outputs.0.values().any(&stays) {
                logs.push(log);
            }
        }
        for row in self.db.meta_with(LAST)? {
            logs.extend(Last::decode(&row?.1).map(|last| last.log));
        }
        Ok(logs)
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
        for (name, tree) in &outputs.0 {
            if is_output_name(name) && !self.db.has_tree(tree)? {
                return Err(RealiseError::Missing { name: name.clone(), tree: *tree });
            }
        }
        self.remember(request, outputs, memo)
    }

    /// Remembers what came of `request` elsewhere, whether or not it is here: as it is remembered of what was here and
    /// was collected since.
    ///
    /// # Errors
    /// When it cannot be written, or an output has a name that none can have.
    pub fn remember(
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
        if let Some(name) = outputs.0.keys().find(|name| !is_output_name(name)) {
            return Err(RealiseError::Name { name: name.clone() });
        }
        let realisation = Realisation { outputs: outputs.clone(), log: None };
        let realised = Realised {
            of: Some((request.to_vec(), realisation)),
            memo: memo.map(|(name, text)| (name.to_owned(), text.to_vec())),
            last: None,
        };
        let mut rows = Rows::default();
        realised.put(&mut rows);
        self.db.write(rows, Durability::Synced)?;
        Ok(Digest::of(request))
    }

    /// A number that is another after every change of the store.
    pub fn change_number(&self) -> u64 {
        self.db.change_number()
    }
}

fn memo_key(name: &str) -> String {
    format!("memo/{name}")
}
