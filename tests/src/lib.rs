//! Shared by the tests that cross crates: a temporary store, the `stele` binary, trees to import, disks to fill.

pub mod damage;
pub mod disk;
pub mod docker_registry;
pub mod mounted;
pub mod newer;
pub mod peer;
pub mod sandboxed;
pub mod server;
mod sys;
pub mod trees;
pub mod workshop;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A store in a temporary folder, and a way to run `stele` on it. Its daemon ends with it.
pub struct Stele {
    dir: TempDir,
    store: PathBuf,
    env: Vec<(String, String)>,
}

/// The result of a command.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// Its stdout.
    pub stdout: Vec<u8>,
    /// Its stderr.
    pub stderr: String,
}

impl Outcome {
    /// stdout as text without the line feed at its end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}

/// The binary under test: `STELE_BIN`, or the one that cargo put beside the tests.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("STELE_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the test knows its own path");
    let path = test.ancestors().nth(2).expect("tests lie in deps/").join("stele");
    assert!(path.exists(), "build the binary first (`make test` does): {} is missing", path.display());
    path
}

/// Where `tools/install-deps test` puts what Debian lacks.
///
/// # Panics
/// When neither the cache's place nor a home folder is known.
pub fn cache() -> PathBuf {
    let given = std::env::var_os("STELE_CACHE").map(PathBuf::from);
    let user = || std::env::var_os("XDG_CACHE_HOME").map(|it| PathBuf::from(it).join("stele"));
    let home = || std::env::var_os("HOME").map(|it| PathBuf::from(it).join(".cache/stele"));
    given.or_else(user).or_else(home).expect("a cache")
}

/// Runs the Python that has the PyPI packages of `tools/install-deps test`.
///
/// # Panics
/// When it is not there.
pub fn python(args: &[&str]) -> std::process::Output {
    let python = cache().join("peers-python/bin/python");
    Command::new(python).args(args).output().expect("`tools/install-deps test` installs it")
}

/// Reports that a test cannot run here; in CI that is a failure.
pub fn skip(why: &str) {
    assert!(std::env::var_os("STELE_TESTS_MUST_NOT_SKIP").is_none(), "skipped where nothing may be: {why}");
    eprintln!("skipped: {why}");
    // `tools/run-tests` lists them: a test that returns early counts as passed.
    if let Some(list) = std::env::var_os("STELE_TESTS_SKIPPED") {
        let line = format!("{}: {why}\n", std::thread::current().name().unwrap_or("a test"));
        let list = std::fs::File::options().append(true).create(true).open(list);
        list.and_then(|mut list| list.write_all(line.as_bytes()))
            .expect("the list of skipped tests is written");
    }
}

impl Default for Stele {
    fn default() -> Self {
        Self::new()
    }
}

impl Stele {
    /// In a fresh temporary folder; the store is made by the first command that needs it.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = dir.path().join("store");
        Self { dir, store, env: Vec::new() }
    }

    /// On another disk.
    pub fn at(store: &Path) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            store: store.to_owned(),
            env: Vec::new(),
        }
    }

    /// A folder for the test's own files.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    /// The store's folder.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Sets a variable for every command from now on, and for a daemon that one of them starts.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Unsets what [`Stele::set_env`] set.
    pub fn clear_env(&mut self) {
        self.env.clear();
    }

    /// The command, not started.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).env("STELE_STORE", &self.store).env_remove("STELE_CRASH_AT").stdin(Stdio::null());
        // A developer's own configuration must not affect the tests.
        command.env("XDG_CONFIG_HOME", self.dir.path().join("config")).env_remove("STELE_CONFIG");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Outcome {
        let output = self.command(args).output().expect("the binary runs");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command that must succeed. Its stdout.
    #[track_caller]
    pub fn ok<S: AsRef<OsStr> + std::fmt::Debug>(&self, args: &[S]) -> String {
        let outcome = self.run(args);
        assert_eq!(outcome.code, 0, "{args:?} failed: {}{}", outcome.text(), outcome.stderr);
        outcome.text()
    }

    /// Runs a command that must fail with `code`, an error and a hint. Its stderr.
    #[track_caller]
    pub fn fails<S: AsRef<OsStr> + std::fmt::Debug>(&self, args: &[S], code: i32) -> String {
        let outcome = self.run(args);
        assert_eq!(outcome.code, code, "{args:?}: {}{}", outcome.text(), outcome.stderr);
        // Notes may precede it: that a daemon is slow to start, what was built.
        let is_error = outcome.stderr.lines().any(|line| line.starts_with("error: "));
        assert!(is_error, "{args:?} printed {:?}", outcome.stderr);
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
        outcome.stderr
    }

    /// Runs a command whose answer is JSON.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let mut all = vec!["--json"];
        all.extend(args);
        serde_json::from_str(&self.ok(&all)).expect("--json answers in JSON")
    }

    /// Imports; the digest.
    #[track_caller]
    pub fn add(&self, path: &Path) -> String {
        self.ok(&[OsStr::new("store"), OsStr::new("add"), path.as_os_str()])
    }

    /// The daemon's process, when one runs.
    pub fn daemon(&self) -> Option<i32> {
        let status = self.json(&["daemon", "status"]);
        status["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok())
    }

    /// Kills the daemon as a crash would, and waits until it is gone.
    pub fn kill_daemon(&self) {
        if let Some(pid) = self.daemon() {
            kill(pid);
        }
    }

    /// Every digest matches its content, and no root dangles.
    #[track_caller]
    pub fn assert_sound(&self) {
        let outcome = self.run(&["store", "verify"]);
        assert_eq!(outcome.code, 0, "verify: {}{}", outcome.text(), outcome.stderr);
        assert!(!outcome.text().contains("counts of"), "verify: {}", outcome.text());
        for line in self.ok(&["store", "root", "ls"]).lines() {
            let name = line.rsplit(' ').next().expect("a root has a name");
            self.ok(&["store", "info", name]);
        }
    }

    /// What `reference` names equals the directory at `path`, byte for byte.
    #[track_caller]
    pub fn assert_exports_as(&self, reference: &str, path: &Path) {
        let to = tempfile::tempdir_in(self.dir.path()).expect("a folder");
        let place = to.path().join("export");
        let args = [OsStr::new("store"), OsStr::new("export"), OsStr::new(reference), place.as_os_str()];
        self.ok(&args);
        trees::assert_same(path, &place);
    }
}

impl Drop for Stele {
    fn drop(&mut self) {
        self.env.clear();
        let _ = self.command(&["daemon", "stop", "--now"]).stderr(Stdio::null()).status();
    }
}

/// Kills a process, and waits until it is gone.
#[track_caller]
pub fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    wait_for("a killed process to be gone", || rustix::process::test_kill_process(pid).is_err());
}

/// Waits for `done`, for at most half a minute.
#[track_caller]
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
