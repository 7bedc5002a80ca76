//! Images straight from the store.
//!
//! A [`Layer`] is a tree with rules about owners and modes; its tar is made when it is read, always the same, and
//! never kept. `docs/formats.md` has every byte, `docs/images.md` what can be done with it.

mod as_text;
mod blobs;
mod canonical;
pub mod capabilities;
mod content;
pub mod document;
mod encode;
mod grow;
pub mod import;
pub mod keep;
mod layer;
pub mod layout;
pub mod make;
mod measure;
mod packed;
mod path;
pub mod record;
mod rfc3339;
mod rules;
mod spec;
pub mod start;
mod tar;

pub use blobs::{Blob, BlobError, BlobSource};
pub use content::{Content, ReadAt, Take};
pub use document::{Platform, Run};
pub use encode::Compression;
pub use grow::GrowError;
pub use layer::{Entry, FilePart, Layer, LayerError, LayerReader, Walk};
pub use make::MakeError;
pub use measure::{Measured, StreamError, Sum, measure, stream};
pub use packed::Packed;
pub use path::{ImagePath, PathError};
pub use record::{Image, ImageLayer, Index, Record, RecordError, ReferrerError, Top};
pub use rules::{Mode, Owner, RuleError, Rules, node_at};
pub use spec::{Declared, DeclaredError, Input, Spec};
pub use tar::MAX_MTIME;
