//! The programs in `examples/` do what their first lines promise: they are where users of the library start.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stele_tests::{Stele, binary, skip, wait_for};

fn example(name: &str) -> PathBuf {
    let path = binary().with_file_name("examples").join(name);
    assert!(path.exists(), "build it first (`make test` does): {} is missing", path.display());
    path
}

fn recipes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("recipes")
}

#[test]
fn a_program_that_embeds_the_engine_builds_the_same_as_the_command_line() {
    let stele = Stele::new();
    let output =
        Command::new(example("build")).arg(stele.store()).arg(recipes()).arg("hex1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let digest = text.lines().next().and_then(|line| line.strip_prefix("out ")).expect("the output's digest");
    assert!(text.lines().count() > 1, "the output's entries: {text}");
    // Every other program can use the store; and nothing is left to build in it.
    let tree = recipes();
    let again = stele.ok(&["build", "--recipes", tree.to_str().unwrap(), "hex1"]);
    assert!(again.starts_with(digest), "{again}");
    stele.assert_sound();
}

#[test]
fn a_program_that_embeds_the_engine_gets_failures_as_values() {
    let stele = Stele::new();
    let output =
        Command::new(example("build")).arg(stele.store()).arg(recipes()).arg("no-such").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let output =
        Command::new(example("build")).arg(stele.store()).arg("/nowhere").arg("hex1").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_program_that_serves_a_store_shows_its_trees() {
    if !Path::new("/dev/fuse").exists() {
        return skip("there is no /dev/fuse");
    }
    let stele = Stele::new();
    let source = stele.scratch().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "content").unwrap();
    let digest = stele.add(&source);
    stele.ok(&["daemon", "stop"]);
    let dir = stele.scratch().join("mount");
    fs::create_dir(&dir).unwrap();
    let mut show = Command::new(example("show"))
        .args([stele.store(), &dir])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let file = dir.join(&digest).join("file");
    wait_for("the mount", || file.exists());
    assert_eq!(fs::read(&file).unwrap(), b"content");
    drop(show.stdin.take());
    let mut told = String::new();
    show.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(show.wait().unwrap().success());
    assert_eq!(told.trim(), dir.to_str().unwrap());
    assert!(fs::read_dir(&dir).unwrap().next().is_none(), "it is unmounted");
    stele.ok(&["store", "info", &digest]);
}
