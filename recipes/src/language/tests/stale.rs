//! Stamps: every change that affects evaluation changes them. Each change has its control: they hold as long as nothing
//! is changed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::paths::TreePath;

use super::*;

/// Longer than a tick of the kernel's clock for files.
const SETTLED: Duration = Duration::from_millis(40);

/// A recipe tree, and one change to it by `change`.
#[track_caller]
fn is_seen(what: &str, make: impl FnOnce(&Path), change: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path();
    fs::create_dir_all(top.join("pkgs/a")).unwrap();
    make(top);
    sleep(SETTLED);
    let files = OnDisk::open(top).unwrap();
    evaluate_all(&files).unwrap_or_else(|error| panic!("{what}: {}", shown(&error)));
    let stamps = files.stamps();
    assert!(stamps.are_settled(), "{what}");
    let holds = || OnDisk::open(top).unwrap().holds(&stamps);
    assert!(holds(), "{what}: nothing was changed");
    change(top);
    assert!(!holds(), "{what}: the change is not seen");
}

fn recipe(local: &str) -> String {
    format!("recipe(name = 'a', version = '1', script = 'x', sources = [local({local})])")
}

fn put(at: &Path, text: &str) {
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
}

/// Names whose escaped form differs from their bytes.
const NAMES: [&str; 5] = ["my data.txt", "back\\slash", "größe", "a\nb", "\u{7f}"];

#[test]
fn a_change_of_any_local_file_is_detected() {
    for name in NAMES {
        let starlark = serde_json::to_string(name).unwrap();
        is_seen(
            name,
            |top| {
                put(&top.join("pkgs/a").join(name), "one");
                put(&top.join("pkgs/a/recipe.star"), &recipe(&starlark));
            },
            |top| put(&top.join("pkgs/a").join(name), "two"),
        );
    }
}

#[test]
fn a_change_of_any_file_in_a_local_folder_is_detected() {
    let names = NAMES.iter().map(|name| name.as_bytes()).chain([&b"not\xffutf-8"[..], b"-"]);
    for name in names {
        let at = |top: &Path| top.join("pkgs/a/data/inner").join(OsStr::from_bytes(name));
        is_seen(
            &String::from_utf8_lossy(name),
            |top| {
                put(&at(top), "one");
                put(&top.join("pkgs/a/recipe.star"), &recipe("'data'"));
            },
            |top| put(&at(top), "two"),
        );
    }
}

#[test]
fn changed_link_targets_of_recipes_loads_and_local_files_are_detected() {
    is_seen(
        "a recipe",
        |top| {
            put(&top.join("real.star"), "recipe(name = 'a', version = '1', script = 'x')");
            symlink("../../real.star", top.join("pkgs/a/recipe.star")).unwrap();
        },
        |top| put(&top.join("real.star"), "recipe(name = 'a', version = '2', script = 'x')"),
    );
    is_seen(
        "a load",
        |top| {
            put(&top.join("lib/real.star"), "v = '1'");
            symlink("real.star", top.join("lib/l.star")).unwrap();
            let text = "load('//lib/l.star', 'v')\nrecipe(name = 'a', version = v, script = 'x')";
            put(&top.join("pkgs/a/recipe.star"), text);
        },
        |top| put(&top.join("lib/real.star"), "v = '2'"),
    );
    is_seen(
        "a local file",
        |top| {
            put(&top.join("pkgs/a/real"), "one");
            symlink("real", top.join("pkgs/a/data")).unwrap();
            put(&top.join("pkgs/a/recipe.star"), &recipe("'data'"));
        },
        |top| put(&top.join("pkgs/a/real"), "two"),
    );
    is_seen(
        "a local folder",
        |top| {
            put(&top.join("pkgs/a/real/x"), "one");
            symlink("real", top.join("pkgs/a/data")).unwrap();
            put(&top.join("pkgs/a/recipe.star"), &recipe("'data'"));
        },
        |top| put(&top.join("pkgs/a/real/x"), "two"),
    );
}

