//! Two builds that are irreproducible in many ways, made by the usual tools: diffoscope finds the same files to differ,
//! down to members of members, and the causes are those that the script put in.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Cursor};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use stele_compare::{
    Bytes, Cause, Difference, Entry, Id, Limits, Node, Options, Part, Report, View, compare,
};
use tempfile::TempDir;

/// A folder; the id of a file is its content, as these are small, and that of a directory its path.
struct Folder;

impl View for Folder {
    fn entries(&self, directory: &Id) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path(directory))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let node = if kind.is_dir() {
                Node::Directory { id: Id(entry.path().into_os_string().into_vec()) }
            } else if kind.is_symlink() {
                Node::Symlink { target: fs::read_link(entry.path())?.into_os_string().into_vec() }
            } else {
                let content = fs::read(entry.path())?;
                Node::File { size: content.len() as u64, id: Id(content) }
            };
            let mode = (!kind.is_symlink()).then_some(entry.metadata()?.permissions().mode() & 0o7777);
            entries.push(Entry { name: entry.file_name().into_vec(), mode, owner: None, node });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn open(&self, file: &Id) -> io::Result<Box<dyn Bytes + '_>> {
        Ok(Box::new(Cursor::new(file.0.clone())))
    }
}

fn path(id: &Id) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(id.0.clone()))
}

/// A missing peer is an error where nothing may be skipped.
fn skip(why: &str) {
    assert!(std::env::var_os("STELE_TESTS_MUST_NOT_SKIP").is_none(), "skipped where nothing may be: {why}");
    eprintln!("skipped: {why}");
}

/// Both builds, made once.
fn builds() -> &'static [PathBuf; 2] {
    static BUILDS: OnceLock<(TempDir, [PathBuf; 2])> = OnceLock::new();
    let built = BUILDS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/irreproducible.sh");
        let build = |variant: &str| {
            let path = folder.path().join(variant);
            let status = Command::new(&script).arg(&path).arg(variant).status().expect("bash is there");
            assert!(status.success(), "irreproducible.sh fails");
            path
        };
        let both = [build("1"), build("2")];
        (folder, both)
    });
    &built.1
}

fn report() -> Report {
    let [one, other] = builds().clone().map(|path| Id(path.into_os_string().into_vec()));
    compare((&Folder, &one), (&Folder, &other), Options::new(&Limits::default())).expect("it can be read")
}

/// What differs in itself: a path, and the innermost member whose content does.
type Blamed = BTreeSet<(String, String)>;

fn blamed(difference: &Difference, path: &str, member: &str, into: &mut Blamed) {
    let has_own = |it: &&Difference| {
        !(it.part == Part::Member && it.hunks.is_empty() && it.bytes.is_none() && it.inside.is_empty())
    };
    let is_container = |it: &&Difference| matches!(it.part, Part::Member | Part::Content);
    let inside: Vec<&Difference> = difference.inside.iter().filter(is_container).filter(has_own).collect();
    if inside.is_empty() {
        into.insert((path.to_owned(), member.to_owned()));
    }
    for it in inside {
        blamed(it, path, if it.part == Part::Member { &it.name } else { member }, into);
    }
}

/// The same of diffoscope's report, in which what commands say of a file is a part of it, too.
fn blamed_by_diffoscope(node: &Value, root: &str, path: Option<&str>, member: &str, into: &mut Blamed) {
    const COMMANDS: [&str; 9] =
        ["file list", "filetype", "zipinfo", "zipnote", "readelf", "objdump", "strings", "stat", "Python"];
    let name = |node: &Value| node["source1"].as_str().unwrap_or_default().to_owned();
    let is_command = |node: &Value| {
        let name = name(node);
        COMMANDS.iter().any(|command| name.starts_with(command))
    };
    let details = node["details"].as_array().cloned().unwrap_or_default();
    let inside: Vec<&Value> = details.iter().filter(|node| !is_command(node)).collect();
    let own = details.iter().any(is_command) || !node["unified_diff"].is_null();
    if let Some(path) = path
        && inside.is_empty()
        && own
    {
        into.insert((path.to_owned(), member.to_owned()));
    }
    for node in inside {
        let name = name(node);
        match name.strip_prefix(root) {
            Some(below) => blamed_by_diffoscope(node, root, Some(below), "", into),
            // It names what is compressed after the file.
            None => {
                let is_content = node["unified_diff"].is_null() && !name.contains("tar.");
                let member = if is_content { member } else { &*name };
                blamed_by_diffoscope(node, root, path, member, into);
            }
        }
    }
}

#[test]
fn diffoscope_finds_the_same_files_to_differ() {
    let [one, other] = builds();
    let json = tempfile::NamedTempFile::new().expect("a file");
    let run = Command::new("diffoscope")
        .args(["--exclude-directory-metadata=yes", "--json"])
        .args([json.path(), one, other])
        .output();
    let output = match run {
        Ok(output) => output,
        Err(error) => return skip(&format!("diffoscope cannot be run: {error}")),
    };
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&fs::read(json.path()).unwrap()).unwrap();
    let (mut ours, mut expected) = (Blamed::new(), Blamed::new());
    for difference in &report().differences {
        match difference.name.contains("only-") {
            // To diffoscope this is a matter of the directory.
            true => ours.insert(("paths".to_owned(), String::new())),
            false => {
                blamed(difference, &difference.name, "", &mut ours);
                true
            }
        };
    }
    blamed_by_diffoscope(&theirs, &format!("{}/", one.display()), None, "", &mut expected);
    // The directory has a file list of its own beside the link that differs in it.
    expected.insert(("paths".to_owned(), String::new()));
    assert_eq!(ours, expected);
}

#[test]
fn each_cause_is_guessed_that_the_script_put_in() {
    let expected = [
        ("archives/content.zip", None),
        ("archives/header.gz", Some(Cause::Timestamp)),
        ("archives/level.gz", Some(Cause::Compression)),
        ("archives/order.a", Some(Cause::Order)),
        ("archives/order.tar", Some(Cause::Order)),
        ("archives/order.zip", Some(Cause::Order)),
        ("archives/owner.tar", Some(Cause::Owner)),
        ("archives/pax.tar", Some(Cause::Timestamp)),
        ("archives/times.a", Some(Cause::Timestamp)),
        ("archives/times.tar", Some(Cause::Timestamp)),
        ("archives/times.zip", Some(Cause::Timestamp)),
        ("archives/x.deb", Some(Cause::Timestamp)),
        ("bytes/one", None),
        ("bytes/random", Some(Cause::Random)),
        ("elf/date", Some(Cause::Timestamp)),
        ("elf/debug-path", Some(Cause::BuildPath)),
        ("paths/link", Some(Cause::BuildPath)),
        ("python/path.pyc", Some(Cause::BuildPath)),
        ("python/time.pyc", Some(Cause::Timestamp)),
        ("text/build-path", Some(Cause::BuildPath)),
        ("text/date", Some(Cause::Timestamp)),
        ("text/long", None),
        ("text/order", Some(Cause::Order)),
    ];
    let report = report();
    for (path, cause) in expected {
        let difference = report.differences.iter().find(|it| it.name == path);
        let guesses = difference.unwrap_or_else(|| panic!("{path} is not found")).guesses();
        let causes: BTreeSet<Cause> =
            guesses.iter().map(|it| it.cause).filter(|it| *it != Cause::Derived).collect();
        assert_eq!(causes, cause.into_iter().collect(), "{path}: {guesses:?}");
    }
    assert!(report.left_out.is_empty());
}
