//! `source add`

use std::path::{Path, PathBuf};

use clap::Args;

use stele_recipes::source::FileName;
use stele_store::model::Sha256;

use super::bundle;
use super::keep::Sources;
use super::{HashedFile, file_name, hash, read};
use crate::args::Global;
use crate::render;
use stele::failure::{Failure, Kind};

/// `stele source add FILE…`
#[derive(Args, Debug)]
pub struct Add {
    /// Files, and folders that have a SHA256SUMS
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Reject the file unless it has this SHA-256 (one FILE only)
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Keep it under this name instead of its own (one FILE only)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Add {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let for_one = self.sha256.is_some() || self.name.is_some();
        if for_one && (self.paths.len() > 1 || self.paths[0].is_dir()) {
            return Err(Failure::new(Kind::Usage, "--sha256 and --name are for one file")
                .hint("add the files one by one; a folder lists names and digests in its SHA256SUMS"));
        }
        let pin: Option<Sha256> = self.sha256.as_deref().map(|text| read("SHA-256", text)).transpose()?;
        // Everything is checked before anything is kept: a bundle with one wrong file is not trusted at all.
        let mut all = Vec::new();
        for path in &self.paths {
            if path.is_dir() {
                for (path, name, sha256) in bundle::read(path)? {
                    all.push(wanted(&path, name, Some(sha256))?);
                }
                continue;
            }
            let own = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let name = match &self.name {
                Some(name) => file_name(name)?,
                None => file_name(&without_epoch(&own))?,
            };
            all.push(wanted(path, name, pin)?);
        }
        let sources = Sources::connect(global, false)?;
        // What is printed is kept, even if what follows fails.
        sources.import(&all, |known| match global.json {
            true => render::json(&known),
            false => render::out(format!("{}  {}\n", known.sha256, known.file).as_bytes()),
        })
    }
}

/// Keeps a file as the source with this pin, and prints nothing.
///
/// # Errors
/// When it cannot be read, or has another SHA-256.
pub fn keep(global: &Global, path: &Path, name: &FileName, pin: Sha256) -> Result<(), Failure> {
    let file = wanted(path, name.clone(), Some(pin))?;
    Sources::connect(global, false)?.import(&[file], |_| Ok(()))
}

fn wanted(path: &Path, name: FileName, pin: Option<Sha256>) -> Result<HashedFile, Failure> {
    let hashed = hash(path)?;
    match pin {
        Some(pin) if pin != hashed.sha256 => {
            let message =
                format!("{} has the SHA-256 {}, not {pin}; nothing was added", path.display(), hashed.sha256);
            Err(Failure::new(Kind::Corrupt, message)
                .hint("it was modified, or not copied completely: get it from elsewhere"))
        }
        _ => Ok(HashedFile { path: path.to_owned(), name, hashed }),
    }
}

/// The name that a Debian package has in its archive's pool: apt-get(8) writes the epoch of its version before that, as
/// in `NAME_1%3aVERSION_ARCHITECTURE.deb`.
fn without_epoch(own: &str) -> String {
    let is_epoch = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match own.split_once('_') {
        Some((name, rest)) if own.ends_with(".deb") => match rest.split_once("%3a") {
            Some((epoch, rest)) if is_epoch(epoch) => format!("{name}_{rest}"),
            _ => own.to_owned(),
        },
        _ => own.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_epoch_of_a_debian_package_is_left_out_of_a_name() {
        for (own, name) in [
            ("b_1%3a2-3_all.deb", "b_2-3_all.deb"),
            ("b_2-3_all.deb", "b_2-3_all.deb"),
            ("b_1%3a2.tar", "b_1%3a2.tar"),
            ("b_x%3a2_all.deb", "b_x%3a2_all.deb"),
            ("b_%3a2_all.deb", "b_%3a2_all.deb"),
            ("1%3a2.deb", "1%3a2.deb"),
        ] {
            assert_eq!(without_epoch(own), name);
        }
    }
}
