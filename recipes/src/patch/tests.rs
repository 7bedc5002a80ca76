//! Refused patches, and the results of accepted ones.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stele_store::model::{Node, SymlinkTarget, Tree, TreeId};

use super::*;
use crate::content::{Content, InMemory};
use crate::paths::{TreeEdit, TreePath};

fn path(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).expect("a path")
}

/// A tree of files; one whose text begins with `->` is a link, one with `#!` is executable.
fn tree(content: &InMemory, files: &[(&str, &str)]) -> TreeId {
    let (empty, _) = content.add_tree(&Tree::default()).expect("memory takes all");
    let mut edit = TreeEdit::new(&empty, content).expect("it is there");
    for (name, text) in files {
        let node = match text.strip_prefix("->") {
            Some(target) => {
                Node::Symlink { target: SymlinkTarget::new(target.as_bytes()).expect("a target") }
            }
            None => {
                let (blob, size) = content.add_blob(&mut text.as_bytes(), false).expect("memory takes all");
                Node::File { blob, size, executable: text.starts_with("#!") }
            }
        };
        edit.put(&path(name), node).expect("nothing is in the way");
    }
    edit.finish().expect("memory takes all")
}

const FILES: &[(&str, &str)] = &[
    ("d/f", "one\ntwo\nthree\nfour\nfive\n"),
    ("d/g", "end"),
    ("crlf", "one\r\ntwo\r\n"),
    ("empty", ""),
    ("link", "->d/f"),
    ("run", "#!x\n"),
];

fn applied(patch: &str, strip: usize) -> Result<BTreeMap<String, Node>, ApplyError> {
    let content = InMemory::default();
    let patch = Patch::parse(patch.as_bytes()).expect("a patch");
    let after = apply(&tree(&content, FILES), &patch, strip, &content, &Work::default())?;
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), after)];
    while let Some((above, id)) = open.pop() {
        for (name, node) in content.tree(&id).expect("it was kept").entries() {
            let path = format!("{above}{name}");
            match node {
                Node::Directory { tree, .. } => open.push((path + "/", *tree)),
                node => drop(found.insert(path, node.clone())),
            }
        }
    }
    Ok(found)
}

