//! Starting a daemon, and its report of the start.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde::{Deserialize, Serialize};

use stele::failure::{Failure, Kind};

/// The single line that a daemon writes to stdout when it is ready or has failed to start.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Started {
    /// It listens.
    Ready,
    /// Another daemon owns the store; it may be starting or ending.
    Busy,
    /// It could not open the store.
    Failed(Failure),
}

/// This same program, for a process that outlives this one: its standard streams are /dev/null, and it inherits no
/// descriptor of this process.
pub fn own_program(args: &[&str], store: &Path) -> Command {
    crate::sys::keep_descriptors();
    // Through /proc, so that it is the same program even when an upgrade has replaced its file.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("stele").args(args).arg("--store").arg(store);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts a daemon for `store` and waits until it listens or has failed.
pub fn start(store: &Path) -> Result<Started, Failure> {
    let failed = |e: std::io::Error| {
        // The missing file is not one of the store, as in a container without /proc.
        let missing = ["/proc/self/exe", "/dev/null"].into_iter().find(|path| !Path::new(path).exists());
        let e = missing.map_or(e, |path| std::io::Error::other(format!("{path} is missing")));
        Failure::io("the daemon could not be started", &e)
    };
    let mut command = own_program(&["daemon", "run", "--detach"], store);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
    }
    let started = serde_json::from_str(&line).map_err(|_| {
        let log = store.join("daemon.log");
        Failure::new(Kind::Failed, "the daemon ended before it was ready")
            .hint(format!("see {}; `stele daemon run` shows the log in the terminal", log.display()))
    })?;
    match started {
        // Its parent may serve for months, and would have a zombie of each daemon that ended.
        Started::Ready => drop(thread::spawn(move || child.wait())),
        Started::Busy | Started::Failed(_) => drop(child.wait()),
    }
    Ok(started)
}
