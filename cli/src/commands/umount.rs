//! `umount`: take a mount away.

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

/// How long the daemon may take to notice.
const PATIENCE: Duration = Duration::from_secs(5);

/// Take a mount of the store away.
#[derive(Args, Debug)]
pub struct Umount {
    /// Where it is [default: `mnt` in the store's folder]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Also when it is in use: its name goes now, it itself with its last user
    #[arg(long)]
    lazy: bool,
    /// All mounts of the store that this terminal sees
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

/// What the kernel lists: no daemon may run, or one of another version, which is not asked.
fn all(store: &Path, lazy: bool) -> Result<(), Failure> {
    take_away(store, &list(store, false)?, &attach::places(store), lazy)
}

/// Takes away the mounts at `places`, the last first.
fn take_away(store: &Path, known: &[Mount], places: &[PathBuf], lazy: bool) -> Result<(), Failure> {
    for place in places.iter().rev() {
        // One whose daemon and keeper are both gone is not known to anybody any more.
        let direct = at(known, place).map_or_else(by_itself, |it| it.direct);
        attach::detach(place, how(direct), lazy)?;
    }
    if !lazy {
        wait_until_gone(store, places);
    }
    Ok(())
}

/// Takes away what a daemon that is to end answers for; with `now`, also what is in use.
///
/// # Errors
/// When something is in use: the daemon goes on then.
pub fn end_mounts(store: &Path, now: bool) -> Result<(), Failure> {
    let store = std::fs::canonicalize(store).unwrap_or_else(|_| store.to_owned());
    all(&store, now).map_err(|failure| {
        let hint = "stop what uses it, or take it away all the same: `stele daemon stop --now`";
        Failure { hint: Some(hint.to_owned()), ..failure }
    })?;
    let elsewhere = list(&store, false)?.len();
    if elsewhere > 0 && !now {
        let message =
            format!("{elsewhere} mounts in other namespaces, or that end with their last user, are in use");
        return Err(Failure::new(Kind::Failed, message).hint(
            "end the commands that use them, or stop the daemon all the same: `stele daemon stop --now`",
        ));
    }
    Ok(())
}

/// The kernel tells the daemon in its own time.
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
