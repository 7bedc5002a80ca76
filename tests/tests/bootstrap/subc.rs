//! subc, a compiler for a small C: its programs behave as those of gcc.

use std::os::unix::fs::PermissionsExt;

use super::links::{Room, files_are_treated_with_care, folder, program};
use super::*;

/// How gcc compiles a program of the subset, as the subset's page states.
const GCC: [&str; 7] =
    ["-std=gnu17", "-w", "-O1", "-funsigned-char", "-fwrapv", "-fno-strict-aliasing", "-fno-builtin"];

/// A program's output, and its status.
type Ran = (String, Option<i32>);

/// The programs of a text: by subc, and by gcc.
pub(crate) struct Peers {
    dir: tempfile::TempDir,
    subc: PathBuf,
}

impl Peers {
    /// None where this machine does not run subc.
    pub(crate) fn new() -> Option<Self> {
        let bytes = program("subc")?;
        let dir = tempfile::tempdir().expect("a folder");
        let subc = dir.path().join("subc");
        links::install(&subc, bytes);
        Some(Self { dir, subc })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program that subc makes from these files.
    #[track_caller]
    pub(crate) fn subc(&self, inputs: &[PathBuf]) -> PathBuf {
        let output = self.path("by-subc");
        let _ = fs::remove_file(&output);
        printed(Command::new(&self.subc).arg(&output).args(inputs));
        output
    }

    /// The program that gcc makes from these files, concatenated.
    #[track_caller]
    pub(crate) fn gcc(&self, inputs: &[PathBuf]) -> PathBuf {
        let (text, output) = (self.path("all.c"), self.path("by-gcc"));
        let all: Vec<_> = inputs.iter().map(|path| fs::read_to_string(path).expect("a text")).collect();
        fs::write(&text, all.concat()).expect("a text");
        let header = folder("subc").join("host.h");
        printed(Command::new("gcc").args(GCC).arg("-include").args([&header, &text]).arg("-o").arg(&output));
        output
    }

    /// Runs a program with two arguments.
    pub(crate) fn run(&self, program: &Path) -> Ran {
        let output = Command::new(program).args(["one", "two"]).output().expect("the program runs");
        assert!(output.stderr.is_empty(), "{output:?}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
    }

    /// The behaviour of the program of these files, which is the same from both compilers.
    #[track_caller]
    pub(crate) fn agree(&self, inputs: &[PathBuf]) -> Ran {
        let (ours, theirs) = (self.run(&self.subc(inputs)), self.run(&self.gcc(inputs)));
        if ours != theirs {
            for (line, (our, their)) in ours.0.lines().zip(theirs.0.lines()).enumerate() {
                assert_eq!(our, their, "line {line} of what {inputs:?} prints");
            }
        }
        assert_eq!(ours, theirs, "{inputs:?}");
        ours
    }
}

#[test]
fn subc_prints_its_usage_and_file_errors() {
    let Some(room) = Room::of("subc") else { return };
    room.put("in", b"long main(long argc, char **argv) { return 3; }");
    room.put("open", b"long f(long a) { return a; } /* ");
    for few in [&[][..], &["/out"]] {
        assert_eq!(room.run(few), (1, "subc OUTPUT INPUT...\n".into()));
    }
    assert_eq!(room.run(&["/out", "/nothing"]), (1, "/nothing: cannot be opened\n".into()));
    assert_eq!(room.run(&["/out", "/in", "/"]), (1, "/: cannot be read\n".into()));
    assert_eq!(room.run(&["/in", "/in"]), (1, "/in: cannot be created, or exists\n".into()));
    assert_eq!(room.run(&["/out", "/open", "/in"]), (1, "/open:1: unterminated comment\n".into()));
    files_are_treated_with_care("subc");
    // The baseline: without errors the program is made, and is static.
    assert_eq!(room.read("out"), None);
    assert_eq!(room.run(&["/out", "/in"]), (0, String::new()));
    let mode = fs::metadata(room.path().join("out")).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o755);
    fs::rename(room.path().join("out"), room.path().join("subc")).unwrap();
    assert_eq!(room.run(&[]), (3, String::new()));
}

#[test]
fn a_full_disk_is_a_failure_for_subc() {
    links::a_full_disk_is_a_failure("subc", b"long main(long argc, char **argv) { return 3; }");
}

#[test]
fn subc_checks_how_deep_and_how_long_a_text_is() {
    let Some(room) = Room::of("subc") else { return };
    let begin = "long main(long argc, char **argv) { return ";
    for deep in ["(", "~", "{", "*(char *)"] {
        let text = format!("{}{}", if deep == "{" { &begin[..35] } else { begin }, deep.repeat(400_000));
        assert_eq!(
            room.assemble(&[text.as_bytes()]),
            Err((1, "in0:1: nested too deeply\n".into())),
            "{deep}"
        );
    }
    let names: String = (0..180_000).map(|it| format!("long g{it};\n")).collect();
    let (_, said) = room.assemble(&[names.as_bytes()]).unwrap_err();
    assert!(said.ends_with(": too many symbols\n") || said.ends_with(": too many names\n"), "{said}");
    let cases: String = (0..70_000).map(|it| format!("case {it}:\n")).collect();
    let text = format!("{}switch (argc) {{ {cases} ; }} }}", &begin[..35]);
    assert_eq!(room.assemble(&[text.as_bytes()]), Err((1, "in0:65536: too many cases\n".into())));
    let strings = format!("char *s = {};", format!("\"{}\"\n", "s".repeat(60_000)).repeat(279));
    let (_, said) = room.assemble(&[strings.as_bytes()]).unwrap_err();
    assert!(said.ends_with(": the strings are too long\n"), "{said}");
    let tags: String = (0..17_000).map(|it| format!("struct s{it};\n")).collect();
    assert_eq!(room.assemble(&[tags.as_bytes()]), Err((1, "in0:16378: too many structs\n".into())));
    let members: String = (0..1000).map(|it| format!("long m{it}; ")).collect();
    let structs: String = (0..140).map(|it| format!("struct s{it} {{ {members} }};\n")).collect();
    let (_, said) = room.assemble(&[structs.as_bytes()]).unwrap_err();
    assert_eq!(said, "in0:132: too many members\n");
    let stars =
        |many: usize| format!("long {}p; long main(long a, char **b) {{ return 0; }}", "*".repeat(many));
    assert!(room.assemble(&[stars(255).as_bytes()]).is_ok());
    assert_eq!(
        room.assemble(&[stars(256).as_bytes()]),
        Err((1, "in0:1: too many levels of pointers\n".into()))
    );
    let data = b"long t[4194300] = { 1 };";
    let said = "in0:1: the initialised variables take more than 32 MiB\n";
    assert_eq!(room.assemble(&[data]), Err((1, said.into())));
    let string = format!("char *s = \"{}\";", "s".repeat(65_001));
    let said = "in0:1: a string has more than 65,000 bytes\n";
    assert_eq!(room.assemble(&[string.as_bytes()]), Err((1, said.into())));
    let text = vec![b' '; 16 << 20];
    assert_eq!(room.assemble(&[&text]), Err((1, "in0: the inputs are longer than 16 MiB\n".into())));
    let code = format!("long main(long a, char **b) {{ {} }}", "a++;".repeat(3_000_000));
    assert_eq!(room.assemble(&[code.as_bytes()]), Err((1, "in0:1: the code is too long\n".into())));
}

#[test]
fn every_message_of_subc_is_in_a_test() {
    let tests = [include_str!("subc.rs"), include_str!("subc_wrong.rs")].concat();
    let mut messages = 0;
    for path in links::sources("subc").iter().filter(|path| !path.ends_with("memory.asm")) {
        let text = fs::read_to_string(path).expect("a source");
        for message in
            text.split("fail").skip(1).filter_map(|rest| rest.split_once(" \"")?.1.split_once("\\0\""))
        {
            let (message, _) = message;
            // Only the status shows that a disk is full.
            assert!(tests.contains(message) || message == "cannot be written", "{message}");
            messages += 1;
        }
    }
    assert!(messages > 80, "{messages}");
}

#[test]
fn programs_of_every_feature_behave_as_with_gcc() {
    let Some(peers) = Peers::new() else { return };
    let tests = folder("subc").join("tests");
    let print = tests.join("print.c");
    let mut names: Vec<_> =
        fs::read_dir(&tests).expect("programs").map(|it| it.expect("an entry").path()).collect();
    names.retain(|path| *path != print && path.extension().is_some_and(|it| it == "c"));
    names.sort();
    assert!(names.len() >= 6, "{names:?}");
    for path in names {
        let (text, status) = peers.agree(&[print.clone(), path.clone()]);
        assert!(text.lines().count() > 10 && status.is_some(), "{path:?}: {text}");
    }
}

#[test]
fn objdump_and_readelf_find_an_ordinary_program() {
    let Some(peers) = Peers::new() else { return };
    let tests = folder("subc").join("tests");
    let program = peers.subc(&[tests.join("print.c"), tests.join("pointers.c")]);
    let output =
        Command::new("readelf").args(["-W", "-h", "-l"]).arg(&program).output().expect("readelf runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = one_space(&String::from_utf8_lossy(&output.stdout));
    for piece in [
        "LOAD 0x000000 0x0000000000400000 0x0000000000400000 0x",
        " R E 0x1000 LOAD 0x00",
        "000 0x0000000008000000 0x0000000008000000 0x",
        " R 0x1000 LOAD 0x00",
        "000 0x0000000010000000 0x0000000010000000 0x",
        " RW 0x1000 LOAD 0x000000 0x0000000020000000 0x0000000020000000 0x000000 0x",
    ] {
        assert!(text.contains(piece), "{piece:?} is not in:\n{text}");
    }
    // All of the code can be disassembled.
    let bytes = fs::read(&program).unwrap();
    let size = u64::from_le_bytes(bytes[64 + 32..64 + 40].try_into().unwrap());
    let code = &bytes[..usize::try_from(size).unwrap()];
    let wrong: Vec<_> =
        disassembled_bytes(code, 0x120).into_iter().filter(|it| it.2.contains("(bad)")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
