//! The field's own words: what Linux, OCI, Git, Nix, Bazel and Rust have a term for is called that, so that it can be
//! searched for. `docs/glossary.md` has the nouns of this project.

use super::Violation;
use super::rust_file::RustFile;

/// Identifiers that were renamed, and what they are called.
const IDENTIFIERS: &[(&str, &str)] = &[
    ("Heirloom", "Handover"),
    (concat!("STRAN", "GER"), "BUILD_UID"),
    ("condemn", "mark_for_deletion"),
    ("bury", "finish_deletion"),
    ("unite", "merge"),
    ("Outline", "HashTree"),
    ("Errand", "Command"),
    ("Told", "a noun for what it holds, such as Answer"),
    ("Said", "a noun for what it holds, such as Report"),
    ("Seen", "a noun for what it holds, such as Event"),
    ("Ask", "Request"),
    ("Place", "SandboxPath, Location, or what it is"),
];

/// Paraphrases of terms, and the terms. In lower case. The second half of each is written apart, so that this file does
/// not contain them.
const PHRASES: &[(&str, &str, &str)] = &[
    ("what came ", "of ", "the outputs or the result of"),
    ("what comes ", "of ", "the outputs or the result of"),
    ("answers ", "for a mount", "serves a mount"),
    ("answers ", "for the mount", "serves the mount"),
    ("in one ", "spelling", "in canonical encoding"),
    ("bill of ", "materials", "SBOM"),
    ("by two ", "ways", "along two independent paths"),
    ("rub", "bish", "malformed input"),
    ("had ", "better", "must, or should"),
    ("left ", "away", "stripped, or omitted"),
    ("takes ", "away", "removes"),
    ("taken ", "away", "removed"),
    ("a fault of ", "its own", "an internal error"),
    ("is none ", "of", "is not one of"),
    ("that is ", "none", "that is not one"),
    ("begins ", "anew", "restarts"),
];

/// Where the rule does not apply: programs in other languages, licences, and what is committed byte for byte.
fn is_exempt(path: &str) -> bool {
    let text = [".rs", ".md", ".star", "Makefile"].iter().any(|end| path.ends_with(end));
    !(text || path.starts_with("tools/") || path.starts_with(".ci/")) || path.contains("/golden/")
}

/// Renamed identifiers in code.
pub(crate) fn old_identifiers(file: &RustFile) -> Vec<Violation> {
    let found = file.tokens.iter().filter_map(|token| {
        let limit = token.text.ends_with(concat!("_MO", "ST")) || token.text == concat!("MO", "ST");
        let renamed = IDENTIFIERS.iter().find(|(old, _)| *old == token.text).map(|(_, new)| *new);
        let new = if limit { Some("MAX_…") } else { renamed };
        new.map(|new| Violation::new(&file.path, token.line, format!("`{}` is called {new}", token.text)))
    });
    found.collect()
}

/// Paraphrases in any text that people read.
pub(crate) fn old_phrases(path: &str, text: &str) -> Vec<Violation> {
    if is_exempt(path) {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = format!("{} ", line.to_lowercase());
        for (first, second, term) in PHRASES {
            let phrase = format!("{first}{second}");
            if line.contains(&phrase) {
                let what = format!("\"{}\": write \"{term}\"", phrase.trim_end());
                violations.push(Violation::new(path, number, what));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_notices_renamed_identifiers_in_code_only() {
        let limit = concat!("HOPS_MO", "ST");
        let text =
            format!("const {limit}: u8 = 1;\nstruct Heirloom;\n// Heirloom\nfn f() {{ g(\"bury\"); }}\n");
        let lines: Vec<usize> =
            old_identifiers(&RustFile::parse("fs/src/a.rs", &text)).iter().map(|it| it.line).collect();
        assert_eq!(lines, [1, 2]);
        let fine =
            RustFile::parse("fs/src/a.rs", "const MAX_HOPS: u8 = 1;\nstruct Handover;\nstruct Placement;\n");
        assert_eq!(old_identifiers(&fine), []);
    }

    #[test]
    fn tidy_notices_paraphrases_of_terms() {
        for (first, second, _) in PHRASES {
            let planted = format!("fine\n// Some {first}{second} here\n");
            for path in ["store/src/gc.rs", "docs/a.md", "tools/demo", "recipes/pkgs/a/recipe.star"] {
                assert_eq!(old_phrases(path, &planted).len(), 1, "{planted}");
                assert_eq!(old_phrases(path, &planted)[0].line, 2);
            }
            assert_eq!(old_phrases("recipes/pkgs/a/a.c", &planted), []);
            assert_eq!(old_phrases("LICENSE", &planted), []);
        }
    }
}
