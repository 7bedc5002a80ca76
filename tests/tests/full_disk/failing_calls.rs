//! System calls of the daemon that fail: a write, a sync, a rename, a read, on a disk that is dying, full or over
//! quota.
//!
//! strace(1) makes the n-th call of a kind fail, in every thread, from a seed. The store lies on an ext4 in a file, so
//! that after the last acknowledgement the device can be looked at as a power cut would have left it: a sync that
//! failed and was acknowledged all the same shows itself there.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{LONG, expect, few, number, run, text};
use stele_tests::disk::{Disk, own_mounts};
use stele_tests::mounted::within;
use stele_tests::trees::{Random, assert_same, generate};
use stele_tests::{Stele, binary, skip, wait_for};

/// Rounds of one run.
const ROUNDS: u64 = 8;

/// Calls that fail together.
const CALLS: &[&str] = &[
    "write,pwrite64,writev",
    "write,pwrite64,writev",
    "fsync,fdatasync,syncfs",
    "fsync,fdatasync,syncfs",
    "rename,renameat,renameat2",
    "read,pread64",
    "openat,openat2",
    "fallocate,ftruncate,unlink,unlinkat,mkdir,mkdirat",
];

/// A daemon under strace.
struct Traced {
    strace: Child,
    log: PathBuf,
}

impl Traced {
    /// Starts a daemon whose `calls` fail with `error`, as `when` says (strace(1), `--inject`).
    fn start(stele: &Stele, calls: &str, error: &str, when: &str) -> Self {
        let log = stele.scratch().join("strace");
        let mut command = Command::new("strace");
        command.args(["--seccomp-bpf", "-f", "-q", "-y", "-o"]).arg(&log);
        command.args([
            "-e",
            &format!("trace={calls}"),
            "-e",
            &format!("inject={calls}:error={error}:when={when}"),
        ]);
        command.arg(binary()).args(["daemon", "run", "--store"]).arg(stele.store());
        let said = fs::File::create(stele.scratch().join("said")).expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        Self { strace: command.spawn().expect("strace, which tools/install-deps installs"), log }
    }

    /// The calls that failed, as strace shows them.
    fn failed(&self) -> Vec<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        log.lines().filter(|line| line.contains("(INJECTED)")).map(str::to_owned).collect()
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let pid = self.strace.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children
            .split_whitespace()
            .filter_map(|it| it.parse().ok())
            .filter_map(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
        }
        let _ = self.strace.wait();
    }
}

/// Whether one of these calls was to make something durable that an import acknowledges by itself: a payload, or the
/// log of the database. (A table that could not be synced is written again by RocksDB.)
fn lost_a_sync(failed: &[String]) -> bool {
    failed.iter().any(|line| {
        line.contains("sync")
            && (line.contains("/objects/") || line.contains(".log>") || line.contains("syncfs("))
    })
}

/// All that was acknowledged is whole.
fn look(stele: &Stele, acknowledged: &[(String, PathBuf)]) -> Result<(), String> {
    expect(stele, &["store", "verify"])?;
    for (root, source) in acknowledged {
        let to = tempfile::tempdir().unwrap();
        let place = to.path().join("out");
        expect(stele, &["store", "export", root, text(&place)])?;
        assert_same(source, &place);
    }
    Ok(())
}

