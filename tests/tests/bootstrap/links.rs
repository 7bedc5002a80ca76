//! The links of the chain after the seed, each made on this machine by the previous one, as in its recipe.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use stele_tests::skip;
use tempfile::TempDir;

use super::*;

/// In the order in which they make each other.
pub(crate) const LINKS: [&str; 5] = ["hex1", "hex2", "asm", "subc", "cc"];

static MADE: OnceLock<Option<BTreeMap<&str, Vec<u8>>>> = OnceLock::new();

/// The folder of a link.
pub(crate) fn folder(link: &str) -> PathBuf {
    top().join("bootstrap").join(link)
}

/// The sources of a link, in the order in which its recipe gives them.
pub(crate) fn sources(link: &str) -> Vec<PathBuf> {
    let recipe = fs::read_to_string(folder(link).join("recipe.star")).expect("the recipe");
    let names: Vec<String> = match link {
        "hex1" => vec!["hex1.hex0".into()],
        "hex2" => vec!["hex2.hex1".into()],
        "asm" => vec!["asm.hex2".into()],
        _ => {
            let list = recipe.split_once("files = [").and_then(|(_, rest)| rest.split_once(']'));
            let (list, _) = list.expect("a list of files");
            let ending = if link == "subc" { "asm" } else { "c" };
            list.split('"').skip(1).step_by(2).map(|file| format!("{file}.{ending}")).collect()
        }
    };
    names.iter().map(|name| folder(link).join(name)).collect()
}

/// A link's arguments: the first two take INPUT OUTPUT, later ones OUTPUT INPUT….
pub(crate) fn arguments(link: &str, output: &str, inputs: &[String]) -> Vec<String> {
    let (output, inputs) = (vec![output.to_owned()], inputs.to_vec());
    if ["seed", "hex1"].contains(&link) { [inputs, output].concat() } else { [output, inputs].concat() }
}

/// Installs a program so that it can run at once. Another process writes it: were it open for writing in this one, a
/// child that another test starts at that moment would inherit it, and the kernel refuses to run such a file.
pub(crate) fn install(path: &Path, bytes: &[u8]) {
    let plain = path.with_extension("bytes");
    fs::write(&plain, bytes).expect("a file");
    printed(Command::new("install").args(["-m", "755"]).args([&plain, path]));
    fs::remove_file(plain).expect("the file");
}

/// The program of a link, or of the seed; `None` where this machine does not run it.
pub(crate) fn program(link: &str) -> Option<&'static [u8]> {
    let made = MADE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a folder");
        let mut made = BTreeMap::from([("seed", seed())]);
        let mut maker = "seed";
        for link in LINKS {
            let path = dir.path().join(maker);
            install(&path, &made[maker]);
            let inputs: Vec<_> = sources(link).iter().map(|it| it.display().to_string()).collect();
            let output = dir.path().join("made").display().to_string();
            let outcome = Command::new(path).args(arguments(maker, &output, &inputs)).output();
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(error) => {
                    skip(&format!("this machine does not run {maker}: {error}"));
                    return None;
                }
            };
            assert!(outcome.status.success(), "{maker} makes no {link}: {outcome:?}");
            made.insert(link, fs::read(&output).expect("an output"));
            fs::remove_file(output).expect("the output");
            maker = link;
        }
        Some(made)
    });
    Some(&made.as_ref()?[link])
}

/// A folder with one program in it and nothing else, which is the program's root.
pub(crate) struct Room(TempDir, &'static str);

impl Room {
    /// `None` where chroot is not permitted.
    pub(crate) fn of(link: &'static str) -> Option<Self> {
        let bytes = program(link)?;
        let room = Self(tempfile::tempdir().expect("a folder"), link);
        let path = room.0.path().join(link);
        install(&path, bytes);
        let probe = Command::new("unshare").args(["--map-root-user", "--net", "true"]).output();
        if !probe.is_ok_and(|it| it.status.success()) {
            skip("no root of its own for a program");
            return None;
        }
        Some(room)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.path().join(name)).ok()
    }

    /// Runs `before` in a shell outside, then the program: its status, or −1 when it did not exit, and its output.
    pub(crate) fn run_after(&self, before: &str, args: &[&str]) -> (i32, String) {
        let script = format!("{before}\nexec unshare --map-root-user --net chroot \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-euc", &script, "sh"]).arg(self.0.path()).arg(format!("/{}", self.1)).args(args);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let output = command.output().expect("sh runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    }

    pub(crate) fn run(&self, args: &[&str]) -> (i32, String) {
        self.run_after("umask 022", args)
    }

    /// The result for the texts `in0`, `in1`, …: the bytes, or the status and the output. Nothing else may be left.
    pub(crate) fn assemble(&self, texts: &[&[u8]]) -> Result<Vec<u8>, (i32, String)> {
        let _ = fs::remove_file(self.0.path().join("out"));
        let names: Vec<String> = (0..texts.len()).map(|at| format!("in{at}")).collect();
        for (name, text) in names.iter().zip(texts) {
            self.put(name, text);
        }
        let args = arguments(self.1, "out", &names);
        let (status, said) = self.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        if status != 0 {
            assert_eq!(self.read("out"), None, "{said}");
            return Err((status, said));
        }
        assert_eq!(said, "");
        Ok(self.read("out").expect("an output"))
    }
}

/// What every link does to files, and does not do.
pub(crate) fn files_are_treated_with_care(link: &'static str) {
    let Some(room) = Room::of(link) else { return };
    room.put("in", b"");
    fs::create_dir(room.path().join("folder")).unwrap();
    let run = |output: &str, input: &str| {
        let args = arguments(link, output, &[input.to_owned()]);
        room.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).0
    };
    assert_ne!(room.run(&[]).0, 0);
    assert_ne!(room.run(&["/in"]).0, 0);
    for (output, input) in [
        ("/out", "/nothing"),
        ("/out", "/folder"),
        ("/nowhere/out", "/in"),
        ("/in/out", "/in"),
        ("/folder", "/in"),
    ] {
        assert_ne!(run(output, input), 0, "{output} {input}");
        assert_eq!(room.read("out"), None, "{output} {input}");
    }
    // Existing files are not written: neither INPUT, nor the program, nor a link's target.
    std::os::unix::fs::symlink("elsewhere", room.path().join("link")).unwrap();
    for there in ["/in", &format!("/{link}"), "/link"] {
        assert_ne!(run(there, "/in"), 0, "{there}");
    }
    assert_eq!(room.read("elsewhere"), None);
    assert_eq!(room.read("in").as_deref(), Some(&b""[..]));
    assert_eq!(room.read(link).as_deref(), program(link));
    if link != "subc" {
        assert_eq!(run("/out", "/in"), 0);
        let mode = fs::metadata(room.path().join("out")).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o755);
    }
}

/// A full disk, or a file size limit, is not a success. `text` has to yield more than 4,096 bytes.
pub(crate) fn a_full_disk_is_a_failure(link: &'static str, text: &[u8]) {
    let Some(room) = Room::of(link) else { return };
    room.put("in", text);
    fs::create_dir(room.path().join("disk")).unwrap();
    let args = arguments(link, "/disk/out", &["/in".to_owned()]).join(" ");
    let script = format!("mount -t tmpfs -o size=4096 none disk && exec chroot . /{link} {args}");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-euc", &script]).current_dir(room.path());
    let output = command.output().expect("unshare runs");
    assert!(output.status.code().is_some_and(|it| it != 0), "{output:?}");
    let args = arguments(link, "out", &["/in".to_owned()]);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    assert_ne!(room.run_after("trap '' XFSZ; ulimit -f 1", &args).0, 0);
}
