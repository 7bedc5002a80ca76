//! Where a store lies, who else is on the machine, and how much of it is left: none of it makes a daemon die without a
//! word, or talk to a stranger.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use stele_tests::sandboxed::{Tree, as_user};
use stele_tests::{Stele, skip, wait_for};

#[test]
fn a_store_whose_path_is_not_utf_8_builds() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(OsStr::from_bytes(b"a\xff\n"));
    fs::create_dir(&odd).unwrap();
    let Some(tree) = Tree::on(Stele::at(&odd.join("store"))) else { return };
    tree.script("it", "echo built >/out/file");
    let outcome = tree.build("it", &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(tree.file("it", "file"), "built");
}

#[test]
fn a_user_with_few_processes_is_told_so_and_no_daemon_aborts() {
    let Some(tree) = Tree::new() else { return };
    tree.script("it", "echo built >/out/file");
    // Too few for anything, for the daemon, for a build; and, the control, enough.
    let script = "for n in 6 12 30 34 40 unlimited; do
            bash -c \"ulimit -u $n; $S build --recipes recipes it\"; echo \"ended $n: $?\"; $S daemon stop
        done >seen 2>&1; cat store/inner/daemon.log >>seen";
    let Some((_, said, seen)) = as_user(&tree.path, script) else { return };
    for wrong in ["fault of its own", "terminate called", "panic", "signal 6"] {
        assert!(!seen.contains(wrong), "{wrong}: {seen}{said}");
    }
    assert!(seen.contains("ended unlimited: 0"), "{seen}{said}");
    assert!(seen.contains("threads"), "{seen}{said}");
}

/// A Python program as another user.
fn stranger(program: &str, socket: &Path) -> Child {
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "/usr/bin/python3",
        "-c",
        program,
    ]);
    command
        .arg(socket)
        .stdout(Stdio::piped())
        .spawn()
        .expect("setpriv and python3, which tools/install-deps installs")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn neither_end_of_the_socket_talks_to_another_user() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root becomes another user");
    }
    let stele = Stele::new();
    set_mode(stele.scratch(), 0o755);
    stele.ok(&["store", "add", "/etc/hostname"]);
    let socket = stele.store().join("socket");
    // The daemon's socket, whose mode somebody has changed: whoever connects is hung up on.
    set_mode(&socket, 0o666);
    let client =
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(20)
try:
    s.sendall(bytes([20, 0, 0, 0, 74]) + b'{\"stele\":\"stranger\"} ')
    print('answered' if s.recv(1) else 'hung up')
except (BrokenPipeError, ConnectionResetError): print('hung up')";
    let output = stranger(client, &socket).wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hung up\n");
    stele.ok(&["store", "root", "ls"]);
    stele.ok(&["daemon", "stop"]);
    // And a socket on which somebody else listens by the time that it is opened.
    set_mode(stele.store(), 0o777);
    let server = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
c, _ = s.accept()
m = b'{\"stele\":\"x\",\"protocol\":1,\"build\":\"x\",\"pid\":1,\"working\":0}'
c.sendall(len(m).to_bytes(4, 'little') + b'J' + m); c.recv(9999)";
    let mut server = stranger(server, &socket);
    wait_for("the stranger's socket", || socket.exists());
    set_mode(stele.store(), 0o755);
    let outcome = stele.run(&["daemon", "status"]);
    let _ = server.kill();
    let _ = server.wait();
    assert!(outcome.code != 0 && outcome.stderr.contains("is of user 65534"), "{outcome:?}");
}

#[test]
fn a_log_controls_no_terminal() {
    let Some(tree) = Tree::new() else { return };
    tree.script("it", r"printf '\033]0;title\007\033[2J red\n'; false");
    tree.fails("it", &[], 1);
    let raw = tree.stele.run(&["log", "it"]).stdout;
    assert!(raw.contains(&0x1b), "the control: what is no terminal gets the bytes");
    let command = tree.stele.command(&["log", "it"]);
    let line = format!("'{}' log it", command.get_program().display());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = script.output().expect("script, which Debian's bsdutils has");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("]0;title") && shown.contains("red"), "{shown:?}");
    assert!(!shown.contains('\x1b') && !shown.contains('\x07'), "{shown:?}");
}

#[test]
fn an_answer_is_not_lost_where_stdout_is_closed() {
    let stele = Stele::new();
    let digest = stele.ok(&["store", "add", "/etc/hostname"]);
    for args in ["store add /etc/hostname", &format!("store cat {digest}"), "--json store stats"] {
        let command = stele.command(&["none"]);
        let line = format!("exec '{}' {args} >&-", command.get_program().display());
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).stdin(Stdio::null());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("stdout"), "{args}: {said}");
    }
}
