//! One file of a Debian source package, or a binary package, at an exact version, through the machine's own package
//! client.
//!
//! apt knows what Stele does not: the machine's mirror, proxy and passwords. So apt fetches, but with its own
//! configuration, lists and caches (see [`apt`]), so that nothing of the machine changes. Only the one file is
//! requested: a sibling of it, or the package's description, may be missing on the mirror. The pin decides what is
//! accepted; the indexes only locate files.

mod apt;
mod closure;
mod entries;
pub(super) mod snapshot;

pub(super) use closure::source_versions;
pub use closure::{DebianPin, debian_closure};

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::DebianConfig;
use super::local;
use super::part::{self, Part};
use super::worker::{Bounds, Stop};

/// Lists of this age are fetched again before a version counts as missing.
const STALE: Duration = Duration::from_secs(600);

/// The requested file.
pub(super) struct DebianFile<'a> {
    pub(super) package: &'a str,
    pub(super) version: &'a str,
    pub(super) file: &'a str,
}

impl<'a> DebianFile<'a> {
    /// The kind of index that has it. No source package has a file that is named as a binary one is.
    fn packages(&self) -> Packages<'a> {
        let architecture = self.file.strip_suffix(".deb").and_then(|it| it.rsplit_once('_'));
        match (self.file.ends_with(".deb"), architecture) {
            (false, _) => Packages::Source,
            // A package for all architectures is in the index of each.
            (true, None | Some((_, "all"))) => Packages::Binary { architecture: None },
            (true, Some((_, architecture))) => Packages::Binary { architecture: Some(architecture) },
        }
    }
}

/// The two kinds of packages in an archive, each with its own indexes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packages<'a> {
    Source,
    Binary {
        /// `None` for the machine's own.
        architecture: Option<&'a str>,
    },
}

impl Packages<'_> {
    /// Where apt keeps what it knows of them, below the folder of downloads.
    fn folder(self, downloads: &Path) -> PathBuf {
        let folder = downloads.join("debian");
        match self {
            Self::Source => folder,
            Self::Binary { architecture: None } => folder.join("binary"),
            Self::Binary { architecture: Some(it) } => folder.join(format!("binary-{it}")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Binary { .. } => "binary",
        }
    }
}

/// Why Debian's archives do not provide a file.
#[derive(Debug, thiserror::Error)]
pub enum DebianError {
    /// The machine does not run Debian.
    #[error("this machine has no `{program}`, which `debian:` needs")]
    NoApt {
        /// The missing program.
        program: &'static str,
    },
    /// No archives are configured.
    #[error("apt's configuration names no archive")]
    NoArchive,
    /// Reading or writing a file around it.
    #[error("{path} could not be {doing}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// The attempted operation.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// apt reported an error.
    #[error("{said}")]
    Apt {
        /// Its message.
        said: String,
    },
    /// No archive's index has the package.
    #[error("no index has a {kind} package {package}")]
    NoPackage {
        /// `source` or `binary`.
        kind: &'static str,
        /// The package.
        package: String,
    },
    /// The indexes have other versions.
    #[error(
        "no index has version {version} of {package} (they have {}), and {file} is not beside those",
        .has.join(", ")
    )]
    NoVersion {
        /// The package.
        package: String,
        /// The version.
        version: String,
        /// The file.
        file: String,
        /// The existing versions.
        has: Vec<String>,
    },
    /// The version has other files.
    #[error("version {version} of {package} has no such file, but {}", .has.join(", "))]
    NoFile {
        /// The package.
        package: String,
        /// The version.
        version: String,
        /// The existing files.
        has: Vec<String>,
    },
    /// The archive of past versions does not answer as it should.
    #[error("the snapshot archive's answer is not what its interface promises: {why}")]
    Snapshot {
        /// What is wrong with it.
        why: String,
    },
    /// The transfer stalled.
    #[error("no data for {seconds} s (`stall-seconds`)")]
    Stalled {
        /// The limit.
        seconds: u64,
    },
}

/// Where a file is.
struct PackageUri {
    uri: String,
    name: String,
}

/// Debian's own names for its releases, searched when the machine's release lacks a version and no suites are
/// configured.
const RELEASES: &[&str] = &["oldoldstable", "oldstable", "stable", "testing", "unstable"];

