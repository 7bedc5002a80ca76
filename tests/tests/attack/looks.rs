//! What a build could learn of the machine and of earlier builds.

use std::process::Command;

use stele_tests::mounted::within;
use stele_tests::sandboxed::{LONG, Tree};
use stele_tests::{binary, skip};

use super::{inside, kept, of};

#[test]
fn a_program_cannot_have_random_addresses_again() {
    kept(&["random_addresses"], &[]);
}

#[test]
fn processor_calls_behave_as_on_a_machine_of_four() {
    let nobody = ["affinity_of_nobody", "runs_nowhere", "runs_where_none_is"];
    kept(&nobody, &[]);
    let Some(said) = inside(&["affinity_of_nobody", "runs_nowhere", "runs_somewhere"]) else { return };
    assert_eq!((of(&said, "affinity_of_nobody"), of(&said, "runs_nowhere")), ("errno 3", "errno 22"));
    assert_eq!(of(&said, "runs_somewhere"), "done");
}

#[test]
fn the_free_space_of_the_machines_disk_is_hidden() {
    kept(&["has_room=/", "has_room=/bin", "has_room=/bin/jam"], &["has_room=/"]);
}

#[test]
fn inode_numbers_do_not_reveal_what_other_builds_read() {
    let list = "find / -xdev | sort | grep -v -e build -e out -e tmp | xargs stat -c '%i %n' >/out/numbers";
    let numbers = |before: Option<&str>| {
        let tree = Tree::new()?;
        if let Some(script) = before {
            tree.script("before", script);
            tree.ok("before");
        }
        tree.script("x", list);
        tree.ok("x");
        Some(tree.file("x", "numbers"))
    };
    let Some(alone) = numbers(None) else { return };
    let after = numbers(Some("find / -xdev | sort -r >/out/x; ls /bin >>/out/x"));
    assert_eq!(Some(&alone), after.as_ref());
    assert!(alone.lines().count() > 4, "{alone}");
}

#[test]
fn a_format_that_only_the_machine_knows_is_not_run() {
    let Some(tree) = Tree::new() else { return };
    let run = "printf 'STELETST of another kind' >f; chmod 755 f; ./f";
    tree.script("x", &format!("cd /build; ({run}) && echo ran >/out/x; echo x >>/out/x"));
    // A user namespace with its own binary formats plays the machine; its interpreter is opened when it is registered.
    let script = format!(
        "mount -t tmpfs none /mnt && mkdir /mnt/formats && mount -t binfmt_misc none /mnt/formats || exit 77
        echo ':stele:M::STELETST::/bin/busybox:F' >/mnt/formats/register; cd /mnt
        ({run}) 2>&1 | grep -q applet || exit 78
        \"$S\" build x --recipes \"$R\" >/dev/null && \"$S\" store cat build-x/x >&3; C=$?
        \"$S\" daemon stop; exit $C",
    );
    let scratch = tempfile::tempdir().unwrap();
    let seen = scratch.path().join("seen");
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "bash",
        "-c",
        &format!("{{ {script}; }} 3>\"$SEEN\""),
    ]);
    command.env("STELE_STORE", scratch.path().join("store")).env("S", binary()).env("R", &tree.path);
    command.env("SEEN", &seen);
    let output = within(LONG, || command.output().unwrap());
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(77) => return skip("this kernel has one binfmt_misc for all (before Linux 6.7)"),
        Some(78) => panic!("the control: the machine runs it: {said}"),
        code => assert_eq!(code, Some(0), "{said}"),
    }
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "x\n");
}
