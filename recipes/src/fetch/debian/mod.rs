//! One file of a Debian source package, or a binary package, at an exact version, asked of the machine's own package
//! client.
//!
//! apt knows what Stele does not: which mirror this machine uses, through which proxy, with which password. So it is
//! apt that fetches, but with a configuration, lists and caches of its own (see [`apt`]), so that nothing of the
//! machine's changes. Only the one file is asked for: a sibling of it, or the package's description, may be missing on
//! the mirror. The pin decides what is accepted; the indexes only tell where to look.

mod apt;
mod entries;

use std::path::PathBuf;
use std::time::Duration;

use super::config::DebianConfig;
use super::local;
use super::part::{self, Part};
use super::worker::{Bounds, Stop};

/// Lists that are this old are fetched again before a version is given up.
const STALE: Duration = Duration::from_secs(600);

/// The requested file.
pub(super) struct DebianFile<'a> {
    pub(super) package: &'a str,
    pub(super) version: &'a str,
    pub(super) file: &'a str,
}

impl<'a> DebianFile<'a> {
    /// Which of an archive's indexes has it. A source package has no file that is named as a binary one is.
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

/// One of the two kinds of packages that archives have, each with indexes of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packages<'a> {
    Source,
    Binary {
        /// The machine's own when there is none.
        architecture: Option<&'a str>,
    },
}

impl Packages<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Binary { .. } => "binary",
        }
    }
}

/// Why Debian's archives do not give a file.
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
        /// Its own words.
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
        /// The versions that there are.
        has: Vec<String>,
    },
    /// The version has other files.
    #[error("version {version} of {package} has no such file, but {}", .has.join(", "))]
    NoFile {
        /// The package.
        package: String,
        /// The version.
        version: String,
        /// The files that there are.
        has: Vec<String>,
    },
    /// Nothing came for so long.
    #[error("nothing came for {seconds} s (`stall-seconds`)")]
    Stalled {
        /// The bound.
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

/// Gets the file into the download, from the beginning.
pub(super) fn get(
    wanted: &DebianFile<'_>,
    config: &DebianConfig,
    part: &mut Part,
    bounds: &Bounds,
    note: &dyn Fn(&str),
    moves: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Stop> {
    let packages = wanted.packages();
    let folder = part.folder().join("debian");
    let folder = match packages {
        Packages::Source => folder,
        Packages::Binary { architecture: None } => folder.join("binary"),
        Packages::Binary { architecture: Some(it) } => folder.join(format!("binary-{it}")),
    };
    let own = Stage { folder: folder.clone(), config };
    let versions = match own.get(wanted, part, bounds, note, moves)? {
        None => return Ok(()),
        Some(versions) => versions,
    };
    let versions = match (&config.suites, config.sources.is_empty()) {
        // Fifty megabytes of indexes, and in a folder of their own, so that the small ones are not fetched each time.
        (None, true) => {
            let suites = RELEASES.iter().map(|it| (*it).to_owned()).collect();
            let config = DebianConfig { suites: Some(suites), sources: Vec::new() };
            let all = Stage { folder: folder.join("releases"), config: &config };
            match all.get(wanted, part, bounds, note, moves)? {
                None => return Ok(()),
                Some(more) => more,
            }
        }
        _ => versions,
    };
    let (package, version) = (wanted.package.to_owned(), wanted.version.to_owned());
    Err(match versions.is_empty() {
        true => DebianError::NoPackage { kind: packages.name(), package },
        false => DebianError::NoVersion { package, version, file: wanted.file.to_owned(), has: versions },
    }
    .into())
}

/// Archives that are asked, and where apt keeps what it knows of them.
struct Stage<'a> {
    folder: PathBuf,
    config: &'a DebianConfig,
}

impl Stage<'_> {
    /// Gets the file. When these archives do not have the version, the ones that they have.
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
                    // apt links to what is on a disk of this machine already; either way it is copied and hashed here.
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

    /// Asks the indexes, which are fetched first when there are none.
    fn look_up(
        &self,
        wanted: &DebianFile<'_>,
        bounds: &Bounds,
        note: &dyn Fn(&str),
    ) -> Result<(apt::Apt, Guesses), Stop> {
        part::make_folder(&self.folder)?;
        // Two threads, or two processes, that fetch the lists at once would spoil each other's.
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

/// Where the file may be. When that was guessed, the versions that the indexes have.
struct Guesses {
    uris: Vec<String>,
    versions: Option<Vec<String>>,
}

/// Its address in the indexes. None when they do not have the version.
fn find(apt: &apt::Apt, wanted: &DebianFile<'_>, bounds: &Bounds) -> Result<Option<String>, Stop> {
    let Some(places) = apt.places(wanted.package, wanted.version, bounds)? else { return Ok(None) };
    let mut names = Vec::new();
    for place in places {
        // Of a binary package's version there is one file for an architecture, whatever it is called.
        if place.name == wanted.file || wanted.packages() != Packages::Source {
            return Ok(Some(place.uri));
        }
        names.push(place.name);
    }
    let (package, version) = (wanted.package.to_owned(), wanted.version.to_owned());
    Err(DebianError::NoFile { package, version, has: names }.into())
}

/// Where it would be beside the versions that the indexes do have: mirrors keep files longer than their indexes do.
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