fn play(calls: &str, error: &str, when: &str, seed: u64) -> Result<bool, String> {
    let Some(disk) = Disk::ext4(120) else { return Err("no disk".to_owned()) };
    let stele = Stele::at(&disk.path().join("store"));
    let kept = few(stele.scratch(), 1);
    expect(&stele, &["store", "add", "--root", "kept", text(&kept)])?;
    expect(&stele, &["daemon", "stop"])?;
    let mut acknowledged = vec![("kept".to_owned(), kept)];
    let traced = Traced::start(&stele, calls, error, when);
    // A daemon whose opening failed is gone: then the command starts another one, in which nothing fails.
    wait_for("the daemon under strace", || {
        stele.store().join("socket").exists()
            || rustix::process::test_kill_process(rustix::process::Pid::from_child(&traced.strace)).is_err()
            || !traced.failed().is_empty()
    });
    for n in 0..4 {
        let root = format!("root-{n}");
        let source = stele.scratch().join(&root);
        generate(&source, seed.wrapping_add(n), 20);
        // Some round the database's log, too.
        let many = if n == 2 { 200 } else { 0 };
        for file in 0..many {
            fs::write(source.join(format!("many-{file}")), Random::new(seed ^ file).bytes(9000)).unwrap();
        }
        let before = traced.failed().len();
        let outcome = run(&stele, &["store", "add", "--root", &root, text(&source)]);
        let failed = traced.failed().split_off(before);
        match outcome.code {
            0 if lost_a_sync(&failed) => return Err(format!("acknowledged, and a sync failed: {failed:?}")),
            0 => acknowledged.push((root, source)),
            _ if !outcome.stderr.contains("error: ") => return Err(format!("no error is said: {outcome:?}")),
            _ => {}
        }
        for args in [&["store", "gc"][..], &["store", "root", "add", "again", "kept"]] {
            let outcome = run(&stele, args);
            if outcome.code != 0 && !outcome.stderr.contains("error: ") {
                return Err(format!("{args:?}: no error is said: {outcome:?}"));
            }
        }
    }
    let failed = traced.failed();
    let cut = disk.after_power_cut("failing");
    drop(traced);
    let after = Stele::at(&cut.path().join("store"));
    look(&after, &acknowledged).map_err(|e| format!("after a power cut: {e}; {failed:?}"))?;
    drop(after);
    stele.kill_daemon();
    look(&stele, &acknowledged).map_err(|e| format!("after a restart: {e}; {failed:?}"))?;
    expect(&stele, &["store", "gc"])?;
    let logs = ["daemon.log", "daemon.log.old"].map(|it| stele.store().join(it));
    for log in logs.iter().chain([&stele.scratch().join("said")]) {
        let log = fs::read(log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        if let Some(line) =
            log.lines().find(|line| line.contains("panic: ") || line.contains("terminate called"))
        {
            return Err(format!("the daemon's log: {line}; {failed:?}"));
        }
    }
    Ok(!failed.is_empty())
}

#[test]
fn no_call_that_fails_is_acknowledged_or_hangs_or_leaves_a_store_unsound() {
    if own_mounts().is_none() {
        return skip("nothing may be mounted here");
    }
    let seed = number("STELE_SEED").unwrap_or(if number("STELE_STRESS").is_some() {
        u64::from(std::process::id())
    } else {
        28
    });
    let rounds = number("STELE_STRESS").unwrap_or(ROUNDS);
    let mut random = Random::new(seed);
    let (mut wrong, mut met) = (Vec::new(), 0);
    for round in 0..rounds {
        let calls = CALLS[usize::try_from(round).unwrap() % CALLS.len()];
        let error = ["EIO", "ENOSPC", "EDQUOT"][usize::try_from(random.below(3)).unwrap()];
        // Early and late ones; one alone, or all from then on. strace counts in each thread.
        let max = [6, 20, 80][usize::try_from(random.below(3)).unwrap()];
        let nth = 1 + random.below(max);
        let when = if random.below(2) == 0 { nth.to_string() } else { format!("{nth}+") };
        let seed = random.next();
        let result = within(LONG * 3, || play(calls, error, &when, seed));
        eprintln!("{round}: {calls} {error} {when}, seed {seed}: {result:?}");
        match result {
            Ok(failed) => met += u64::from(failed),
            Err(why) => {
                wrong.push(format!("round {round}, {calls} fails with {error} ({when}), seed {seed}: {why}"));
            }
        }
    }
    eprintln!("{met} of {rounds} rounds met a call that failed");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(met >= rounds / 3, "only {met} of {rounds} rounds met a call that failed");
}
