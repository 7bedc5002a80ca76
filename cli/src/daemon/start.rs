//! Starting a daemon, and what it says of its start.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Kind};

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

/// Starts a daemon for `store` and waits until it listens, or gives up.
pub fn start(store: &Path) -> Result<Started, Failure> {
    let failed = |e| Failure::io("the daemon could not be started", &e);
    super::sys::keep_descriptors();
    // Through /proc, so that it is this very program, also when its file was replaced by an upgrade.
    let mut child = Command::new("/proc/self/exe")
        .arg0("stele")
        .args(["daemon", "run", "--detach", "--store"])
        .arg(store)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
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
