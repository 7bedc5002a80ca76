//! `source`: fetch, keep and export files from outside the store.

pub mod add;
mod bundle;
mod check;
mod export;
pub mod fetch;
mod keep;
mod list;
pub mod prefetch;
mod unavailable;
mod unpack;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use sha2::Digest as _;

use stele_recipes::source::{FileName, Sha512};
use stele_store::model::Sha256;

use crate::args::Global;
use stele::failure::{Failure, Kind};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Add local files, or a bundle written by `stele source export`
    ///
    /// Prints the SHA-256 and name of each. `stele store root rm` releases a source; `stele source ls --json` lists the
    /// names of the roots.
    #[command(after_help = "\
Examples:\n  stele source add zlib-1.3.1.tar.gz\n  stele source add --sha256 9a93b2b7… download\n  \
stele source add /media/stick/bundle")]
    Add(add::Add),
    /// Fetch the sources of recipes from their mirrors, unless the store has them
    ///
    /// Mirrors are tried in the given order. An interrupted download is resumed.
    #[command(after_help = "\
A MIRROR is an https: or http: URL; `file:` and an absolute path; `debian:PACKAGE/VERSION/FILE`, one file of a \
Debian source package, or with a FILE that ends in `.deb` a binary package, which the machine's own apt fetches; \
or an alias from the configuration, such as `gnu:make/make-4.4.1.tar.gz`.\n\n\
Examples:\n  stele source fetch make\n  stele source fetch --all\n  \
stele source fetch --sha256 9a93b2b7… --url https://example.org/zlib-1.3.1.tar.gz\n  \
stele source fetch --sha256 3b16b00e… --url gnu:make/make-4.4.1.tar.xz \\\n    \
--url debian:make-dfsg/4.4.1-2/make-dfsg_4.4.1.orig.tar.xz")]
    Fetch(fetch::Fetch),
    /// Fetch a file that nothing pins yet, and print the `source(…)` or `debian_binary(…)` that pins it
    ///
    /// The first MIRROR that has it is believed, this once: compare the digest with what upstream publishes. Any
    /// further MIRROR is asked for all of it, too, and has to have the same bytes.
    #[command(after_help = "\
Examples:\n  stele source prefetch https://example.org/zlib-1.3.1.tar.gz\n  \
stele source prefetch debian:make-dfsg/4.4.1-2/make-dfsg_4.4.1.orig.tar.xz gnu:make/make-4.4.1.tar.xz")]
    Prefetch(prefetch::Prefetch),
    /// Ask every mirror of the sources of recipes; list those that do not answer, and sources with a single one
    ///
    /// Exit code 3 when a source has no mirror that answers.
    #[command(after_help = "Examples:\n  stele source check --all\n  stele source check --content tcc")]
    Check(check::Check),
    /// List the sources in the store
    Ls,
    /// Export sources and their SHA256SUMS to a new folder, for a machine without a network
    #[command(after_help = "\
There, `sha256sum -c SHA256SUMS` checks the folder, and `stele source add DIR` imports it.\n\n\
Examples:\n  stele source export --all /media/stick/bundle\n  stele source export bundle 9a93b2b7 make-4.4.1.tar.xz")]
    Export(export::Export),
    /// Unpack and patch a recipe's sources in the store; print the digest of each tree
    ///
    /// The trees are what a build would see; inspect them with `stele store ls DIGEST` or `stele mount`.
    Unpack(unpack::Unpack),
}

/// Runs a command.
///
/// # Errors
/// The failure to show.
pub fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(args) => args.run(global),
        Command::Fetch(args) => args.run(global),
        Command::Prefetch(args) => args.run(global),
        Command::Check(args) => args.run(global),
        Command::Ls => list::run(global),
        Command::Export(args) => args.run(global),
        Command::Unpack(args) => args.run(global),
    }
}

/// Parses an argument.
fn read<T: std::str::FromStr<Err: std::fmt::Display>>(what: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|e| Failure::new(Kind::Usage, format!("`{text}` is not a {what}: {e}")))
}

fn file_name(text: &str) -> Result<FileName, Failure> {
    FileName::new(text).map_err(|e| {
        let message = format!("`{text}` cannot be the name of a source: {e}");
        Failure::new(Kind::Usage, message).hint("give it another with --name")
    })
}

/// A file's digests and size.
struct Hashed {
    sha256: Sha256,
    sha512: Sha512,
    size: u64,
}

/// A file that was hashed and is to be kept.
pub struct HashedFile {
    path: PathBuf,
    name: FileName,
    hashed: Hashed,
}

/// Hashes a file.
fn hash(path: &Path) -> Result<Hashed, Failure> {
    let failed = |e: std::io::Error| {
        let kind = match e.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Failed,
        };
        Failure::new(kind, format!("{} could not be read: {e}", path.display()))
    };
    let mut file = File::open(path).map_err(failed)?;
    let (mut sha256, mut sha512) = (sha2::Sha256::new(), sha2::Sha512::new());
    let (mut buffer, mut size) = (vec![0; 1 << 17], 0);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                sha256.update(&buffer[..count]);
                sha512.update(&buffer[..count]);
                size += count as u64;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Ok(Hashed {
        sha256: Sha256::from_bytes(sha256.finalize().into()),
        sha512: Sha512(sha512.finalize().into()),
        size,
    })
}
