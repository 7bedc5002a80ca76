//! `source`: fetch, keep and carry the bytes that come from outside.

mod add;
mod bundle;
mod export;
pub mod fetch;
mod keep;
mod list;
mod unavailable;
mod unpack;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::Subcommand;
use sha2::Digest as _;

use stele_recipes::source::{FileName, Sha512};
use stele_store::model::Sha256;

use crate::args::Global;
use stele::failure::{Failure, Kind};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Keep files at hand, or a bundle that `stele source export` wrote
    ///
    /// Prints the SHA-256 of each, and its name. `stele store root rm` lets a source go again; `stele source ls --json`
    /// says the name of its root.
    #[command(after_help = "\
Examples:\n  stele source add zlib-1.3.1.tar.gz\n  stele source add --sha256 9a93b2b7… download\n  \
stele source add /media/stick/bundle")]
    Add(add::Add),
    /// Fetch the sources of recipes from their mirrors, unless they are kept already
    ///
    /// Mirrors are asked in the order in which they are given. A download that was interrupted goes on where it ended.
    #[command(after_help = "\
A MIRROR is an address of https: or http:; `file:` and an absolute path; `debian:PACKAGE/VERSION/FILE`, one file of a \
Debian source package, or with a FILE that ends in `.deb` a binary package, which the machine's own apt is asked for; \
or an alias that the configuration knows, such as `gnu:make/make-4.4.1.tar.gz`.\n\n\
Examples:\n  stele source fetch make\n  stele source fetch --all\n  \
stele source fetch --sha256 9a93b2b7… --url https://example.org/zlib-1.3.1.tar.gz\n  \
stele source fetch --sha256 3b16b00e… --url gnu:make/make-4.4.1.tar.xz \\\n    \
--url debian:make-dfsg/4.4.1-2/make-dfsg_4.4.1.orig.tar.xz")]
    Fetch(fetch::Fetch),
    /// List the sources that are kept
    Ls,
    /// Write sources and their SHA256SUMS into a new folder, to be carried to a machine without a network
    #[command(after_help = "\
There, `sha256sum -c SHA256SUMS` checks the folder, and `stele source add DIR` takes it in.\n\n\
Examples:\n  stele source export --all /media/stick/bundle\n  stele source export bundle 9a93b2b7 make-4.4.1.tar.xz")]
    Export(export::Export),
    /// Unpack and patch the sources of a recipe in the store; prints the digest of each tree
    ///
    /// What a build would see, to be looked at: `stele store ls DIGEST`, `stele mount`.
    Unpack(unpack::Unpack),
}

/// Runs a command.
///
/// # Errors
/// With what is to be shown.
pub fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(args) => args.run(global),
        Command::Fetch(args) => args.run(global),
        Command::Ls => list::run(global),
        Command::Export(args) => args.run(global),
        Command::Unpack(args) => args.run(global),
    }
}

/// Reads an argument that has one spelling.
fn read<T: std::str::FromStr<Err: std::fmt::Display>>(what: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|e| Failure::new(Kind::Usage, format!("`{text}` is no {what}: {e}")))
}

fn file_name(text: &str) -> Result<FileName, Failure> {
    FileName::new(text).map_err(|e| {
        let message = format!("`{text}` cannot be the name of a source: {e}");
        Failure::new(Kind::Usage, message).hint("give it another with --name")
    })
}

/// What a file holds.
struct Hashed {
    sha256: Sha256,
    sha512: Sha512,
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
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                sha256.update(&buffer[..count]);
                sha512.update(&buffer[..count]);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Ok(Hashed {
        sha256: Sha256::from_bytes(sha256.finalize().into()),
        sha512: Sha512(sha512.finalize().into()),
    })
}
