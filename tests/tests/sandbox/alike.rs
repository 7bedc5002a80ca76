//! One build on machines that differ in every possible way gives the same output, to the bit.

use std::fs;
use std::process::Command;

use stele_tests::disk::Disk;
use stele_tests::mounted::within;
use stele_tests::{Stele, binary, skip, wait_for};

use super::{LONG, Tree, as_user, compiled, is_root};

/// The steps of the recipe, which has a fixed clock: with the machine's, dates, times and numbers of files are its own.
const PROBE: &str = "steps = [[\"/bin/probe\", \"/out/seen\"]], special = [\"fixed-clock\"]";

/// Another machine, as far as a shell can make one; then it runs its arguments there. It has another name, other mounts
/// and files, environment, umask, limits, processors, priority, personality, signals and descriptors.
const OTHER: &str = r#"
    hostname elsewhere; mount -t tmpfs none /srv; echo x >/srv/x; mount -t tmpfs none /opt
    cd /srv; umask 077; export TZ=Asia/Kathmandu LC_ALL=tr_TR.UTF-8 LANG=de_DE CFLAGS=-O9 LD_PRELOAD=/none HOME=/srv
    unset LD_PRELOAD
    exec 5</etc/passwd 6>/srv/y 9</dev/zero
    ulimit -S -n 300; ulimit -S -s 2048; ulimit -S -c 0; ulimit -S -u 3000
    exec env --ignore-signal=PIPE --ignore-signal=HUP --ignore-signal=USR2 --block-signal=TERM --block-signal=CHLD \
        nice -n 7 ionice -c 2 -n 7 chrt --batch 0 taskset -c 0 choom -n 300 -- \
        setarch --uname-2.6 --addr-compat-layout "$@"
"#;

/// Shows where two probes differ.
fn compare(one: &str, other: &str) {
    for (one, other) in one.lines().zip(other.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(one, other);
}

#[test]
fn a_build_cannot_tell_one_machine_from_another() {
    let Some(tree) = Tree::new() else { return };
    let Some(probe) = compiled("probe") else { return };
    if !is_root() {
        return skip("only root can make another machine of this one");
    }
    tree.put("probe", &[&probe], PROBE);
    let digest = tree.ok("probe");
    let here = tree.file("probe", "seen");
    // The control: outside, the two machines do differ, in many lines.
    let outside = |shell: &[&str]| {
        let seen = tempfile::tempdir().unwrap();
        let mut command = Command::new(shell[0]);
        command
            .args(&shell[1..])
            .arg(&probe)
            .arg(seen.path().join("seen"))
            .arg("outside")
            .current_dir(seen.path());
        assert!(command.status().unwrap().success());
        fs::read_to_string(seen.path().join("seen")).unwrap_or_default()
    };
    let other = ["unshare", "--uts", "--mount", "bash", "-c", OTHER, "sh"];
    let (this, that) = (outside(&["env"]), outside(&other));
    for what in ["umask", "cwd", "environ TZ", "limit 7:", "host ", "personality", "getpriority", "held back"]
    {
        let line = |text: &str| text.lines().find(|line| line.starts_with(what)).map(str::to_owned);
        assert_ne!(line(&this), line(&that), "the other machine differs in {what}");
    }

    let Some(disk) = Disk::tmpfs(300) else { return skip("only root may mount") };
    let elsewhere = Stele::at(&disk.path().join("deep/in/another/place"));
    let mut command = Command::new(other[0]);
    command.args(&other[1..]).arg(binary()).args(["build", "probe", "--recipes"]).arg(&tree.path);
    command.env("STELE_STORE", elsewhere.store());
    let output = within(LONG, || command.output().unwrap());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    compare(&here, &elsewhere.ok(&["store", "cat", "build-probe/seen"]));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with(&digest), "{said}");
    elsewhere.ok(&["daemon", "stop"]);
    wait_for("the daemon to let go of the disk", || elsewhere.daemon().is_none());
}

#[test]
fn a_user_without_rights_builds_the_same_as_root() {
    let Some(tree) = Tree::new() else { return };
    let Some(probe) = compiled("probe") else { return };
    tree.put("probe", &[&probe], PROBE);
    tree.ok("probe");
    let here = tree.file("probe", "seen");
    let script = "$S build probe --recipes recipes && $S store cat build-probe/seen >seen";
    let Some((code, said, seen)) = as_user(&tree.path, script) else { return };
    assert_eq!(code, 0, "{said}");
    compare(&here, &seen);
}

#[test]
fn a_user_is_held_by_the_same_limits_as_root() {
    let Some(tree) = Tree::new() else { return };
    tree.script("hog", "dd if=/dev/zero of=/dev/shm/x bs=1M count=600; sleep 60");
    tree.script("many", "while :; do sleep 60 & done");
    let script =
        "$S build hog --memory 200 --recipes recipes 2>&1; $S build many --recipes recipes 2>&1; echo >seen";
    let Some((_, said, _)) = as_user(&tree.path, script) else { return };
    assert!(said.contains("it used more than 200 MiB of memory"), "{said}");
    assert!(said.contains("processes and threads"), "{said}");
}

#[test]
fn a_limit_that_is_too_low_and_cannot_be_raised_is_an_error_and_nothing_else_is_built() {
    let Some(tree) = Tree::new() else { return };
    tree.script("x", "ulimit -H -n >/out/limit");
    let mut command = Command::new("bash");
    let script = "setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource \
        bash -c 'ulimit -n 700; exec \"$@\"' sh \"$@\"";
    let stele = tree.stele.command(&["build", "x"]);
    command.args(["-c", script, "sh"]).arg(stele.get_program()).args(stele.get_args());
    command.envs(stele.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = within(LONG, || command.output().unwrap());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the daemon was started with a hard limit of 700"), "{said}");
    // The control.
    tree.stele.ok(&["daemon", "stop"]);
    tree.ok("x");
    assert_eq!(tree.file("x", "limit"), "4096");
}
