//! What a daemon does as a process: answering whoever started it, leaving the terminal, logging.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::client::Started;

/// Tells the command line that started this daemon how it went.
pub(super) fn report(started: &Started) {
    let mut line = serde_json::to_vec(started).unwrap_or_default();
    line.push(b'\n');
    // Nobody may be there any more to hear it.
    let _ = io::stdout().write_all(&line);
}

/// Lets go of what belongs to whoever started the daemon: its pipe and its working directory.
pub fn leave_terminal() {
    let _ = std::env::set_current_dir("/");
    if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// An import holds a descriptor for each level it is in, and RocksDB some hundred; a keeper three for each mount.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Logs to the terminal, or appends to `daemon.log`; one that grew large begins anew.
pub fn log_to(store: &Path, detached: bool) {
    let level = tracing_subscriber::EnvFilter::try_from_env("STELE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(level).with_ansi(false);
    if !detached {
        let _ = builder.with_writer(io::stderr).try_init();
        return;
    }
    let path = store.join("daemon.log");
    if std::fs::metadata(&path).is_ok_and(|meta| meta.len() > 4 << 20) {
        let _ = std::fs::rename(&path, store.join("daemon.log.old"));
    }
    match std::fs::OpenOptions::new().create(true).append(true).open(&path) {
        Ok(file) => drop(builder.with_writer(Mutex::new(file)).try_init()),
        // A full disk is no reason not to serve.
        Err(_) => drop(builder.with_writer(io::sink).try_init()),
    }
}
