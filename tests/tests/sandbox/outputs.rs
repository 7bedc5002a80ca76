//! What a build leaves that no output can be is refused with its path, and nothing of it is stored.

use std::path::Path;

use super::{BUSYBOX, Tree, compiled, shell};

/// A build of this script is refused in these words, and is built when the last command is left out.
#[track_caller]
fn refused(tree: &Tree, script: &str, words: &str) {
    tree.script("x", &format!("echo fine >/out/fine; {script}"));
    let said = tree.fails("x", &[], 1);
    assert!(said.contains(words), "{script}: {said}");
    assert!(!said.chars().any(|it| it.is_control() && it != '\n'), "{said:?}");
    assert_eq!(tree.stele.run(&["store", "info", "build-x"]).code, 3, "nothing is stored");
    assert!(tree.folders().is_empty(), "nothing is left");
}

#[test]
fn what_no_output_can_hold_is_refused_by_its_path() {
    let Some(tree) = Tree::new() else { return };
    for (script, words) in [
        ("rm /out/fine", "output out is empty: nothing was put into /out"),
        ("mkdir -p /out/a/b; mkfifo /out/a/b/p", "/out/a/b/p is a named pipe, which no output can have"),
        ("cp /bin/busybox /out/s; chmod 4755 /out/s", "/out/s is set-user-ID (mode 4755)"),
        ("cp /bin/busybox /out/s; chmod 2755 /out/s", "/out/s is set-group-ID (mode 2755)"),
        ("ln -s ../../etc/passwd /out/l", "/out/l links to ../../etc/passwd, which leads out of the output"),
        ("ln -s /build/x /out/l", "/out/l links to /build/x, which is there only while it is built"),
        (
            "cut -d' ' -f4 /proc/self/mountinfo >/out/h",
            "/out/h holds the path of the build's folder on this machine",
        ),
        (
            "dd if=/dev/zero of=/out/t bs=1 count=1 seek=1099511627775",
            "/out/t and the files before it exceed 64 GiB, holes included",
        ),
        ("mkfifo /out/$(printf '\\033[2J\\nx')", "is a named pipe"),
    ] {
        refused(&tree, script, words);
    }
    // The control.
    let sparse = "dd if=/dev/zero of=/out/t bs=1 count=1 seek=1000000000";
    tree.script(
        "x",
        &format!("echo fine >/out/fine; ln -s fine /out/l; mkdir /out/d; chmod 0 /out/d; {sparse}"),
    );
    tree.ok("x");
    tree.stele.assert_sound();
}

#[test]
fn a_socket_is_refused_by_its_path() {
    let (Some(tree), Some(attack)) = (Tree::new(), compiled("attack")) else { return };
    tree.program("x", &attack, &["/out/said", "listens=/out/socket"]);
    let said = tree.fails("x", &[], 1);
    assert!(said.contains("/out/socket is a socket, which no output can have"), "{said}");
}

#[test]
fn an_output_that_was_replaced_by_a_link_does_not_take_files_of_the_host() {
    let Some(tree) = Tree::new() else { return };
    let of = |script: &str| format!("outputs = ['out', 'doc'], steps = [{}]", shell(script));
    let busybox = Path::new(BUSYBOX);
    tree.put("x", &[busybox], &of("echo x >/out/out/x; rmdir /out/doc; ln -s /etc /out/doc"));
    let said = tree.fails("x", &[], 1);
    assert!(said.contains("/out/doc is a symbolic link, and an output is a directory"), "{said}");
    tree.put("x", &[busybox], &of("echo x >/out/out/x; rmdir /out/doc; echo x >/out/doc"));
    assert!(tree.fails("x", &[], 1).contains("/out/doc is a file, and an output is a directory"));
    tree.put("x", &[busybox], &of("echo x >/out/out/x; rmdir /out/doc"));
    assert!(tree.fails("x", &[], 1).contains("output doc is empty: nothing was put into /out/doc"));
    tree.put("x", &[busybox], &of("echo x >/out/out/x; echo x >/out/doc/y"));
    let outcome = tree.build("x", &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

#[test]
fn names_that_are_no_text_and_trees_deeper_than_any_path_are_stored_or_refused_but_never_in_the_way() {
    let Some(tree) = Tree::new() else { return };
    tree.script("names", "echo x >/out/$(printf '\\377\\001 \\\\'); mkdir /out/-rf; echo y >'/out/-rf/ '");
    tree.ok("names");
    let deep = "i=0; cd /out; while [ $i -lt 1500 ]; do mkdir deeper; cd deeper; i=$((i+1)); done; echo x >x";
    tree.script("deep", deep);
    let said = tree.fails("deep", &[], 1);
    assert!(said.contains("below /out/deeper/deeper directories are nested deeper"), "{said}");
    // In the working directory nobody minds.
    tree.script("aside", &format!("{}; echo x >/out/x", deep.replace("/out", "/build")));
    tree.ok("aside");
    assert!(tree.folders().is_empty());
    tree.stele.assert_sound();
}
