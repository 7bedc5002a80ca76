//! How Rust files lie on disk: short, narrow, named for what they hold, opened by a sentence, and all of them
//! used.

use super::Violation;
use super::rust_file::RustFile;

/// More lines than this, and a file holds more than one thing.
const CODE_LINES: usize = 400;
/// Tests repeat their set-up for clarity's sake, so they may be longer.
const TEST_LINES: usize = 600;
/// In characters; rustfmt holds code to it, but neither comments nor strings.
const WIDTH: usize = 120;

/// Names under which anything might be found.
const VAGUE: &[&str] = &["util", "utils", "misc", "common", "helper", "helpers"];

/// All lines count, comments and empty ones too: they are what a reader scrolls through.
pub(crate) fn too_long(file: &RustFile) -> Vec<Violation> {
    let tests = file.in_tests.iter().filter(|in_tests| **in_tests).count();
    let code = file.in_tests.len() - tests;
    let mut violations = Vec::new();
    for (lines, max, of) in [(code, CODE_LINES, "code"), (tests, TEST_LINES, "tests")] {
        if lines > max {
            violations.push(Violation::new(&file.path, 0, format!("{lines} lines of {of}, more than {max}")));
        }
    }
    violations
}

pub(crate) fn untidy_lines(file: &RustFile) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (number, line) in (1..).zip(file.text.split('\n')) {
        let mut broken = |what: String| violations.push(Violation::new(&file.path, number, what));
        let width = line.chars().count();
        if width > WIDTH {
            broken(format!("{width} characters wide, more than {WIDTH}"));
        }
        if line.contains('\t') {
            broken("a tab".to_owned());
        }
        if line.ends_with(char::is_whitespace) {
            broken("whitespace at the end of the line".to_owned());
        }
    }
    violations
}

/// Folders are modules too, so every part of the path counts.
pub(crate) fn vague_name(file: &RustFile) -> Vec<Violation> {
    let parts = file.path.trim_end_matches(".rs").split('/');
    let vague = parts.filter(|part| VAGUE.contains(part));
    vague.map(|part| Violation::new(&file.path, 0, format!("`{part}` does not say what is in it"))).collect()
}

/// A file that only declares modules says enough by their names.
pub(crate) fn missing_module_doc(file: &RustFile) -> Vec<Violation> {
    let first = file.text.lines().find(|line| !line.trim().is_empty());
    let mut statements = file.tokens.split(|token| token.text == ";").filter(|tokens| !tokens.is_empty());
    let only_modules = statements.all(|tokens| {
        let braces = tokens.iter().any(|token| token.text == "{");
        !braces && tokens.iter().rev().nth(1).is_some_and(|token| token.text == "mod")
    });
    if first.is_some_and(|line| line.starts_with("//!")) || only_modules {
        return Vec::new();
    }
    vec![Violation::new(&file.path, 1, "does not begin with a `//!` comment that says what it is")]
}

/// The files that no other declares with `mod`, and that cargo does not find by itself: nobody compiles them.
pub(crate) fn unreachable(files: &[RustFile]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| !is_found_by_cargo(&file.path)) {
        let module = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let (folder, name) = module.rsplit_once('/').unwrap_or(("", module));
        let mut parents = files.iter().filter(|parent| parent.module_folder() == folder);
        if !parents.any(|parent| parent.declared_modules().iter().any(|module| module.name == name)) {
            let what = format!("no file declares it with `mod {name};`, so nobody compiles it");
            violations.push(Violation::new(&file.path, 0, what));
        }
    }
    violations
}

