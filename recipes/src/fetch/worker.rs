//! One source: is it there, is it finished, who has it, is it right, keep it.

use std::path::Path;
use std::time::{Duration, Instant};

use stele_store::model::Sha256;

use super::address::{self, Address};
use super::failure::{FetchError, MirrorFailure, PartError, Tried};
use super::part::{self, Part};
use super::{Event, Had, Limits, Options, SourceStore, What, check, debian, http, local};
use crate::source::Source;

/// Why asking a mirror ended: because of the mirror, or because of this machine, when no other mirror would help.
pub(super) enum Stop {
    /// The next may have it.
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

/// How much may come, and until when.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) limits: Limits,
    size: Option<u64>,
    until: Instant,
}

impl Bounds {
    fn new(limits: Limits, size: Option<u64>) -> Self {
        Self { limits, size, until: Instant::now() + limits.total }
    }

    /// The size in the recipe.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The time that is left.
    pub(super) fn left(&self) -> Result<Duration, MirrorFailure> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(MirrorFailure::TooSlow { seconds: self.limits.total.as_secs() }),
            left => Ok(left),
        }
    }

    /// Whether a size that a mirror announces is right.
    pub(super) fn check_total(&self, total: u64) -> Result<(), MirrorFailure> {
        match self.size {
            Some(expected) if expected != total => Err(MirrorFailure::Size { expected, found: total }),
            _ => self.check_grown(total),
        }
    }

    /// Whether a number of bytes is within the limit.
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

/// Fetches sources, one at a time for each thread.
pub(super) struct Fetcher<'a, K> {
    pub(super) options: &'a Options,
    pub(super) keep: &'a K,
    watch: &'a (dyn Fn(Event<'_>) + Sync),
    http: http::Client,
}

impl<'a, K: SourceStore> Fetcher<'a, K> {
    pub(super) fn new(options: &'a Options, keep: &'a K, watch: &'a (dyn Fn(Event<'_>) + Sync)) -> Self {
        Self { options, keep, watch, http: http::Client::new(&options.config.limits) }
    }

    /// Gets a source, unless it is kept already.
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
                    // Nothing to go on with.
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

    /// Asks one mirror after the other until what is there is right.
    fn ask_all(
        &self,
        source: &Source,
        part: &mut Part,
        tell: &dyn Fn(What<'_>),
    ) -> Result<Had, FetchError<K::Error>> {
        let bounds = Bounds::new(self.options.config.limits, source.size);
        let mut failed = Vec::new();
        for ask in address::all(source, &self.options.config) {
            let tried = match ask {
                Err(tried) => tried,
                Ok((mirror, address)) => {
                    tell(What::Asks { mirror: &mirror });
                    let had_before = part.length();
                    match self.ask(&source.sha256, &address, part, &bounds, tell) {
                        Ok(()) => {
                            let bytes = match part.is_joined() {
                                true => part.length().saturating_sub(had_before),
                                false => part.length(),
                            };
                            return Ok(Had::From { mirror, bytes });
                        }
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

    /// Asks one mirror until what is there is whole and right.
    fn ask(
        &self,
        pin: &Sha256,
        address: &Address,
        part: &mut Part,
        bounds: &Bounds,
        tell: &dyn Fn(What<'_>),
    ) -> Result<(), Stop> {
        let mut moves = |done, total: Option<u64>| tell(What::Moves { done, total: total.or(bounds.size()) });
        // An earlier answer may have left too many bytes, which are useless then.
        if bounds.check_grown(part.length()).is_err() {
            part.restart()?;
        }
        loop {
            let got = match address {
                Address::Http(url) => self.http.get(url, part, bounds, &mut moves),
                Address::File(path) => local::get(Path::new(path), part, bounds, &mut moves),
                Address::Debian { package, version, file } => {
                    let wanted = debian::DebianFile { package, version, file };
                    let note = |text: &str| tell(What::Note { text });
                    debian::get(&wanted, &self.options.config.debian, part, bounds, &note, &mut moves)
                }
            };
            if let Err(Stop::Mirror(MirrorFailure::Size { .. } | MirrorFailure::TooLarge { .. })) = got {
                // These bytes are not the beginning of the source.
                part.restart()?;
            }
            got?;
            let actual = part.sha256();
            if actual == *pin {
                return Ok(());
            }
            if !part.is_joined() {
                let kept = part.put_aside()?;
                return Err(MirrorFailure::Digest { expected: *pin, actual, kept }.into());
            }
            // The beginning was of another answer, perhaps of another mirror: this one gets the chance to give all.
            part.restart()?;
        }
    }
}
