//! Stele as a library: one store, its recipes, builds and images.
//!
//! The library uses no terminal, environment variables or network. [`Engine`] answers a [`Request`] with an
//! [`Answer`](answers::Answer); entries, bytes and events that come before it go to a [`Sink`](service::Sink).

pub mod agreement;
pub mod answers;
pub mod api;
pub mod builds;
pub mod caches;
pub mod copies;
mod diff;
pub mod engine;
pub mod failure;
pub mod images;
pub mod keep;
pub mod page;
pub mod recipes;
pub mod reexec;
pub mod reference;
pub mod request;
pub mod service;

pub use api::{Api, Gathered, Observer, Quiet};
pub use engine::{Engine, Peers, Setup};
pub use failure::{Failure, Kind};
pub use page::escape as escape_markup;
pub use request::{PathUse, Request, RootedFile};
pub use stele_builder::program::Program;
pub use stele_untrusted::{Untrusted, UntrustedLines};
