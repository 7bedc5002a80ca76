//! Unsafe code is in files named `sys.rs`, and each use of it states why it is sound.

use super::Violation;
use super::rust_file::RustFile;

/// How far above an unsafe block its reason may begin, in lines that are not comments themselves.
const REACH: usize = 3;

/// Unsafe code elsewhere, or without a `SAFETY:` comment just above. A declaration (`unsafe fn`, `unsafe extern`)
/// promises nothing yet, so it needs none.
pub(crate) fn unjustified(file: &RustFile) -> Vec<Violation> {
    let is_sys = file.path.ends_with("/sys.rs");
    let mut violations = Vec::new();
    for pair in file.tokens.windows(2).filter(|pair| pair[0].text == "unsafe") {
        let line = pair[0].line;
        if !is_sys {
            violations.push(Violation::new(&file.path, line, "`unsafe` in a file that is not named sys.rs"));
        } else if matches!(pair[1].text.as_str(), "{" | "impl" | "(") && !says_why(&file.text, line) {
            let what = "`unsafe` without a `// SAFETY:` comment just above that says why it is sound";
            violations.push(Violation::new(&file.path, line, what));
        }
    }
    violations
}

fn says_why(text: &str, line: usize) -> bool {
    let above: Vec<&str> = text.lines().take(line - 1).map(str::trim_start).collect();
    let mut passed = 0;
    for text in above.into_iter().rev() {
        if text.starts_with("// SAFETY:") {
            return passed < REACH;
        }
        passed += usize::from(!text.starts_with("//"));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        unjustified(&RustFile::parse(path, text)).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn tidy_notices_unsafe_code_outside_of_sys_files() {
        let text = "// SAFETY: because.\nunsafe { f() }\nunsafe fn g() {}";
        assert_eq!(lines("store/src/gc.rs", text), [2, 3]);
        assert_eq!(lines("store/src/notsys.rs", text), [2, 3]);
    }

    #[test]
    fn tidy_notices_unsafe_code_without_a_reason() {
        assert_eq!(lines("store/src/sys.rs", "fn a() {\n    unsafe { f() }\n}"), [2]);
        assert_eq!(lines("store/src/sys.rs", "unsafe impl Send for A {}"), [1]);
        assert_eq!(lines("store/src/sys.rs", "// SAFETY: too far.\na();\nb();\nc();\nunsafe { f() }"), [5]);
        assert_eq!(lines("store/src/sys.rs", "let s = \"// SAFETY:\";\nunsafe { f() }"), [2]);
    }

    #[test]
    fn unsafe_code_with_a_reason_passes() {
        assert_eq!(
            lines("store/src/sys.rs", "// SAFETY: because.\nlet a = b(\n    c,\n    unsafe { f() });"),
            [0; 0]
        );
        assert_eq!(lines("store/src/sys.rs", "// SAFETY: a\n// b\n// c\n// d\n// e\nunsafe { f() }"), [0; 0]);
        assert_eq!(
            lines("store/src/sys.rs", "#![allow(unsafe_code)]\n/// # Safety\nunsafe fn a() {}"),
            [0; 0]
        );
        assert_eq!(lines("store/src/gc.rs", "// unsafe {\nlet a = \"unsafe {\";"), [0; 0]);
    }
}
