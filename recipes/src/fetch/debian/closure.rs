//! A binary package of Debian with all that it needs, as its indexes pin them.

use stele_store::model::Sha256;

use super::super::failure::MirrorFailure;
use super::super::part;
use super::super::worker::{Bounds, Stop};
use super::super::{FetchError, Options};
use super::{DebianError, Packages, apt};

/// A binary package, pinned.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DebianPin {
    /// Its name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// The size of its file in bytes.
    pub size: u64,
    /// The SHA-256 of its file, which the signed index has.
    pub sha256: Sha256,
}

/// The packages, and everything that they depend on, sorted by their names; recommended packages are not among them.
/// apt chooses among alternatives.
///
/// # Errors
/// When no index has them, or apt cannot be used.
pub fn debian_closure<E>(
    packages: &[String],
    options: &Options,
    note: &dyn Fn(&str),
) -> Result<Vec<DebianPin>, FetchError<E>> {
    if options.offline {
        return Err(FetchError::Offline);
    }
    let found = || -> Result<Vec<DebianPin>, Stop> {
        let bounds = Bounds::new(options.config.limits, None);
        let kind = Packages::Binary { architecture: None };
        let folder = kind.folder(&options.folder);
        part::make_folder(&folder)?;
        let _lock = part::lock(&folder.join("lock"), || ())?;
        let mut apt = apt::Apt::prepare(&folder, &options.config.debian, kind)?;
        if apt.lists_age().is_none_or(|age| age > super::STALE) {
            apt.update(&bounds, note)?;
        }
        let mut pins = apt.installed(packages, &bounds)?;
        pins.sort_unstable();
        Ok(pins)
    };
    found().map_err(|stop| match stop {
        Stop::Part(error) => FetchError::Part(error),
        Stop::Mirror(failure) => {
            let mirror = format!("debian:{}", packages.join(" "));
            FetchError::Unavailable { tried: vec![super::super::Tried { mirror, failure }] }
        }
    })
}

/// The versions of a source package in the indexes.
pub(in super::super) fn source_versions(
    package: &str,
    options: &Options,
    note: &dyn Fn(&str),
) -> Result<Vec<String>, Stop> {
    let bounds = Bounds::new(options.config.limits, None);
    let (mut folder, mut config) = (Packages::Source.folder(&options.folder), options.config.debian.clone());
    // The machine's own release has what was new when it came out.
    if config.is_usual() {
        folder = folder.join("releases");
        config.suites = Some(super::RELEASES.iter().map(|it| (*it).to_owned()).collect());
    }
    part::make_folder(&folder)?;
    let _lock = part::lock(&folder.join("lock"), || ())?;
    let mut apt = apt::Apt::prepare(&folder, &config, Packages::Source)?;
    if apt.lists_age().is_none_or(|age| age > super::STALE) {
        apt.update(&bounds, note)?;
    }
    apt.versions(package, &bounds)
}

/// `'URI' NAME SIZE SHA256:DIGEST`, with PACKAGE_VERSION_ARCHITECTURE.deb as NAME, in which a colon is `%3a`.
pub(super) fn pin(line: &str) -> Option<DebianPin> {
    let (_, rest) = line.strip_prefix('\'')?.split_once('\'')?;
    let mut columns = rest.split_whitespace();
    let (name, size, digest) = (columns.next()?, columns.next()?, columns.next()?);
    let mut parts = name.strip_suffix(".deb")?.split('_');
    let (package, version, architecture) = (parts.next()?, parts.next()?, parts.next()?);
    Some(DebianPin {
        package: package.to_owned(),
        version: version.replace("%3a", ":"),
        architecture: architecture.to_owned(),
        size: size.parse().ok()?,
        sha256: digest.strip_prefix("SHA256:")?.parse().ok()?,
    })
}

/// What apt said, when it gave nothing.
pub(super) fn refused(packages: &[String], complaints: &[String]) -> MirrorFailure {
    let said = complaints.iter().map(|line| line.trim_start_matches("E: ")).collect::<Vec<_>>().join("; ");
    let said =
        if said.is_empty() { format!("apt-get named no file for {}", packages.join(" ")) } else { said };
    DebianError::Apt { said }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_apt_is_a_pin_or_nothing() {
        let digest = "ab".repeat(32);
        let line = format!("'http://x/pool/b_1%3a2-1_amd64.deb' b_1%3a2-1_amd64.deb 77 SHA256:{digest}");
        let found = pin(&line).unwrap();
        assert_eq!((found.package.as_str(), found.version.as_str(), found.size), ("b", "1:2-1", 77));
        assert_eq!((found.architecture.as_str(), found.sha256.to_string()), ("amd64", digest));
        for wrong in [
            "",
            "Reading lists",
            "'x' b.deb 1 SHA256:12",
            "'x' b_1_amd64.deb 1 MD5Sum:ab",
            "'x' b_1_all.deb x",
        ] {
            assert_eq!(pin(wrong), None, "{wrong}");
        }
    }
}
