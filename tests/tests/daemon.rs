//! One daemon owns a store, users need not manage it, and losing it costs a start.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use stele_tests::{Stele, trees, wait_for};

/// A frame of the protocol's unchanging part, hand-written: see docs/formats.md.
fn send(stream: &mut UnixStream, json: &str) {
    let mut frame = u32::try_from(json.len()).unwrap().to_le_bytes().to_vec();
    frame.push(b'J');
    frame.extend_from_slice(json.as_bytes());
    stream.write_all(&frame).unwrap();
}

fn receive(stream: &mut UnixStream) -> serde_json::Value {
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let mut json = vec![0; length];
    stream.read_exact(&mut json).unwrap();
    serde_json::from_slice(&json).unwrap()
}

fn hello(stele: &Stele, version: &str) -> (UnixStream, serde_json::Value) {
    let mut stream = UnixStream::connect(stele.store().join("socket")).unwrap();
    send(&mut stream, &format!(r#"{{"stele":"{version}"}}"#));
    let welcome = receive(&mut stream);
    (stream, welcome)
}

#[test]
fn the_daemon_starts_on_demand_serves_two_terminals_and_stops_on_request() {
    let stele = Stele::new();
    assert_eq!(stele.daemon(), None);
    stele.add(Path::new("/etc/hostname"));
    let pid = stele.daemon().expect("a daemon runs");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..20).for_each(|_| drop(stele.ok(&["store", "stats"]))));
        }
    });
    assert_eq!(stele.daemon(), Some(pid), "one daemon for all");
    stele.ok(&["daemon", "stop"]);
    assert_eq!(stele.daemon(), None);
    let log = fs::read_to_string(stele.store().join("daemon.log")).unwrap();
    assert!(log.contains("ended") && !log.contains("WARN"), "{log}");
}

#[test]
fn ten_commands_at_once_on_a_new_store_share_one_daemon() {
    let stele = Stele::new();
    let source = stele.scratch().join("file");
    fs::write(&source, "the same for all").unwrap();
    let digests: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..10).map(|_| scope.spawn(|| stele.add(&source))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
    stele.assert_sound();
    let log = fs::read_to_string(stele.store().join("daemon.log")).unwrap();
    assert_eq!(log.matches(" serves ").count(), 1, "{log}");
}

#[test]
fn a_killed_daemon_and_its_stale_socket_cost_the_next_command_nothing_but_a_start() {
    let stele = Stele::new();
    let digest = stele.add(Path::new("/etc/hostname"));
    for _ in 0..3 {
        stele.kill_daemon();
        assert!(stele.store().join("socket").exists(), "a killed daemon leaves its socket");
        stele.ok(&["store", "info", &digest]);
    }
    stele.kill_daemon();
    fs::remove_file(stele.store().join("socket")).unwrap();
    fs::write(stele.store().join("socket"), "no socket at all").unwrap();
    stele.ok(&["store", "info", &digest]);
    stele.assert_sound();
}

#[test]
fn an_idle_daemon_exits_and_a_used_one_does_not() {
    let mut stele = Stele::new();
    stele.set_env("STELE_DAEMON_IDLE", "1");
    stele.add(Path::new("/etc/hostname"));
    // A terminal that keeps its connection keeps the daemon.
    let (stream, _) = hello(&stele, env!("CARGO_PKG_VERSION"));
    std::thread::sleep(Duration::from_millis(1600));
    assert!(stele.daemon().is_some());
    drop(stream);
    wait_for("the idle daemon to go", || stele.daemon().is_none());
    assert!(!stele.store().join("socket").exists());
}

