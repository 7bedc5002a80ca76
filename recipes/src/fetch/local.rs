//! A local file as a mirror.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::failure::MirrorFailure;
use super::part::{CHUNK, Part};
use super::worker::{Bounds, Stop};

/// Copies it into the download, from the beginning: resuming would save nothing.
pub(super) fn get(
    path: &Path,
    part: &mut Part,
    bounds: &Bounds,
    moves: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Stop> {
    // Checked before it is opened: opening a pipe would block.
    let meta = std::fs::metadata(path).map_err(MirrorFailure::File)?;
    if !meta.is_file() {
        return Err(MirrorFailure::NoFile.into());
    }
    bounds.check_total(meta.len())?;
    let mut file = File::open(path).map_err(MirrorFailure::File)?;
    part.restart()?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(MirrorFailure::File(e).into()),
        };
        bounds.check_grown(part.length() + count as u64)?;
        part.write(&buffer[..count])?;
        moves(part.length(), Some(meta.len()));
    }
}
