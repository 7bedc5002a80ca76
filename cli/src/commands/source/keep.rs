//! The store as the keeper of sources.

use std::path::Path;
use std::sync::Mutex;

use stele_recipes::fetch::SourceStore;
use stele_recipes::source::{FileName, Source};
use stele_store::model::Sha256;

use super::HashedFile;
use crate::args::Global;
use crate::commands::unexpected;
use crate::render::Noted;
use crate::where_store;
use stele::Quiet;
use stele::answers::{self, Answer, Info};
use stele::failure::{Failure, Kind};
use stele::reference::to_wire;
use stele::{Api, Request, RootedFile};
use stele_daemon::client::Client;

/// The prefix of a source's root.
const PREFIX: &str = "source-";
/// How many digits of the SHA-256 end the root's name.
const DIGITS: usize = 16;
/// How many files are imported at once: fewer than the descriptors that a message may carry. Each such batch is made
/// durable, and the text of all roots written, once.
const AT_ONCE: usize = 50;

/// A store that keeps sources. Threads share it; their requests are serialised.
pub struct Sources {
    client: Mutex<Client>,
}

/// The name of the root that keeps a source: its file name, in a root's characters, and its SHA-256.
fn root_name(file: &FileName, sha256: &Sha256) -> String {
    format!("{PREFIX}{}-{}", file.as_str().replace('~', "_"), &sha256.to_string()[..DIGITS])
}

/// The file name in a source root's name, and the first digits of its SHA-256. `None` for any other root.
fn file_of(root: &str) -> Option<(&str, &str)> {
    let (file, digits) = root.strip_prefix(PREFIX)?.rsplit_once('-')?;
    let is_hex = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (digits.len() == DIGITS && is_hex && !file.is_empty()).then_some((file, digits))
}

/// A file for the daemon.
fn rooted(file: &FileName, sha256: &Sha256, path: &Path) -> Result<RootedFile, Failure> {
    let absolute = std::path::absolute(path)
        .map_err(|e| Failure::io(&format!("{} is not a usable path", path.display()), &e))?;
    Ok(RootedFile { path: to_wire(absolute.as_os_str()), root: root_name(file, sha256), sha256: *sha256 })
}

fn reference(sha256: &Sha256) -> String {
    format!("sha256:{sha256}")
}

impl Sources {
    /// Connects; with `existing`, only to an existing store.
    pub fn connect(global: &Global, existing: bool) -> Result<Self, Failure> {
        let store = where_store::find(global.store.clone())?;
        Ok(Self { client: Mutex::new(Client::connect(&store, existing, &mut Noted(Quiet))?) })
    }

    fn ask(&self, request: Request) -> Result<Answer, Failure> {
        self.client.lock().unwrap_or_else(|e| e.into_inner()).ask(request, &mut Noted(Quiet))
    }