#[test]
fn a_command_line_of_another_version_can_ask_the_daemon_to_end() {
    let stele = Stele::new();
    stele.add(Path::new("/etc/hostname"));
    let (mut stream, welcome) = hello(&stele, "999.0.0");
    assert_eq!(welcome["stele"], env!("CARGO_PKG_VERSION"));
    assert_eq!(welcome["working"], 0);
    send(&mut stream, r#"{"call":"stop","now":false,"a later field":true}"#);
    // It disconnects when it has ended, and releases the lock.
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
    wait_for("the daemon to end", || stele.daemon().is_none());
}

#[test]
fn a_daemon_of_another_version_is_replaced_without_user_action() {
    let stele = Stele::new();
    let digest = stele.add(Path::new("/etc/hostname"));
    stele.ok(&["daemon", "stop"]);
    // It holds the lock, speaks only the unchanging part, and takes its time to end.
    let lock = fs::File::open(stele.store().join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let listener = UnixListener::bind(stele.store().join("socket")).unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(receive(&mut stream)["stele"], env!("CARGO_PKG_VERSION"));
        send(&mut stream, r#"{"stele":"0.0.1","pid":1,"working":3,"unknown":[]}"#);
        let stop = receive(&mut stream);
        assert_eq!(stop["call"], "stop");
        assert_eq!(stop["now"], false, "running work of another version must not be cancelled");
        std::thread::sleep(Duration::from_millis(300));
        drop(stream);
        std::thread::sleep(Duration::from_millis(300));
        drop(lock);
    });
    let outcome = stele.run(&["store", "info", &digest]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("replacing the daemon of stele 0.0.1"), "{}", outcome.stderr);
    other.join().unwrap();
    assert!(stele.daemon().is_some());
}

#[test]
fn malformed_input_on_the_socket_is_harmless() {
    let stele = Stele::new();
    stele.add(Path::new("/etc/hostname"));
    let pid = stele.daemon();
    let mut random = trees::Random::new(1);
    for n in 0..60 {
        let mut stream = UnixStream::connect(stele.store().join("socket")).unwrap();
        let mut bytes = random.bytes(n * 7);
        if n % 3 == 0 {
            // A frame length that must not be allocated.
            bytes = vec![0xff, 0xff, 0xff, 0xff, b'J', b'{'];
        }
        if n % 3 == 1 {
            send(&mut stream, r#"{"stele":"0.1.0"}"#);
            receive(&mut stream);
            bytes = br#"xxxxx{"call":"nothing known"}"#.to_vec();
            bytes[..5].copy_from_slice(&[24, 0, 0, 0, b'J']);
        }
        let _ = stream.write_all(&bytes);
    }
    stele.ok(&["store", "stats"]);
    assert_eq!(stele.daemon(), pid, "the daemon lives");
}

#[test]
fn a_store_with_a_path_longer_than_a_socket_may_have_works() {
    let stele = Stele::new();
    let long = Stele::at(&stele.scratch().join("x".repeat(120)).join("y".repeat(120)).join("store"));
    let digest = long.add(Path::new("/etc/hostname"));
    long.ok(&["store", "info", &digest]);
    long.ok(&["daemon", "stop"]);
    assert_eq!(long.daemon(), None);
}

#[test]
fn a_store_of_another_user_is_refused_with_advice() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let stele = Stele::new();
    stele.add(Path::new("/etc/hostname"));
    stele.ok(&["daemon", "stop"]);
    std::os::unix::fs::chown(stele.store(), Some(65534), None).unwrap();
    let said = stele.fails(&["store", "stats"], 1);
    assert!(said.contains("belongs to user 65534") && said.contains("hint: "), "{said}");
}

#[test]
fn root_is_never_needed() {
    // Only root can change users; other tests show the same for a user's own run.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).unwrap();
    let binary = home.path().join("stele");
    fs::copy(stele_tests::binary(), &binary).unwrap();
    trees::make_executable(&binary);
    let run = |args: &[&str]| {
        use std::os::unix::process::CommandExt;
        let output = std::process::Command::new(&binary)
            .args(args)
            .uid(65534)
            .gid(65534)
            .env_clear()
            .env("HOME", home.path())
            .current_dir("/")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let digest = run(&["store", "add", "--root", "mine", "/etc/passwd"]);
    assert!(home.path().join(".local/share/stele/format").exists(), "the default place of a user");
    run(&["store", "verify"]);
    run(&["store", "gc", "--end-leases"]);
    assert_eq!(run(&["store", "cat", digest.trim()]), fs::read_to_string("/etc/passwd").unwrap());
    run(&["daemon", "stop"]);
}

#[test]
fn a_collection_during_imports_removes_nothing_that_they_rely_on() {
    let stele = Stele::new();
    let sources: Vec<_> = (0..4)
        .map(|n| {
            let path = stele.scratch().join(format!("source{n}"));
            // All share most of their content, so that each import finds what a collection is about to remove.
            trees::generate(&path, 50, 300);
            trees::generate(&path.join("own"), 60 + n, 40);
            path
        })
        .collect();
    stele.add(Path::new("/etc/hostname"));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                stele.ok(&["store", "gc", "--end-leases"]);
            }
        });
        let importers: Vec<_> = sources
            .iter()
            .enumerate()
            .map(|(n, source)| {
                let stele = &stele;
                scope.spawn(move || {
                    let name = format!("root{n}");
                    for _ in 0..12 {
                        stele.ok(&["store", "add", "--root", &name, source.to_str().unwrap()]);
                        stele.assert_exports_as(&name, source);
                        stele.ok(&["store", "root", "rm", &name]);
                    }
                    stele.ok(&["store", "add", "--root", &name, source.to_str().unwrap()]);
                })
            })
            .collect();
        for importer in importers {
            let result = importer.join();
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            result.unwrap();
        }
    });
    stele.assert_sound();
    for (n, source) in sources.iter().enumerate() {
        stele.assert_exports_as(&format!("root{n}"), source);
    }
}

#[test]
fn an_answer_of_many_megabytes_arrives_whole() {
    use std::os::unix::ffi::OsStrExt;
    let stele = Stele::new();
    // Names that take four characters a byte, and paths that repeat them: an answer far larger than one frame.
    let mut at = stele.scratch().join("tree");
    for _ in 0..6 {
        at = at.join(std::ffi::OsStr::from_bytes(&[0xff; 250]));
    }
    fs::create_dir_all(&at).unwrap();
    for n in 0..1200 {
        fs::write(at.join(format!("f{n}")), "").unwrap();
    }
    let digest = stele.add(&stele.scratch().join("tree"));
    assert_eq!(stele.ok(&["store", "ls", "-r", &digest]).lines().count(), 1206);
}