/// Downloads the file, from the beginning.
pub(super) fn get(
    wanted: &DebianFile<'_>,
    config: &DebianConfig,
    part: &mut Part,
    bounds: &Bounds,
    note: &dyn Fn(&str),
    moves: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Stop> {
    let downloads = part.folder().to_owned();
    search(wanted, config, &downloads, |stage| stage.get(wanted, part, bounds, note, moves))
}

/// Whether an archive has the file: in its indexes, or, if `has` finds it, beside other versions. What apt knows of the
/// archives is kept below `downloads`.
pub(super) fn has(
    wanted: &DebianFile<'_>,
    config: &DebianConfig,
    downloads: &Path,
    bounds: &Bounds,
    has: &dyn Fn(&str) -> Result<(), Stop>,
) -> Result<(), Stop> {
    search(wanted, config, downloads, |stage| {
        let (_, Guesses { uris, versions }) = stage.look_up(wanted, bounds, &|_| ())?;
        Ok(versions.filter(|_| !uris.iter().any(|uri| has(uri).is_ok())))
    })
}

/// Asks the archives that are configured, then, unless that is configured away, all of Debian's releases. `ask` returns
/// `None` when the archives have the file, or the versions that they have.
fn search(
    wanted: &DebianFile<'_>,
    config: &DebianConfig,
    downloads: &Path,
    mut ask: impl FnMut(&Stage<'_>) -> Result<Option<Vec<String>>, Stop>,
) -> Result<(), Stop> {
    let folder = wanted.packages().folder(downloads);
    let Some(mut versions) = ask(&Stage { folder: folder.clone(), config })? else { return Ok(()) };
    if config.is_usual() {
        // Fifty megabytes of indexes, and in a separate folder, so that the small ones are not fetched each time.
        let suites = RELEASES.iter().map(|it| (*it).to_owned()).collect();
        let config = DebianConfig { suites: Some(suites), ..DebianConfig::default() };
        let Some(more) = ask(&Stage { folder: folder.join("releases"), config: &config })? else {
            return Ok(());
        };
        versions = more;
    }
    Err(none(wanted, versions).into())
}

/// The indexes have these other versions.
fn none(wanted: &DebianFile<'_>, has: Vec<String>) -> DebianError {
    let (package, version) = (wanted.package.to_owned(), wanted.version.to_owned());
    match has.is_empty() {
        true => DebianError::NoPackage { kind: wanted.packages().name(), package },
        false => DebianError::NoVersion { package, version, file: wanted.file.to_owned(), has },
    }
}

/// A set of archives, and the folder of apt's state for them.
struct Stage<'a> {
    folder: PathBuf,
    config: &'a DebianConfig,
}

impl Stage<'_> {
    /// Downloads the file. When these archives do not have the version, returns the ones that they have.
    fn get(
        &self,
        wanted: &DebianFile<'_>,
        part: &mut Part,
        bounds: &Bounds,
        note: &dyn Fn(&str),
        moves: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<Option<Vec<String>>, Stop> {
        let (apt, Guesses { uris, versions }) = self.look_up(wanted, bounds, note)?;
        let target = self.folder.join("files").join(part.path().file_stem().unwrap_or_default());
        let mut failed = None;
        for uri in &uris {
            match apt.download(uri, &target, part, bounds, moves) {
                Ok(()) => {
                    // apt links to local files; either way the file is copied and hashed here.
                    local::get(&target, part, bounds, moves)?;
                    let _ = std::fs::remove_file(&target);
                    return Ok(None);
                }
                Err(Stop::Mirror(failure)) => failed = Some(failure),
                Err(stop) => return Err(stop),
            }
        }
        match (versions, failed) {
            (Some(versions), _) => Ok(Some(versions)),
            (None, Some(failure)) => Err(failure.into()),
            (None, None) => Ok(Some(Vec::new())),
        }
    }

    /// Queries the indexes, which are fetched first when there are none.
    fn look_up(
        &self,
        wanted: &DebianFile<'_>,
        bounds: &Bounds,
        note: &dyn Fn(&str),
    ) -> Result<(apt::Apt, Guesses), Stop> {
        part::make_folder(&self.folder)?;
        // Two threads, or two processes, that fetch the lists at once would corrupt each other's.
        let _lock = part::lock(&self.folder.join("lock"), || ())?;
        let mut apt = apt::Apt::prepare(&self.folder, self.config, wanted.packages())?;
        if apt.lists_age().is_none() {
            apt.update(bounds, note)?;
        }
        let mut found = find(&apt, wanted, bounds)?;
        if found.is_none() && apt.lists_age().is_some_and(|age| age > STALE) {
            apt.update(bounds, note)?;
            found = find(&apt, wanted, bounds)?;
        }
        let guesses = match found {
            Some(uri) => Guesses { uris: vec![uri], versions: None },
            None => guesses(&apt, wanted, bounds)?,
        };
        Ok((apt, guesses))
    }
}

/// Possible addresses of the file. If they are guesses, also the versions in the indexes.
struct Guesses {
    uris: Vec<String>,
    versions: Option<Vec<String>>,
}

/// Its address in the indexes. `None` when they do not have the version.
fn find(apt: &apt::Apt, wanted: &DebianFile<'_>, bounds: &Bounds) -> Result<Option<String>, Stop> {
    let Some(places) = apt.places(wanted.package, wanted.version, bounds)? else { return Ok(None) };
    let mut names = Vec::new();
    for place in places {
        // A binary package has one file per version and architecture, whatever its name.
        if place.name == wanted.file || wanted.packages() != Packages::Source {
            return Ok(Some(place.uri));
        }
        names.push(place.name);
    }
    let (package, version) = (wanted.package.to_owned(), wanted.version.to_owned());
    Err(DebianError::NoFile { package, version, has: names }.into())
}

/// Addresses beside the versions that the indexes do have: mirrors keep files longer than their indexes do.
fn guesses(apt: &apt::Apt, wanted: &DebianFile<'_>, bounds: &Bounds) -> Result<Guesses, Stop> {
    let versions = apt.versions(wanted.package, bounds)?;
    let mut uris = Vec::new();
    for version in &versions {
        for place in apt.places(wanted.package, version, bounds)?.unwrap_or_default() {
            let Some((pool, _)) = place.uri.rsplit_once('/') else { continue };
            let uri = format!("{pool}/{}", wanted.file.replace('+', "%2b").replace('~', "%7e"));
            if !uris.contains(&uri) {
                uris.push(uri);
            }
        }
    }
    Ok(Guesses { uris, versions: Some(versions) })
}
