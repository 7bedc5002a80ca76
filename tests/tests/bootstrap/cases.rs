//! run-cases, which runs tcc's tests where there is no shell: failures are reported, and are not a success.

use super::*;

/// A folder with run-cases, compiled by gcc, and a compiler's stand-in, which is gcc.
struct Runner(tempfile::TempDir);

/// A compiler that takes a file and makes a program.
const BY: &str = "by /usr/bin/gcc -w -o {program} {file}\n";

impl Runner {
    fn new() -> Self {
        let runner = Self(tempfile::tempdir().expect("a folder"));
        let source = top().join("recipes/pkgs/tcc-tests/run-cases.c");
        printed(Command::new("gcc").arg("-o").arg(runner.0.path().join("run-cases")).arg(source));
        runner.put("t/good.c", "int printf(); int main() { printf(\"good\\n\"); return 0; }");
        runner.put("t/good.expect", " good\n");
        runner
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// The status, and all output.
    fn run(&self, list: &str) -> (Option<i32>, String) {
        self.put("list", list);
        let mut command = Command::new("./run-cases");
        let output = command.args(["list", "report"]).current_dir(self.0.path()).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn a_case_that_is_right_passes_but_for_white_space() {
    let runner = Runner::new();
    runner.put("t/good.expect", "good  \n");
    let (status, said) = runner.run(&format!("in t\n{BY}run good\ntotal 1 0 0\n"));
    assert_eq!((status, said.as_str()), (Some(0), "1 passed, 0 refused, 0 left out, 0 failed\n"));
    let report = fs::read_to_string(runner.0.path().join("report")).unwrap();
    assert_eq!(report, "in t\npassed      good\n1 passed, 0 refused, 0 left out\n");
}

#[test]
fn failed_cases_are_not_a_success() {
    let runner = Runner::new();
    runner.put("t/good.expect", "good\n");
    for (name, text) in [
        ("other", "int printf(); int main() { printf(\"other\\n\"); }"),
        ("more", "int printf(); int main() { printf(\"good\\ngood\\n\"); }"),
        ("none", "int main() { }"),
        ("crash", "int puts(); int main() { puts(\"good\"); __builtin_trap(); }"),
        ("wrong", "int main() { syntax }"),
    ] {
        runner.put("u/case.c", text);
        runner.put("u/case.expect", "good\n");
        let (status, said) = runner.run(&format!("in u\n{BY}run case\ntotal 1 0 0\n"));
        assert_eq!(status, Some(1), "{name}: {said}");
        assert!(
            said.starts_with("list:3: ") && said.contains("\n0 passed, 0 refused, 0 left out, 2 failed\n"),
            "{name}: {said}"
        );
    }
}

#[test]
fn a_forgotten_case_a_wrong_sum_and_a_missing_reason_are_failures() {
    let runner = Runner::new();
    runner.put("t/good.expect", "good\n");
    runner.put("t/forgotten.expect", "");
    let (status, said) = runner.run(&format!("in t\n{BY}run good\ntotal 1 0 0\n"));
    assert!(status == Some(1) && said.contains("forgotten: is in no line of the list"), "{said}");
    for (list, wanted, message) in [
        ("run good\nwithout forgotten because\ntotal 2 0 1\n", 1, "other numbers"),
        ("run good\nwithout forgotten because\n", 2, "the line `total` is missing"),
        ("run good\nwithout forgotten\ntotal 1 0 1\n", 2, "why is forgotten left out?"),
        ("run good\nwithout nothing because\ntotal 1 0 1", 2, "does not end"),
        ("hop good\n", 2, "`hop` is not known"),
        ("run good\nrun forgotten\ntotal 2 0 0\n", 1, "forgotten"),
        ("refuses good\n", 2, "which message?"),
        ("refuses good hello\nwithout forgotten x\ntotal 0 1 1\n", 1, "it is compiled"),
    ] {
        let list = format!("in t\n{BY}{list}");
        let (status, said) = runner.run(&list);
        let told = said.contains(message);
        assert!(status == Some(wanted) && told, "{list}{status:?} {said}");
    }
}

#[test]
fn a_refusal_needs_a_line_and_the_message() {
    let runner = Runner::new();
    let refuses = |by: &str, message: &str| {
        runner.put("r/case.c", "int main()\n{ return x; }\n");
        runner.run(&format!("in r\nby {by}\nrefuses case {message}\ntotal 0 1 0\n"))
    };
    let tcc = "/bin/sh -c echo\\_case.c:2:\\_not\\_declared:\\_x;exit\\_1";
    assert_eq!(refuses(tcc, "not declared: x").0, Some(0));
    assert_eq!(refuses(tcc, "not declared: y").0, Some(1));
    assert_eq!(refuses("/bin/sh -c echo\\_not\\_declared:\\_x;exit\\_1", "not declared: x").0, Some(1));
    assert_eq!(
        refuses("/bin/sh -c echo\\_case.c:2:\\_not\\_declared:\\_x;kill\\_-11\\_$$", "not").0,
        Some(1)
    );
}

#[test]
fn snippets_are_compiled_one_by_one() {
    let runner = Runner::new();
    let text = "#if defined test_a\nint puts(); int main() { puts(\"a\"); return 3; }\n\
                #elif defined test_b || defined test_c\nint puts();\nint main() { puts(\"b\"); return 0; }\n#endif\n";
    runner.put("s/case.c", text);
    runner.put("s/case.expect", "[test_a]\na\n[returns 3]\n\n[test_b]\nb\n\n[test_c]\nb\n");
    let list = format!("in s\n{BY}snippets case\ntotal 1 0 0\n");
    let (status, said) = runner.run(&list);
    assert_eq!(status, Some(0), "{said}");
    runner.put("s/case.expect", "[test_a]\na\n\n[test_b]\nb\n\n[test_c]\nb\n");
    assert_eq!(runner.run(&list).0, Some(1));
}