    /// The blob with that SHA-256. `None` when the store has none that can be read.
    fn info(&self, sha256: &Sha256) -> Result<Option<Info>, Failure> {
        match self.ask(Request::Info { reference: reference(sha256) }) {
            Ok(Answer::Info(info)) if info.placement.as_deref() == Some("quarantined") => Ok(None),
            Ok(Answer::Info(info)) => Ok(Some(info)),
            Ok(_) => Err(unexpected()),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// All sources in the store, by name.
    pub fn all(&self) -> Result<Vec<answers::Source>, Failure> {
        let Answer::Roots(roots) = self.ask(Request::RootList {})? else { return Err(unexpected()) };
        let mut all = Vec::new();
        for root in roots.iter().filter(|root| root.kind == answers::What::Blob) {
            let Some((file, digits)) = file_of(&root.name) else { continue };
            // A root that was moved to other content is no longer a source's root.
            let info = match self.ask(Request::Info { reference: root.name.clone() }) {
                Ok(Answer::Info(info)) => info,
                Ok(_) => return Err(unexpected()),
                Err(failure) if failure.kind == Kind::NotFound => continue,
                Err(failure) => return Err(failure),
            };
            let Some(sha256) = info.sha256.filter(|it| it.to_string().starts_with(digits)) else { continue };
            all.push(answers::Source {
                file: file.to_owned(),
                sha256,
                size: info.size,
                digest: info.digest,
                root: root.name.clone(),
                sha512: None,
                from: None,
                fetched: None,
            });
        }
        Ok(all)
    }

    /// Describes a source in the store.
    pub fn known(&self, file: &FileName, sha256: &Sha256) -> Result<answers::Source, Failure> {
        let Some(info) = self.info(sha256)? else {
            return Err(Failure::new(Kind::NotFound, format!("the store has no source {file} ({sha256})")));
        };
        Ok(answers::Source {
            file: file.to_string(),
            sha256: *sha256,
            size: info.size,
            digest: info.digest,
            root: root_name(file, sha256),
            sha512: None,
            from: None,
            fetched: None,
        })
    }

    /// Imports files, and makes a root for each. A file that has not its SHA-256 any more ends it; those before it may
    /// be kept.
    ///
    /// `each` gets what is durable.
    pub fn import(
        &self,
        files: &[HashedFile],
        mut each: impl FnMut(answers::Source) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let rooted = |file: &HashedFile| rooted(&file.name, &file.hashed.sha256, &file.path);
        for files in files.chunks(AT_ONCE) {
            let roots = self.add(files.iter().map(rooted).collect::<Result<_, _>>()?)?;
            for (file, root) in files.iter().zip(roots) {
                let HashedFile { name, hashed, .. } = file;
                let source = answers::Source {
                    file: name.to_string(),
                    sha256: hashed.sha256,
                    size: hashed.size,
                    digest: root.digest,
                    root: root.name,
                    sha512: Some(hashed.sha512.to_string()),
                    from: None,
                    fetched: None,
                };
                each(source)?;
            }
        }
        Ok(())
    }

    fn add(&self, files: Vec<RootedFile>) -> Result<Vec<answers::Root>, Failure> {
        match self.ask(Request::AddFiles { files })? {
            Answer::Roots(roots) => Ok(roots),
            _ => Err(unexpected()),
        }
    }

    fn name(&self, file: &FileName, sha256: &Sha256) -> Result<(), Failure> {
        let request = Request::RootAdd { name: root_name(file, sha256), reference: reference(sha256) };
        self.ask(request).map(drop)
    }

    /// Writes a source to a new file, with a mode according to `umask`.
    pub fn export(&self, sha256: &Sha256, to: &Path, umask: u32) -> Result<(), Failure> {
        let to = std::path::absolute(to).map_err(|e| Failure::io("invalid path", &e))?;
        let to = to_wire(to.as_os_str());
        self.ask(Request::Export { reference: reference(sha256), to, umask }).map(drop)
    }

    fn is_read_only(&self) -> bool {
        matches!(*self.client.lock().unwrap_or_else(|e| e.into_inner()), Client::Here(_))
    }
}

impl SourceStore for Sources {
    type Error = Failure;

    fn size(&self, source: &Source) -> Result<Option<u64>, Failure> {
        let Some(info) = self.info(&source.sha256)? else { return Ok(None) };
        let named = info.roots.contains(&root_name(&source.file, &source.sha256));
        // On a read-only disk no garbage collection can remove it either.
        if !named && !self.is_read_only() {
            self.name(&source.file, &source.sha256)?;
        }
        Ok(Some(info.size))
    }

    fn take(&self, source: &Source, file: &Path) -> Result<(), Failure> {
        self.add(vec![rooted(&source.file, &source.sha256, file)?]).map(drop)
    }

    fn copy_out(&self, source: &Source, to: &Path) -> Result<(), Failure> {
        self.export(&source.sha256, to, 0o077)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stele_store::model::RootName;

    #[test]
    fn every_name_of_a_source_gives_a_name_of_a_root_that_leads_back() {
        let sha256 = Sha256::of(b"");
        for file in ["a", "deadbeef", "linux_6.1~rc1+dfsg@2_x-y.orig.tar.xz", &"9".repeat(128)] {
            let name = root_name(&FileName::new(file).unwrap(), &sha256);
            assert!(name.parse::<RootName>().is_ok(), "{name}");
            let (found, digits) = file_of(&name).unwrap();
            assert_eq!((found, digits), (file.replace('~', "_").as_str(), &sha256.to_string()[..16]));
        }
    }

    #[test]
    fn other_roots_are_no_sources() {
        for name in
            ["gcc", "source-", "source-gcc", "source-gcc-12345678", "source--0123456789abcdef", "a-source-x"]
        {
            assert_eq!(file_of(name), None, "{name}");
        }
    }
}