/// Roots of crates: `src/lib.rs`, `src/main.rs`, `build.rs`, and files or folders with a `main.rs` in
/// `src/bin`, `tests`, `benches` and `examples`; fuzz targets are named in their manifest.
fn is_found_by_cargo(path: &str) -> bool {
    const FOLDERS: &[&str] = &["bin", "tests", "benches", "examples", "fuzz_targets"];
    let parts: Vec<&str> = path.rsplit('/').collect();
    match parts[..] {
        ["lib.rs" | "main.rs", "src", ..] => true,
        ["main.rs", _, folder, ..] => FOLDERS.contains(&folder),
        ["build.rs", _] => true,
        // A module named `tests` may have a folder of its own below `src`.
        [_, "tests", ..] => !parts.contains(&"src"),
        [_, folder, ..] => FOLDERS.contains(&folder),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rust_file::parse_all;
    use super::*;

    fn whats(violations: &[Violation]) -> Vec<&str> {
        violations.iter().map(|violation| violation.what.as_str()).collect()
    }

    #[test]
    fn tidy_notices_a_file_that_is_too_long() {
        let code = RustFile::parse("store/src/gc.rs", &"//\n".repeat(401));
        assert_eq!(whats(&too_long(&code)), ["401 lines of code, more than 400"]);
        let tests = RustFile::parse("tests/tests/crash.rs", &"//\n".repeat(601));
        assert_eq!(whats(&too_long(&tests)), ["601 lines of tests, more than 600"]);
        let module = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "//\n".repeat(401), "//\n".repeat(598));
        let lengths = ["401 lines of code, more than 400", "601 lines of tests, more than 600"];
        assert_eq!(whats(&too_long(&RustFile::parse("store/src/gc.rs", &module))), lengths);
    }

    #[test]
    fn a_file_at_the_limit_passes() {
        let module = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "//\n".repeat(400), "//\n".repeat(597));
        assert_eq!(too_long(&RustFile::parse("store/src/gc.rs", &module)), []);
    }

    #[test]
    fn tidy_notices_untidy_lines() {
        let text = format!("{}\n{}\n\tx\nx \n\nx\r\n", "ü".repeat(120), "ü".repeat(121));
        let violations = untidy_lines(&RustFile::parse("store/src/gc.rs", &text));
        let lines: Vec<usize> = violations.iter().map(|violation| violation.line).collect();
        assert_eq!(lines, [2, 3, 4, 6], "{violations:?}");
    }

    #[test]
    fn tidy_notices_vague_names() {
        for name in VAGUE {
            for path in [format!("store/src/{name}.rs"), format!("tests/tests/{name}/mod.rs")] {
                assert_eq!(vague_name(&RustFile::parse(&path, "")).len(), 1, "{path}");
            }
        }
        assert_eq!(vague_name(&RustFile::parse("store/src/commonest.rs", "")), []);
    }

    #[test]
    fn tidy_notices_a_file_without_a_module_doc() {
        for text in [
            "fn a() {}\n",
            "struct A;\n",
            "fn a() {}\nmod b;\n",
            "// Not a doc.\nfn a() {}\n",
            "/// Of the item.\nuse a;\n",
            "use a;\n//! Late.\n",
        ] {
            assert_eq!(missing_module_doc(&RustFile::parse("store/src/gc.rs", text)).len(), 1, "{text}");
        }
        for text in
            ["//! What it is.\nfn a() {}\n", "\n//! What it is.\n", "", "\n", "pub(crate) mod a;\nmod b;\n"]
        {
            assert_eq!(missing_module_doc(&RustFile::parse("store/src/gc.rs", text)), [], "{text}");
        }
    }

    #[test]
    fn tidy_notices_a_dead_file() {
        let sources = [
            ("store/src/lib.rs", "mod a; mod c;\n// mod dead;"),
            ("store/src/dead.rs", ""),
            ("store/src/a.rs", "pub(crate) mod b;"),
            ("store/src/a/b.rs", ""),
            ("store/src/a/dead.rs", ""),
            ("store/src/c/mod.rs", "#[cfg(test)] mod tests;"),
            ("store/src/c/tests.rs", "mod deep;"),
            ("store/src/c/tests/deep.rs", ""),
            ("store/src/c/tests/dead.rs", ""),
            ("store/src/lost/dead.rs", ""),
            ("cli/src/main.rs", "mod inline { }\nmod elsewhere;"),
            ("cli/src/inline.rs", ""),
            ("cli/src/bin/other.rs", ""),
            ("cli/build.rs", ""),
            ("tests/tests/crash.rs", ""),
            ("tests/tests/tidy/main.rs", "mod layout;"),
            ("tests/tests/tidy/layout.rs", ""),
            ("tests/tests/tidy/dead.rs", ""),
            ("tests/fuzz/fuzz_targets/tree.rs", ""),
        ];
        let files = parse_all(sources.map(|(path, text)| (path.to_owned(), text.to_owned())));
        let dead: Vec<String> = unreachable(&files).into_iter().map(|violation| violation.path).collect();
        let expected = [
            "store/src/dead.rs",
            "store/src/a/dead.rs",
            "store/src/c/tests/dead.rs",
            "store/src/lost/dead.rs",
            "cli/src/inline.rs",
            "tests/tests/tidy/dead.rs",
        ];
        assert_eq!(dead, expected);
    }
}
