//! Images straight from the store.
//!
//! A [`Layer`] is a tree with rules about owners and modes; its tar is made when it is read, always the same, and never
//! kept. `docs/formats.md` has every byte, `docs/images.md` what can be done with it.

mod canonical;
mod content;
pub mod document;
mod encode;
mod layer;
mod measure;
mod path;
mod rules;
mod tar;
mod text;

pub use content::{Content, ReadAt};
pub use document::{Platform, Run, digest_text, parse_digest};
pub use encode::Compression;
pub use layer::{Entry, Layer, LayerError, LayerReader, Walk};
pub use measure::{Measured, StreamError, Sum, measure, stream};
pub use path::{ImagePath, PathError};
pub use rules::{Mode, Owner, RuleError, Rules, node_at};
