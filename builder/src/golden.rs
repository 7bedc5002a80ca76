//! Golden files: recorded texts that are compared with computed ones. `STELE_UPDATE_GOLDEN=1` rewrites them:
//! the developer then reviews the difference, and makes a new version of the profile if a build can see it.

use std::path::Path;

/// Asserts that the computed text is the recorded one in this file of `builder/golden/`.
#[track_caller]
pub(crate) fn assert_golden(file: &str, computed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(file);
    if std::env::var_os("STELE_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, computed).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (written, computed)) in (1..).zip(written.lines().zip(computed.lines())) {
        assert_eq!(written, computed, "{file}:{number} (STELE_UPDATE_GOLDEN=1 rewrites it)");
    }
    assert_eq!(written, computed, "{file} (STELE_UPDATE_GOLDEN=1 rewrites it)");
}

/// One value a line.
pub(crate) fn lines<T: serde::Serialize>(all: &[T]) -> String {
    all.iter().map(|it| serde_json::to_string(it).unwrap() + "\n").collect()
}
