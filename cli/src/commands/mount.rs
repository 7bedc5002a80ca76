//! `mount`: mount the store as a filesystem.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use stele_fs::attach::{self, How};

use crate::args::Global;
use crate::commands::unexpected;
use crate::render::{self, Terminal};
use crate::where_store;
use stele::answers::{self, Answer};
use stele::failure::{Failure, Kind};
use stele::reference::to_wire;
use stele_daemon::client::{Client, existing};
use stele_daemon::mounts::{Record, by_itself, how, own_namespace};

/// How long a mount that another command makes may exist before a daemon serves it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Mount the store at DIR as a read-only filesystem.
///
/// DIR/<digest> is the tree or blob with that digest; a label may follow, DIR/<digest>-<label>, and is ignored.
/// DIR/by-name/<root> links to the target of a root. Prints DIR when the mount is ready.
///
/// Root's mount is visible to all users. Other users mount with fusermount3, or in a namespace of their own together
/// with a command: `stele mount DIR -- sh`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Mount {
    #[command(subcommand)]
    command: Option<Command>,
    /// An empty folder [default: `mnt` in the store's folder]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Let the kernel read large files directly from the disk, unverified (FUSE passthrough): for root, when there are
    /// more large files than memory. Opening a small file is then a request to the daemon, and ten times as slow
    #[arg(long)]
    passthrough: bool,
    /// Run this command with the mount in a new namespace: the mount ends with the command
    #[arg(last = true, value_name = "COMMAND")]
    run: Vec<OsString>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the mounts of the store
    Ls,
}

impl Mount {
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let store = where_store::find(global.store.clone())?;
        if let Some(Command::Ls) = self.command {
            let mounts = list(&store, global.json)?;
            let text = render::mounts(&mounts);
            let told = if global.json { render::json(&mounts) } else { render::out(text.as_bytes()) };
            return told.map(|()| ExitCode::SUCCESS);
        }
        let mut terminal = Terminal::new(global.json);
        let mut client = Client::connect(&store, self.dir.is_some(), &mut terminal)?;
        // With links resolved, because it is compared with the paths that the kernel reports.
        let store = std::fs::canonicalize(&store).map_err(|e| Failure::io("the store's folder", &e))?;
        let dir = folder(self.dir, &store)?;
        if self.run.is_empty() && attach::is_attached(&dir, &store) && !revive(&dir, &store)? {
            render::note(&format!("the store is already mounted at {}", dir.display()));
            return render::exact(&line(&dir)).map(|()| ExitCode::SUCCESS);
        }
        refuse_full(&dir)?;
        if !self.run.is_empty() {
            attach::namespace::enter().map_err(|e| {
                Failure::io("namespaces cannot be created", &e)
                    .hint("user.max_user_namespaces may be 0, or this is a container that forbids them")
            })?;
        }
        let mount = mount(&mut client, &dir, &store, self.passthrough, &mut terminal)?;
        if self.run.is_empty() {
            let told = if global.json { render::json(&mount) } else { render::exact(&line(&dir)) };
            return told.map(|()| ExitCode::SUCCESS);
        }
        drop(client);
        let failed = std::process::Command::new(&self.run[0]).args(&self.run[1..]).exec();
        Err(Failure::io(&format!("{} could not be run", self.run[0].display()), &failed))
    }
}

/// Unmounts `dir` when no process serves it any more, so that it can be mounted again. Whether it did.
fn revive(dir: &Path, store: &Path) -> Result<bool, Failure> {
    let begun = Instant::now();
    // Another command may be about to hand it to the daemon.
    while begun.elapsed() < PATIENCE {
        if at(&list(store, false)?, dir).is_some() {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(20));
    }
    render::note(&format!("no process serves the mount at {} any more: mounting again", dir.display()));
    attach::detach(dir, how(by_itself()), true)?;
    Ok(true)
}

fn line(dir: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    [dir.as_os_str().as_bytes(), b"\n"].concat()
}

/// Where to mount.
pub fn folder(named: Option<PathBuf>, store: &Path) -> Result<PathBuf, Failure> {
    let dir = named.unwrap_or_else(|| store.join("mnt"));
    if dir == store.join("mnt") {
        // The store's own folder, created on first use. It also exists while a mount on it has no process serving it.
        let _ = std::fs::create_dir(&dir);
    }
    // Only its parent's links are resolved: the path itself may be a mount that no process serves any more.
    let absolute = std::path::absolute(&dir).map_err(|e| Failure::io("invalid path", &e))?;
    let resolved = match (absolute.parent().map(std::fs::canonicalize), absolute.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => absolute,
    };
    let link = std::fs::symlink_metadata(&resolved).is_ok_and(|meta| meta.file_type().is_symlink());
    match link.then(|| std::fs::canonicalize(&resolved)) {
        Some(Ok(path)) => Ok(path),
        _ => Ok(resolved),
    }
}

fn refuse_full(dir: &Path) -> Result<(), Failure> {
    // That it is missing, or is not a folder, is reported when it is mounted.
    if std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("{} is not empty: the mount would hide its content", dir.display());
        return Err(Failure::new(Kind::Usage, message).hint("name an empty folder"));
    }
    Ok(())
}

fn mount(
    client: &mut Client,
    dir: &Path,
    store: &Path,
    passthrough: bool,
    terminal: &mut Terminal,
) -> Result<answers::Mount, Failure> {
    let attached = attach::attach(dir, store)?;
    let record = Record {
        path: to_wire(dir.as_os_str()),
        direct: attached.how == How::Direct,
        namespace: own_namespace(),
        checked: !passthrough,
        since: stele_store::now(),
    };
    match client.mount(&record, attached.device.as_fd(), terminal) {
        Ok(Answer::Mounts(mounts)) if !mounts.is_empty() => {
            if passthrough && !mounts[0].passthrough {
                render::note("passthrough is not available: only root's mounts have it, since Linux 6.9");
            }
            Ok(mounts[0].clone())
        }
        other => {
            // No process serves it: a lookup there would block forever.
            drop(attached.device);
            let _ = attach::detach(dir, attached.how, true);
            Err(other.err().unwrap_or_else(unexpected))
        }
    }
}

/// Which of `mounts` is at `dir`. Mounts in other namespaces do not count.
pub fn at<'a>(mounts: &'a [answers::Mount], dir: &Path) -> Option<&'a answers::Mount> {
    let (path, namespace) = (to_wire(dir.as_os_str()), own_namespace());
    mounts.iter().find(|it| it.path == path && it.namespace == namespace)
}

/// The mounts of a store; none when no daemon runs.
pub fn list(store: &Path, json: bool) -> Result<Vec<answers::Mount>, Failure> {
    if existing(store)?.is_none() {
        return Ok(Vec::new());
    }
    // A daemon of another build is replaced, and the next one takes over its mounts: an empty list would be wrong.
    let mut terminal = Terminal::new(json);
    Client::connect(store, true, &mut terminal)?.mounts(&mut terminal)
}
