//! The graph of our crates: which may depend on which.
//!
//! `docs/architecture.md` has the reasons. Two rows state the rest: only `tests` may use `cli`, and the store depends
//! on none.

use super::Violation;

/// A crate, and its permitted dependencies; a crate that does not exist yet is listed too.
const ALLOWED: &[(&str, &str)] = &[
    ("store", ""),
    ("fs", "store"),
    ("archive", "store"),
    ("http", ""),
    ("recipes", "store archive http"),
    ("builder", "store fs recipes compare"),
    ("oci", "store archive"),
    ("listen", ""),
    ("oci/registry", "http listen"),
    ("oci/sbom", ""),
    ("remote", "store"),
    ("remote/reapi", "listen"),
    ("untrusted", ""),
    ("compare", "untrusted"),
    ("trust", "store"),
    ("engine", "store archive http fs recipes builder oci registry sbom remote untrusted compare trust"),
    (
        "daemon",
        "store archive http fs recipes builder oci registry sbom remote untrusted compare trust engine",
    ),
    (
        "cli",
        "store archive http fs recipes builder oci registry sbom remote listen reapi untrusted compare trust engine \
         daemon",
    ),
    (
        "tests",
        "store archive http fs recipes builder oci registry sbom remote listen reapi untrusted compare trust engine \
         daemon cli",
    ),
];

/// Not part of the workspace: its targets use whatever they test.
const FUZZ: &str = "tests/fuzz";

/// Checks the manifest of a crate, `FOLDER/Cargo.toml`; other files are ignored.
pub(crate) fn forbidden_edges(path: &str, text: &str) -> Vec<Violation> {
    let Some((folder, "Cargo.toml")) = path.rsplit_once('/') else {
        return Vec::new();
    };
    if folder == FUZZ {
        return Vec::new();
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == folder) else {
        let what = format!("`{folder}` is a crate that the graph of crates does not have");
        return vec![Violation::new(path, 0, what)];
    };
    let mut violations = Vec::new();
    let name = match folder.rsplit('/').next().unwrap_or(folder) {
        // The product as a library has the product's own name.
        "engine" => "name = \"stele\"".to_owned(),
        name => format!("name = \"stele-{name}\""),
    };
    if !text.lines().any(|line| line == name) {
        let what = format!("the crate in `{folder}` does not say `{name}`");
        violations.push(Violation::new(path, 0, what));
    }
    for (line, dependency) in dependencies(text) {
        if !allowed.split(' ').any(|name| name == dependency) {
            let what = format!("`{folder}` must not depend on `{dependency}`");
            violations.push(Violation::new(path, line, what));
        }
    }
    violations
}

/// Every dependency on a crate of ours, of any kind, as its line and its name without `stele-`; the crate `stele` as
/// `engine`.
fn dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (line, text) in (1..).zip(manifest.lines()) {
        let text = text.split('#').next().unwrap_or(text).trim();
        if let Some(header) = text.strip_prefix('[') {
            // `[dependencies]`, `[target.'cfg(unix)'.dev-dependencies]`, or `[dependencies.NAME]`.
            let header = header.trim_end_matches(']');
            in_dependencies = header.ends_with("dependencies");
            if let Some((section, name)) = header.rsplit_once('.')
                && section.ends_with("dependencies")
            {
                found.push((line, name));
            }
        } else if in_dependencies {
            found.push((line, text));
        }
    }
    // A renamed dependency has its name in the value, so check the whole line.
    let ours = |(line, text): (usize, &str)| {
        let is_engine = |word: &str| word == "stele";
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        if words.any(is_engine) {
            return Some((line, "engine".to_owned()));
        }
        let (_, rest) = text.split_once("stele-")?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        Some((line, rest[..end].to_owned()))
    };
    found.into_iter().filter_map(ours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(folder: &str, dependencies: &str) -> Vec<String> {
        let name = match folder.rsplit('/').next().unwrap() {
            "engine" => "stele".to_owned(),
            name => format!("stele-{name}"),
        };
        let manifest = format!("[package]\nname = \"{name}\"\n\n{dependencies}\n");
        let violations = forbidden_edges(&format!("{folder}/Cargo.toml"), &manifest);
        violations.into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn tidy_notices_a_crate_below_that_knows_the_engine() {
        let planted = [
            "[dependencies]\nstele.workspace = true",
            "[dev-dependencies]\nproduct = { package = \"stele\" }",
            "[dependencies.stele]\npath = \"../engine\"",
        ];
        for text in planted {
            assert_eq!(edges("builder", text), ["`builder` must not depend on `engine`"], "{text}");
            assert_eq!(edges("daemon", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn tidy_notices_a_store_that_knows_a_crate_above_it() {
        let planted = [
            "[dependencies]\nsha2 = \"1\"\nstele-oci.workspace = true",
            "[dev-dependencies]\nstele-oci = { path = \"../oci\" }",
            "[build-dependencies.stele-oci]\npath = \"../oci\"",
            "[target.'cfg(unix)'.dependencies]\nstele-oci = \"1\"",
            "[dependencies]\nimages = { package = \"stele-oci\" }",
        ];
        for dependencies in planted {
            let expected = ["`store` must not depend on `oci`"];
            assert_eq!(edges("store", dependencies), expected, "{dependencies}");
        }
    }

    #[test]
    fn tidy_notices_a_crate_that_knows_the_command_line() {
        for (library, _) in ALLOWED.iter().filter(|(name, _)| *name != "tests") {
            let expected = format!("`{library}` must not depend on `cli`");
            assert_eq!(edges(library, "[dependencies]\nstele-cli.workspace = true"), [expected]);
        }
    }

    #[test]
    fn tidy_notices_a_crate_that_it_does_not_know() {
        assert_eq!(edges("extra", ""), ["`extra` is a crate that the graph of crates does not have"]);
    }

    #[test]
    fn tidy_notices_a_crate_named_unlike_its_folder() {
        let violations = forbidden_edges("fs/Cargo.toml", "[package]\nname = \"stele-mount\"\n");
        assert_eq!(violations.len(), 1, "{violations:?}");
    }

    #[test]
    fn allowed_edges_and_features_pass() {
        let features = "[features]\ncrash-points = [\"stele-store/crash-points\"]\n";
        assert_eq!(edges("store", "# stele-oci\n[dependencies] # stele-oci\n"), [""; 0]);
        assert_eq!(edges("cli", &format!("{features}[dependencies]\nstele-store.workspace = true")), [""; 0]);
        assert_eq!(edges("tests", "[dependencies]\nstele-cli.workspace = true"), [""; 0]);
        assert_eq!(forbidden_edges("tests/fuzz/Cargo.toml", "[dependencies]\nstele-cli = \"1\""), []);
    }
}
