//! No test is left out of `make test` in silence: the tests of crashes and power cuts were for a feature that no
//! command named, and a runner counts what is not compiled as nothing.

use super::Violation;

/// The tests of this crate whose feature is not among the flags of the Makefile.
pub(crate) fn features(makefile: &str, path: &str, text: &str) -> Vec<Violation> {
    let flags = makefile.lines().find(|line| line.starts_with("test_flags = ")).unwrap_or_default();
    let mut violations = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((_, rest)) = line.split_once("cfg(feature = \"") else { continue };
        let feature = rest.split('"').next().unwrap_or_default();
        let named = format!("stele-tests/{feature}");
        if path.starts_with("tests/") && !flags.split([',', ' ']).any(|flag| flag == named) {
            violations.push(Violation::new(path, number, format!("test_flags of the Makefile lack {named}")));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_that_no_command_names_is_found() {
        // Written in pieces, so that this file has no such line of its own.
        let text = concat!("#![cfg(fea", "ture = \"crash-points\")]");
        let found = |flags: &str| {
            features(&format!("test_flags = --features {flags}"), "tests/tests/a.rs", text).len()
        };
        assert_eq!(found("stele-cli/crash-points,stele-store/crash-points"), 1);
        assert_eq!(found("stele-cli/crash-points,stele-tests/crash-points"), 0);
        assert_eq!(features("", "store/src/crash.rs", text).len(), 0);
    }
}
