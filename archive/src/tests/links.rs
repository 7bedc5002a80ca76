//! Symbolic and hard links, and where they may lead.

use super::*;

#[track_caller]
fn target_refused(link: &str, target: &str, why: &str) {
    let tar = Tar::default().symlink(link, target).end();
    refused(&tar, &format!("entry {link} at byte 0: it is a symbolic link to {target}, which is {why}"));
}

#[test]
fn symbolic_links_out_of_the_tree_are_refused() {
    target_refused("l", "/etc/passwd", "absolute");
    target_refused("l", "..", "outside of the tree");
    target_refused("l", "../f", "outside of the tree");
    target_refused("d/l", "../../f", "outside of the tree");
    target_refused("d/l", "x/../../../d/f", "outside of the tree");
    target_refused("l", "a/../../b", "outside of the tree");
}

#[test]
fn a_link_must_stay_in_what_strip_leaves_and_in_the_archive_as_written() {
    let tar = Tar::default().symlink("p/l", "../q").end();
    becomes(&tar, &[("p/l", "-> ../q")]);
    let why = "entry p/l at byte 0: it is a symbolic link to ../q, which is outside of the tree";
    refused_with(&tar, &Unpack { strip: 1, ..all() }, why);
    let dropped = Tar::default().symlink("l", "../q").file("p/f", "").end();
    let why = "entry l at byte 0: it is a symbolic link to ../q, which is outside of the tree";
    refused_with(&dropped, &Unpack { strip: 1, ..all() }, why);
}

#[test]
fn a_link_out_of_the_subdir_is_refused() {
    let tar = Tar::default().symlink("d/e/l", "../../f").file("f", "").end();
    becomes(&tar, &[("d/e/l", "-> ../../f"), ("f", "= ")]);
    let how = Unpack { subdir: Some(names(&["d"])), ..all() };
    refused_with(&tar, &how, "the symbolic link e/l to ../../f leads outside of the tree");
}

#[test]
fn a_link_that_leads_out_through_another_link_is_refused() {
    // `down` is the root, so `down/..` is above it.
    let tar = Tar::default().symlink("a/b/down", "../..").symlink("a/l", "b/down/..");
    refused(&tar.end(), "the symbolic link a/l to b/down/.. leads outside of the tree");
    // The same with the links in directories in any order.
    let tar = Tar::default().symlink("l", "z/y/up/..").symlink("z/y/up", "../..");
    refused(&tar.end(), "the symbolic link l to z/y/up/.. leads outside of the tree");
    // Through a directory that comes after the link's own, and back up.
    let tar = Tar::default().symlink("a/l", "../z/y/up/../x").dir("z/y").symlink("z/y/up", "..");
    becomes(&tar.end(), &[("a/l", "-> ../z/y/up/../x"), ("z/y/up", "-> ..")]);
}

#[test]
fn a_dangling_or_circular_link_is_fine() {
    let tar = Tar::default().symlink("a", "b").symlink("b", "a").symlink("c", "no/../such").symlink("d", ".");
    becomes(&tar.end(), &[("a", "-> b"), ("b", "-> a"), ("c", "-> no/../such"), ("d", "-> .")]);
}

#[test]
fn links_that_lead_through_each_other_too_often_are_refused() {
    // Each of forty links leads through the next one five hundred times.
    let mut tar = Tar::default();
    for n in 0..40 {
        tar = tar.pax(&[("linkpath", &format!("l{}/.{}", n + 1, "/.".repeat(2000)))]);
        tar = tar.symlink(&format!("l{n}"), "x");
    }
    for n in 0..800 {
        tar = tar.symlink(&format!("m{n}"), "l0");
    }
    refused(&tar.end(), "its symbolic links lead through each other more than 50000000 times");
}

#[test]
fn an_impossible_target_is_refused() {
    let tar = Tar::default().symlink("l", "").end();
    refused(&tar, "entry l at byte 0: the target of its symbolic link is invalid: it is empty");
    let tar = Tar::default().pax(&[("linkpath", &"a".repeat(4096))]).symlink("l", "x").end();
    let why = "the target of its symbolic link is invalid: it has 4096 bytes; at most 4095 are possible";
    refused(&tar, &format!("entry l at byte 5120: {why}"));
    let tar = Tar::default().pax(&[("linkpath", "a\0b")]).symlink("l", "x").end();
    refused(&tar, "entry l at byte 1024: its name or target holds a NUL");
}

#[test]
fn a_hard_link_to_a_later_file_is_refused() {
    let tar = Tar::default().hard("h", "f").file("f", "").end();
    refused(&tar, "entry h at byte 0: it is a hard link to f, and no such file precedes it");
    let tar = Tar::default().file("f", "").hard("f", "f").end();
    becomes(&tar, &[("f", "= ")]);
    let tar = Tar::default().dir("d").hard("h", "d").end();
    refused(&tar, "entry h at byte 512: it is a hard link to d, which is a directory");
    let tar = Tar::default().dir("d").hard("h", ".").end();
    refused(&tar, "entry h at byte 512: it is a hard link to ., and no such file precedes it");
    let tar = Tar::default().file("f", "").hard("h", "f/g").end();
    refused(&tar, "entry h at byte 512: it is a hard link to f/g, and no such file precedes it");
}

#[test]
fn a_hard_link_out_of_the_archive_is_refused() {
    let why = "which is invalid";
    for (target, what) in [("/etc/passwd", "is absolute"), ("../f", "has a component `..`"), ("", "is empty")]
    {
        let tar = Tar::default().hard("h", target).end();
        let error = format!("entry h at byte 0: it is a hard link to {target}, {why}: its name {what}");
        refused(&tar, &error);
        refused_with(&tar, &Unpack { strip: 3, ..all() }, &error);
    }
}

#[test]
fn a_hard_link_to_a_link_must_lead_inside_from_its_own_place() {
    let tar = Tar::default().symlink("d/l", "../f").hard("d/h", "d/l").end();
    becomes(&tar, &[("d/l", "-> ../f"), ("d/h", "-> ../f")]);
    let tar = Tar::default().symlink("d/l", "../f").hard("h", "d/l").end();
    refused(&tar, "entry h at byte 512: it is a symbolic link to ../f, which is outside of the tree");
}

#[test]
fn a_hard_link_is_the_file() {
    let tar = Tar::default().entry(b"p/f", b'0', b"x", b"").hard("p/d/h", "p/./f").hard("p/i", "p/d/h").end();
    becomes(&tar, &[("p/f", "= x"), ("p/d/h", "= x"), ("p/i", "= x")]);
    becomes_with(&tar, &Unpack { strip: 1, ..all() }, &[("f", "= x"), ("d/h", "= x"), ("i", "= x")]);
    // Its target was dropped.
    let why = "entry p/d/h at byte 1024: it is a hard link to p/./f, and no such file precedes it";
    refused_with(&tar, &Unpack { strip: 2, ..all() }, why);
}
