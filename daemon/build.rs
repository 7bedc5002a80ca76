//! The build ID: a hash of the daemon's sources, of how they are compiled, and of the lock file. Equal sources give
//! equal IDs, on every machine; a command line and a daemon of different sources detect each other.

use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The sources of a daemon.
const PARTS: &[&str] = &[
    "store/src",
    "archive/src",
    "http/src",
    "fs/src",
    "recipes/src",
    "builder/src",
    "oci",
    "untrusted/src",
    "compare/src",
    "engine/src",
    "daemon/src",
];

fn main() -> Result<(), Box<dyn Error>> {
    let top = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let top = top.parent().ok_or("the crate is not in a workspace")?;
    let mut hasher = DefaultHasher::new();
    for part in PARTS {
        let path = top.join(part);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
            hash(&path, top, &mut hasher)?;
        }
    }
    let lock = top.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    fs::read(lock)?.hash(&mut hasher);
    let mut how: Vec<(String, String)> = env::vars()
        .filter(|(name, _)| {
            name.starts_with("CARGO_FEATURE_") || matches!(&**name, "TARGET" | "OPT_LEVEL" | "DEBUG")
        })
        .collect();
    how.sort();
    how.hash(&mut hasher);
    println!("cargo::rustc-env=STELE_BUILD_ID={:016x}", hasher.finish());
    Ok(())
}

/// Hashes the Rust sources below a folder, with their paths, sorted by path.
fn hash(path: &Path, top: &Path, hasher: &mut DefaultHasher) -> Result<(), Box<dyn Error>> {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| hash(entry, top, hasher));
    }
    if path.extension().is_some_and(|it| it == "rs") {
        path.strip_prefix(top)?.to_string_lossy().hash(hasher);
        fs::read(path)?.hash(hasher);
    }
    Ok(())
}
