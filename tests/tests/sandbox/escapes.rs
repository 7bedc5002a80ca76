//! Escapes from a sandbox, and attempts to get more than a build is given. `attack.c` makes them; outside of a sandbox,
//! as root, they work.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::Command;

use super::{Tree, compiled, is_root, shell};

type Answers = BTreeMap<String, String>;

fn read(text: &str) -> Answers {
    text.lines().filter_map(|line| line.split_once(": ")).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// The results of these attacks in a sandbox. `None` where builds are not possible.
fn inside(attacks: &[String]) -> Option<Answers> {
    let (tree, attack) = (Tree::new()?, compiled("attack")?);
    let mut arguments = vec!["/out/said"];
    arguments.extend(attacks.iter().map(String::as_str));
    tree.program("attack", &attack, &arguments);
    tree.ok("attack");
    Some(read(&tree.file("attack", "said")))
}

/// Their results outside, in a temporary folder and in namespaces that they may spoil.
fn outside(attacks: &[String]) -> Answers {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--uts", "--ipc"]).arg(compiled("attack").unwrap()).arg("-").args(attacks);
    read(&String::from_utf8(command.current_dir(scratch.path()).output().unwrap().stdout).unwrap())
}

/// None of these succeeds inside; and outside all of those that are `real` do.
#[track_caller]
fn held(attacks: &[String], real: &[String]) {
    let Some(said) = inside(attacks) else { return };
    for attack in attacks {
        let said = said.get(attack).unwrap_or_else(|| panic!("{attack} was not tried"));
        assert!(said.starts_with("errno") || said == "no", "{attack}: {said}");
    }
    if is_root() {
        let said = outside(real);
        for attack in real {
            assert_eq!(
                said.get(attack).map(String::as_str),
                Some("done"),
                "outside, {attack} is what it says"
            );
        }
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn a_build_cannot_reach_any_network_nor_the_hosts_sockets() {
    let four = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut attacks = vec![format!("tcp4={}", four.local_addr().unwrap().port())];
    let six = TcpListener::bind("[::1]:0");
    attacks.extend(six.iter().map(|it| format!("tcp6={}", it.local_addr().unwrap().port())));
    let name = format!("stele-test-{}", std::process::id());
    let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    attacks.push(format!("abstract={name}"));
    let mut real = attacks.clone();
    real.extend(names(&["packet", "raw", "uevent"]));
    attacks.extend(names(&["packet", "raw", "uevent", "away", "vsock", "audit"]));
    held(&attacks, &real);
}

#[test]
fn a_build_cannot_write_its_inputs_in_any_way() {
    let ways = [
        "writefile",
        "by_descriptor",
        "mode",
        "owner",
        "times",
        "attribute",
        "created",
        "shared",
        "protect",
        "hardlink",
        "truncated",
        "renamed",
        "removed",
    ];
    let on = |file: &str| -> Vec<String> { ways.iter().map(|way| format!("{way}={file}")).collect() };
    held(&on("/bin/attack"), &[]);
    if !is_root() {
        return;
    }
    // The control: a writable file.
    for way in on("file") {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("file"), vec![b'x'; 9000]).unwrap();
        let mut command = Command::new(compiled("attack").unwrap());
        // File systems differ in user attributes, and in what a hard link may cross; and a file that is open only for
        // reading cannot be written at all.
        if ["attribute", "hardlink", "shared", "protect"].iter().any(|it| way.starts_with(it)) {
            continue;
        }
        let said = command.arg("-").arg(&way).current_dir(scratch.path()).output().unwrap().stdout;
        assert_eq!(String::from_utf8_lossy(&said), format!("{way}: done\n"));
    }
}

#[test]
fn a_build_cannot_see_a_file_of_the_host_by_any_path() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    let secret = secret.path().to_str().unwrap();
    let paths = [
        secret.to_owned(),
        "/etc/shadow".to_owned(),
        format!("/../../../../../..{secret}"),
        format!("/build/../..{secret}"),
        format!("/proc/self/root/..{secret}"),
        format!("/proc/self/cwd/../../..{secret}"),
        format!("/proc/pids/1/root{secret}"),
        "/proc/pids/1/cwd/etc".to_owned(),
        "/sys".to_owned(),
        "/proc/sys/kernel/core_pattern".to_owned(),
        "/proc/kcore".to_owned(),
        "/proc/sysrq-trigger".to_owned(),
        "/dev/mem".to_owned(),
        "/dev/fuse".to_owned(),
        "/builds".to_owned(),
        "/store".to_owned(),
        "/face".to_owned(),
    ];
    let attacks: Vec<String> = paths.iter().map(|path| format!("sees={path}")).collect();
    let real = [format!("sees={secret}"), "sees=/etc/shadow".to_owned(), "sees=/sys".to_owned()];
    held(&attacks, &real);
    let said = inside(&names(&["sees=/bin/attack"])).unwrap_or_default();
    assert!(said.values().all(|it| it == "done"), "{said:?}");
}

#[test]
fn a_build_cannot_become_more_than_it_is() {
    let real = names(&[
        "root",
        "user_namespace",
        "clone_namespace",
        "clone_three",
        "mounts",
        "new_mount",
        "tree",
        "enters",
        "chroots",
        "capability",
        "file_capability",
        "device",
        "character",
        "handle",
    ]);
    let mut attacks = real.clone();
    attacks.extend(names(&[
        "unmounts=/proc/pids",
        "unmounts=/dev",
        "pivots",
        "keyring",
        "keys",
        "renames_host",
        "accounts",
    ]));
    held(&attacks, &real);
}

#[test]
fn a_build_cannot_use_rarely_needed_system_calls() {
    let mut real = names(&["faults", "kernel_log", "thirty_two"]);
    // Where the kernel has none of these, no process has.
    let others = names(&["ring", "perf"]);
    if is_root() {
        let said = outside(&others);
        real.extend(others.iter().filter(|it| said.get(*it).is_some_and(|it| it == "done")).cloned());
        real.retain(|it| outside(std::slice::from_ref(it)).get(it).is_some_and(|it| it == "done"));
    }
    let attacks = names(&[
        "ring",
        "bpf",
        "perf",
        "faults",
        "kernel_log",
        "clock_set",
        "thirty_two",
        "x32",
        "typed",
        "typed_own",
        "discipline",
        "tty",
    ]);
    held(&attacks, &real);
}

#[test]
fn a_build_cannot_touch_its_first_process() {
    let attacks = names(&[
        "traced=1",
        "seized=1",
        "written=1",
        "descriptor=1",
        "memory=pids/1",
        "listed=pids/1",
        "its_root=pids/1",
        "storm",
    ]);
    // A survivor of all signals shows that the build is done.
    held(&attacks, &[]);
    if !is_root() {
        return;
    }
    // The control: a child process.
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = child.id();
    let real = [
        format!("seized={pid}"),
        format!("memory={pid}"),
        format!("descriptor={pid}"),
        format!("its_root={pid}"),
    ];
    let said = outside(&real);
    let _ = child.kill();
    let _ = child.wait();
    for attack in &real {
        assert_eq!(said.get(attack).map(String::as_str), Some("done"), "{said:?}");
    }
}

#[test]
fn a_build_cannot_see_or_signal_a_process_outside() {
    let pid = std::process::id();
    let attacks = [
        format!("signalled={pid}"),
        format!("traced={pid}"),
        format!("written={pid}"),
        format!("descriptor={pid}"),
        format!("memory=pids/{pid}"),
        format!("sees=/proc/pids/{pid}"),
        format!("sees=/proc/{pid}"),
    ];
    held(&attacks, &[format!("signalled={pid}"), format!("sees=/proc/{pid}")]);
}

#[test]
fn a_setuid_program_of_a_build_cannot_be_reached_by_other_users() {
    let Some(tree) = Tree::new() else { return };
    if !is_root() {
        return;
    }
    tree.script(
        "x",
        "cp /bin/busybox /build; chmod 6755 /build/busybox; touch /build/ready; sleep 2; echo x >/out/x",
    );
    let scratch = tree.stele.scratch().to_owned();
    fs::set_permissions(&scratch, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::thread::scope(|scope| {
        let build = scope.spawn(|| tree.ok("x"));
        let ready = || tree.folders().into_iter().find(|it| it.join("build/ready").exists());
        stele_tests::wait_for("the program to be there", || ready().is_some());
        let program = ready().unwrap().join("build/busybox");
        let as_other = |path: &Path| {
            let mut command = Command::new("setpriv");
            // By a shell: setpriv(1) itself still has all rights when it begins a program.
            command
                .args(["--reuid", "1234", "--regid", "1234", "--clear-groups", "sh", "-c", "\"$0\" true"])
                .arg(path);
            command.status().unwrap().success()
        };
        assert!(!as_other(&program));
        // The control: a copy at another place runs.
        fs::create_dir(scratch.join("copy")).unwrap();
        let copy = scratch.join("copy/busybox");
        fs::copy(&program, &copy).unwrap();
        assert!(as_other(Path::new("/bin/busybox")) && as_other(&copy));
        build.join().unwrap();
    });
}

#[test]
fn no_name_of_a_directory_is_lost_when_signals_come_while_it_is_read() {
    let Some(said) = inside(&names(&["all_names"])) else { return };
    assert_eq!(said.get("all_names").map(String::as_str), Some("done"));
}

#[test]
fn nothing_that_a_step_leaves_running_lives_to_the_next_one_or_writes_to_the_output() {
    let Some(tree) = Tree::new() else { return };
    // Twice detached from its parent, its session and its group; and ignoring signals.
    let daemon =
        "(setsid sh -c 'trap \"\" TERM INT HUP; (setsid sh -c \"sleep 1; echo late >/out/late\" &) ' &);
        sleep 0.3; ";
    let (left, waits) =
        (format!("{daemon} echo x >/out/x"), "PATH=/tmp/b; sleep 2; ls /out >/out/seen; ps -o pid >/out/ps");
    let busybox = Path::new(super::BUSYBOX);
    let second = format!("{:?}", ["/bin/busybox", "sh", "-c", waits]);
    tree.put("left", &[busybox], &format!("steps = [{}, {second}]", shell(&left)));
    tree.ok("left");
    assert_eq!(tree.file("left", "seen"), "seen\nx");
    // The control: in the same step it does write.
    tree.script("same", &format!("{daemon} sleep 2; ls /out >/tmp/seen; mv /tmp/seen /out/seen"));
    tree.ok("same");
    assert_eq!(tree.file("same", "seen"), "late");
    // And when no step follows, the build ends at once.
    tree.script("last", "(setsid sleep 1000 &); (setsid yes &); echo x >/out/x");
    tree.ok("last");
}

#[test]
fn a_pipe_without_readers_ends_its_writer() {
    let Some(tree) = Tree::new() else { return };
    tree.script(
        "pipe",
        "(while :; do echo y; done) | head -n 1 >/out/x; (yes; echo $? >/out/status) | head -n 1 >/dev/null",
    );
    tree.ok("pipe");
    assert_eq!(tree.file("pipe", "x"), "y");
}

#[test]
fn a_build_can_open_its_own_terminals() {
    let Some(said) = inside(&names(&["own_terminal"])) else { return };
    assert_eq!(said.get("own_terminal").map(String::as_str), Some("done"));
}
