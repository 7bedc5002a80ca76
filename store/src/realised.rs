//! Realisations: the outputs of an action, or of any other request whose canonical text has a digest.
//!
//! Each records its origin, because another store's answer is worth less than a build of this one: see
//! [`Origins`]. A realisation that was made here is never replaced by one from another store.
//!
//! A realisation protects nothing from the garbage collector, and survives it: the digests of outputs are
//! useful even when the outputs are gone. `docs/formats.md` has the rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use crate::db::{
    Db, DbError, Durability, Family, MAX_OUTPUT_NAME, Origin, Outputs, Realisation, Rows, Target,
    is_output_name,
};
use crate::model::{BlobId, Digest, Sha256, TreeId};
use crate::store::{ReadError, Store};

/// The key prefix of a [`Last`] among the store's own state.
pub(crate) const LAST: &str = "last/";
/// The version byte of its row, followed by the digest of the log and the text.
const LAST_VERSION: u8 = 1;

/// The record of the last attempt, even if it failed. Its log is kept from the collector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Last {
    /// The log.
    pub log: BlobId,
    /// Further details.
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

/// Records that a session's end writes, in the batch that makes its content durable.
#[derive(Clone, Debug, Default)]
pub struct Realised {
    /// A request's canonical text and its realisation.
    pub of: Option<(Vec<u8>, Realisation)>,
    /// A memo for later requests, by name.
    pub memo: Option<(String, Vec<u8>)>,
    /// The last attempt, by name.
    pub last: Option<(String, Last)>,
    /// Under the digest of an action, the record of a check of it.
    pub check: Option<(Digest, Vec<u8>)>,
    /// Likewise, an explanation.
    pub explanation: Option<(Digest, Vec<u8>)>,
}

/// An action or a request that has a tree among its outputs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Maker {
    /// The digest of its canonical text.
    pub of: Digest,
    /// The name of the output.
    pub output: String,
    /// Whether this store made it itself.
    pub own: bool,
}

/// Which realisations a look-up returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origins {
    /// All, including those from other stores and those from before origins were recorded.
    Any,
    /// Only those that this store made itself.
    Own,
}

impl Origins {
    fn include(self, origin: &Origin) -> bool {
        match self {
            Self::Any => true,
            Self::Own => *origin == Origin::Built,
        }
    }
}

impl Realised {
    /// The targets that the records need.
    pub(crate) fn relies_on(&self) -> impl Iterator<Item = Target> {
        let outputs = self.of.iter().flat_map(|(_, it)| it.outputs.0.values().copied().map(Target::Tree));
        let log = self.of.iter().filter_map(|(_, it)| it.log);
        let logs = log.chain(self.last.iter().map(|(_, last)| last.log));
        outputs.chain(logs.map(Target::Blob))
    }

    /// Adds the rows. The caller holds the store's `commits` until they are written.
    pub(crate) fn put(&self, rows: &mut Rows, db: &Db) -> Result<(), DbError> {
        if let Some((request, realisation)) = &self.of {
            put_realisation(rows, db, request, realisation)?;
        }
        if let Some((name, text)) = &self.memo {
            rows.put_meta(&memo_key(name), text.clone());
        }
        if let Some((name, last)) = &self.last {
            rows.put_meta(&format!("{LAST}{name}"), last.encode());
        }
        if let Some((of, record)) = &self.check {
            rows.put_meta(&check_key(of), record.clone());
        }
        if let Some((of, explanation)) = &self.explanation {
            rows.put_meta(&explanation_key(of), explanation.clone());
        }
        Ok(())
    }
}

/// Adds the rows of a realisation, unless this store made one itself and this one is from elsewhere.
fn put_realisation(
    rows: &mut Rows,
    db: &Db,
    request: &[u8],
    realisation: &Realisation,
) -> Result<(), DbError> {
    let of = Digest::of(request);
    let own = |row: Realisation| Origins::Own.include(&row.origin);
    if !Origins::Own.include(&realisation.origin) && db.realisation(&of)?.is_some_and(own) {
        return Ok(());
    }
    rows.put_raw(Family::Action, of.as_bytes(), request.to_vec());
    rows.put_raw(Family::Realisation, of.as_bytes(), realisation.encode());
    Ok(())
}

