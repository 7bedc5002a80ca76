//! Fetching sources: trying their mirrors in turn, checking the bytes, and handing them to the caller's store.
//!
//! This is the one part of the crate that reads files, asks a network and starts programs (`apt-get` for `debian:`,
//! `gpgv` for signatures). It knows no store and prints nothing: it is given something that [`SourceStore`]s what is right,
//! and reports its progress by [`Event`]s.
//!
//! A download goes to `<folder>/<sha256>.part`, which is locked while a process works on it, and is resumed from there.
//! So a killed process loses only what it had not written, and two that want the same source fetch it once.
//! Whatever a mirror, a proxy or an index claims: bytes are accepted only if their SHA-256 is the pin.

mod address;
mod check;
mod config;
mod debian;
mod failure;
mod http;
mod local;
mod part;
mod signature;
#[cfg(test)]
mod tests;
mod worker;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::source::Source;

pub use config::{Config, ConfigError, DebianConfig, Limits};
pub use debian::DebianError;
pub use failure::{FetchError, MirrorFailure, PartError, Tried};
pub use signature::SignatureError;
pub use stele_http::HttpError;

/// Who keeps sources: a store, or a test.
pub trait SourceStore: Sync {
    /// Why something could not be kept, or found out.
    type Error: Send;

    /// How many bytes the source with that SHA-256 has, when it is there. It is then kept under the name that `source`
    /// has, too.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn size(&self, source: &Source) -> Result<Option<u64>, Self::Error>;

    /// Takes a finished file, whose SHA-256 is that of `source`. It is durable when this returns; the file is removed
    /// then.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn take(&self, source: &Source, file: &std::path::Path) -> Result<(), Self::Error>;

    /// Writes a source that is there to a new file.
    ///
    /// # Errors
    /// When it cannot be read or written.
    fn copy_out(&self, source: &Source, to: &std::path::Path) -> Result<(), Self::Error>;
}

/// How to fetch.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of unfinished downloads; made on demand, readable only by this user.
    pub folder: PathBuf,
    /// Touch no network, and no file that a mirror names.
    pub offline: bool,
    /// Aliases, limits, and how to ask Debian's archives.
    pub config: Config,
}

/// How a source was had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Had {
    /// It was kept already.
    There,
    /// An earlier run had fetched it whole, and was ended before it could be kept.
    Finished,
    /// From a mirror.
    From {
        /// As the recipe writes it, and the address that was asked when it is another.
        mirror: String,
        /// How many bytes came now; the rest was there from an earlier run.
        bytes: u64,
    },
}

/// Progress of a source.
#[derive(Debug)]
pub struct Event<'a> {
    /// The source's place in the list that was given.
    pub index: usize,
    /// The source; of a signature, its own file.
    pub source: &'a Source,
    /// What happens.
    pub what: What<'a>,
}

/// See [`Event`].
#[derive(Debug)]
pub enum What<'a> {
    /// Another process fetches it at this moment, and is waited for.
    Waits,
    /// A mirror is asked.
    Asks {
        /// The mirror, as [`Had::From`] has it.
        mirror: &'a str,
    },
    /// Bytes came.
    Moves {
        /// Bytes there.
        done: u64,
        /// The total size, when the mirror or the recipe states it.
        total: Option<u64>,
    },
    /// A mirror does not have it, and the next is asked.
    Fails {
        /// What was asked, and what happened.
        tried: &'a Tried,
    },
    /// A note for the user that is not a failure.
    Note {
        /// In words.
        text: &'a str,
    },
    /// It is over with this one.
    Ends {
        /// Whether it is kept now.
        kept: bool,
    },
}

/// Gets every source that is not kept yet, several at once. An outcome for each, in the order of `sources`.
///
/// `watch` is called from several threads.
pub fn fetch<K: SourceStore>(
    sources: &[Source],
    options: &Options,
    keep: &K,
    watch: &(dyn Fn(Event<'_>) + Sync),
) -> Vec<Result<Had, FetchError<K::Error>>> {
    let fetcher = worker::Fetcher::new(options, keep, watch);
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Option<_>>> = sources.iter().map(|_| Mutex::new(None)).collect();
    let jobs = options.config.limits.jobs.min(sources.len());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(source) = sources.get(index) else { return };
                    let outcome = fetcher.get(index, source);
                    watch(Event { index, source, what: What::Ends { kept: outcome.is_ok() } });
                    *outcomes[index].lock().unwrap_or_else(|e| e.into_inner()) = Some(outcome);
                }
            });
        }
    });
    // Every index was taken by some thread, and each thread was waited for.
    outcomes.into_iter().filter_map(|it| it.into_inner().unwrap_or_else(|e| e.into_inner())).collect()
}
