//! What the sandbox claims, tried from inside by programs that mean harm, and from outside by whoever interrupts
//! builds.
//!
//! Each claim has a control: the same program outside of a sandbox, or a build that may do what it tries. A test of
//! a wall that nothing ever came through would hold for a wall that is not there.

mod alike;
mod escapes;
mod interrupts;
mod limits;
mod outputs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use stele_tests::mounted::within;
use stele_tests::{Outcome, Stele, skip};

/// How long a build may take that would hang if the sandbox did.
const LONG: Duration = Duration::from_secs(90);
/// Debian's busybox-static.
const BUSYBOX: &str = "/bin/busybox";

/// A recipe tree with a store of its own.
struct Tree {
    stele: Stele,
    path: PathBuf,
}

impl Tree {
    /// `None`, and the test is skipped, where nothing can be built.
    fn new() -> Option<Self> {
        Self::on(Stele::new())
    }

    fn on(mut stele: Stele) -> Option<Self> {
        if let Err(e) = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse") {
            skip(&format!("/dev/fuse cannot be opened: {e}"));
            return None;
        }
        if !Path::new(BUSYBOX).exists() {
            skip("there is no busybox-static");
            return None;
        }
        let path = stele.scratch().join("recipes");
        stele.set_env("STELE_RECIPES", path.to_str().unwrap());
        Some(Self { stele, path })
    }

    /// A recipe with these programs in `/bin`, and with more of its text.
    fn put(&self, name: &str, programs: &[&Path], more: &str) {
        let folder = self.path.join("pkgs").join(name);
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).unwrap();
        for program in programs {
            fs::copy(program, bin.join(program.file_name().unwrap())).unwrap();
        }
        let text = format!(
            "{name} = recipe(name = '{name}', version = '1', sources = [local('bin', at = '/bin')], {more})\n"
        );
        fs::write(folder.join("recipe.star"), text).unwrap();
    }

    /// A recipe that is a script of busybox's shell, in which all its commands are there.
    fn script(&self, name: &str, script: &str) {
        self.put(name, &[Path::new(BUSYBOX)], &format!("steps = [{}]", shell(script)));
    }

    /// A recipe that runs one program with arguments.
    fn program(&self, name: &str, program: &Path, arguments: &[&str]) {
        let file = program.file_name().unwrap().to_str().unwrap();
        let mut argv = vec![format!("/bin/{file}")];
        argv.extend(arguments.iter().map(|it| (*it).to_owned()));
        self.put(name, &[program], &format!("steps = [{argv:?}]"));
    }

    fn build(&self, name: &str, options: &[&str]) -> Outcome {
        let mut args = vec!["build", name];
        args.extend(options);
        within(LONG, || self.stele.run(&args))
    }

    /// Builds it; the digest.
    #[track_caller]
    fn ok(&self, name: &str) -> String {
        let outcome = self.build(name, &["--keep-failed"]);
        assert_eq!(outcome.code, 0, "{}{}", outcome.stderr, self.log(name));
        outcome.text().split(' ').next().unwrap().to_owned()
    }

    /// Builds what must fail with this code; what it says.
    #[track_caller]
    fn fails(&self, name: &str, options: &[&str], code: i32) -> String {
        let outcome = self.build(name, options);
        assert_eq!(outcome.code, code, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("error: ") && outcome.stderr.contains("hint: "),
            "{}",
            outcome.stderr
        );
        outcome.stderr
    }

    /// What a build put into a file of its output.
    #[track_caller]
    fn file(&self, name: &str, file: &str) -> String {
        self.stele.ok(&["store", "cat", &format!("build-{name}/{file}")])
    }

    /// The log of a build that failed, when it was kept.
    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.stele.store().join("failed").join(name).join("log")).unwrap_or_default()
    }

    /// The folders of builds that run, or were left.
    fn folders(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.stele.store().join("builds")) else { return Vec::new() };
        entries.map(|it| it.unwrap().path()).collect()
    }
}

/// A step of busybox's shell, as a recipe says it.
fn shell(script: &str) -> String {
    let script = format!("b=/bin/busybox; $b mkdir /tmp/b; $b --install -s /tmp/b; PATH=/tmp/b; {script}");
    format!("{:?}", ["/bin/busybox", "sh", "-c", &script])
}

/// A C program of this folder, compiled once. `None`, and the test is skipped, without a compiler.
fn compiled(name: &'static str) -> Option<PathBuf> {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    static EACH: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path();
    let _one = EACH.lock().unwrap();
    let program = folder.join(name);
    if program.exists() {
        return Some(program);
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox").join(format!("{name}.c"));
    let mut compiler = Command::new("gcc");
    compiler.args(["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]);
    let Ok(output) = compiler.arg(&program).arg(&source).output() else {
        skip("there is no gcc");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
