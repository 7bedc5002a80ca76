//! A recipe tree with a temporary store, whose builds attempt what a sandbox must prevent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::mounted::within;
use crate::{Outcome, Stele, binary, skip};

/// A time limit for a build that would hang if the sandbox did.
pub const LONG: Duration = Duration::from_secs(90);
/// Debian's busybox-static.
pub const BUSYBOX: &str = "/bin/busybox";

/// A recipe tree with a temporary store.
pub struct Tree {
    /// The store.
    pub stele: Stele,
    /// The recipe tree.
    pub path: PathBuf,
}

impl Tree {
    /// `None`, and the test is skipped, where builds are not possible.
    pub fn new() -> Option<Self> {
        Self::on(Stele::new())
    }

    /// On an existing store.
    pub fn on(mut stele: Stele) -> Option<Self> {
        if let Err(e) = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse") {
            skip(&format!("/dev/fuse cannot be opened: {e}"));
            return None;
        }
        if !Path::new(BUSYBOX).exists() {
            skip("there is no busybox-static");
            return None;
        }
        let path = stele.scratch().join("recipes");
        stele.set_env("STELE_RECIPES", path.to_str().expect("the test's own files and commands do"));
        Some(Self { stele, path })
    }

    /// A recipe with these programs in `/bin`, and with further text.
    pub fn put(&self, name: &str, programs: &[&Path], more: &str) {
        let folder = self.path.join("pkgs").join(name);
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).expect("the test's own files and commands do");
        for program in programs {
            fs::copy(program, bin.join(program.file_name().expect("the test's own files and commands do")))
                .expect("the test's own files and commands do");
        }
        let text = format!(
            "{name} = recipe(name = '{name}', version = '1', sources = [local('bin', at = '/bin')], {more})\n"
        );
        fs::write(folder.join("recipe.star"), text).expect("the test's own files and commands do");
    }

    /// A recipe that is a script of busybox's shell, with all of busybox's commands.
    pub fn script(&self, name: &str, script: &str) {
        self.put(name, &[Path::new(BUSYBOX)], &format!("steps = [{}]", shell(script)));
    }

    /// A recipe that runs one program with arguments.
    pub fn program(&self, name: &str, program: &Path, arguments: &[&str]) {
        let file = program
            .file_name()
            .expect("the test's own files and commands do")
            .to_str()
            .expect("the test's own files and commands do");
        let mut argv = vec![format!("/bin/{file}")];
        argv.extend(arguments.iter().map(|it| (*it).to_owned()));
        self.put(name, &[program], &format!("steps = [{argv:?}]"));
    }

    /// Builds it; may fail.
    pub fn build(&self, name: &str, options: &[&str]) -> Outcome {
        let mut args = vec!["build", name];
        args.extend(options);
        within(LONG, || self.stele.run(&args))
    }

    /// Builds it; the digest.
    #[track_caller]
    pub fn ok(&self, name: &str) -> String {
        let outcome = self.build(name, &["--keep-failed"]);
        assert_eq!(outcome.code, 0, "{}{}", outcome.stderr, self.log(name));
        outcome.text().split(' ').next().expect("the test's own files and commands do").to_owned()
    }

    /// A build that must fail with this code; its stderr.
    #[track_caller]
    pub fn fails(&self, name: &str, options: &[&str], code: i32) -> String {
        let outcome = self.build(name, options);
        assert_eq!(outcome.code, code, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("error: ") && outcome.stderr.contains("hint: "),
            "{}",
            outcome.stderr
        );
        outcome.stderr
    }

    /// A file of a build's output.
    #[track_caller]
    pub fn file(&self, name: &str, file: &str) -> String {
        self.stele.ok(&["store", "cat", &format!("build-{name}/{file}")])
    }

    /// The log of a failed build, when it was kept.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.stele.store().join("failed").join(name).join("log")).unwrap_or_default()
    }

    /// The folders of builds that run, or were left.
    pub fn folders(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.stele.store().join("builds")) else { return Vec::new() };
        entries.map(|it| it.expect("the test's own files and commands do").path()).collect()
    }
}

/// A step of busybox's shell, in a recipe's syntax.
pub fn shell(script: &str) -> String {
    let script = format!("b=/bin/busybox; $b mkdir /tmp/b; $b --install -s /tmp/b; PATH=/tmp/b; {script}");
    format!("{:?}", ["/bin/busybox", "sh", "-c", &script])
}

/// A C program at this path below `tests/`, compiled once. `None`, and the test is skipped, without a compiler.
///
/// # Panics
/// When it is not a C program.
pub fn compiled(source: &str) -> Option<PathBuf> {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    static EACH: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let folder =
        FOLDER.get_or_init(|| tempfile::tempdir().expect("the test's own files and commands do")).path();
    let _one = EACH.lock().expect("the test's own files and commands do");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let program = folder.join(source.file_stem().expect("the test's own files and commands do"));
    if program.exists() {
        return Some(program);
    }
    let mut compiler = Command::new("gcc");
    compiler.args(["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]);
    let Ok(output) = compiler.arg(&program).arg(&source).output() else {
        skip("there is no gcc");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

/// Runs a script as user 1000 with a further group, with the recipes in `recipes` and a temporary store in a tmpfs;
/// returns what it leaves in `seen`. `/dev/fuse` is open to all meanwhile, as on most machines. `None` without root.
pub fn as_user(recipes: &Path, script: &str) -> Option<(i32, String, String)> {
    if !rustix::process::geteuid().is_root() {
        skip("only root becomes another user");
        return None;
    }
    let home = tempfile::tempdir().expect("the test's own files and commands do");
    let top = home.path();
    let wrapped = "set -e
        mkdir dev store; mount -t tmpfs none dev; mount -t tmpfs none store
        mknod -m 666 dev/fuse c 10 229; mount --bind dev/fuse /dev/fuse
        cp -r \"$1\" recipes; chown -R 1000:1000 .; chmod 755 .
        exec setpriv --reuid 1000 --regid 1000 --groups 1000,27 sh -c \"$2; R=\\$?; $S daemon stop; exit \\$R\"";
    fs::copy(binary(), top.join("stele")).expect("the test's own files and commands do");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", wrapped, "sh"]).arg(recipes).arg(script).current_dir(top);
    command.env("STELE_STORE", top.join("store/inner")).env("HOME", top).env("S", top.join("stele"));
    let output = within(LONG, || command.output().expect("the test's own files and commands do"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let seen = fs::read_to_string(top.join("seen")).unwrap_or_default();
    Some((output.status.code().unwrap_or(-1), said, seen.trim_end().to_owned()))
}
