//! What other stores ask of this one: what it lacks, bundles of what it has, and to take bundles. The two ends of a
//! copy meet in the command, which passes the pipe between them.

mod offer;
mod pipe;
mod receive;
mod send;

pub use offer::offer;
pub use receive::take;

use serde::{Deserialize, Serialize};

use stele_remote::{Found, Item, Keeping, Received, Wanted};
use stele_store::model::{BlobId, RootName};
use stele_store::{Presence, Progress, Store, Target};

use crate::failure::{Failure, Kind};
use crate::reference::{Reference, from_wire};
use crate::request::PathUse;
use crate::service::{self, Sink};

/// How many items are asked about at once.
const MAX_ITEMS: usize = 100_000;

/// A request of another store, or for one. Paths are escaped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "copy", rename_all = "kebab-case")]
pub enum CopyRequest {
    /// What a REF names.
    Find {
        /// The REF.
        reference: String,
    },
    /// Which of these the store lacks in whole or in part.
    Lacking {
        /// The trees and blobs.
        items: Vec<Item>,
    },
    /// Write a bundle.
    Send {
        /// What it is to have in it.
        wanted: Wanted,
        /// The pipe to write to. Without one the bundle precedes the answer, as bytes: a stranger's pipe is not
        /// touched, since its owner can hold the lock of it.
        #[serde(default)]
        to: Option<String>,
    },
    /// Store a bundle.
    Receive {
        /// The pipe to read from. Without one the bundle follows on the connection: a stranger's pipe is not touched.
        #[serde(default)]
        from: Option<String>,
        /// What keeps it.
        keeping: Keeping,
    },
}

impl CopyRequest {
    /// Like [`Request::paths_mut`](crate::Request::paths_mut).
    pub(crate) fn paths_mut(&mut self) -> Vec<(PathUse, &mut String)> {
        match self {
            Self::Send { to, .. } => to.iter_mut().map(|to| (PathUse::Write, to)).collect(),
            Self::Receive { from, .. } => from.iter_mut().map(|from| (PathUse::Read, from)).collect(),
            Self::Find { .. } | Self::Lacking { .. } => Vec::new(),
        }
    }
}

/// An answer to a [`CopyRequest`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyAnswer {
    /// What a REF names.
    Found(Found),
    /// What is lacking.
    Lacking(Vec<Item>),
    /// The bundle was written.
    Sent {},
    /// What was stored.
    Received(Received),
}

/// Answers a request.
///
/// # Errors
/// With a failure for the user.
pub(crate) fn run(
    store: &Store,
    request: CopyRequest,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<CopyAnswer, Failure> {
    match request {
        CopyRequest::Find { reference } => Ok(CopyAnswer::Found(find(store, &reference)?)),
        CopyRequest::Lacking { items } => Ok(CopyAnswer::Lacking(lacking(store, &items)?)),
        CopyRequest::Send { wanted, to } => {
            match to {
                Some(to) => send::to_pipe(store, &wanted, &from_wire(&to)?, progress)?,
                None => send::to_sink(store, &wanted, sink, progress)?,
            }
            Ok(CopyAnswer::Sent {})
        }
        CopyRequest::Receive { from: None, .. } => {
            Err(Failure::new(Kind::Usage, "a bundle without a pipe follows on a daemon's connection"))
        }
        CopyRequest::Receive { from: Some(from), keeping } => {
            Ok(CopyAnswer::Received(receive::receive(store, &from_wire(&from)?, &keeping, progress)?))
        }
    }
}

fn find(store: &Store, reference: &str) -> Result<Found, Failure> {
    let path = from_wire(reference)?;
    let named = Reference::parse(path.as_os_str().as_encoded_bytes())?.resolve(store)?;
    let target = service::target(&named)?;
    let root = reference.parse::<RootName>().ok();
    let root = root.map(|name| store.root(&name).map(|it| (it == Some(target)).then(|| name.to_string())));
    Ok(Found { item: target.into(), root: root.transpose()?.flatten() })
}

/// Those of `items` that the store lacks, or has damaged, in their order.
fn lacking(store: &Store, items: &[Item]) -> Result<Vec<Item>, Failure> {
    if items.len() > MAX_ITEMS {
        let message =
            format!("{} items are asked about at once, and at most {MAX_ITEMS} may be", items.len());
        return Err(Failure::new(Kind::Usage, message));
    }
    let blobs: Vec<BlobId> = items
        .iter()
        .filter_map(|item| match item {
            Item::Blob(digest) => Some(BlobId(*digest)),
            Item::Tree(_) => None,
        })
        .collect();
    let mut presences = store.blob_presences(&blobs)?.into_iter();
    let mut lacking = Vec::new();
    for item in items {
        let has = match item {
            Item::Tree(_) => store.has_closure(Target::from(*item))?,
            Item::Blob(_) => presences.next().is_some_and(Presence::is_sound),
        };
        if !has {
            lacking.push(*item);
        }
    }
    Ok(lacking)
}
