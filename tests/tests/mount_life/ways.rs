//! Ways to mount, and to be refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use stele_tests::mounted::within;
use stele_tests::{Stele, binary, skip};

use super::{LONG, add_tree, mounted_tree, mounts};

/// Runs a script as user 1000, with that user's own store in `$STELE_STORE`, the tree in `$TREE` and an empty folder in
/// `$DIR`. `/dev/fuse` is open to all meanwhile, as on most machines. `None` without root.
fn as_user(script: &str) -> Option<(i32, String)> {
    if !rustix::process::geteuid().is_root() {
        skip("only root becomes another user");
        return None;
    }
    let home = tempfile::tempdir().unwrap();
    let top = home.path();
    fs::create_dir(top.join("tree")).unwrap();
    fs::write(top.join("tree/small"), "small\n").unwrap();
    fs::write(top.join("tree/large"), vec![b'x'; 200_000]).unwrap();
    let wrapped = "set -e
        mkdir dev dir; mount -t tmpfs none dev; mknod -m 666 dev/fuse c 10 229; mount --bind dev/fuse /dev/fuse
        chown -R 1000:1000 .; chmod 755 .
        exec setpriv --reuid 1000 --regid 1000 --clear-groups sh -c \"$1\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", wrapped, "sh", script]).current_dir(top);
    command.env("STELE_STORE", top.join("store")).env("TREE", top.join("tree")).env("DIR", top.join("dir"));
    command.env("HOME", top).env("S", shared_binary(top));
    let output = within(LONG, || command.output().unwrap());
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned()))
}

/// The binary where any user may reach it.
fn shared_binary(top: &Path) -> std::path::PathBuf {
    let copy = top.join("stele");
    fs::copy(binary(), &copy).unwrap();
    copy
}

#[test]
fn a_user_without_permission_to_mount_gets_a_hint() {
    // Without fusermount3 on the PATH.
    let script = "PATH=/nowhere; $S store add $TREE >/dev/null
        $S mount $DIR; R=$?; $S daemon stop; exit $R";
    let Some((code, said)) = as_user(script) else { return };
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("fusermount3") && said.contains("hint: ") && said.contains(" -- sh"), "{said}");
}

#[test]
fn a_user_mounts_in_a_namespace_of_their_own_and_it_ends_with_the_command() {
    let script = "$S store add --root tree $TREE >/dev/null
        $S mount $DIR -- sh -c 'cd $DIR/by-name/tree; cat small; cmp large $TREE/large && touch x || echo refused'
        ls $DIR | wc -l
        for i in 1 2 3 4 5 6 7 8 9; do $S mount ls | grep -q . || break; sleep 0.2; done
        $S mount ls; $S daemon stop";
    let Some((code, said)) = as_user(script) else { return };
    assert_eq!(code, 0, "{said}");
    // On a busy machine a command says that it waits for the daemon.
    let is_ours = |line: &&str| !line.contains("touch") && !line.starts_with("note: waiting");
    let lines: Vec<&str> = said.lines().filter(is_ours).collect();
    assert_eq!(lines, ["small", "refused", "0"], "{said}");
}

#[test]
fn a_user_mounts_by_fusermount3_and_other_users_have_no_access() {
    if Command::new("fusermount3").arg("-V").output().is_err() {
        return skip("fusermount3 is missing");
    }
    let script = "$S store add --root tree $TREE >/dev/null; $S mount $DIR >/dev/null
        cat $DIR/by-name/tree/small; kill -9 $($S --json daemon status | sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/')
        cmp $DIR/by-name/tree/large $TREE/large && echo same
        cd $DIR; $S umount $DIR 2>&1 | grep -o 'in use'; cd /; $S umount $DIR && ls $DIR | wc -l; $S daemon stop";
    let Some((code, said)) = as_user(script) else { return };
    assert_eq!((code, said.as_str()), (0, "small\nsame\nin use\n0\n"), "{said}");
}

#[test]
fn folders_that_cannot_be_mounted_on_are_refused_and_nothing_is_mounted() {
    let stele = Stele::new();
    let (tree, _) = add_tree(&stele, "tree", 31);
    let file = tree.join("small");
    let full = stele.fails(&["mount", tree.to_str().unwrap()], 2);
    assert!(full.contains("not empty"), "{full}");
    for path in ["/nowhere/at/all", file.to_str().unwrap()] {
        let said = stele.fails(&["mount", path], 1);
        assert!(said.contains(path) && said.contains("hint: "), "{said}");
    }
    let absent = stele.fails(&["umount", tree.to_str().unwrap()], 3);
    assert!(absent.contains("not mounted"), "{absent}");
    assert!(mounts(&stele).is_empty());
}

#[test]
fn mounting_twice_at_one_place_is_one_mount() {
    let Some((mounted, ..)) = mounted_tree(32, &[]) else { return };
    let again = mounted.stele().run(&["mount", mounted.dir().to_str().unwrap()]);
    assert_eq!((again.code, again.text().as_str()), (0, mounted.dir().to_str().unwrap()), "{}", again.stderr);
    assert_eq!(mounts(mounted.stele()).len(), 1);
}

#[test]
fn nothing_is_imported_from_a_mount_of_the_store_itself() {
    let Some((mounted, _, digest)) = mounted_tree(34, &[]) else { return };
    let stele = mounted.stele();
    within(LONG, || {
        let tree = mounted.path(&digest);
        let folder = stele.scratch().join("around");
        fs::create_dir_all(folder.join("bound")).unwrap();
        assert!(
            Command::new("mount")
                .arg("--bind")
                .arg(&tree)
                .arg(folder.join("bound"))
                .status()
                .unwrap()
                .success()
        );
        for path in [&tree, &tree.join("large"), &tree.join("small"), mounted.dir(), &folder] {
            let said = stele.fails(&["store", "add", path.to_str().unwrap()], 1);
            assert!(
                said.contains("is in a mount of this store") && said.contains("store root add"),
                "{said}"
            );
        }
        assert!(Command::new("umount").arg(folder.join("bound")).status().unwrap().success());
        // The mount of another store is like any other folder.
        let other = Stele::new();
        assert_eq!(other.add(&tree), digest);
    });
}

#[test]
fn a_busy_mount_is_removed_only_on_explicit_request() {
    let Some((mounted, _, digest)) = mounted_tree(33, &[]) else { return };
    let dir = mounted.dir().to_str().unwrap();
    within(LONG, || {
        let held = fs::File::open(mounted.path(&digest).join("small")).unwrap();
        let said = mounted.stele().fails(&["umount", dir], 1);
        assert!(said.contains("in use") && said.contains("--lazy"), "{said}");
        mounted.stele().ok(&["umount", "--lazy", dir]);
        assert_eq!(fs::read_dir(mounted.dir()).unwrap().count(), 0);
        assert_eq!(std::io::read_to_string(held).unwrap(), "small 33\n");
    });
}
