//! Payload files, and the effects of a bad disk.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{Stele, trees};

/// The payload file that `reference` names.
#[track_caller]
pub fn payload(stele: &Stele, reference: &str) -> PathBuf {
    stele.json(&["store", "info", reference])["file"].as_str().expect("it lies in a file").into()
}

/// Some payload's file, and its digest.
pub fn some_payload(stele: &Stele) -> (PathBuf, String) {
    let folders = (0..=255).map(|byte| stele.store().join(format!("objects/{byte:02x}")));
    let mut files = folders.filter_map(|folder| fs::read_dir(folder).expect("a folder").next());
    let file = files.next().expect("some payload lies in a file").expect("an entry").path();
    let digest = file.file_name().and_then(|name| name.to_str()).expect("a digest").to_owned();
    (file, digest)
}

/// Opens a payload for writing, as its owner could but never should.
pub fn writable(path: &Path) -> File {
    trees::make_executable(path);
    fs::OpenOptions::new().read(true).write(true).open(path).expect("a payload")
}

/// Flips a bit of the byte at `at`.
pub fn flip(path: &Path, at: u64) {
    let file = writable(path);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a byte");
    file.write_all_at(&[byte[0] ^ 0x40], at).expect("a byte");
}