/// The tree after the patch is the one of `FILES` with these changes; `None` removes a file.
#[track_caller]
fn becomes(patch: &str, strip: usize, changed: &[(&str, Option<&str>)]) {
    let content = InMemory::default();
    let mut files: BTreeMap<&str, &str> = FILES.iter().copied().collect();
    for (name, text) in changed {
        match text {
            Some(text) => files.insert(name, text),
            None => files.remove(name),
        };
    }
    let expected = tree(&content, &files.into_iter().collect::<Vec<_>>());
    let parsed = Patch::parse(patch.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{patch}"));
    let after = apply(&tree(&content, FILES), &parsed, strip, &content, &Work::default());
    let after = after.unwrap_or_else(|error| panic!("{error}\n{patch}"));
    let texts = |id| content.tree(id).map(|tree| tree.encode()).unwrap_or_default();
    assert_eq!(after, expected, "{patch}{}\n{}", texts(&after), texts(&expected));
}

#[track_caller]
fn parse_fault(patch: &str, line: usize) -> ParseFault {
    let error = Patch::parse(patch.as_bytes()).expect_err(patch);
    assert_eq!(error.line, line, "{error}");
    error.fault
}

#[track_caller]
fn file_fault(patch: &str) -> FileFault {
    match applied(patch, 1) {
        Err(ApplyError::File { fault, .. }) => *fault,
        other => panic!("{other:?}\n{patch}"),
    }
}

#[track_caller]
fn hunk_fault(patch: &str) -> HunkFault {
    match applied(patch, 1) {
        Err(ApplyError::Hunk { fault, .. }) => *fault,
        other => panic!("{other:?}\n{patch}"),
    }
}

#[test]
fn a_text_without_a_diff_is_not_a_patch() {
    assert_eq!(parse_fault("", 1), ParseFault::NoDiff);
    assert_eq!(parse_fault("Subject: none\n\n--- a\nbut no more\n", 5), ParseFault::NoDiff);
}

#[test]
fn other_kinds_of_patches_are_refused_by_name() {
    for (kind, line, patch) in [
        (Foreign::Binary, 3, "diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral 1\n"),
        (Foreign::Binary, 2, "diff --git a/x b/x\nBinary files a/x and b/x differ\n"),
        (Foreign::Binary, 1, "Binary files old/x and new/x differ\n"),
        (Foreign::Combined, 1, "diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1,1 -1,1 +1,1 @@@\n"),
        (Foreign::Combined, 3, "--- a/x\n+++ b/x\n@@@ -1,1 -1,1 +1,1 @@@\n"),
        (Foreign::Context, 1, "*** a/x\n--- b/x\n***************\n*** 1 ****\n! a\n--- 1 ----\n! b\n"),
        (Foreign::Normal, 1, "1c1\n< a\n---\n> b\n"),
        (Foreign::Ed, 1, "1,2c\nb\n.\n"),
        (Foreign::Ed, 1, "7d\n"),
    ] {
        assert_eq!(parse_fault(patch, line), ParseFault::Foreign { kind }, "{patch}");
    }
}

#[test]
fn a_broken_hunk_is_refused() {
    let hunks = |hunks: &str| format!("--- a/x\n+++ b/x\n{hunks}");
    assert_eq!(parse_fault(&hunks(""), 1), ParseFault::NoChange);
    assert_eq!(parse_fault(&hunks("@@ -1,2 +1 @@\n-a\n"), 5), ParseFault::Short { old: 1, new: 1 });
    assert_eq!(parse_fault(&hunks("@@ -1 +0,0 @@\n+a\n"), 4), ParseFault::Short { old: 1, new: 0 });
    assert_eq!(parse_fault(&hunks("@@ -1 +1 @@\n-a\n+b\n+c\n"), 6), ParseFault::Long);
    assert_eq!(parse_fault(&hunks("@@ -1 +1 @@\n-a\n+b\n \n"), 6), ParseFault::Long);
    assert_eq!(parse_fault(&hunks("@@ -1 +1 @@\n-a\n+b"), 5), ParseFault::Cut);
    assert_eq!(parse_fault(&hunks("@@ -1 +1 @@\n a\n"), 3), ParseFault::IdleHunk);
    assert_eq!(
        parse_fault(&hunks("@@ -1,2 +1,2 @@\n-a\n-b\n+c\n+d\n@@ -2 +2 @@\n-b\n+c\n"), 8),
        ParseFault::Order { begin: 1, end: 2 }
    );
    for header in ["@@ -0,1 +1 @@", "@@ -1 +1", "@@ -1, +1 @@", "@@ -1 +99999999999999999999 @@", "@@ x"] {
        let fault = parse_fault(&hunks(&format!("{header}\n-a\n+b\n")), 3);
        assert!(matches!(fault, ParseFault::HunkHeader { .. }), "{header}: {fault}");
    }
    assert_eq!(parse_fault("@@ -1 +1 @@\n-a\n+b\n", 1), ParseFault::Stray);
    assert_eq!(parse_fault(&hunks("@@ -1 +1 @@\n-a\n+b\n\n@@ -3 +3 @@\n-a\n+b\n"), 7), ParseFault::Stray);
}

#[test]
fn a_line_without_line_feed_must_be_the_last_of_its_side() {
    let hunks = |hunks: &str| format!("--- a/x\n+++ b/x\n{hunks}");
    let none = "\\ No newline at end of file\n";
    for (line, hunk) in [
        (4, format!("@@ -1 +1 @@\n{none}-a\n+b\n")),
        (5, format!("@@ -1,2 +1 @@\n-a\n{none}-b\n+b\n")),
        (5, format!("@@ -1,2 +1,2 @@\n a\n{none}-b\n+b\n")),
        (6, format!("@@ -1 +1 @@\n-a\n{none}{none}+b\n")),
    ] {
        assert_eq!(parse_fault(&hunks(&hunk), line), ParseFault::NoNewline, "{hunk}");
    }
}

#[test]
fn a_broken_header_is_refused() {
    let hunk = "@@ -1 +1 @@\n-a\n+b\n";
    assert_eq!(parse_fault(&format!("--- a/x\r\n+++ b/x\r\n{hunk}"), 1), ParseFault::CarriageReturn);
    assert_eq!(parse_fault("diff --git a/x b/x\r\nold mode 100644\r\n", 1), ParseFault::CarriageReturn);
    assert_eq!(parse_fault(&format!("--- /dev/null\n+++ /dev/null\n{hunk}"), 1), ParseFault::NoName);
    for name in ["\"a/x", "\"a/\\q\"", "\"a/\\777\"", "\"a/x\"y"] {
        let fault = parse_fault(&format!("--- {name}\n+++ b/x\n{hunk}"), 1);
        assert!(matches!(fault, ParseFault::Quoting { .. }), "{name}: {fault}");
    }
    let git = "diff --git a/x b/x\n";
    assert_eq!(parse_fault(git, 1), ParseFault::NoChange);
    for mode in ["160000", "100664", "040000", ""] {
        let fault = parse_fault(&format!("{git}new file mode {mode}\n"), 2);
        assert!(matches!(fault, ParseFault::Mode { .. }), "{mode}: {fault}");
    }
    for (line, header) in [
        (2, "old mode 100644\nold mode 100644\n"),
        (1, "old mode 100644\n"),
        (1, "rename from x\n"),
        (1, "new file mode 100644\ndeleted file mode 100644\n"),
        (1, "rename from x\nrename to y\ncopy from x\ncopy to y\n"),
    ] {
        let line = if line == 2 { 3 } else { line };
        let fault = parse_fault(&format!("{git}{header}"), line);
        assert!(matches!(fault, ParseFault::Header { .. }), "{header}: {fault}");
    }
}

const EDIT: &str = "@@ -1 +1 @@\n-one\n+ONE\n";

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for (name, fault) in
        [("/etc/passwd", NameFault::Absolute), ("passwd", NameFault::Nothing), ("a/", NameFault::Nothing)]
    {
        let found = file_fault(&format!("--- {name}\n+++ {name}\n{EDIT}"));
        assert!(matches!(found, FileFault::Name { fault: f, .. } if f == fault), "{name}");
    }
    for name in ["a/../x", "a/d/../../x", "a/d//f", "a/./x", "\"a/\\000\""] {
        let found = file_fault(&format!("--- {name}\n+++ {name}\n{EDIT}"));
        assert!(matches!(found, FileFault::Name { fault: NameFault::Path(_), .. }), "{name}: {found}");
    }
}

