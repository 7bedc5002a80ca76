//! One mirror: get the bytes from it, or find out whether it has them.

use std::path::Path;

use stele_store::model::Sha256;

use super::address::Address;
use super::config::Config;
use super::failure::MirrorFailure;
use super::part::Part;
use super::worker::{Bounds, Stop};
use super::{What, debian, http, local};

/// Mirrors as the configuration has them asked; threads share it.
pub(super) struct Mirrors<'a> {
    config: &'a Config,
    http: http::Client,
}

impl<'a> Mirrors<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        Self { config, http: http::Client::new(&config.limits) }
    }

    /// Asks one mirror until what is there is whole and right.
    pub(super) fn ask(
        &self,
        pin: &Sha256,
        address: &Address,
        part: &mut Part,
        bounds: &Bounds,
        tell: &dyn Fn(What<'_>),
    ) -> Result<(), Stop> {
        // An earlier answer may have left too many bytes, which are useless then.
        if bounds.check_grown(part.length()).is_err() {
            part.restart()?;
        }
        loop {
            self.get(address, part, bounds, tell)?;
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

    /// Gets what a mirror has, behind what is there already. The bytes may be any.
    pub(super) fn get(
        &self,
        address: &Address,
        part: &mut Part,
        bounds: &Bounds,
        tell: &dyn Fn(What<'_>),
    ) -> Result<(), Stop> {
        let mut moves = |done, total: Option<u64>| tell(What::Moves { done, total: total.or(bounds.size()) });
        let got = match address {
            Address::Http(url) => self.http.get(url, part, bounds, &mut moves),
            Address::File(path) => local::get(Path::new(path), part, bounds, &mut moves),
            Address::Snapshot { base, package, version, file } => {
                let wanted = debian::DebianFile { package, version, file };
                debian::snapshot::find(base, &wanted, &self.http, bounds)
                    .and_then(|url| self.http.get(&url, part, bounds, &mut moves))
            }
            Address::Debian { package, version, file } => {
                let wanted = debian::DebianFile { package, version, file };
                let note = |text: &str| tell(What::Note { text });
                debian::get(&wanted, &self.config.debian, part, bounds, &note, &mut moves)
            }
        };
        if let Err(Stop::Mirror(MirrorFailure::Size { .. } | MirrorFailure::TooLarge { .. })) = got {
            // These bytes are not the beginning of the source.
            part.restart()?;
        }
        got
    }

    /// Whether a mirror has a file of that name and, as far as it states one, of the right size. No content is
    /// transferred.
    pub(super) fn has(&self, address: &Address, folder: &Path, bounds: &Bounds) -> Result<(), Stop> {
        match address {
            Address::Http(url) => self.http.has(url, bounds),
            Address::File(path) => {
                let meta = std::fs::metadata(path).map_err(MirrorFailure::File)?;
                if !meta.is_file() {
                    return Err(MirrorFailure::NoFile.into());
                }
                Ok(bounds.check_total(meta.len())?)
            }
            Address::Snapshot { base, package, version, file } => {
                let wanted = debian::DebianFile { package, version, file };
                let url = debian::snapshot::find(base, &wanted, &self.http, bounds)?;
                self.http.has(&url, bounds)
            }
            Address::Debian { package, version, file } => {
                let wanted = debian::DebianFile { package, version, file };
                let has = |url: &str| self.http.has(url, bounds);
                debian::has(&wanted, &self.config.debian, folder, bounds, &has)
            }
        }
    }
}
