//! cc, the C compiler that subc compiles: its programs behave as those of gcc, whichever compiler made cc.

use std::os::unix::fs::PermissionsExt;

use super::links::{folder, install, program, sources};
use super::*;

/// How gcc compiles a program of the subset that cc is written in.
const GCC_FOR_CC: [&str; 7] =
    ["-std=gnu17", "-w", "-O1", "-funsigned-char", "-fwrapv", "-fno-strict-aliasing", "-fno-builtin"];

/// A folder with cc in it.
pub(crate) struct Room(tempfile::TempDir);

impl Room {
    /// None where this machine does not run cc.
    pub(crate) fn new() -> Option<Self> {
        let bytes = program("cc")?;
        let room = Self(tempfile::tempdir().expect("a folder"));
        install(&room.path("cc"), bytes);
        Some(room)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs cc with these arguments in this folder: its status, or −1 when it did not exit, and its output.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String) {
        let output = Command::new(self.path("cc")).args(args).current_dir(self.0.path()).output();
        let output = output.expect("cc runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    }

    /// The result of compiling one text.
    pub(crate) fn compile(&self, text: &str) -> (i32, String) {
        fs::write(self.path("in.c"), text).expect("a text");
        let _ = fs::remove_file(self.path("out"));
        self.run(&["-o", "out", "in.c"])
    }

    /// cc as gcc compiles it from the same source.
    fn by_gcc(&self) -> PathBuf {
        let (text, path) = (self.path("all-of-cc.c"), self.path("cc-by-gcc"));
        let all: Vec<_> = sources("cc").iter().map(|it| fs::read_to_string(it).expect("a source")).collect();
        fs::write(&text, all.concat()).expect("a text");
        let header = folder("subc").join("host.h");
        let mut gcc = Command::new("gcc");
        printed(gcc.args(GCC_FOR_CC).arg("-include").args([&header, &text]).arg("-o").arg(&path));
        path
    }
}

/// The program that `cc` makes from these files and its library.
#[track_caller]
pub(crate) fn compile(cc: &Path, output: &Path, more: &[&Path], files: &[PathBuf]) {
    let library = folder("cc").join("lib");
    let mut parts: Vec<_> =
        fs::read_dir(&library).expect("the library").map(|it| it.unwrap().path()).collect();
    parts.retain(|path| path.extension().is_some_and(|it| it == "c"));
    parts.sort();
    assert!(parts.len() > 6, "{parts:?}");
    let _ = fs::remove_file(output);
    let mut command = Command::new(cc);
    command.arg("-o").arg(output).arg("-I").arg(library.join("include"));
    for folder in more {
        command.arg("-I").arg(folder);
    }
    printed(command.args(files).args(parts));
}

/// A program's output, and its status.
pub(crate) fn ran(program: &Path, within: &Path) -> (String, Option<i32>) {
    let output = Command::new(program).current_dir(within).output().expect("the program runs");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[track_caller]
pub(crate) fn same_lines(ours: &(String, Option<i32>), theirs: &(String, Option<i32>), what: &str) {
    for (line, (our, their)) in ours.0.lines().zip(theirs.0.lines()).enumerate() {
        assert_eq!(our, their, "line {} of what {what} prints", line + 1);
    }
    assert_eq!(ours, theirs, "{what}");
}

#[test]
fn cc_prints_its_usage_and_file_errors() {
    let Some(room) = Room::new() else { return };
    fs::write(room.path("a.c"), "int main(void) { return 3; }").unwrap();
    fs::write(room.path("zero.c"), b"int main(void) { return 3; }\0").unwrap();
    fs::write(room.path("again.c"), "#include \"again.c\"\n").unwrap();
    fs::write(room.path("reads.c"), "int a;\n#include \"folder\"\n").unwrap();
    fs::create_dir(room.path("folder")).unwrap();
    let usage = "cc: usage: cc -o OUT [-I FOLDER]... [-D NAME[=VALUE]]... FILE.c...\n";
    for (args, said) in [
        (&[][..], usage),
        (&["a.c"], usage),
        (&["-o", "out"], usage),
        (&["-o", "out", "-c", "a.c"], "cc: unknown option -c\n"),
        (&["-Ifolder", "-o", "out", "a.c"], "cc: unknown option -Ifolder\n"),
        (&["a.c", "-o"], "cc: missing argument of -o\n"),
        (&["a.c", "-o", "out", "-o", "out2"], "cc: more than one output: out2\n"),
        (&["-o", "out", "nothing.c"], "cc: cannot open nothing.c\n"),
        (&["-o", "out", "folder"], "cc: cannot read folder\n"),
        (&["-o", "out", "reads.c"], "reads.c:2: cannot read `folder`\n"),
        (&["-o", "out", "zero.c"], "-D:10: NUL byte in `zero.c`\n"),
        (&["-o", "out", "-D", "a=1\nint x", "a.c"], "-D:11: -D expects NAME or NAME=VALUE\n"),
        (&["-o", "out", "-D", "3", "a.c"], "-D:10: expected the name of a macro\n"),
        (&["-o", "out", "again.c"], "again.c:1: #include nested too deeply\n"),
        (&["-o", "a.c", "a.c"], "cc: cannot create a.c\n"),
        (&["-o", "nowhere/out", "a.c"], "cc: cannot create nowhere/out\n"),
    ] {
        assert_eq!(room.run(args), (1, said.into()), "{args:?}");
        assert!(!room.path("out").exists(), "{args:?}");
    }
    assert_eq!(
        room.compile("int f(void) { return 3; }"),
        (1, "cc: the program has no function main\n".into())
    );
    assert_eq!(room.compile("int main = 3;"), (1, "cc: the program has no function main\n".into()));
    assert_eq!(room.run(&["-o", "out", "a.c"]), (0, String::new()));
    let mode = fs::metadata(room.path("out")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o700, 0o700);
    assert_eq!(ran(&room.path("out"), room.0.path()).1, Some(3));
}

#[test]
fn a_full_disk_is_a_failure_for_cc() {
    let Some(room) = Room::new() else { return };
    fs::write(room.path("a.c"), "int a[5000] = { 1 }; int main(void) { return 3; }").unwrap();
    let mut command = Command::new("sh");
    command.args(["-euc", "trap '' XFSZ; ulimit -f 4; ./cc -o out a.c"]).current_dir(room.0.path());
    let output = command.output().expect("sh runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "cc: cannot write out\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn cc_checks_how_deep_and_how_large_a_text_is() {
    let Some(room) = Room::new() else { return };
    let begin = "int f(); int main(void) { int a; return ";
    let deep = "nested too deeply";
    for (text, message) in [
        (format!("{begin}{}", "(".repeat(100_000)), deep),
        (format!("{begin}{}", "!".repeat(100_000)), deep),
        (format!("{begin}{}", "a = ".repeat(100_000)), deep),
        (format!("{begin}{}", "a ? 1 : ".repeat(100_000)), deep),
        (format!("{begin}{}", "sizeof(int[".repeat(100_000)), deep),
        (format!("int main(void) {}", "{".repeat(100_000)), deep),
        (format!("int {}", "(*".repeat(100_000)), deep),
        (format!("int a{};", "[1]".repeat(100_000)), deep),
        ("struct {".repeat(100_000), deep),
        (format!("{begin}{} 1;", "a + ".repeat(100_000)), "the expression is too large"),
        (format!("{begin} f({}1);", "1, ".repeat(100_000)), "too many arguments"),
        (format!("#if {}", "(".repeat(100_000)), "the condition is nested too deeply"),
        (
            format!("#define f(x) x\nint a = {}", "f(".repeat(1100) + &")".repeat(1100)),
            "macros are nested too deeply",
        ),
        (format!("double d = 1{}.5;", "0".repeat(20_000)), "the number has too many digits"),
    ] {
        let (status, said) = room.compile(&text);
        assert_eq!(status, 1, "{said}");
        let end = said.split_once(": ").map(|(_, message)| message.trim_end());
        assert_eq!(end, Some(message), "{}", &text[..60.min(text.len())]);
    }
    // Within the limits.
    let parentheses = format!("int main(void) {{ return {}7{}; }}", "(".repeat(300), ")".repeat(300));
    let sum = format!("int main(void) {{ return 0{}; }}", " + 1 - 1 + 1".repeat(5000));
    let blocks = format!("int main(void) {}return 7;{}", "{".repeat(400), "}".repeat(400));
    for (text, status) in [(parentheses, 7), (sum, 5000 & 255), (blocks, 7)] {
        assert_eq!(room.compile(&text), (0, String::new()));
        assert_eq!(ran(&room.path("out"), room.0.path()).1, Some(status));
    }
}

#[test]
fn every_message_of_cc_is_in_a_test() {
    let tests =
        [include_str!("cc.rs"), include_str!("cc_declarations.rs"), include_str!("cc_wrong.rs")].concat();
    // Messages that no program in a test can trigger.
    let unreached = [
        "cc is broken: no such operation",
        "cc is broken: an initial value lies outside of its object",
        "the program is too large",
        "out of memory",
    ];
    let mut messages = 0;
    for path in sources("cc") {
        let text = fs::read_to_string(path).expect("a source");
        let calls = [
            "fail(\"",
            "fail_about(\"",
            "fail_name(\"",
            "fail_token(\"",
            "fail_here(\"",
            "refuse(\"",
            "refuse_alignment(\"",
            ", \"expected ",
        ];
        for message in calls.iter().flat_map(|call| text.split(*call).skip(1).map(move |rest| (call, rest))) {
            let end = message.1.replace("\\\"", "\u{1}");
            let body = end.split('"').next().expect("an end").replace('\u{1}', "\\\"");
            let body = if message.0.ends_with("expected ") { format!("expected {body}") } else { body };
            assert!(
                tests.contains(&body) || unreached.iter().any(|it| body.starts_with(it)),
                "{body} is in no test"
            );
            messages += 1;
        }
    }
    assert!(messages > 200, "{messages}");
}

#[test]
fn programs_of_every_feature_behave_as_with_gcc() {
    let Some(room) = Room::new() else { return };
    let by_gcc = room.by_gcc();
    let tests = folder("cc").join("tests");
    let mut names: Vec<_> = fs::read_dir(&tests).expect("programs").map(|it| it.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|it| it == "c") && !path.ends_with("link_two.c"));
    names.sort();
    assert!(names.len() >= 11, "{names:?}");
    for path in names {
        let mut files = vec![path.clone()];
        if path.ends_with("link_one.c") {
            files.push(tests.join("link_two.c"));
        }
        let (ours, again, theirs) = (room.path("ours"), room.path("again"), room.path("theirs"));
        compile(&room.path("cc"), &ours, &[], &files);
        compile(&by_gcc, &again, &[], &files);
        assert!(
            fs::read(&ours).unwrap() == fs::read(&again).unwrap(),
            "{path:?}: another program by cc of gcc"
        );
        printed(Command::new("gcc").args(["-std=gnu11", "-w", "-o"]).arg(&theirs).args(&files).arg("-lm"));
        let (ours, theirs) = (ran(&ours, room.0.path()), ran(&theirs, room.0.path()));
        same_lines(&ours, &theirs, path.to_str().unwrap());
        assert!(ours.0.lines().count() > 1 && ours.1.is_some(), "{path:?}: {ours:?}");
    }
}

#[test]
fn cc_compiles_itself_to_an_equivalent_compiler() {
    let Some(room) = Room::new() else { return };
    room.by_gcc();
    // subc's part comes first; and the small C has an unsigned char.
    let known = fs::read_to_string(folder("cc").join("known.c")).expect("a source");
    let all = fs::read_to_string(room.path("all-of-cc.c")).expect("a source");
    fs::write(room.path("self.c"), known + &all).expect("a text");
    let args = ["-D", "char=unsigned char", "self.c"];
    let by = |cc: &str, output: &str| {
        printed(Command::new(room.path(cc)).args(["-o", output]).args(args).current_dir(room.0.path()));
        fs::read(room.path(output)).expect("an output")
    };
    let first = by("cc", "second-cc");
    assert!(first == by("second-cc", "third-cc"));
    assert!(first == by("cc-by-gcc", "another-second-cc"));
}

#[test]
fn definitions_and_folders_of_the_command_line_are_heeded() {
    let Some(room) = Room::new() else { return };
    for (name, text) in [
        ("one/a.h", "#define A 1\n#include \"b.h\"\n#include <c.h>\n"),
        ("one/b.h", "#define B 2\n"),
        ("two/a.h", "#error the wrong one\n"),
        ("two/c.h", "#pragma once\n#define C 4\nint once;\n#include \"c.h\"\n"),
        ("main.c", "#include <a.h>\n#include C_NAME\nint main(void) { return A + B + C + D + E; }\n"),
        ("second.c", "#ifdef A\n#error macros of another file\n#endif\n#if D != 8\n#error D\n#endif\n"),
    ] {
        fs::create_dir_all(room.path(name).parent().unwrap()).unwrap();
        fs::write(room.path(name), text).unwrap();
    }
    let args = [
        "-D",
        "D=8",
        "-D",
        "E",
        "-I",
        "one",
        "-I",
        "two",
        "-D",
        "C_NAME=<c.h>",
        "-o",
        "out",
        "main.c",
        "second.c",
    ];
    assert_eq!(room.run(&args), (0, String::new()));
    assert_eq!(ran(&room.path("out"), room.0.path()).1, Some(16));
    // Across files a name is defined once.
    fs::write(room.path("x.c"), "int both = 1;\nint main(void) { return both; }\n").unwrap();
    fs::write(room.path("y.c"), "\nint both;\n").unwrap();
    fs::write(room.path("z.c"), "static int both = 5;\nint other(void) { return both; }\n").unwrap();
    let _ = fs::remove_file(room.path("out"));
    assert_eq!(room.run(&["-o", "out", "x.c", "y.c"]), (1, "y.c:2: redefinition of `both`\n".into()));
    assert_eq!(room.run(&["-o", "out", "x.c", "z.c"]), (0, String::new()));
}

#[test]
fn readelf_and_objdump_find_an_ordinary_program_of_cc() {
    let Some(room) = Room::new() else { return };
    let output = room.path("out");
    compile(&room.path("cc"), &output, &[], &[folder("cc").join("tests/floats.c")]);
    let text = one_space(&String::from_utf8_lossy(&printed(
        Command::new("readelf").args(["-W", "-h", "-l", "-S"]).arg(&output),
    )));
    for piece in [
        "Type: EXEC (Executable file) Machine: Advanced Micro Devices X86-64 Version: 0x1",
        "LOAD 0x000000 0x0000000000400000 0x0000000000400000 0x",
        "GNU_STACK 0x000000 0x0000000000000000 0x0000000000000000 0x000000 0x000000 RW 0x10",
        ".text PROGBITS 00000000004000e8 0000e8",
    ] {
        assert!(text.contains(piece), "{piece:?} is not in:\n{text}");
    }
    assert!(!text.contains("RWE"), "{text}");
    let text =
        String::from_utf8(printed(Command::new("objdump").args(["-d", "-M", "intel"]).arg(&output))).unwrap();
    assert!(text.contains("<main>:") && text.contains("<printf>:") && !text.contains("(bad)"));
    assert!(text.lines().count() > 5000);
}