#[test]
fn a_file_that_differs_from_the_patch_is_refused() {
    let plain = |name: &str| file_fault(&format!("--- a/{name}\n+++ b/{name}\n{EDIT}"));
    assert!(matches!(plain("none"), FileFault::Absent));
    assert!(matches!(plain("d"), FileFault::Directory));
    assert!(matches!(plain("link"), FileFault::Kind { symlink: true }));
    assert!(matches!(plain("link/f"), FileFault::Walk(_)));
    assert!(matches!(plain("d/f/x"), FileFault::Walk(_)));
    assert!(matches!(file_fault(&format!("--- a/d/f\n+++ b/d/g\n{EDIT}")), FileFault::TwoFiles { .. }));
    assert!(matches!(file_fault(&format!("--- a/x\n+++ b/y\n{EDIT}")), FileFault::Absent));
    let exists = "--- /dev/null\n+++ b/d/f\n@@ -0,0 +1 @@\n+x\n";
    assert!(matches!(file_fault(exists), FileFault::Exists));
    let through = "--- /dev/null\n+++ b/link/f\n@@ -0,0 +1 @@\n+x\n";
    assert!(matches!(file_fault(through), FileFault::Walk(_)));
    let remains = "--- a/d/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n";
    assert!(matches!(file_fault(remains), FileFault::Remains { bytes: 16 }));
}

#[test]
fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let content = InMemory::default();
    let before = tree(&content, &[("x", "one\n")]);
    let Some(Node::File { blob, .. }) = content.tree(&before).expect("it was kept").get(b"x").cloned() else {
        panic!("it is a file")
    };
    let mut edit = TreeEdit::new(&before, &content).expect("it is there");
    let node = Node::File { blob, size: MAX_FILE + 1, executable: false };
    edit.put(&path("x"), node).expect("nothing is in the way");
    let large = edit.finish().expect("memory takes all");
    let patch = Patch::parse(format!("--- a/x\n+++ b/x\n{EDIT}").as_bytes()).expect("a patch");
    let error = apply(&large, &patch, 1, &content, &Work::default()).expect_err("it is too large");
    assert!(matches!(error, ApplyError::File { fault, .. } if matches!(*fault, FileFault::Large { .. })));
}

