//! From mirrors in recipes to addresses.

use super::config::Config;
use super::failure::{MirrorFailure, Tried};
use crate::source::{MirrorKind, Source};

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// An address of HTTP or HTTPS.
    Http(String),
    /// A file of this machine.
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
}

/// One thing to ask, and how it is shown: as the recipe writes it, and the address when that is another.
pub(super) type Attempt = (String, Address);

/// All addresses to try for `source`, in order; for an alias that is not configured, its error.
pub(super) fn all(source: &Source, config: &Config) -> Vec<Result<Attempt, Tried>> {
    let plain = |address: &str| match address.strip_prefix("file:") {
        Some(path) => Address::File(path.to_owned()),
        None => Address::Http(address.to_owned()),
    };
    let sha256 = source.sha256.to_string();
    let mut all: Vec<Result<Attempt, Tried>> = Vec::new();
    for address in config.first(&sha256, source.file.as_str()) {
        all.push(Ok((address.clone(), plain(&address))));
    }
    for mirror in &source.mirrors {
        let text = mirror.as_str();
        match mirror.kind() {
            MirrorKind::Http(_) | MirrorKind::File(_) => all.push(Ok((text.to_owned(), plain(text)))),
            MirrorKind::Debian { package, version, file } => {
                let (package, version, file) = (package.to_owned(), version.to_owned(), file.to_owned());
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
    all
}
