//! The store of Stele: content-addressed blobs and trees.
//!
//! [`model`] defines the data model; this crate stores it. RocksDB is the authority and holds what is small;
//! payloads that are large or executable are plain files named by their digest. One process owns a store; its
//! threads share a [`Store`] by reference. Content enters through a [`Session`], is looked up on [`Store`], and
//! is removed by [`Store::collect`].
//!
//! `docs/formats.md` specifies every byte on disk, `docs/architecture.md` gives the reasons,
//! `docs/threat-model.md` states what is not promised.

pub mod model;

mod cached;
mod clock;
mod closure;
mod collect;
pub mod crash;
mod db;
mod evidence;
mod export;
mod folder;
mod gate;
mod hold;
mod import;
mod layers;
mod layout;
mod objects;
mod open;
mod presence;
mod progress;
mod realised;
mod rebuild;
mod room;
mod roots;
mod roots_past;
mod scratch;
mod session;
mod sizes;
mod spending;
mod stats;
mod store;
mod verify;

pub use cached::{CachedTotal, Caching, Name};
pub use clock::now;
pub use closure::{Closure, Union, Usage};
pub use collect::{CollectError, Collected, Released};
pub use db::{
    BlobRow, Counts, DbError, Holder, LeaseRow, Origin, Outputs, Placement, Realisation, Target, Totals,
};
pub use evidence::{Evidence, EvidenceError, MAX_EVIDENCE};
pub use export::ExportError;
pub use folder::{Folder, FolderError};
pub use hold::{Hold, Show};
pub use import::ImportError;
pub use layers::LayerRow;
pub use layout::{FORMAT_VERSION, FormatError, KNOWN_FEATURES, Layout};
pub use objects::FileError;
pub use open::OpenError;
pub use presence::Presence;
pub use progress::{Cancelled, Progress, Snapshot};
pub use realised::{Last, Maker, Origins, RealiseError, Realised};
pub use rebuild::{RebuildError, Rebuilt};
pub use room::{NoRoom, RoomMeter, is_no_space, require_room, require_room_for};
pub use roots::{Root, RootError};
pub use roots_past::PastRoot;
pub use scratch::{Scratch, ScratchFolder};
pub use session::{Added, Keep, MAX_INLINE, Session, StreamError, WriteError};
pub use spending::SpendError;
pub use stats::Stats;
pub use store::{BlobInfo, BlobReader, CopyError, ReadError, Store};
pub use verify::{Finding, Problem, Verified, VerifyError};
