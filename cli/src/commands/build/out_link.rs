//! `build --out-link`: links to outputs, in a mount of the store.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::super::mount;
use super::label;
use crate::args::Global;
use crate::where_store;
use stele::builds::Built;
use stele::failure::{Failure, Kind};
use stele::reference::from_wire;
use stele_daemon::mounts::own_namespace;

/// A folder where the store is mounted.
///
/// # Errors
/// When there is none, here.
pub fn mounted(global: &Global) -> Result<PathBuf, Failure> {
    let store = where_store::find(global.store.clone())?;
    let mounts = mount::list(&store, global.json)?;
    let here = mounts.iter().find(|mount| mount.namespace == own_namespace());
    let path = here.map(|mount| from_wire(&mount.path)).transpose()?;
    path.ok_or_else(|| {
        Failure::new(Kind::Usage, "the store is not mounted, so a link to an output would lead nowhere")
            .hint("mount it first: `stele mount`, or `stele mount DIR`")
    })
}

/// Links to the outputs. A link that is there is replaced; anything else is not.
///
/// # Errors
/// When a link cannot be made.
pub fn link_all(mount: &Path, link: &Path, built: &Built) -> Result<(), Failure> {
    let outputs: Vec<_> =
        built.goals.iter().flat_map(|goal| goal.outputs.iter().map(move |it| (goal, it))).collect();
    for (goal, (output, digest)) in &outputs {
        let label = label(&goal.name, output);
        let mut place = link.as_os_str().to_owned();
        if outputs.len() > 1 {
            place.push(format!("-{label}"));
        }
        let place = PathBuf::from(place);
        let failed = |e: std::io::Error| Failure::io(&format!("{} could not be made", place.display()), &e);
        let target = mount.join(format!("{digest}-{label}"));
        // One that is right is left alone: whoever watches its folder sees no change.
        if fs::read_link(&place).is_ok_and(|found| found == target) {
            continue;
        }
        if place.is_symlink() {
            fs::remove_file(&place).map_err(failed)?;
        }
        symlink(target, &place).map_err(failed)?;
    }
    Ok(())
}
