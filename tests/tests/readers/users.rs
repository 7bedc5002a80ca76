//! Users of the machine: the owner of a store who lets others use it, and another one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use stele_tests::{Stele, binary, skip, wait_for};

/// The user "nobody" of Debian.
const NOBODY: &str = "65534";

/// A daemon that all users may read from; it ends with this.
pub struct Service {
    child: Child,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

/// A folder that all users can look into.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("readers").tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

impl Service {
    pub fn of(stele: &Stele) -> Option<Self> {
        Self::with(stele, &[])
    }

    /// With further options.
    pub fn with(stele: &Stele, options: &[&str]) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("only root can be another user");
            return None;
        }
        let folder = open_folder();
        let socket = folder.path().join("socket");
        let mut command = stele.command(&["daemon", "run", "--readers", socket.to_str().unwrap()]);
        command.args(options);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        wait_for("the service listens", || UnixStream::connect(&socket).is_ok());
        Some(Self { child, socket, _folder: folder })
    }

    pub fn at(&self) -> &str {
        self.socket.to_str().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another user, with a store and a copy of the program of its own.
pub struct Other {
    folder: tempfile::TempDir,
    groups: String,
}

impl Other {
    pub fn new() -> Self {
        Self::in_groups("")
    }

    /// One who is in these groups, too: numbers with commas between them.
    pub fn in_groups(groups: &str) -> Self {
        let folder = open_folder();
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        let user = NOBODY.parse().unwrap();
        std::os::unix::fs::chown(&home, Some(user), Some(user)).unwrap();
        fs::copy(binary(), folder.path().join("stele")).unwrap();
        Self { folder, groups: groups.to_owned() }
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY]);
        match self.groups.as_str() {
            "" => command.arg("--clear-groups"),
            groups => command.args(["--groups", groups]),
        };
        command.arg("--").arg(program).args(args);
        command.env("STELE_STORE", self.home().join("store")).env("HOME", self.home()).stdin(Stdio::null());
        command.env_remove("XDG_CONFIG_HOME").current_dir(self.home());
        command
    }

    /// Runs `stele`; its exit code, stdout and stderr.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(&self.program(), args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }
}

impl Other {
    /// A copy of recipes, in its home.
    pub fn recipes(&self, from: &Path) -> String {
        let to = self.home().join("recipes");
        let copied = Command::new("cp").arg("-r").arg(from).arg(&to).status().unwrap();
        assert!(copied.success());
        to.to_str().unwrap().to_owned()
    }

    /// The program of this user.
    pub fn program(&self) -> PathBuf {
        self.folder.path().join("stele")
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.run(&["daemon", "stop", "--now"]);
    }
}
