//! Stores that copy from each other: over a pipe, over ssh, and as one file.

mod bundles;
mod copies;
mod cut;
mod far;

use std::fs;
use std::path::{Path, PathBuf};

use stele_tests::Stele;

/// A folder with small and large files, an executable, links, an empty folder, and one part twice.
fn project(at: &Path) -> PathBuf {
    let project = at.join("project");
    fs::create_dir_all(project.join("empty")).unwrap();
    for part in ["one", "two"] {
        fs::create_dir_all(project.join(part).join("deep/deeper")).unwrap();
        for number in 0..40_u8 {
            let text = vec![number; usize::from(number) * 100];
            fs::write(project.join(part).join(format!("deep/deeper/{number}")), text).unwrap();
        }
    }
    let large: Vec<u8> = (0..3_000_000_u32).map(|it| (it.wrapping_mul(it) >> 7).to_le_bytes()[0]).collect();
    fs::write(project.join("large"), large).unwrap();
    fs::write(project.join("empty-file"), "").unwrap();
    fs::write(project.join("run"), "#!/bin/sh\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(project.join("run"), executable).unwrap();
    std::os::unix::fs::symlink("large", project.join("link")).unwrap();
    project
}

/// A store with a project under the root `project`; its digest.
fn filled() -> (Stele, String) {
    let stele = Stele::new();
    let project = project(stele.scratch());
    let digest = stele.ok(&["store", "add", "--root", "project", project.to_str().unwrap()]);
    (stele, digest)
}

/// The digest that a root keeps, if there is one.
fn root(stele: &Stele, name: &str) -> Option<String> {
    if !stele.store().exists() {
        return None;
    }
    let roots = stele.json(&["store", "root", "ls"]);
    let root = roots.as_array().unwrap().iter().find(|it| it["name"] == name)?;
    Some(root["digest"].as_str().unwrap().to_owned())
}
