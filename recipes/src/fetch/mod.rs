//! Fetching sources: trying their mirrors in turn, verifying the bytes, and passing them to the caller's store.
//!
//! This is the only part of the crate that reads files, uses the network and starts programs (`apt-get` for `debian:`,
//! `gpgv` for signatures). It depends on no store and prints nothing: the caller implements [`SourceStore`] to keep
//! verified sources, and receives progress as [`Event`]s.
//!
//! A download goes to `<folder>/<sha256>.part`, which is locked while a process works on it, and is resumed from there.
//! So a killed process loses only what it had not written, and two that want the same source fetch it once. Whatever a
//! mirror, a proxy or an index claims: bytes are accepted only if their SHA-256 is the pin.

mod address;
mod check;
mod config;
mod debian;
mod failure;
mod http;
mod local;
mod mirrors;
mod parallel;
mod part;
mod prefetch;
mod reach;
mod signature;
#[cfg(test)]
mod tests;
mod unfinished;
mod watch;
mod worker;

use std::path::PathBuf;

use crate::source::Source;

pub use config::{Config, ConfigError, DebianConfig, Limits};
pub use debian::{DebianError, DebianPin, debian_closure};
pub use failure::{FetchError, MirrorFailure, PartError, Tried};
pub use prefetch::prefetch;
pub use reach::{Question, Reach, reach};
pub use signature::SignatureError;
pub use stele_http::HttpError;
pub use unfinished::{Unfinished, remove_unfinished};
pub use watch::{compare as compare_versions, newer, watched};

/// Storage for sources: a store, or a test.
pub trait SourceStore: Sync {
    /// Why a source could not be stored or queried.
    type Error: Send;

    /// The size of the source with that SHA-256, when it is stored. It is then also kept under the name in `source`.
    ///
    /// # Errors
    /// When it cannot be determined.
    fn size(&self, source: &Source) -> Result<Option<u64>, Self::Error>;

    /// Stores a finished file, whose SHA-256 is that of `source`. It is durable when this returns; the file is then
    /// removed.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn take(&self, source: &Source, file: &std::path::Path) -> Result<(), Self::Error>;

    /// Writes a stored source to a new file.
    ///
    /// # Errors
    /// When it cannot be read or written.
    fn copy_out(&self, source: &Source, to: &std::path::Path) -> Result<(), Self::Error>;
}

/// Settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of unfinished downloads; created on demand, readable only by this user.
    pub folder: PathBuf,
    /// Use no network, and no file that a mirror names.
    pub offline: bool,
    /// Aliases, limits, and Debian's archives.
    pub config: Config,
}

/// The origin of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Had {
    /// It was already stored.
    There,
    /// An earlier run had downloaded it completely, and ended before storing it.
    Finished,
    /// From a mirror.
    From {
        /// As the recipe writes it, and the address when that differs.
        mirror: String,
        /// The number of bytes received now; the rest was there from an earlier run.
        bytes: u64,
    },
}

/// Progress of a source.
#[derive(Debug)]
pub struct Event<'a> {
    /// The source's index in the given list.
    pub index: usize,
    /// The source; for a signature, its own file.
    pub source: &'a Source,
    /// The event.
    pub what: What<'a>,
}

/// See [`Event`].
#[derive(Debug)]
pub enum What<'a> {
    /// Another process is fetching it, and is waited for.
    Waits,
    /// A mirror is tried.
    Asks {
        /// The mirror, as [`Had::From`] has it.
        mirror: &'a str,
    },
    /// Bytes arrived.
    Moves {
        /// The number of bytes so far.
        done: u64,
        /// The total size, when the mirror or the recipe states it.
        total: Option<u64>,
    },
    /// A mirror failed, and the next is tried.
    Fails {
        /// The mirror, and its failure.
        tried: &'a Tried,
    },
    /// A note for the user that is not a failure.
    Note {
        /// Its text.
        text: &'a str,
    },
    /// This source is finished.
    Ends {
        /// Whether it is stored now.
        kept: bool,
    },
}

/// Gets every source that is not stored yet, several in parallel. Returns a result for each, in the order of `sources`.
///
/// `watch` is called from several threads.
pub fn fetch<K: SourceStore>(
    sources: &[Source],
    options: &Options,
    keep: &K,
    watch: &(dyn Fn(Event<'_>) + Sync),
) -> Vec<Result<Had, FetchError<K::Error>>> {
    let fetcher = worker::Fetcher::new(options, keep, watch);
    parallel::map(sources, options.config.limits.jobs, |index, source| {
        let outcome = fetcher.get(index, source);
        watch(Event { index, source, what: What::Ends { kept: outcome.is_ok() } });
        outcome
    })
}
