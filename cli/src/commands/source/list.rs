//! `source ls`

use super::keep::Sources;
use crate::args::Global;
use crate::render;
use stele::answers::Source;
use stele::failure::Failure;

/// A line for each source: SHA-256, bytes, name.
pub fn run(global: &Global) -> Result<(), Failure> {
    let all = Sources::connect(global, true)?.all()?;
    if global.json {
        return render::json(&all);
    }
    let line = |it: &Source| format!("{} {:>12} {}\n", it.sha256, it.size, it.file);
    render::out(all.iter().map(line).collect::<String>().as_bytes())
}
