//! Checks besides the pin: size, SHA-512, upstream's signature.
//!
//! The pin alone identifies a source. The rest are a recipe's claims about those bytes, which are checked before they
//! are kept, and once for what was kept already, so that a recipe with a wrong claim fails on every machine.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use stele_store::model::Sha256;

use super::SourceStore;
use super::failure::{FetchError, PartError};
use super::part::{self, Part};
use super::signature::{self, SignatureError};
use super::worker::Fetcher;
use crate::source::{Sha512, Signature, Source};

/// Checks a finished download.
pub(super) fn fetched<K: SourceStore>(
    fetcher: &Fetcher<'_, K>,
    index: usize,
    source: &Source,
    part: &Part,
) -> Result<(), FetchError<K::Error>> {
    size(source, part.length())?;
    content(fetcher, index, source, part.sha512(), part.path())?;
    mark(&marker(&fetcher.options.folder, source))
}

/// Checks a source that is kept, as far as that was not done before.
pub(super) fn kept<K: SourceStore>(
    fetcher: &Fetcher<'_, K>,
    index: usize,
    source: &Source,
    bytes: u64,
) -> Result<(), FetchError<K::Error>> {
    size(source, bytes)?;
    let folder = &fetcher.options.folder;
    let marker = marker(folder, source);
    if marker.as_ref().is_none_or(|it| it.exists()) {
        return Ok(());
    }
    part::make_folder(folder)?;
    let copy = Scratch::new(folder, "copy");
    fetcher.keep.copy_out(source, &copy.0).map_err(FetchError::SourceStore)?;
    content(fetcher, index, source, hash(&copy.0)?, &copy.0)?;
    mark(&marker)
}

fn size<E>(source: &Source, actual: u64) -> Result<(), FetchError<E>> {
    match source.size {
        Some(expected) if expected != actual => Err(FetchError::Size { expected, actual }),
        _ => Ok(()),
    }
}

fn content<K: SourceStore>(
    fetcher: &Fetcher<'_, K>,
    index: usize,
    source: &Source,
    sha512: Sha512,
    file: &Path,
) -> Result<(), FetchError<K::Error>> {
    if let Some(expected) = source.sha512.filter(|expected| *expected != sha512) {
        return Err(FetchError::Sha512 { expected: Box::new(expected), actual: Box::new(sha512) });
    }
    match &source.signature {
        Some(signature) => signed(fetcher, index, signature, source.sha256, file),
        None => Ok(()),
    }
}

/// Fetches the signature, which is a source too, and has it verified.
fn signed<K: SourceStore>(
    fetcher: &Fetcher<'_, K>,
    index: usize,
    signature: &Signature,
    signed: Sha256,
    file: &Path,
) -> Result<(), FetchError<K::Error>> {
    let source = &signature.source;
    if source.sha256 == signed {
        // Its download is locked by this very thread, which would wait for itself.
        let said = "it is the file itself".to_owned();
        return Err(FetchError::Signature(SignatureError::Unreadable { said }));
    }
    fetcher.get(index, source).map_err(|failure| FetchError::SignatureFile {
        file: source.file.clone(),
        failure: Box::new(failure),
    })?;
    let folder = &fetcher.options.folder;
    let copy = Scratch::new(folder, "signature");
    fetcher.keep.copy_out(source, &copy.0).map_err(FetchError::SourceStore)?;
    let home = Scratch::new(folder, "gpgv");
    part::make_folder(&home.0)?;
    signature::verify(file, &copy.0, &signature.keys, &home.0).map_err(FetchError::Signature)
}

/// An empty file that records that exactly this was checked for a source. None when there is nothing to check.
fn marker(folder: &Path, source: &Source) -> Option<PathBuf> {
    if source.sha512.is_none() && source.signature.is_none() {
        return None;
    }
    let signature = source.signature.as_ref().map(|it| (it.source.sha256, Sha256::of(&it.keys)));
    let said = format!("{:?} {signature:?}", source.sha512);
    let said = Sha256::of(said.as_bytes()).to_string();
    Some(folder.join(format!("{}.checked-{}", source.sha256, &said[..16])))
}

fn mark<E>(marker: &Option<PathBuf>) -> Result<(), FetchError<E>> {
    let Some(path) = marker else { return Ok(()) };
    fs::File::create(path).map(drop).map_err(|e| PartError::new(path, "made", e).into())
}

fn hash(path: &Path) -> Result<Sha512, PartError> {
    use sha2::Digest as _;
    let failed = |e| PartError::new(path, "read", e);
    let mut hasher = sha2::Sha512::new();
    let mut file = fs::File::open(path).map_err(failed)?;
    let mut buffer = vec![0; part::CHUNK];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Sha512(hasher.finalize().into())),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(e)),
        }
    }
}

/// A file or folder of this process alone, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(folder: &Path, what: &str) -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(format!("{what}-{process}-{number}"));
        // An earlier process with the same id may have left something.
        let scratch = Self(path);
        scratch.remove();
        scratch
    }

    fn remove(&self) {
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}
