//! What a build could take from its supervisor, from the machine and from other builds.

use std::process::Stdio;
use std::time::{Duration, Instant};

use stele_tests::disk::Disk;
use stele_tests::sandboxed::{Tree, as_user};
use stele_tests::{Stele, skip, wait_for};

use super::{attacker, inside, is_root, jam, kept, of, outside};

#[test]
fn a_build_that_reads_back_its_log_is_ended_at_its_limit() {
    let Some(tree) = Tree::new() else { return };
    let Some(()) = attacker(&tree, "x", &["steals"]) else { return };
    // In any case for longer than a win took.
    let begun = Instant::now();
    let said = tree.fails("x", &["--timeout", "6"], 1);
    assert!(said.contains("it took longer than 6 s"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert!(tree.folders().is_empty(), "nothing is left");
    // The control: a process can read back what it wrote to a pipe, inside, too.
    let Some(said) = inside(&["takes_back"]) else { return };
    assert_eq!(of(&said, "takes_back"), "done");
}

#[test]
fn a_build_can_reopen_its_standard_output_whichever_process_starts_the_daemon() {
    let Some(tree) = Tree::new() else { return };
    let script = "echo one >/dev/stdout; echo two >/dev/stderr; echo three | tee /dev/stderr >/dev/null
        echo four >/proc/self/fd/1; stat -L -c '%u %g %F' /proc/self/fd/2 >/out/whose";
    tree.script("x", &format!("set -e; {script}"));
    tree.ok("x");
    assert_eq!(tree.stele.ok(&["log", "x"]), "one\ntwo\nthree\nfour");
    assert_eq!(tree.file("x", "whose"), "1000 1000 fifo");
    let script = "$S build x --recipes recipes && $S store cat build-x/whose >seen";
    let Some((code, said, seen)) = as_user(&tree.path, script) else { return };
    assert_eq!((code, seen.as_str()), (0, "1000 1000 fifo"), "{said}");
}

#[test]
fn no_build_uses_up_the_kernel_s_per_user_limits() {
    kept(&["instances=32", "terminals=64"], &["instances=33", "terminals=65"]);
    // The control of the control: it has some.
    let Some(said) = inside(&["instances=31", "terminals=63"]) else { return };
    assert!(said.values().all(|it| it == "done"), "{said:?}");
}

#[test]
fn resources_of_root_s_builds_are_not_counted_for_root() {
    let Some(tree) = Tree::new() else { return };
    if !is_root() {
        return;
    }
    tree.put("hold", &[&jam().unwrap()], "steps = [['/bin/jam', '/out/said', 'locks=/bin/jam']]");
    // In its own user namespace, the kernel counts against its creator.
    let owner = "import fcntl, os, struct, sys
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        if b'jam' not in open(f'/proc/{pid}/comm', 'rb').read(): continue
        space = os.open(f'/proc/{pid}/ns/user', os.O_RDONLY)
        parent = fcntl.ioctl(space, 0xb702)
        owners = [struct.unpack('I', fcntl.ioctl(it, 0xb704, bytes(4)))[0] for it in (space, parent)]
        print(*owners)
    except OSError: pass
";
    let mut build = tree.stele.command(&["build", "hold"]);
    let mut build = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut seen = String::new();
    wait_for("the build to run", || {
        let output = std::process::Command::new("python3").args(["-c", owner]).output().unwrap();
        seen = String::from_utf8_lossy(&output.stdout).into_owned();
        !seen.is_empty()
    });
    build.wait().unwrap();
    assert!(seen.lines().all(|line| !line.split(' ').any(|owner| owner == "0")), "{seen}");
}

#[test]
fn a_build_that_fills_the_disk_is_ended_and_no_other_for_its_sake() {
    let Some(disk) = Disk::ext4(192) else { return skip("only root may mount") };
    let Some(tree) = Tree::on(Stele::at(&disk.path().join("store"))) else { return };
    tree.script("hog", "cat /dev/zero >/build/x");
    tree.script("other", "dd if=/dev/zero of=/build/some bs=1M count=8; sleep 12; echo x >/out/x");
    std::thread::scope(|scope| {
        let other = scope.spawn(|| tree.ok("other"));
        wait_for("the other one to run", || tree.folders().iter().any(|it| it.join("build/some").exists()));
        std::thread::sleep(Duration::from_secs(4));
        let said = tree.fails("hog", &[], 5);
        assert!(said.contains("the disk of the store has only"), "{said}");
        other.join().unwrap();
    });
    assert_eq!(tree.file("other", "x"), "x");
    tree.stele.ok(&["daemon", "stop"]);
    wait_for("the daemon to let go of the disk", || tree.stele.daemon().is_none());
}

#[test]
fn no_build_has_the_machine_start_its_program_for_cores() {
    kept(&["core", "core_of_another"], &["core", "core_of_another"]);
}

#[test]
fn memory_that_processes_have_together_is_counted_once_and_not_never() {
    let Some(tree) = Tree::new() else { return };
    let Some(jam) = jam() else { return };
    tree.program("much", &jam, &["/out/said", "shared_memory=600"]);
    tree.program("shared", &jam, &["/out/said", "shared_memory=60x40"]);
    tree.program("mapped", &jam, &["/out/said", "mapped_memory=120"]);
    let script = "for each in much shared mapped; do
        $S build $each --memory 200 --recipes recipes >$each.said 2>&1; echo $each $?; done >seen; cat *.said >&2";
    let Some((_, said, seen)) = as_user(&tree.path, script) else { return };
    assert_eq!(seen, "much 1\nshared 0\nmapped 0", "{said}");
    assert!(said.contains("it used more than 200 MiB of memory"), "{said}");
    // The control: with a higher limit, it is built.
    let script = "$S build much --memory 1000 --recipes recipes; echo $? >seen";
    let Some((_, said, seen)) = as_user(&tree.path, script) else { return };
    assert_eq!(seen, "0", "{said}");
    assert_eq!(of(&outside(&["shared_memory=10x3"]), "shared_memory=10x3"), "done");
}
