//! What a request costs, counted and not timed: system calls of the daemon, and of what it starts. What was counted
//! when the bounds were written is in `docs/benchmarks-builds.md`; whoever raises one says why.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use stele_tests::workshop::Workshop;
use stele_tests::{Stele, trees, wait_for};

/// The calls of the daemon, and of all that it starts, while `run` runs; of reads those of the FUSE device are counted
/// as `fuse`, too.
fn calls(stele: &Stele, run: impl FnOnce()) -> BTreeMap<String, u64> {
    let daemon = stele.daemon().expect("a daemon");
    let log = stele.scratch().join("calls");
    let _ = fs::remove_file(&log);
    let traced = "execve,fork,vfork,clone,clone3,openat,openat2,read,write,pread64,pwrite64,fsync,fdatasync,\
                  syncfs,sync_file_range,rename,renameat,renameat2,linkat,sendmsg,recvmsg,splice";
    let mut strace = Command::new("strace")
        .args(["--follow-forks", "--decode-fds=path", "--signal=none", "--string-limit=0"])
        .arg(format!("--trace={traced}"))
        .arg(format!("--output={}", log.display()))
        .args(["--attach", &daemon.to_string()])
        .stderr(Stdio::null())
        .spawn()
        .expect("strace, which tools/install-deps installs");
    let traced =
        || fs::read_to_string(format!("/proc/{daemon}/status")).is_ok_and(|it| !it.contains("TracerPid:\t0"));
    wait_for("strace to attach", traced);
    // Each of its threads.
    std::thread::sleep(std::time::Duration::from_millis(300));
    run();
    let pid = rustix::process::Pid::from_child(&strace);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("strace runs");
    strace.wait().expect("strace ends");
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(&log).expect("its log").lines() {
        // `PID call(…`; a call that was resumed was counted when it began.
        let Some((_, call)) = line.split_once(' ') else { continue };
        let Some((name, rest)) = call.trim_start().split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        *counts.entry(name.to_owned()).or_default() += 1;
        if name == "read" && rest.contains("</dev/fuse>") {
            *counts.entry("fuse".to_owned()).or_default() += 1;
        }
    }
    counts
}

/// The number of calls of these names.
fn of(counts: &BTreeMap<String, u64>, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| counts.get(*name)).sum()
}

const SYNCS: &[&str] = &["fsync", "fdatasync", "syncfs"];
const STARTS: &[&str] = &["fork", "vfork", "clone", "clone3"];

#[test]
fn an_import_syncs_in_batches_and_opens_each_file_once() {
    let stele = Stele::new();
    let source = tempfile::tempdir().unwrap();
    let mut random = trees::Random::new(7);
    for number in 0..1000 {
        let folder = source.path().join(format!("{}", number % 20));
        fs::create_dir_all(&folder).unwrap();
        // Every tenth has a file of its own in the store.
        let length = if number % 10 == 0 { 40_000 } else { 2_000 };
        fs::write(folder.join(format!("{number}")), random.bytes(length)).unwrap();
    }
    let first = stele.scratch().join("first");
    fs::write(&first, "first").unwrap();
    stele.ok(&["store", "add", first.to_str().unwrap()]);
    let counts = calls(&stele, || drop(stele.ok(&["store", "add", source.path().to_str().unwrap()])));
    eprintln!("{counts:?}");
    assert!(of(&counts, &["openat", "openat2"]) > 1000, "the control: it was seen: {counts:?}");
    assert!(of(&counts, &["openat", "openat2"]) <= 1000 + 100 + 150, "{counts:?}");
    assert!(of(&counts, SYNCS) <= 10, "{counts:?}");
    assert_eq!(of(&counts, &["execve"]), 0, "{counts:?}");
}

#[test]
fn a_trivial_build_starts_few_processes_and_asks_the_mount_little() {
    let shop = Workshop::new();
    shop.build("box");
    shop.recipe("warm", &[], "echo warm > $OUT/x");
    shop.build("warm");
    // The next helpers are started in advance: after this pause none is being started.
    std::thread::sleep(std::time::Duration::from_millis(500));
    shop.recipe("one", &[], "echo one > $OUT/x");
    let counts = calls(&shop.stele, || drop(shop.build("one")));
    eprintln!("{counts:?}");
    assert!(of(&counts, &["execve"]) >= 1, "the control: it was seen: {counts:?}");
    assert!(of(&counts, &["execve"]) <= 5, "{counts:?}");
    assert!(of(&counts, STARTS) <= 24, "{counts:?}");
    assert!(of(&counts, SYNCS) <= 4, "{counts:?}");
    assert!(of(&counts, &["fuse"]) <= 12, "{counts:?}");

    let counts = calls(&shop.stele, || drop(shop.build("one")));
    eprintln!("{counts:?}");
    assert_eq!(of(&counts, &["execve"]), 0, "nothing is to be done: {counts:?}");
    assert_eq!(of(&counts, SYNCS), 0, "{counts:?}");
}
