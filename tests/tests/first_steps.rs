//! What a newcomer runs first does what the pages promise: the demo, and every command of the guide.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use stele_tests::{Stele, binary, skip};

const GUIDE: &str = "docs/guide.md";

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The pinned sources that the demo and the guide fetch; without them neither can run.
fn sources_can_be_fetched(stele: &Stele) -> bool {
    let recipes = project().join("recipes");
    stele.run(&["source", "fetch", "hello", "--recipes", recipes.to_str().unwrap()]).code == 0
}

/// The commands of the ```console blocks of a page, in order, each with the number of its line. A backslash at a line's
/// end goes on with the next.
fn commands(page: &str) -> Vec<(usize, String)> {
    let (mut all, mut inside, mut continued): (Vec<(usize, String)>, _, _) = (Vec::new(), false, false);
    for (number, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            let text = line.strip_prefix("$ ").unwrap_or(line);
            match all.last_mut() {
                Some((_, last)) if continued => *last = format!("{last}\n{text}"),
                _ => {
                    assert!(line.starts_with("$ "), "line {} is not a command: {line}", number + 1);
                    all.push((number + 1, text.to_owned()));
                }
            }
            continued = line.ends_with('\\');
        }
    }
    all
}

#[test]
fn commands_of_a_page_are_found_in_order_and_whole() {
    let page = "text\n```console\n$ a b # c\n$ d \\\n    e\n```\n```sh\n$ f\n```\n```console\n$ g\n```\n";
    let found = commands(page);
    let expected = [(3, "a b # c"), (4, "d \\\n    e"), (11, "g")];
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}

#[test]
fn every_command_of_the_guide_works_in_its_order() {
    let stele = Stele::new();
    if !Path::new("/dev/fuse").exists() {
        return skip("there is no /dev/fuse");
    }
    if !sources_can_be_fetched(&stele) {
        return skip("the sources of the bootstrap cannot be fetched");
    }
    let clone = stele.scratch().join("clone");
    fs::create_dir(&clone).unwrap();
    symlink(project().join("recipes"), clone.join("recipes")).unwrap();
    fs::copy(project().join("CHANGELOG.md"), clone.join("CHANGELOG.md")).unwrap();
    // `stele` is what the pages call it.
    let programs = stele.scratch().join("bin");
    fs::create_dir(&programs).unwrap();
    symlink(binary(), programs.join("stele")).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());

    let page = fs::read_to_string(project().join(GUIDE)).unwrap();
    let commands = commands(&page);
    assert!(commands.len() > 40, "only {} commands were found in {GUIDE}", commands.len());
    let mut failed = Vec::new();
    for (line, command) in commands {
        let mut shell = Command::new("bash");
        shell.args(["-c", &command]).current_dir(&clone).env("PATH", &path).env("STELE_STORE", stele.store());
        shell.env("XDG_CONFIG_HOME", stele.scratch().join("config")).env_remove("STELE_RECIPES");
        let output = shell.output().unwrap();
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            failed.push(format!("{GUIDE}:{line}: {command}\n{}: {stderr}", output.status));
        }
    }
    stele.run(&["umount", "--lazy", "--all"]);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    stele.assert_sound();
}

#[test]
fn the_demo_tells_its_whole_story_and_leaves_nothing_behind() {
    let stele = Stele::new();
    if !sources_can_be_fetched(&stele) {
        return skip("the sources of the bootstrap cannot be fetched");
    }
    let folder = stele.scratch().join("tmp");
    fs::create_dir(&folder).unwrap();
    let mut demo = Command::new(project().join("tools/demo"));
    demo.env("STELE_BIN", binary())
        .env("TMPDIR", &folder)
        .env("XDG_CONFIG_HOME", stele.scratch().join("config"));
    let output = demo.output().unwrap();
    let story = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{story}{stderr}");
    let expected = [
        "256 bytes",
        "$ stele source fetch",
        "$ stele build hello",
        "opaque bytes: 0 in prebuilt packages, 256 hand-written",
        "$ stele image build hello",
        "Hello from the seed.",
        "$ stele build --rebuild hello",
        "both stores agree on every bit",
        "1 problem found",
        "all content matches its digest",
        "INSUFFICIENT: output manifest",
        "closure: AGREED, of ",
        "CONTESTED: output out",
        "From 256 readable bytes to",
    ];
    let mut rest = story.as_str();
    for part in expected {
        let at = rest.find(part).unwrap_or_else(|| panic!("`{part}` is missing, or out of order: {story}"));
        rest = &rest[at + part.len()..];
    }
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.is_empty(), "the demo left {left:?}");
}
