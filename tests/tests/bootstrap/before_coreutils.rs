//! The two programs for recipes without cp and sed: `copy`, and `bits` of musl. cc compiles them.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::cc::{Room, compile};
use super::*;

/// A room with the program that cc makes from this file of the recipe tree.
fn room_with(name: &str, file: &str) -> Option<Room> {
    let room = Room::new()?;
    compile(&room.path("cc"), &room.path(name), &[], &[top().join("recipes/pkgs").join(file)]);
    Some(room)
}

/// The program's output with these arguments, and its status.
fn run(room: &Room, name: &str, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(room.path(name)).args(args).current_dir(room.path("")).output();
    let output = output.expect("the program runs");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn copy_refuses_missing_sources_and_impossible_targets() {
    let Some(room) = room_with("copy", "copy/copy.c") else { return };
    fs::write(room.path("file"), "text").unwrap();
    fs::create_dir(room.path("folder")).unwrap();
    for (args, said) in [
        (&[][..], "usage: copy FROM TO\n"),
        (&["file"], "usage: copy FROM TO\n"),
        (&["file", "a", "b"], "usage: copy FROM TO\n"),
        (&["nothing", "a"], "copy: cannot read nothing: No such file or directory\n"),
        (&["file", "folder"], "copy: cannot make folder: File exists\n"),
        (&["file", "file/a"], "copy: cannot make file: Not a directory\n"),
        (&["folder", "file"], "copy: cannot make file: Not a directory\n"),
    ] {
        let (status, text) = run(&room, "copy", args);
        assert_eq!((status, text.as_str()), (Some(1), said), "{args:?}");
    }
    assert_eq!(fs::read_to_string(room.path("file")).unwrap(), "text");
}

#[test]
fn copy_copies_the_same_as_cp() {
    let Some(room) = room_with("copy", "copy/copy.c") else { return };
    let deep = room.path("from/a/b/c");
    fs::create_dir_all(&deep).unwrap();
    for (name, size) in [("empty", 0), ("one", 1), ("large", 300_000)] {
        fs::write(deep.join(name), vec![b'x'; size]).unwrap();
    }
    for at in 0..500 {
        fs::write(room.path(&format!("from/{at}-with-a-rather-long-name")), at.to_string()).unwrap();
    }
    fs::set_permissions(deep.join("one"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("one", deep.join("link")).unwrap();
    assert_eq!(run(&room, "copy", &["from", "new/folders/to"]), (Some(0), String::new()));
    // The targets of links are copied, as with `cp -L`.
    printed(Command::new("cp").args(["-RL", "from", "by-cp"]).current_dir(room.path("")));
    printed(Command::new("diff").args(["-r", "by-cp", "new/folders/to"]).current_dir(room.path("")));
    let mode = |name: &str| {
        fs::metadata(room.path(&format!("new/folders/to/a/b/c/{name}"))).unwrap().permissions().mode() & 0o111
    };
    assert!(mode("one") != 0 && mode("large") == 0);
    // Again, over an existing copy: it is replaced.
    fs::write(deep.join("one"), "2").unwrap();
    assert_eq!(run(&room, "copy", &["from/a/b/c/one", "new/folders/to/a/b/c/large"]).0, Some(0));
    assert_eq!(fs::read_to_string(room.path("new/folders/to/a/b/c/large")).unwrap(), "2");
}

#[test]
fn bits_refuses_lines_that_it_does_not_understand() {
    let Some(room) = room_with("bits", "musl/bits.c") else { return };
    for (text, said) in [
        ("TYPEDEF int;\n", "in has a line that is not understood: TYPEDEF int"),
        ("TYPEDEF int x\n", "in has a line that is not understood: TYPEDEF int x"),
        ("STRUCT x;\n", "in has a line that is not understood: STRUCT x"),
        ("no end", "in has a line that is too long or has no end"),
        (&"x".repeat(5000), "in has a line that is too long or has no end"),
    ] {
        fs::write(room.path("in"), text).unwrap();
        assert_eq!(run(&room, "bits", &["alltypes", "out", "in"]), (Some(1), format!("bits: {said}\n")));
    }
    assert_eq!(run(&room, "bits", &["alltypes", "out", "nothing"]).1, "bits: cannot open nothing\n");
    assert_eq!(run(&room, "bits", &["others", "out", "in"]).0, Some(1));
}

#[test]
fn bits_writes_headers_by_the_rules_of_musl() {
    let Some(room) = room_with("bits", "musl/bits.c") else { return };
    let types = "#define A 1\nTYPEDEF unsigned long size_t;\nSTRUCT pair { int a; int b; };\n";
    fs::write(room.path("in"), types).unwrap();
    fs::write(room.path("in2"), "UNION u { int a; };\nTYPEDEF struct { int a[2]; } t;\n").unwrap();
    assert_eq!(run(&room, "bits", &["alltypes", "out", "in", "in2"]), (Some(0), String::new()));
    let guarded = |name: &str, line: &str| {
        format!(
            "#if defined(__NEED_{name}) && !defined(__DEFINED_{name})\n{line}\n#define __DEFINED_{name}\n#endif\n\n"
        )
    };
    let expected = [
        "#define A 1\n".to_owned(),
        guarded("size_t", "typedef unsigned long size_t;"),
        guarded("struct_pair", "struct pair { int a; int b; };"),
        guarded("union_u", "union u { int a; };"),
        guarded("t", "typedef struct { int a[2]; } t;"),
    ];
    assert_eq!(fs::read_to_string(room.path("out")).unwrap(), expected.concat());
    fs::write(room.path("in"), "#define __NR_read\t\t0\n/* no call */\n#define __NR_write\t1\n").unwrap();
    assert_eq!(run(&room, "bits", &["syscall", "calls", "in"]), (Some(0), String::new()));
    let calls =
        fs::read_to_string(room.path("in")).unwrap() + "#define SYS_read\t\t0\n#define SYS_write\t1\n";
    assert_eq!(fs::read_to_string(room.path("calls")).unwrap(), calls);
}
