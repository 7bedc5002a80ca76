//! Fetching one source: find out whether it is stored or downloaded, try its mirrors, verify it, store it.

use std::time::{Duration, Instant};

use super::address::{self, Address};
use super::failure::{FetchError, MirrorFailure, PartError, Tried};
use super::mirrors::Mirrors;
use super::part::{self, Part};
use super::{Config, Event, Had, Limits, Options, SourceStore, What, check};
use crate::source::Source;

/// Why a mirror's attempt ended: because of the mirror, or because of this machine, when no other mirror would help.
pub(super) enum Stop {
    /// The next mirror may have it.
    Mirror(MirrorFailure),
    /// The folder of downloads.
    Part(PartError),
}

impl<T: Into<MirrorFailure>> From<T> for Stop {
    fn from(failure: T) -> Self {
        Self::Mirror(failure.into())
    }
}

impl From<PartError> for Stop {
    fn from(error: PartError) -> Self {
        Self::Part(error)
    }
}

/// Limits on size and time.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) limits: Limits,
    size: Option<u64>,
    until: Instant,
}

impl Bounds {
    pub(super) fn new(limits: Limits, size: Option<u64>) -> Self {
        Self { limits, size, until: Instant::now() + limits.total }
    }

    /// The size in the recipe.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The remaining time.
    pub(super) fn left(&self) -> Result<Duration, MirrorFailure> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(MirrorFailure::TooSlow { seconds: self.limits.total.as_secs() }),
            left => Ok(left),
        }
    }

    /// Checks the size that a mirror announces.
    pub(super) fn check_total(&self, total: u64) -> Result<(), MirrorFailure> {
        match self.size {
            Some(expected) if expected != total => Err(MirrorFailure::Size { expected, found: total }),
            _ => self.check_grown(total),
        }
    }

    /// Checks the number of bytes against the limit.
    pub(super) fn check_grown(&self, length: u64) -> Result<(), MirrorFailure> {
        match self.size {
            Some(expected) if length > expected => Err(MirrorFailure::Size { expected, found: length }),
            _ if length > self.limits.most_bytes => {
                Err(MirrorFailure::TooLarge { max: self.limits.most_bytes })
            }
            _ => Ok(()),
        }
    }
}

/// Fetches sources, one at a time in each thread.
pub(super) struct Fetcher<'a, K> {
    pub(super) options: &'a Options,
    pub(super) keep: &'a K,
    watch: &'a (dyn Fn(Event<'_>) + Sync),
    mirrors: Mirrors<'a>,
}

impl<'a, K: SourceStore> Fetcher<'a, K> {
    pub(super) fn new(options: &'a Options, keep: &'a K, watch: &'a (dyn Fn(Event<'_>) + Sync)) -> Self {
        Self { options, keep, watch, mirrors: Mirrors::new(&options.config) }
    }

    /// Gets a source, unless it is already stored.
    pub(super) fn get(&self, index: usize, source: &Source) -> Result<Had, FetchError<K::Error>> {
        let tell = |what: What<'_>| (self.watch)(Event { index, source, what });
        let folder = &self.options.folder;
        if let Some(size) = self.keep.size(source).map_err(FetchError::SourceStore)? {
            part::remove_leftover(folder, &source.sha256);
            check::kept(self, index, source, size)?;
            return Ok(Had::There);
        }
        if self.options.offline && !part::path(folder, &source.sha256).exists() {
            return Err(FetchError::Offline);
        }
        part::make_folder(folder)?;
        let mut part = Part::open(folder, source.sha256, || tell(What::Waits))?;
        // The previous holder of the lock may have fetched it.
        if let Some(size) = self.keep.size(source).map_err(FetchError::SourceStore)? {
            part.remove()?;
            check::kept(self, index, source, size)?;
            return Ok(Had::There);
        }
        let had = if part.length() > 0 && part.sha256() == source.sha256 {
            Had::Finished
        } else if self.options.offline {
            return Err(FetchError::Offline);
        } else {
            match self.ask_all(source, &mut part, &tell) {
                Ok(had) => had,
                Err(error) => {
                    // Nothing to resume.
                    if part.length() == 0 {
                        part.remove()?;
                    }
                    return Err(error);
                }
            }
        };
        check::fetched(self, index, source, &part)?;
        self.keep.take(source, part.path()).map_err(FetchError::SourceStore)?;
        part.remove()?;
        Ok(had)
    }

    /// Tries one mirror after the other until the download is complete and correct.
    fn ask_all(
        &self,
        source: &Source,
        part: &mut Part,
        tell: &dyn Fn(What<'_>),
    ) -> Result<Had, FetchError<K::Error>> {
        let bounds = Bounds::new(self.options.config.limits, source.size);
        each_mirror(source, &self.options.config, tell, |mirror, address| {
            let had_before = part.length();
            self.mirrors.ask(&source.sha256, address, part, &bounds, tell)?;
            let bytes = match part.is_joined() {
                true => part.length().saturating_sub(had_before),
                false => part.length(),
            };
            Ok(Had::From { mirror: mirror.to_owned(), bytes })
        })
    }
}

/// Tries `get` with one mirror of a source after the other, until it succeeds or no other mirror would help.
pub(super) fn each_mirror<T, E>(
    source: &Source,
    config: &Config,
    tell: &dyn Fn(What<'_>),
    mut get: impl FnMut(&str, &Address) -> Result<T, Stop>,
) -> Result<T, FetchError<E>> {
    let mut failed = Vec::new();
    for attempt in address::all(source, config) {
        let tried = match attempt {
            Err(tried) => tried,
            Ok((mirror, address)) => {
                tell(What::Asks { mirror: &mirror });
                match get(&mirror, &address) {
                    Ok(got) => return Ok(got),
                    Err(Stop::Part(error)) => return Err(error.into()),
                    Err(Stop::Mirror(failure)) => Tried { mirror, failure },
                }
            }
        };
        tell(What::Fails { tried: &tried });
        failed.push(tried);
    }
    Err(FetchError::Unavailable { tried: failed })
}
