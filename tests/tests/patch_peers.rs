//! Random edits as `diff` and `git` show them give the same new tree as with GNU patch and `git apply`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use stele_recipes::content::{Content, InMemory};
use stele_recipes::patch::{Patch, Work, apply};
use stele_recipes::paths::{TreeEdit, TreePath};
use stele_store::model::{Node, Tree, TreeId};
use stele_tests::skip;
use stele_tests::trees::Random;
use tempfile::TempDir;

/// Content, and whether it is executable, by path.
type Files = BTreeMap<String, (Vec<u8>, bool)>;

/// The same edits each time.
struct Edits(Random);

impl Edits {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.below(bound as u64)).expect("less than a usize")
    }

    fn line(&mut self) -> Vec<u8> {
        const LINES: [&[u8]; 9] =
            [b"one", b"two", b"", b" three", b"-- ", b"++ x", b"\xff\xfe", b"crlf\r", b"\\ No newline"];
        LINES[self.below(LINES.len())].to_vec()
    }

    fn lines(&mut self) -> Vec<Vec<u8>> {
        (0..self.below(30)).map(|_| self.line()).collect()
    }

    fn file(&mut self, lines: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = lines.join(&b'\n');
        if self.below(4) > 0 && !lines.is_empty() {
            bytes.push(b'\n');
        }
        bytes
    }

    /// Two trees, the second an edit of the first.
    fn trees(&mut self, modes: bool) -> (Files, Files) {
        let (mut old, mut new) = (Files::new(), Files::new());
        for name in ["a", "d/a b", "d/ä", "d/e/f.c", "x/y/z", "new", "t\"q"] {
            let mut lines = self.lines();
            let executable = modes && self.below(3) == 0;
            if self.below(4) > 0 {
                old.insert(name.to_owned(), (self.file(&lines), executable));
            }
            for _ in 0..self.below(5) {
                let at = self.below(lines.len() + 1);
                match self.below(3) {
                    0 => lines.insert(at, self.line()),
                    1 if at < lines.len() => drop(lines.remove(at)),
                    _ if at < lines.len() => lines[at] = self.line(),
                    _ => {}
                }
            }
            if self.below(5) > 0 {
                new.insert(name.to_owned(), (self.file(&lines), modes && self.below(3) == 0));
            }
        }
        // One stays: git ignores an empty tree, and diff wants two folders.
        for files in [&mut old, &mut new] {
            files.insert("kept".to_owned(), (b"kept\n".to_vec(), false));
        }
        (old, new)
    }
}

fn has(tool: &str, package: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        skip(&format!("`{tool}` is missing: install the Debian package {package}"));
    }
    there
}

fn write(files: &Files, to: &Path) {
    for (name, (bytes, executable)) in files {
        let path = to.join(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        let mode = if *executable { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }
}

fn read(from: &Path, above: &str, files: &mut Files) {
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        let metadata = entry.metadata().expect("metadata");
        if metadata.is_dir() {
            read(&entry.path(), &(name + "/"), files);
        } else {
            let executable = metadata.permissions().mode() & 0o100 != 0;
            files.insert(name, (fs::read(entry.path()).expect("a file"), executable));
        }
    }
}

fn tree(files: &Files, content: &InMemory) -> TreeId {
    let (empty, _) = content.add_tree(&Tree::default()).expect("memory takes all");
    let mut edit = TreeEdit::new(&empty, content).expect("it is there");
    for (name, (bytes, executable)) in files {
        let (blob, size) = content.add_blob(&mut &**bytes, *executable).expect("memory takes all");
        let path = TreePath::parse(name.as_bytes()).expect("a path");
        edit.put(&path, Node::File { blob, size, executable: *executable }).expect("nothing is in the way");
    }
    edit.finish().expect("memory takes all")
}

#[track_caller]
fn ours(old: &Files, new: &Files, diff: &[u8]) {
    let content = InMemory::default();
    let shown = String::from_utf8_lossy(diff);
    let patch = Patch::parse(diff).unwrap_or_else(|error| panic!("{error}\n{shown}"));
    let after = apply(&tree(old, &content), &patch, 1, &content, &Work::default());
    let after = after.unwrap_or_else(|error| panic!("{error}\n{shown}"));
    assert_eq!(after, tree(new, &content), "{shown}");
}

#[track_caller]
fn run(dir: &Path, command: &str) -> Vec<u8> {
    let output = Command::new("sh").args(["-c", command]).current_dir(dir).env("LC_ALL", "C").output();
    let output = output.expect("there is a shell");
    // diff exits with 1 when there are differences.
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{command}: {said}");
    output.stdout
}

/// A folder with both, and a second copy of the old one, `peer`, for another program to patch.
fn laid_out(old: &Files, new: &Files) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (files, name) in [(old, "old"), (new, "new"), (old, "peer")] {
        write(files, &dir.path().join(name));
    }
    dir
}

/// The folder `peer` of `dir` has the expected result.
#[track_caller]
fn peer_gave(dir: &Path, new: &Files) {
    let mut files = Files::new();
    read(&dir.join("peer"), "", &mut files);
    assert!(files == *new, "the peer gave something else: {:?} {:?}", files.keys(), new.keys());
}

#[test]
fn diff_and_gnu_patch_agree_with_us() {
    if !has("diff", "diffutils") || !has("patch", "patch") {
        return;
    }
    let (mut random, mut compared) = (Edits(Random::new(1)), 0);
    for _ in 0..60 {
        let (old, new) = random.trees(false);
        let dir = laid_out(&old, &new);
        let diff = run(dir.path(), "diff -a -ruN old new | tee diff");
        let empty = |one: &Files, two: &Files| {
            one.iter().any(|(name, (bytes, _))| bytes.is_empty() && !two.contains_key(name))
        };
        // Plain diffs cannot express that an empty file is added or removed.
        if diff.is_empty() || empty(&old, &new) || empty(&new, &old) {
            continue;
        }
        ours(&old, &new, &diff);
        run(dir.path(), "patch --binary --fuzz=0 -s -p1 -d peer -i ../diff");
        peer_gave(dir.path(), &new);
        compared += 1;
    }
    eprintln!("compared {compared} patches");
    assert!(compared >= 20, "only {compared} patches said anything");
}

#[test]
fn git_diff_and_git_apply_agree_with_us() {
    if !has("git", "git") {
        return;
    }
    let (mut random, mut compared) = (Edits(Random::new(2)), 0);
    for round in 0..40 {
        let (old, new) = random.trees(true);
        let dir = laid_out(&old, &new);
        let options = ["", "-M -C --find-copies-harder", "-U0", "--no-renames"][round % 4];
        let git =
            "git -c core.autocrlf=false -c user.name=x -c user.email=x@x --git-dir=../repo --work-tree=.";
        run(dir.path(), "git init -q --bare repo && git -C repo config core.bare false");
        run(&dir.path().join("old"), &format!("{git} add -A -f . && {git} commit -qm old"));
        let add = format!("{git} add -A -f .");
        run(&dir.path().join("new"), &add);
        let diff =
            run(&dir.path().join("new"), &format!("{git} diff -a --cached {options} HEAD | tee ../diff"));
        if diff.is_empty() {
            continue;
        }
        ours(&old, &new, &diff);
        run(&dir.path().join("peer"), "git init -q . && git apply --unidiff-zero ../diff && rm -rf .git");
        peer_gave(dir.path(), &new);
        compared += 1;
    }
    eprintln!("compared {compared} patches");
    assert!(compared >= 20, "only {compared} patches said anything");
}