#[test]
fn a_git_diff_that_contradicts_the_file_or_itself_is_refused() {
    let git = |names: &str, rest: &str| file_fault(&format!("diff --git {names}\n{rest}"));
    let f = "a/d/f b/d/f";
    assert!(matches!(git(f, "old mode 100755\nnew mode 100644\n"), FileFault::Mode { executable: false }));
    assert!(matches!(git(f, "old mode 120000\nnew mode 100644\n"), FileFault::Kind { symlink: false }));
    assert!(matches!(git(f, "old mode 100644\nnew mode 120000\n"), FileFault::KindChange));
    assert!(matches!(git(f, "new file mode 100644\n"), FileFault::Exists));
    assert!(matches!(git(f, "deleted file mode 100644\n"), FileFault::Remains { .. }));
    assert!(matches!(git("a/x b/x", "deleted file mode 100644\n"), FileFault::Absent));
    assert!(matches!(git("a/x b/y", "old mode 100644\nnew mode 100755\n"), FileFault::Unnamed));
    assert!(matches!(git("a/d/f b/d/g", "rename from d/f\nrename to d/g\n"), FileFault::Exists));
    let rename = format!("rename from d/g\nrename to x\n--- a/d/f\n+++ b/x\n{EDIT}");
    assert!(matches!(git("a/d/f b/x", &rename), FileFault::Disagree { .. }));
    let marks = format!("--- a/d/f\n+++ b/d/g\n{EDIT}");
    assert!(matches!(git("a/d/f b/d/f", &marks), FileFault::Disagree { .. }));
    let target = "new file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+\\ \n";
    assert!(applied(&format!("diff --git a/l b/l\n{target}"), 1).is_ok());
    let nul = "new file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+\0\n";
    assert!(matches!(git("a/l b/l", nul), FileFault::Target { .. }));
}

#[test]
fn a_hunk_that_does_not_fit_exactly_is_refused() {
    let f = |hunk: &str| hunk_fault(&format!("--- a/d/f\n+++ b/d/f\n{hunk}"));
    assert!(matches!(f("@@ -2 +2 @@\n-one\n+x\n"), HunkFault::Mismatch { line: 2, .. }));
    assert!(matches!(f("@@ -5,2 +5 @@\n five\n-six\n"), HunkFault::End { line: 6, lines: 5, .. }));
    assert!(matches!(f("@@ -9 +9 @@\n-nine\n+x\n"), HunkFault::End { line: 9, lines: 5, .. }));
    assert!(matches!(f("@@ -9,0 +10 @@\n+x\n"), HunkFault::Behind { line: 9, lines: 5 }));
    assert!(matches!(f("@@ -2,2 +2,2 @@\n-two\n+x\n three\n"), HunkFault::NotFirst { line: 1 }));
    assert!(matches!(f("@@ -1,2 +1,2 @@\n one\n-two\n+x\n"), HunkFault::NotLast { line: 3, .. }));
    assert!(matches!(f("@@ -1 +1 @@\n-one\n+x\n\\ No newline\n"), HunkFault::Unterminated { .. }));
    let g = |hunk: &str| hunk_fault(&format!("--- a/d/g\n+++ b/d/g\n{hunk}"));
    assert!(matches!(g("@@ -1 +1 @@\n-end\n+x\n"), HunkFault::Mismatch { .. }));
    assert!(matches!(g("@@ -1,0 +2 @@\n+x\n"), HunkFault::Unterminated { .. }));
}

#[test]
fn a_file_that_differs_only_in_line_ends_is_refused_with_a_hint() {
    let error = applied("--- a/crlf\n+++ b/crlf\n@@ -2 +2 @@\n-two\n+x\n", 1).expect_err("LF against CR LF");
    let ApplyError::Hunk { fault, .. } = &error else { panic!("{error}") };
    assert!(matches!(**fault, HunkFault::LineEnds { line: 2, .. }));
    assert!(error.hint().is_some_and(|hint| hint.contains("line ends")));
    let shown = error.to_string();
    assert!(shown.contains("crlf, hunk 1 (line 3 of the patch)") && shown.contains("`two\\r`"), "{shown}");
}

#[test]
fn a_deleted_file_removes_its_empty_directories_and_no_others() {
    let f = "--- a/d/f\n+++ /dev/null\n@@ -1,5 +0,0 @@\n-one\n-two\n-three\n-four\n-five\n";
    let g = "--- a/d/g\n+++ /dev/null\n@@ -1 +0,0 @@\n-end\n\\ No newline at end of file\n";
    becomes(f, 1, &[("d/f", None)]);
    becomes(&format!("{f}{g}"), 1, &[("d/f", None), ("d/g", None)]);
}