/// Two files of the same content, size and times: only the link distinguishes them.
fn two(top: &Path) {
    put(&top.join("one/recipe.star"), "recipe(name = 'a', version = '1', script = 'x')");
    put(&top.join("two/recipe.star"), "recipe(name = 'a', version = '2', script = 'x')");
    fs::remove_dir(top.join("pkgs/a")).unwrap();
    symlink("../one", top.join("pkgs/a")).unwrap();
}

#[test]
fn a_redirected_link_on_the_way_is_detected() {
    is_seen("a folder that is a link", two, |top| {
        fs::remove_file(top.join("pkgs/a")).unwrap();
        symlink("../two", top.join("pkgs/a")).unwrap();
    });
    is_seen(
        "a link in a local folder",
        |top| {
            fs::create_dir(top.join("pkgs/a/data")).unwrap();
            symlink("one", top.join("pkgs/a/data/link")).unwrap();
            put(&top.join("pkgs/a/recipe.star"), &recipe("'data'"));
        },
        |top| {
            fs::remove_file(top.join("pkgs/a/data/link")).unwrap();
            symlink("two", top.join("pkgs/a/data/link")).unwrap();
        },
    );
    // Unread files may be behind a link that now leads out of the tree.
    is_seen("a link that leads out", two, |top| {
        let inside = top.join("one");
        fs::remove_file(top.join("pkgs/a")).unwrap();
        symlink(inside, top.join("pkgs/a")).unwrap();
    });
}

#[test]
fn added_and_removed_files_are_detected() {
    let one = |top: &Path| {
        put(&top.join("pkgs/a/data/x"), "one");
        put(&top.join("pkgs/a/recipe.star"), &recipe("'data'"));
    };
    is_seen("a package that comes", one, |top| put(&top.join("pkgs/b/recipe.star"), "x"));
    is_seen("a package that goes", one, |top| fs::remove_dir_all(top.join("pkgs/a")).unwrap());
    is_seen("a file that comes", one, |top| put(&top.join("pkgs/a/data/y"), ""));
    is_seen("a file that goes", one, |top| fs::remove_file(top.join("pkgs/a/data/x")).unwrap());
    is_seen("a mode", one, |top| {
        fs::set_permissions(top.join("pkgs/a/data/x"), fs::Permissions::from_mode(0o755)).unwrap();
    });
    is_seen(
        "a folder that becomes a package",
        |top| {
            one(top);
            fs::create_dir(top.join("pkgs/b")).unwrap();
        },
        |top| put(&top.join("pkgs/b/recipe.star"), "x"),
    );
    // The same size, with its old times.
    is_seen("a file with its old times", one, |top| {
        let at = top.join("pkgs/a/data/x");
        let modified = fs::metadata(&at).unwrap().modified().unwrap();
        put(&at, "two");
        fs::File::options().write(true).open(&at).unwrap().set_modified(modified).unwrap();
    });
    is_seen("a file renamed over another", one, |top| {
        put(&top.join("pkgs/a/new"), "two");
        fs::rename(top.join("pkgs/a/new"), top.join("pkgs/a/data/x")).unwrap();
    });
}

#[test]
fn a_change_right_before_the_read_is_not_settled() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path();
    put(&top.join("pkgs/a/recipe.star"), "recipe(name = 'a', version = '1', script = 'x')");
    sleep(SETTLED);
    let path = TreePath::parse(b"pkgs/a/recipe.star").unwrap();
    // The read has to come within a tick of the change, which a busy machine may not manage at once.
    let unsettled = (2..200).any(|version| {
        let files = OnDisk::open(top).unwrap();
        put(
            &top.join("pkgs/a/recipe.star"),
            &format!("recipe(name = 'a', version = '{version}', script = 'x')"),
        );
        files.read(&path, 1 << 20).unwrap();
        // However long it takes from the read to the check.
        sleep(SETTLED);
        !files.stamps().are_settled()
    });
    assert!(unsettled);
    // The control: read again now, it holds.
    let files = OnDisk::open(top).unwrap();
    evaluate_all(&files).unwrap();
    assert!(files.stamps().are_settled());
}
