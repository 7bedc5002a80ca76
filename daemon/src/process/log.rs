//! `daemon.log`: the daemon's log, and everything that its process writes to stderr.
//!
//! A panic is logged with a backtrace. A crash (a stack overflow, an abort in RocksDB) writes its message to stderr,
//! which is the same file: otherwise a daemon would die without a trace.

use std::backtrace::Backtrace;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::{CWD, Mode, OFlags};
use tracing::error;

/// The log's name in the store's folder.
const LOG: &str = "daemon.log";
/// The previous log.
const OLD_LOG: &str = "daemon.log.old";
/// A log of this size in bytes becomes the old one, and a new one starts; so at most two of them are kept.
const MAX_LOG: u64 = 4 << 20;

/// Logs to the terminal, or with `detached` to `daemon.log` in the store's folder, where stderr is redirected, too.
pub fn log_to(store: &Path, detached: bool) {
    let level = tracing_subscriber::EnvFilter::try_from_env("STELE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(level).with_ansi(false);
    let _ = match detached.then(|| LogFile::open(store)) {
        None => builder.with_writer(io::stderr).try_init(),
        Some(Ok(log)) => builder.with_writer(Mutex::new(log)).try_init(),
        Some(Err(_)) => {
            // A full disk is no reason not to serve. A symbolic link at the log's path is not followed.
            let null = File::options().write(true).open("/dev/null");
            let _ = null.map(|null| rustix::stdio::dup2_stderr(&null));
            builder.with_writer(io::sink).try_init()
        }
    };
    std::panic::set_hook(Box::new(|panic| {
        error!("panic: {panic}\n{}", Backtrace::force_capture());
    }));
}

/// The log file, which is rotated when it is full.
struct LogFile {
    folder: OwnedFd,
    file: File,
    written: u64,
}

impl LogFile {
    fn open(store: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(CWD, store, flags, Mode::empty())?;
        let file = Self::create(&folder)?;
        let written = file.metadata()?.len();
        let mut log = Self { folder, file, written };
        if log.written > MAX_LOG {
            log.rotate()?;
        }
        Ok(log)
    }

    /// Opens the log for appending, and redirects stderr to it.
    fn create(folder: &OwnedFd) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(folder, LOG, flags, Mode::from_raw_mode(0o600))?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("the log is not a file"));
        }
        rustix::stdio::dup2_stderr(&file)?;
        Ok(file)
    }

    fn rotate(&mut self) -> io::Result<()> {
        rustix::fs::renameat(&self.folder, LOG, &self.folder, OLD_LOG)?;
        self.file = Self::create(&self.folder)?;
        self.written = 0;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written > MAX_LOG {
            // A log that cannot be renamed is still appended to.
            let _ = self.rotate();
        }
        // A full or broken disk must not fail here: the logger would report that on stderr, which is this very file,
        // that would panic, and the panic would be logged by a thread that holds the log.
        let _ = self.file.write_all(bytes);
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // These redirect stderr of the test's process; nextest runs each in its own process, and cargo test's other threads
    // lose at most a few lines.
    #[test]
    fn a_log_is_bounded_however_long_a_daemon_runs() {
        let folder = tempfile::tempdir().unwrap();
        let stderr = rustix::io::dup(rustix::stdio::stderr()).unwrap();
        let mut log = LogFile::open(folder.path()).unwrap();
        let line = [b'x'; 1 << 16];
        for _ in 0..(4 * MAX_LOG / line.len() as u64) {
            log.write_all(&line).unwrap();
        }
        rustix::stdio::dup2_stderr(&stderr).unwrap();
        let size = |name| std::fs::metadata(folder.path().join(name)).unwrap().len();
        assert!(size(LOG) <= MAX_LOG + 2 * line.len() as u64, "{}", size(LOG));
        assert!(size(OLD_LOG) <= MAX_LOG + 2 * line.len() as u64, "{}", size(OLD_LOG));
    }

    #[test]
    fn a_log_that_cannot_be_written_fails_no_request() {
        let file = File::options().write(true).open("/dev/full").unwrap();
        let folder = File::open("/").unwrap().into();
        let mut log = LogFile { folder, file, written: 0 };
        log.write_all(b"lost").unwrap();
    }

    #[test]
    fn a_log_is_never_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join(LOG)).unwrap();
        assert!(LogFile::open(folder.path()).is_err());
        assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
    }
}