#[test]
fn text_around_diffs_is_skipped() {
    let patch = "From: x\nDescription: --- y\n---\n f | 2 +-\n\nIndex: f\n=====\n\
        --- a/d/f\t(rev 1)\n+++ b/d/f\t2020-01-01\n\
        @@ -1,3 +1,3 @@ fn\n one\n-two\n+TWO\n three\n-- \n2.39\n\nOnly in d: x\n\
        --- a/empty\n+++ b/empty\n@@ -0,0 +1 @@\n+x\n";
    becomes(patch, 1, &[("d/f", Some("one\nTWO\nthree\nfour\nfive\n")), ("empty", Some("x\n"))]);
}

#[test]
fn empty_ranges_are_after_their_line() {
    let f = |hunks: &str, text: &str| {
        becomes(&format!("--- d/f\n+++ d/f\n{hunks}"), 0, &[("d/f", Some(text))]);
    };
    f("@@ -0,0 +1 @@\n+x\n", "x\none\ntwo\nthree\nfour\nfive\n");
    f("@@ -2,0 +3 @@\n+x\n@@ -4 +4,0 @@\n-four\n", "one\ntwo\nx\nthree\nfive\n");
    f("@@ -5,0 +6 @@\n+x\n", "one\ntwo\nthree\nfour\nfive\nx\n");
    becomes("--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n", 1, &[("x", Some("x\n"))]);
}

#[test]
fn stamps_of_the_epoch_create_and_delete_but_others_leave_an_empty_file() {
    for stamp in
        ["1970-01-01 00:00:00.000000000 +0000", "1969-12-31 19:00:00 -0500", "1970-01-01 05:30:00 +0530"]
    {
        becomes(&format!("--- a/run\tx\n+++ b/run\t{stamp}\n@@ -1 +0,0 @@\n-#!x\n"), 1, &[("run", None)]);
        let exists = format!("--- a/empty\t{stamp}\n+++ b/empty\tx\n@@ -0,0 +1 @@\n+x\n");
        assert!(matches!(file_fault(&exists), FileFault::Exists), "{stamp}");
    }
    let g = "@@ -1 +0,0 @@\n-end\n\\ No newline at end of file\n";
    becomes(&format!("--- a/d/g\n+++ b/d/g\t1970-01-01 00:00:01 +0000\n{g}"), 1, &[("d/g", Some(""))]);
}

#[test]
fn line_feeds_at_the_end_are_added_and_removed() {
    let none = "\\ No newline at end of file\n";
    let g = format!("--- a/d/g\n+++ b/d/g\n@@ -1 +1 @@\n-end\n{none}+end\n");
    becomes(&g, 1, &[("d/g", Some("end\n"))]);
    let f = format!("--- a/d/f\n+++ b/d/f\n@@ -5 +5 @@\n-five\n+five\n{none}");
    becomes(&f, 1, &[("d/f", Some("one\ntwo\nthree\nfour\nfive"))]);
}

#[test]
fn the_same_file_twice_is_patched_in_order() {
    let again = "@@ -1 +1 @@\n-ONE\n+1\n";
    let text = Some("1\ntwo\nthree\nfour\nfive\n");
    becomes(&format!("--- a/d/f\n+++ b/d/f\n{EDIT}--- a/d/f\n+++ b/d/f\n{again}"), 1, &[("d/f", text)]);
    let git = "diff --git a/d/f b/d/f\n--- a/d/f\n+++ b/d/f\n";
    becomes(&format!("{git}{EDIT}{git}{again}"), 1, &[("d/f", text)]);
    let rename = "diff --git a/d/f b/x\nrename from d/f\nrename to x\n";
    let one = Some("ONE\ntwo\nthree\nfour\nfive\n");
    becomes(&format!("{git}{EDIT}{rename}"), 1, &[("d/f", None), ("x", one)]);
}

#[test]
fn git_creates_deletes_renames_copies_and_changes_modes() {
    becomes("diff --git a/a b b/a b\nnew file mode 100644\nindex 0..e\n", 1, &[("a b", Some(""))]);
    becomes("diff --git \"a/\\303\\244\" \"b/\\303\\244\"\nnew file mode 100644\n", 1, &[("ä", Some(""))]);
    becomes("diff --git a/empty b/empty\ndeleted file mode 100644\nindex e..0\n", 1, &[("empty", None)]);
    let copy = "diff --git a/run b/r\nsimilarity index 100%\ncopy from run\ncopy to r\n";
    becomes(copy, 1, &[("r", Some("#!x\n"))]);
    let rename = "diff --git a/d/f b/e/f\nsimilarity index 80%\nrename from d/f\nrename to e/f\n--- a/d/f\n+++ b/e/f\n";
    let text = Some("ONE\ntwo\nthree\nfour\nfive\n");
    becomes(&format!("{rename}{EDIT}"), 1, &[("d/f", None), ("e/f", text)]);
    let mode = "diff --git a/run b/run\nold mode 100755\nnew mode 100644\n\
        --- a/run\n+++ b/run\n@@ -1 +1 @@\n-#!x\n+x\n";
    becomes(mode, 1, &[("run", Some("x\n"))]);
}

