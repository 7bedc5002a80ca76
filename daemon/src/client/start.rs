//! Starting a daemon, and what it says of its start.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use stele::failure::{Failure, Kind};

/// The one line that a daemon writes to its stdout when it is ready, or knows that it never will be.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Started {
    /// It listens.
    Ready,
    /// Another daemon owns the store: it may be starting, or about to end.
    Busy,
    /// It could not open the store.
    Failed(Failure),
}

/// This very program, for a process that is to outlive this one: it hears and says nothing, and holds no descriptor
/// of this one's.
pub fn own_program(args: &[&str], store: &Path) -> Command {
    crate::sys::keep_descriptors();
    // Through /proc, so that it is this very program, also when its file was replaced by an upgrade.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("stele").args(args).arg("--store").arg(store);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts a daemon for `store` and waits until it listens, or gives up.
pub fn start(store: &Path) -> Result<Started, Failure> {
    let failed = |e| Failure::io("the daemon could not be started", &e);
    let mut command = own_program(&["daemon", "run", "--detach"], store);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
    }
    let started = serde_json::from_str(&line).map_err(|_| {
        let log = store.join("daemon.log");
        Failure::new(Kind::Failed, "the daemon ended before it was ready")
            .hint(format!("{} may say why; `stele daemon run` shows it in the terminal", log.display()))
    })?;
    if !matches!(started, Started::Ready) {
        let _ = child.wait();
    }
    Ok(started)
}