/// A realisation could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RealiseError {
    /// The store is open read-only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// There are no outputs, or an output's name is invalid.
    #[error("{name:?} is not a valid output name: names have 1 to {MAX_OUTPUT_NAME} bytes")]
    Name {
        /// The name; empty when there are no outputs.
        name: String,
    },
    /// The database gave an error.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Store {
    /// The recorded realisation of the request with digest `of`, if its origin is among `origins`; its outputs
    /// may be gone.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn realisation(&self, of: &Digest, origins: Origins) -> Result<Option<Realisation>, ReadError> {
        Ok(self.db.realisation(of)?.filter(|row| origins.include(&row.origin)))
    }

    /// The last attempt under a name of [`Realised::last`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last(&self, name: &str) -> Result<Option<Last>, ReadError> {
        Ok(self.db.meta(&format!("{LAST}{name}"))?.and_then(|row| Last::decode(&row)))
    }

    /// What is recorded of every output: the actions and requests that have it, sorted by their digests.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn makers(&self) -> Result<HashMap<TreeId, Vec<Maker>>, ReadError> {
        let mut makers: HashMap<TreeId, Vec<Maker>> = HashMap::new();
        for row in self.db.realisations()? {
            let (of, Realisation { outputs, origin, .. }) = row?;
            let own = Origins::Own.include(&origin);
            for (output, tree) in outputs.0 {
                makers.entry(tree).or_default().push(Maker { of, output, own });
            }
        }
        Ok(makers)
    }

    /// The last attempts, by their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn lasts(&self) -> Result<BTreeMap<String, Last>, ReadError> {
        let mut lasts = BTreeMap::new();
        for row in self.db.meta_with(LAST)? {
            let (key, value) = row?;
            let name = key.strip_prefix(LAST.as_bytes()).and_then(|name| std::str::from_utf8(name).ok());
            if let (Some(name), Some(last)) = (name, Last::decode(&value)) {
                lasts.insert(name.to_owned(), last);
            }
        }
        Ok(lasts)
    }

    /// Records that the artifact with that SHA-256 is what `request`, a canonical text, makes: an image's manifest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remember_artifact(&self, request: &[u8], sha256: &Sha256) -> Result<Digest, RealiseError> {
        if self.is_read_only() {
            return Err(RealiseError::ReadOnly);
        }
        let of = Digest::of(request);
        let key = artifact_key(sha256);
        if self.db.meta(&key)?.as_deref() != Some(&of.as_bytes()[..]) || self.db.request(&of)?.is_none() {
            let mut rows = Rows::default();
            rows.put_raw(Family::Action, of.as_bytes(), request.to_vec());
            rows.put_meta(&key, of.as_bytes().to_vec());
            self.db.write(rows, Durability::Synced)?;
        }
        Ok(of)
    }

    /// The digest of the request that made the artifact with that SHA-256 here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn artifact_request(&self, sha256: &Sha256) -> Result<Option<Digest>, ReadError> {
        let row = self.db.meta(&artifact_key(sha256))?;
        Ok(row.and_then(|row| Some(Digest::from_bytes(*row.first_chunk::<32>()?))))
    }

    /// The highest version of a policy that was used with this store.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn policy_seen(&self, name: &str) -> Result<Option<u64>, ReadError> {
        let row = self.db.meta(&policy_key(name))?;
        Ok(row.and_then(|row| Some(u64::from_be_bytes(*row.first_chunk::<8>()?))))
    }

    /// Records that a version of a policy was used. A lower one than before changes nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn saw_policy(&self, name: &str, version: u64) -> Result<(), RealiseError> {
        if self.is_read_only() {
            return Err(RealiseError::ReadOnly);
        }
        let _commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let key = policy_key(name);
        let seen = self.db.meta(&key)?.and_then(|row| Some(u64::from_be_bytes(*row.first_chunk::<8>()?)));
        if seen.is_none_or(|seen| seen < version) {
            let mut rows = Rows::default();
            rows.put_meta(&key, version.to_be_bytes().to_vec());
            self.db.write(rows, Durability::Synced)?;
        }
        Ok(())
    }

    /// The canonical text of a realised request.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn request(&self, of: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.db.request(of)?)
    }

    /// The memo under a name of [`Realised::memo`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn memo(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.db.meta(&memo_key(name))?)
    }

    /// The record of the last check of an action: see [`Realised::check`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn check_of(&self, of: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.db.meta(&check_key(of))?)
    }

    /// The last explanation of an action: see [`Realised::explanation`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn explanation_of(&self, of: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.db.meta(&explanation_key(of))?)
    }

    /// The logs that a garbage collection keeps: of realisations with a live output, and the last one of every
    /// attempted name.
    pub(crate) fn logs(&self, stays: impl Fn(&TreeId) -> bool) -> Result<Vec<BlobId>, DbError> {
        let mut logs = Vec::new();
        for row in self.db.realisations()? {
            let (_, Realisation { outputs, log: Some(log), .. }) = row? else { continue };
            if outputs.0.values().any(&stays) {
                logs.push(log);
            }
        }
        for row in self.db.meta_with(LAST)? {
            logs.extend(Last::decode(&row?.1).map(|last| last.log));
        }
        Ok(logs)
    }

    /// Records the outputs of `request`, a canonical text, and their origin, whether or not they are in the
    /// store. A realisation made here is not replaced by one from elsewhere.
    ///
    /// # Errors
    /// When it cannot be written, or an output's name is invalid.
    pub fn remember(
        &self,
        request: &[u8],
        outputs: &Outputs,
        origin: Origin,
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
        let realisation = Realisation { outputs: outputs.clone(), log: None, origin };
        let mut rows = Rows::default();
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        put_realisation(&mut rows, &self.db, request, &realisation)?;
        if !rows.is_empty() {
            self.db.write(rows, Durability::Synced)?;
            *commits += 1;
        }
        Ok(Digest::of(request))
    }

    /// A number that differs after every change of the store.
    pub fn change_number(&self) -> u64 {
        self.db.change_number()
    }
}

fn check_key(of: &Digest) -> String {
    format!("check/{of}")
}

fn explanation_key(of: &Digest) -> String {
    format!("explanation/{of}")
}

fn artifact_key(sha256: &Sha256) -> String {
    format!("artifact/{sha256}")
}

fn policy_key(name: &str) -> String {
    format!("policy/{name}")
}

fn memo_key(name: &str) -> String {
    format!("memo/{name}")
}