#[test]
fn git_links_are_files_that_hold_their_target() {
    let none = "\\ No newline at end of file\n";
    let marks = "--- a/link\n+++ b/link\n";
    let change =
        format!("diff --git a/link b/link\nindex 1..2 120000\n{marks}@@ -1 +1 @@\n-d/f\n{none}+d/g\n{none}");
    becomes(&change, 1, &[("link", Some("->d/g"))]);
    let delete = format!(
        "diff --git a/link b/link\ndeleted file mode 120000\n--- a/link\n+++ /dev/null\n@@ -1 +0,0 @@\n-d/f\n{none}"
    );
    becomes(&delete, 1, &[("link", None)]);
    let create =
        "diff --git a/link b/link\nnew file mode 100644\n--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n+x\n";
    becomes(&format!("{delete}{create}"), 1, &[("link", Some("x\n"))]);
}

#[test]
fn files_of_one_git_change_can_be_swapped_and_copies_use_the_old_files() {
    let swap = "diff --git a/d/f b/d/g\nrename from d/f\nrename to d/g\n\
        diff --git a/d/g b/d/f\nrename from d/g\nrename to d/f\n";
    becomes(swap, 1, &[("d/f", Some("end")), ("d/g", Some(FILES[0].1))]);
    let edit = format!("diff --git a/d/f b/d/f\n--- a/d/f\n+++ b/d/f\n{EDIT}");
    let copy = "diff --git a/d/f b/x\ncopy from d/f\ncopy to x\n";
    let (old, new) = (Some(FILES[0].1), Some("ONE\ntwo\nthree\nfour\nfive\n"));
    becomes(&format!("{edit}{copy}"), 1, &[("d/f", new), ("x", old)]);
    becomes(&format!("{edit}\n{copy}"), 1, &[("d/f", new), ("x", new)]);
    let delete = "diff --git a/empty/x b/empty/x\nnew file mode 100644\n\
        diff --git a/empty b/empty\ndeleted file mode 100644\n";
    becomes(delete, 1, &[("empty", None), ("empty/x", Some(""))]);
}

#[test]
fn untouched_sub_trees_are_shared() {
    let content = InMemory::default();
    let before = tree(&content, FILES);
    let patch = Patch::parse(b"--- a/empty\n+++ b/empty\n@@ -0,0 +1 @@\n+x\n").expect("a patch");
    let after = apply(&before, &patch, 1, &content, &Work::default()).expect("it fits");
    let d = |id| content.tree(id).expect("it was kept").get(b"d").cloned();
    assert_eq!(d(&before), d(&after));
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Patch::parse(&bytes);
    }

    #[test]
    fn no_lines_of_patches_cause_a_panic(lines in proptest::collection::vec(0usize..26, 0..24)) {
        const LINES: [&str; 26] = [
            "--- a/d/f\n", "+++ b/d/f\n", "@@ -1 +1 @@\n", "@@ -0,0 +1 @@\n", "@@ -1,2 +1,2 @@\n", "-one\n", "+x\n",
            " two\n", " one\n", "\\ No newline at end of file\n", "diff --git a/d/f b/d/f\n", "old mode 100644\n",
            "new mode 100755\n", "new file mode 100644\n", "deleted file mode 100644\n", "rename from d/f\n",
            "rename to x\n", "--- /dev/null\n", "+++ /dev/null\n", "-- \n", "\n", "@@ -1 +0,0 @@\n", "+++ b/x\n",
            "diff --git a/d/f b/x\n", "copy from d/f\n", "copy to x\n",
        ];
        let text: String = lines.into_iter().map(|at| LINES[at]).collect();
        if Patch::parse(text.as_bytes()).is_ok() {
            for strip in 0..3 {
                let _ = applied(&text, strip);
            }
        }
    }
}
