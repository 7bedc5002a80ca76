//! What a build may leave in its outputs.

use std::os::unix::fs::symlink;

use super::*;

fn check(name: &str, shown: &str, host: &Path) -> Result<(), Refused> {
    Check::new(host, &Progress::default()).output(name, shown)
}

/// A build's folder.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    folder
}

fn refused(make: impl FnOnce(&Path)) -> String {
    let folder = folder();
    make(&folder.path().join("out"));
    check("out", "/out", folder.path()).unwrap_err().to_string()
}

#[test]
fn an_empty_output_is_refused() {
    assert_eq!(refused(|_| {}), "output out is empty: nothing was put into /out");
}

#[test]
fn kinds_that_no_tree_can_hold_are_refused_by_name() {
    let socket = |at: &Path| drop(std::os::unix::net::UnixListener::bind(at.join("s")).unwrap());
    assert_eq!(refused(socket), "/out/s is a socket, which no output can have");
    let pipe = |at: &Path| {
        nix::unistd::mkfifo(&at.join("p"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    };
    assert_eq!(refused(pipe), "/out/p is a named pipe, which no output can have");
    for (mode, kind) in [(0o4755, "set-user-ID"), (0o2755, "set-group-ID")] {
        let said = refused(|at| {
            fs::write(at.join("x"), "x").unwrap();
            fs::set_permissions(at.join("x"), fs::Permissions::from_mode(mode)).unwrap();
        });
        assert_eq!(said, format!("/out/x is {kind} (mode {mode:o}), which no output can be"));
    }
}

#[test]
fn links_that_lead_out_are_refused_and_others_are_not() {
    for (target, why) in [
        ("..", "leads out of the output"),
        ("../x", "leads out of the output"),
        ("a/../../x", "leads out of the output"),
        ("/out/x", "is there only while it is built"),
        ("/build", "is there only while it is built"),
        ("/tmp/x", "is there only while it is built"),
    ] {
        let said = refused(|at| symlink(target, at.join("link")).unwrap());
        assert_eq!(said, format!("/out/link links to {target}, which {why}"));
    }
    let host = folder();
    let out = host.path().join("out");
    fs::create_dir(out.join("d")).unwrap();
    for (at, target) in [("a", "b"), ("b", "/usr/bin/b"), ("d/c", "../b"), ("d/e", "/dev/null")] {
        symlink(target, out.join(at)).unwrap();
    }
    check("out", "/out", host.path()).unwrap();
}

#[test]
fn the_path_of_the_builds_folder_is_found_wherever_it_occurs() {
    for before in [0, 1, (1 << 18) - 5, 1 << 18, 600_000] {
        let said = refused(|at| {
            let host = at.parent().unwrap().as_os_str().as_bytes();
            let text = [&vec![b'x'; before][..], host, b"/build/x"].concat();
            fs::write(at.join("file"), text).unwrap();
        });
        assert_eq!(said, "/out/file holds the path of the build's folder on this machine", "{before}");
    }
    // After a hole, too.
    let said = refused(|at| {
        let file = File::create(at.join("file")).unwrap();
        let host = at.parent().unwrap().as_os_str().as_bytes();
        std::os::unix::fs::FileExt::write_all_at(&file, host, (8 << 30) + 5).unwrap();
    });
    assert_eq!(said, "/out/file holds the path of the build's folder on this machine");
    // As it appears in a filesystem that is mounted elsewhere.
    let said = refused(|at| {
        let host = at.parent().unwrap();
        let below = host.strip_prefix(host.ancestors().nth(2).unwrap()).unwrap();
        fs::write(at.join("file"), format!("36 35 98:0 /{} / rw", below.display())).unwrap();
    });
    assert_eq!(said, "/out/file holds the path of the build's folder on this machine");
    let said = refused(|at| symlink(at.join("x"), at.join("link")).unwrap());
    assert_eq!(said, "/out/link holds the path of the build's folder on this machine");
}

#[test]
fn unreadable_files_are_made_readable() {
    let host = folder();
    let inner = host.path().join("out/d");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("x"), "x").unwrap();
    fs::set_permissions(inner.join("x"), fs::Permissions::from_mode(0o100)).unwrap();
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o0)).unwrap();
    check("out", "/out", host.path()).unwrap();
    assert_eq!(fs::metadata(inner.join("x")).unwrap().mode() & 0o700, 0o500);
}

#[test]
fn an_output_that_was_replaced_by_a_link_is_refused_and_not_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("shadow"), "secret").unwrap();
    fs::set_permissions(elsewhere.path().join("shadow"), fs::Permissions::from_mode(0o0)).unwrap();
    fs::create_dir(elsewhere.path().join("below")).unwrap();
    let said = |shown: &str| {
        let host = folder();
        symlink(elsewhere.path(), host.path().join("out/doc")).unwrap();
        check("doc", shown, host.path()).unwrap_err().to_string()
    };
    for shown in ["/out/doc", "/out/doc/below"] {
        assert_eq!(said(shown), "/out/doc is a symbolic link, and an output is a directory");
    }
    let mode = fs::metadata(elsewhere.path().join("shadow")).unwrap().mode();
    assert_eq!(mode & 0o777, 0, "the target of the link stays unreadable");
    assert_eq!(said("/out/none"), "output doc is empty: nothing was put into /out/none");
}

#[test]
fn a_file_of_holes_is_refused_before_it_is_read() {
    let said = refused(|at| File::create(at.join("x")).unwrap().set_len(1 << 40).unwrap());
    assert_eq!(said, "/out/x and the files before it exceed 64 GiB, holes included");
}

#[test]
fn all_outputs_of_a_build_are_bounded_together_and_a_cancelled_check_ends() {
    let host = folder();
    for name in ["a", "b"] {
        fs::create_dir(host.path().join("out").join(name)).unwrap();
        let hole = File::create(host.path().join("out").join(name).join("x")).unwrap();
        hole.set_len(MAX_BYTES / 4 * 3).unwrap();
    }
    let progress = Progress::default();
    let mut check = Check::new(host.path(), &progress);
    check.output("a", "/out/a").unwrap();
    let said = check.output("b", "/out/b").unwrap_err().to_string();
    assert!(said.starts_with("/out/b/x and the files before it exceed 64 GiB"), "{said}");
    progress.cancel();
    let cancelled = Check::new(host.path(), &progress).output("a", "/out/a");
    assert!(matches!(cancelled, Err(Refused::Cancelled(_))));
}
