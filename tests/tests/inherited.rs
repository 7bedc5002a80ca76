//! Settings of the process that starts a daemon are not the daemon's: it serves every terminal.
//!
//! A window manager that ignored SIGCHLD made recipes unbuildable for all users; a shell with a file size limit had the
//! daemon killed in the middle of another's import; a CI runner that blocked SIGTERM left one that nothing ended.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Output};

use stele_tests::{Stele, wait_for};

/// Runs `stele ARGS` below a wrapper: a program and its arguments.
fn below(wrapper: &[&str], stele: &Stele, args: &[&str]) -> Output {
    let command = stele.command(args);
    let mut wrapped = Command::new(wrapper[0]);
    wrapped.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped.output().expect("the wrapper runs")
}

fn starts(wrapper: &[&str]) -> Stele {
    let stele = Stele::new();
    let output = below(wrapper, &stele, &["store", "add", "/etc/hostname"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stele
}

fn status(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/status")).unwrap()
}

#[test]
fn an_ignored_sigchld_does_not_keep_recipes_from_being_evaluated() {
    let stele = starts(&["env", "--ignore-signal=CHLD"]);
    let tree = stele.scratch().join("tree");
    fs::create_dir_all(tree.join("pkgs/a")).unwrap();
    fs::write(
        tree.join("pkgs/a/recipe.star"),
        "recipe(name = \"a\", version = \"1\", description = \"a\", license = \"MIT\", steps = [[\"/bin/true\"]])\n",
    )
    .unwrap();
    // Evaluated by the daemon, which has to wait for its child.
    stele.ok(&["build", "--dry-run", "--recipes", tree.to_str().unwrap(), "a"]);
}

#[test]
fn a_blocked_sigterm_does_not_make_a_daemon_that_nothing_ends() {
    let stele = starts(&["env", "--block-signal=TERM", "--block-signal=INT"]);
    let pid = stele.daemon().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait_for("the daemon to end", || stele.daemon().is_none());
}

#[test]
fn soft_limits_of_the_starter_do_not_end_a_daemon_in_anothers_work() {
    let stele = starts(&["prlimit", "--fsize=65536:", "--cpu=1:", "--nofile=64:"]);
    let source = stele.scratch().join("large");
    fs::write(&source, vec![7; 3 << 20]).unwrap();
    stele.add(&source);
    let limits = fs::read_to_string(format!("/proc/{}/limits", stele.daemon().unwrap())).unwrap();
    let soft = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(soft("Max cpu time"), "unlimited");
    assert_eq!(soft("Max file size"), "unlimited");
    assert_ne!(soft("Max open files"), "64");
}

#[test]
fn a_hard_limit_that_would_end_the_daemon_is_refused_before_it_starts() {
    for (limit, name) in
        [("--fsize=1000000", "RLIMIT_FSIZE"), ("--cpu=100", "RLIMIT_CPU"), ("--as=800000000", "RLIMIT_AS")]
    {
        let stele = Stele::new();
        // Root could raise it again.
        let wrapper =
            ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource", "prlimit", limit];
        let output = below(&wrapper, &stele, &["store", "add", "/etc/hostname"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{limit}: {stderr}");
        assert!(stderr.contains(name) && stderr.contains("hint: "), "{limit}: {stderr}");
        assert_eq!(stele.daemon(), None);
    }
}

#[test]
fn the_daemon_holds_neither_the_working_directory_nor_the_umask_of_its_starter() {
    let stele = starts(&["sh", "-c", "umask 077; cd /usr && exec \"$0\" \"$@\""]);
    let pid = stele.daemon().unwrap();
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    assert!(status(pid).contains("Umask:\t0022"), "{}", status(pid));
}

#[test]
fn a_crash_of_the_daemon_is_in_its_log() {
    let stele = starts(&["env"]);
    let pid = stele.daemon().unwrap();
    let stderr = fs::read_link(format!("/proc/{pid}/fd/2")).unwrap();
    assert_eq!(stderr, stele.store().join("daemon.log"), "stderr is the log");
}

/// A message from the daemon's socket; `None` at the end of the stream.
fn receive(stream: &mut UnixStream) -> Option<serde_json::Value> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    let mut json = vec![0; u32::from_le_bytes(head[..4].try_into().unwrap()) as usize];
    stream.read_exact(&mut json).unwrap();
    Some(serde_json::from_slice(&json).unwrap())
}

#[test]
fn a_daemon_of_the_same_version_and_another_build_is_replaced() {
    let stele = Stele::new();
    stele.add(Path::new("/etc/hostname"));
    stele.ok(&["daemon", "stop"]);
    let lock = fs::File::open(stele.store().join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let listener = UnixListener::bind(stele.store().join("socket")).unwrap();
    let other = std::thread::spawn(move || {
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let mut hello = receive(&mut stream).expect("a hello");
            // Everything is the same except the build.
            hello["build"] = "0000000000000000".into();
            hello["pid"] = 1.into();
            hello["working"] = 0.into();
            let json = hello.to_string();
            stream.write_all(&u32::try_from(json.len()).unwrap().to_le_bytes()).unwrap();
            stream.write_all(b"J").unwrap();
            stream.write_all(json.as_bytes()).unwrap();
            // A command may first check whether a daemon is there, and disconnect.
            if let Some(call) = receive(&mut stream) {
                assert_eq!(call["call"], "stop");
                drop((stream, lock));
                return;
            }
        }
    });
    stele.ok(&["mount", "ls"]);
    other.join().unwrap();
}

#[test]
fn a_path_is_resolved_for_the_command_not_for_the_daemon() {
    if !rustix::process::geteuid().is_root() {
        return stele_tests::skip("only root makes a mount namespace here");
    }
    let stele = Stele::new();
    let place = stele.scratch().join("place");
    fs::create_dir_all(place.join("pkgs")).unwrap();
    fs::write(place.join("file"), "the command's").unwrap();
    // The daemon is started where another file system hides the folder.
    let hide = "mount -t tmpfs none \"$0\" && echo theirs >\"$0/file\" && shift 0 && exec \"$@\"";
    let place_text = place.to_str().unwrap();
    let output = below(
        &["unshare", "--mount", "sh", "-c", hide, place_text],
        &stele,
        &["store", "add", "/etc/hostname"],
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pid = stele.daemon().unwrap();
    let seen = fs::read_to_string(format!("/proc/{pid}/root{place_text}/file")).unwrap();
    assert_eq!(seen, "theirs\n", "the control: the daemon's own path leads elsewhere");

    let digest = stele.add(&place.join("file"));
    assert_eq!(stele.ok(&["store", "cat", &digest]), "the command's");
    let copy = place.join("copy");
    stele.ok(&["store", "export", &digest, copy.to_str().unwrap()]);
    assert_eq!(fs::read(&copy).unwrap(), b"the command's");
    let tree = place.join("pkgs/a");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("recipe.star"), "broken(").unwrap();
    let said = stele.fails(&["build", "--dry-run", "--recipes", place_text, "a"], 1);
    assert!(said.contains(&format!("{place_text}/pkgs/a/recipe.star")), "the user's own path: {said}");
}

#[test]
fn a_descriptor_of_the_shell_is_the_shells_and_not_the_daemons() {
    let stele = Stele::new();
    let file = stele.scratch().join("file");
    fs::write(&file, "through a descriptor").unwrap();
    let digest = stele.add(&file);
    for path in ["/dev/fd/9", "/proc/self/fd/9"] {
        let script = format!("exec 9<'{}'; exec \"$0\" \"$@\" {path}", file.display());
        let output = below(&["sh", "-c", &script], &stele, &["store", "add"]);
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), digest, "{path}");
    }
    let script = "cat /etc/hostname | \"$0\" \"$@\" /dev/stdin";
    let output = below(&["sh", "-c", script], &stele, &["store", "add"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("/dev/stdin is a named pipe"), "{stderr}");
}

#[test]
fn a_path_that_the_command_cannot_open_is_not_opened_by_the_daemon() {
    let stele = Stele::new();
    stele.add(Path::new("/etc/hostname"));
    let missing = stele.scratch().join("missing");
    let said = stele.fails(&["store", "add", missing.to_str().unwrap()], 3);
    assert!(said.contains(missing.to_str().unwrap()), "{said}");
}
