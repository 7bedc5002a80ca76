//! From mirrors in recipes to addresses.

use super::config::Config;
use super::failure::{MirrorFailure, Tried};
use crate::source::{MirrorKind, Source};

/// An address to fetch from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// An HTTP or HTTPS URL.
    Http(String),
    /// A local file.
    File(String),
    /// One file of a Debian source package, or a binary package.
    Debian {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// The file.
        file: String,
    },
    /// The same file in the archive of all past versions.
    Snapshot {
        /// Where that archive is.
        base: String,
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// The file.
        file: String,
    },
}

/// One address to try, and its name for the user: as the recipe writes it, and the address when that differs.
pub(super) type Attempt = (String, Address);

/// All addresses to try for `source`, in order; for an alias that is not configured, its error.
pub(super) fn all(source: &Source, config: &Config) -> Vec<Result<Attempt, Tried>> {
    let plain = |address: &str| match address.strip_prefix("file:") {
        Some(path) => Address::File(path.to_owned()),
        None => Address::Http(address.to_owned()),
    };
    let sha256 = source.sha256.to_string();
    let mut all: Vec<Result<Attempt, Tried>> = Vec::new();
    let mut last = Vec::new();
    for address in config.first(&sha256, source.file.as_str()) {
        all.push(Ok((address.clone(), plain(&address))));
    }
    for mirror in &source.mirrors {
        let text = mirror.as_str();
        match mirror.kind() {
            MirrorKind::Http(_) | MirrorKind::File(_) => all.push(Ok((text.to_owned(), plain(text)))),
            MirrorKind::Debian { package, version, file } => {
                let (package, version, file) = (package.to_owned(), version.to_owned(), file.to_owned());
                if let Some(base) = config.debian.snapshot() {
                    let (package, version, file) = (package.clone(), version.clone(), file.clone());
                    let shown = format!("{text} ({base})");
                    last.push(Ok((shown, Address::Snapshot { base, package, version, file })));
                }
                all.push(Ok((text.to_owned(), Address::Debian { package, version, file })));
            }
            MirrorKind::Alias { name, rest } => match config.alias(name) {
                None | Some([]) => {
                    let failure = MirrorFailure::NoAlias { name: name.to_owned() };
                    all.push(Err(Tried { mirror: text.to_owned(), failure }));
                }
                Some(bases) => all.extend(bases.iter().map(|base| {
                    let slash = if base.ends_with('/') { "" } else { "/" };
                    let address = format!("{base}{slash}{rest}");
                    Ok((format!("{text} ({address})"), plain(&address)))
                })),
            },
        }
    }
    all.extend(last);
    all
}
