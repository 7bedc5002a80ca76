//! Nothing is left unfinished: open work is an issue or a line under "Not yet", not a note in the code.

use super::Violation;
use super::rust_file::{RustFile, Token};

/// Written in pieces, so that this file does not contain what it looks for.
const MARKERS: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X"), concat!("TO", "DO")];

/// Macros for missing code, or for debugging.
pub(crate) fn macros(file: &RustFile) -> Vec<Violation> {
    let unfinished = file.tokens.windows(2).filter(|pair| {
        matches!(pair[0].text.as_str(), "todo" | "unimplemented" | "dbg") && pair[1].text == "!"
    });
    let at = |pair: &[Token]| Violation::new(&file.path, pair[0].line, format!("`{}!`", pair[0].text));
    unfinished.map(at).collect()
}

/// Notes to oneself in Rust files and scripts, comments included.
pub(crate) fn markers(path: &str, text: &str) -> Vec<Violation> {
    let is_script = path.starts_with("tools/") || path.starts_with(".ci/") || text.starts_with("#!");
    if !path.ends_with(".rs") && path != "Makefile" && !is_script {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for word in line.split(|c: char| !c.is_alphanumeric()).filter(|word| MARKERS.contains(word)) {
            violations.push(Violation::new(path, number, format!("`{word}`")));
        }
    }
    violations
}

/// What git leaves where it could not merge.
const SIDES: &[&str] = &[concat!("<<<<", "<<< "), concat!(">>>>", ">>> ")];

/// Conflict markers, in any text.
pub(crate) fn merges(path: &str, text: &str) -> Vec<Violation> {
    let lines = (1..).zip(text.lines());
    let marked = lines.filter(|(_, line)| SIDES.iter().any(|side| line.starts_with(side)));
    marked.map(|(number, _)| Violation::new(path, number, "a merge that is not done")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_notices_a_merge_that_is_not_done() {
        let text = format!("a\n{}HEAD\nb\n=======\nc\n{}other\n", SIDES[0], SIDES[1]);
        let lines: Vec<usize> = merges("README.md", &text).iter().map(|it| it.line).collect();
        assert_eq!(lines, [2, 6]);
        assert_eq!(merges("README.md", "Title\n=======\na <<<<<<< b\n>>> x\n"), []);
    }

    #[test]
    fn tidy_notices_macros_of_unfinished_code() {
        let file =
            RustFile::parse("store/src/gc.rs", "fn a() {\n todo!();\n unimplemented!(\"b\");\n dbg!(c);\n}");
        let lines: Vec<usize> = macros(&file).iter().map(|violation| violation.line).collect();
        assert_eq!(lines, [2, 3, 4]);
        let harmless = RustFile::parse("store/src/gc.rs", "// todo!()\nfn todo() { f(\"dbg!\"); }");
        assert_eq!(macros(&harmless), []);
    }

    #[test]
    fn tidy_notices_notes_to_oneself() {
        for marker in MARKERS {
            let planted = format!("fine\n# {marker}: later\n");
            for path in ["store/src/gc.rs", "tools/demo", ".ci/run", "Makefile"] {
                assert_eq!(markers(path, &planted), [Violation::new(path, 2, format!("`{marker}`"))]);
            }
            assert_eq!(markers("tests/bench/run", &format!("#!/bin/sh\n# {marker}")).len(), 1);
        }
    }

    #[test]
    fn names_that_contain_a_marker_pass() {
        assert_eq!(markers("tools/demo", &format!("mktemp -d /tmp/a.{0}{0}", MARKERS[1])), []);
        assert_eq!(markers("docs/glossary.md", MARKERS[0]), []);
    }
}
