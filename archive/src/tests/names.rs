//! Names of entries: refusals, `strip` and `subdir`, and duplicates.

use super::*;

#[track_caller]
fn name_refused(name: &str, why: &str) {
    for (kind, bytes) in [("file", Tar::default().file(name, "")), ("dir", Tar::default().dir(name))] {
        let bytes = bytes.file("kept", "").end();
        refused(&bytes, &format!("entry {} at byte 0: {why}", name.replace('\n', "\\n")));
        // Even when it is dropped.
        let how = Unpack { strip: 9, ..all() };
        let error = try_unpack(&bytes, &how).expect_err(kind);
        assert_eq!(error.to_string(), format!("entry {name} at byte 0: {why}"));
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused_even_when_dropped() {
    name_refused("/etc/passwd", "its name is absolute");
    name_refused("//f", "its name is absolute");
    name_refused("../f", "its name has a component `..`");
    name_refused("a/../f", "its name has a component `..`");
    name_refused("a/..", "its name has a component `..`");
    name_refused("..", "its name has a component `..`");
    name_refused("./../f", "its name has a component `..`");
}

#[test]
fn a_name_that_is_empty_is_refused() {
    refused(&Tar::default().file("", "").end(), "entry  at byte 0: its name is empty");
}

#[test]
fn a_name_with_a_nul_is_refused() {
    let tar = Tar::default().pax(&[("path", "a\0b")]).file("f", "").end();
    refused(&tar, r"entry a\x00b at byte 1024: its name or target holds a NUL");
    let tar = Tar::default().entry(b"l", b'L', b"a\0b\0", b"").file("f", "").end();
    refused(&tar, r"entry a\x00b at byte 1024: its name or target holds a NUL");
}

#[test]
fn a_name_that_is_too_long_is_refused() {
    let component = "a".repeat(256);
    let tar = Tar::default().pax(&[("path", &component)]).file("f", "").end();
    let why = "a component of its name is invalid: it has 256 bytes; at most 255 are possible";
    refused(&tar, &format!("entry {component} at byte 1024: {why}"));
    let name = "a/".repeat(2048);
    let tar = Tar::default().pax(&[("path", &name)]).file("f", "").end();
    let error = try_unpack(&tar, &all()).expect_err("4096 bytes").to_string();
    assert!(error.ends_with(": its name has 4096 bytes; at most 4095 are allowed"), "{error}");
}

#[test]
fn the_root_is_a_directory_and_nothing_else() {
    refused(
        &Tar::default().file(".", "").end(),
        "entry . at byte 0: it names the root, and is not a directory",
    );
    let tar = Tar::default().symlink("./", "f").end();
    refused(&tar, "entry ./ at byte 0: it names the root, and is not a directory");
    becomes(&Tar::default().dir(".").dir("./").file("./f", "").end(), &[("f", "= ")]);
}

#[test]
fn nothing_passes_through_a_link_or_a_file() {
    let tar = Tar::default().dir("d").symlink("l", "d").file("l/f", "").end();
    refused(&tar, "entry l/f at byte 1024: its name passes through l, which is a symbolic link");
    let tar = Tar::default().file("f", "").dir("f/d").end();
    refused(&tar, "entry f/d at byte 512: its name passes through f, which is a file");
    let tar = Tar::default().symlink("a/l", "d").hard("b", "a/l").file("b/c/d", "").end();
    refused(&tar, "entry b/c/d at byte 1024: its name passes through b, which is a symbolic link");
}

#[test]
fn duplicates_that_differ_are_refused() {
    let twice = "it occurs twice, and differs";
    let tar = Tar::default().file("f", "1").file("./f", "2").end();
    refused(&tar, &format!("entry ./f at byte 1024: {twice}"));
    let tar = Tar::default().symlink("l", "1").symlink("l", "2").end();
    refused(&tar, &format!("entry l at byte 512: {twice}"));
    let tar = Tar::default().file("f", "").symlink("f", "g").end();
    refused(&tar, &format!("entry f at byte 512: {twice}"));
    let tar = Tar::default().file("f", "").raw(&header_with(&[(100, b"0000755")])).end();
    refused(&tar, &format!("entry f at byte 512: {twice}"));
}

#[test]
fn no_directory_replaces_a_leaf_nor_the_other_way_round() {
    let changed = "it occurs twice, and only once as a directory";
    refused(&Tar::default().file("f", "").dir("f").end(), &format!("entry f at byte 512: {changed}"));
    refused(&Tar::default().dir("f").file("f", "").end(), &format!("entry f at byte 512: {changed}"));
    let tar = Tar::default().file("d/f", "").symlink("d", "e").end();
    refused(&tar, &format!("entry d at byte 512: {changed}"));
}

#[test]
fn equal_duplicates_count_once() {
    let tar = Tar::default().dir("d").file("d/f", "x").dir("d/").file("d//f", "x").symlink("l", "d");
    becomes(&tar.symlink("l", "d").end(), &[("d/f", "= x"), ("l", "-> d")]);
}

#[test]
fn names_that_differ_in_case_are_two() {
    becomes(&Tar::default().file("a", "1").file("A", "2").end(), &[("a", "= 1"), ("A", "= 2")]);
}

#[test]
fn names_are_bytes() {
    let tar = Tar::default().entry(b"\xff\n\\", b'0', b"", b"").end();
    becomes(&tar, &[(r"\xff\x0a\x5c", "= ")]);
}

#[test]
fn dots_and_double_slashes_are_ignored() {
    becomes(&Tar::default().file("./a//b/./c", "x").dir("e/.").end(), &[("a/b/c", "= x"), ("e/", "/")]);
}

#[test]
fn strip_drops_components_and_entries_with_none_left() {
    let tar = Tar::default().dir("p/").file("README", "no").file("p/a", "1").file("p/d/b", "2").end();
    becomes_with(&tar, &Unpack { strip: 1, ..all() }, &[("a", "= 1"), ("d/b", "= 2")]);
    becomes_with(&tar, &Unpack { strip: 2, ..all() }, &[("b", "= 2")]);
    let empty = "nothing is left of it: the tree would be empty";
    refused_with(&tar, &Unpack { strip: 3, ..all() }, empty);
    refused(&Tar::default().end(), empty);
    refused(&Tar::default().dir(".").end(), empty);
}

#[test]
fn strip_refuses_what_it_makes_ambiguous() {
    let tar = Tar::default().file("p/a", "1").file("q/a", "2").end();
    refused_with(&tar, &Unpack { strip: 1, ..all() }, "entry q/a at byte 1024: it occurs twice, and differs");
    let tar = Tar::default().file("p/a", "1").file("q/a", "1").end();
    becomes_with(&tar, &Unpack { strip: 1, ..all() }, &[("a", "= 1")]);
}

#[test]
fn subdir_selects_one_directory_of_the_rest() {
    let tar = Tar::default().file("p/d/e/f", "1").file("p/g", "2").hard("p/d/h", "p/g").end();
    let how = |strip, subdir: &[&str]| Unpack { strip, subdir: Some(names(subdir)), ..all() };
    becomes_with(&tar, &how(1, &["d"]), &[("e/f", "= 1"), ("h", "= 2")]);
    becomes_with(&tar, &how(0, &["p", "d", "e"]), &[("f", "= 1")]);
    refused_with(&tar, &how(0, &["d"]), "it has no directory d");
    refused_with(&tar, &how(1, &["g"]), "it has no directory g");
    refused_with(&tar, &how(1, &["d", "x"]), "it has no directory d/x");
}

#[test]
fn a_subdir_that_is_empty_is_refused() {
    let tar = Tar::default().dir("d").file("f", "").end();
    let how = Unpack { subdir: Some(names(&["d"])), ..all() };
    refused_with(&tar, &how, "nothing is left of it: the tree would be empty");
}
