//! `umount`: unmount the store.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use stele_fs::attach;

use super::mount::{at, folder, list};
use crate::args::Global;
use crate::where_store;
use stele::answers::Mount;
use stele::failure::{Failure, Kind};
use stele_daemon::mounts::{by_itself, how};

/// How long to wait until the daemon has noticed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Unmount the store.
#[derive(Args, Debug)]
pub struct Umount {
    /// The mount point [default: `mnt` in the store's folder]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Lazy unmount: detach it now even when in use; it ends with its last user
    #[arg(long)]
    lazy: bool,
    /// All mounts of the store in this mount namespace
    #[arg(long, conflicts_with = "dir")]
    all: bool,
}

impl Umount {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let store = where_store::find(global.store.clone())?;
        let store = std::fs::canonicalize(&store).map_err(|e| Failure::io("the store's folder", &e))?;
        if self.all {
            return all(&store, self.lazy);
        }
        let dir = folder(self.dir, &store)?;
        let known = list(&store, global.json)?;
        if at(&known, &dir).is_none() && !attach::is_attached(&dir, &store) {
            let message = format!("the store is not mounted at {}", dir.display());
            return Err(Failure::new(Kind::NotFound, message).hint("`stele mount ls` lists its mounts"));
        }
        take_away(&store, &known, &[dir], self.lazy)
    }
}

/// The mounts that the kernel lists: a daemon may not run, or be of another version, which is not asked.
fn all(store: &Path, lazy: bool) -> Result<(), Failure> {
    take_away(store, &list(store, false)?, &attach::places(store), lazy)
}

/// Unmounts `places`, the last first.
fn take_away(store: &Path, known: &[Mount], places: &[PathBuf], lazy: bool) -> Result<(), Failure> {
    for place in places.iter().rev() {
        // No process knows a mount whose daemon and keeper are both gone.
        let direct = at(known, place).map_or_else(by_itself, |it| it.direct);
        attach::detach(place, how(direct), lazy)?;
    }
    if !lazy {
        wait_until_gone(store, places);
    }
    Ok(())
}

/// Unmounts what a stopping daemon serves; with `now`, also what is in use.
///
/// # Errors
/// When a mount is in use: the daemon then keeps running.
pub fn end_mounts(store: &Path, now: bool) -> Result<(), Failure> {
    let store = std::fs::canonicalize(store).unwrap_or_else(|_| store.to_owned());
    all(&store, now).map_err(|failure| {
        let hint = "stop the programs that use it, or force it: `stele daemon stop --now`";
        Failure { hint: Some(hint.to_owned()), ..failure }
    })?;
    let elsewhere = list(&store, false)?.len();
    if elsewhere > 0 && !now {
        let message =
            format!("{elsewhere} mounts in other namespaces, or that end with their last user, are in use");
        return Err(Failure::new(Kind::Failed, message)
            .hint("stop the programs that use them, or force it: `stele daemon stop --now`"));
    }
    Ok(())
}

/// The kernel notifies the daemon asynchronously.
fn wait_until_gone(store: &Path, places: &[PathBuf]) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match list(store, false) {
            Ok(left) if places.iter().any(|place| at(&left, place).is_some()) => {}
            _ => return,
        }
        thread::sleep(Duration::from_millis(5));
    }
}
