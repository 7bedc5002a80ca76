//! A disk that fills up, by every door of the store: the store gets itself out of it by its own command, the first
//! time, and the disk gets its space back.
//!
//! Each round is a disk of another size and kind, another size of file, another door, and another end: the command
//! fails, or its daemon is killed at some moment of it; sometimes another program takes the last byte of the disk
//! after that. `STELE_STRESS=ROUNDS` runs more than the few of every day, `STELE_SEED` others; a round that fell short
//! is printed with its seed.

mod doors;
mod failing_calls;
mod merging;
mod quota;
mod words;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use doors::{Door, Supply, few};
use stele_tests::disk::{Disk, own_mounts};
use stele_tests::mounted::within;
use stele_tests::sandboxed::Tree;
use stele_tests::trees::Random;
use stele_tests::{Outcome, Stele, skip};

/// Rounds of one run: each door twice, once on each kind of disk.
const ROUNDS: u64 = 12;
/// What a store may take beside what lives in it and its ballast, in bytes; on a small disk a quarter of it.
const OWN: u64 = 32 << 20;
/// No command takes this long.
const LONG: Duration = Duration::from_secs(120);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// What becomes of the command that meets the end of the disk.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    /// It fails.
    Failed,
    /// Its daemon is killed after so many milliseconds.
    Killed(u64),
}

#[derive(Debug)]
struct Round {
    ext4: bool,
    mib: u64,
    file: u64,
    /// So much of the disk, in per cent, is taken by files of that size which a root keeps.
    kept: u64,
    door: Door,
    end: End,
    /// Whether somebody else takes all that is left before the collection.
    filled: bool,
}

impl Round {
    fn new(number: u64, random: &mut Random) -> Self {
        let file = [1500, 5000, 14_000][usize::try_from(random.below(3)).unwrap()];
        let mib = 48 + random.below(if file == 1500 { 20 } else { 70 });
        let part = [4, 3, 2, 1][usize::try_from(random.below(4)).unwrap()];
        let doors =
            [Door::Add, Door::Image, Door::Build(mib / part), Door::Substitute, Door::Sources, Door::Rebuild];
        let door = doors[usize::try_from(number).unwrap() % doors.len()];
        let end = if random.below(2) == 0 { End::Failed } else { End::Killed(random.below(3000)) };
        let ext4 = (number / doors.len() as u64).is_multiple_of(2);
        // In a rebuild, what is kept comes in once more.
        let kept =
            if door == Door::Rebuild { 0 } else { [0, 0, 20, 40][usize::try_from(random.below(4)).unwrap()] };
        Self { ext4, mib, file, kept, door, end, filled: random.below(3) == 0 }
    }
}

fn run(stele: &Stele, args: &[&str]) -> Outcome {
    within(LONG, || stele.run(args))
}

fn expect(stele: &Stele, args: &[&str]) -> Result<String, String> {
    let outcome = run(stele, args);
    if outcome.code == 0 {
        Ok(outcome.text())
    } else {
        Err(format!("{args:?}: {}: {}", outcome.code, outcome.stderr))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of plain letters")
}

/// What lives, by the store's own count, in bytes.
fn live(stele: &Stele) -> Result<u64, String> {
    let stats: serde_json::Value =
        serde_json::from_str(&expect(stele, &["--json", "store", "stats"])?).unwrap();
    Ok(["tree_bytes", "inline_bytes", "file_bytes"].iter().map(|it| stats[it].as_u64().unwrap()).sum())
}

fn play(round: &Round, supply: &mut Supply) -> Result<(), String> {
    let Some(disk) = (if round.ext4 { Disk::ext4(round.mib) } else { Disk::tmpfs(round.mib) }) else {
        return Err("no disk".to_owned());
    };
    let empty = disk.used();
    let Some(tree) = Tree::on(Stele::at(&disk.path().join("store"))) else { return Ok(()) };
    let stele = &tree.stele;
    let (kept, after) = (few(stele.scratch(), 1), few(stele.scratch(), 2));
    expect(stele, &["store", "add", "--root", "kept", text(&kept)])?;
    if round.kept > 0 {
        let bulk = stele.scratch().join("bulk");
        supply.scatter(&bulk, round.mib * round.kept / 100, round.file, 7);
        expect(stele, &["store", "add", "--root", "bulk", text(&bulk)])?;
    }
    let Some(mut command) = supply.command(round.door, round.file, &tree, &kept) else { return Ok(()) };
    if round.door == Door::Rebuild {
        expect(stele, &["daemon", "stop"])?;
        std::fs::remove_dir_all(stele.store().join("db")).unwrap();
    }
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    if let End::Killed(after) = round.end {
        std::thread::sleep(Duration::from_millis(after));
        kill_daemon(stele);
    }
    let output = within(LONG, || child.wait_with_output()).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("panicked") {
        return Err(format!("a panic: {said}"));
    }
    match (round.end, output.status.code()) {
        (End::Failed, Some(5)) if said.contains("hint: ") => {}
        // What a build makes may fit, and so may what a command line names.
        (End::Failed, Some(0)) if matches!(round.door, Door::Build(_) | Door::Sources) => {}
        (End::Killed(_), _) => {}
        (_, code) => return Err(format!("it ended with {code:?}: {said}")),
    }
    if round.filled {
        disk.fill();
    }
    if round.door == Door::Rebuild {
        // There is no database to collect in: the same command, with what fits, makes it.
        disk.drain();
        expect(stele, &["store", "rebuild-index", "--from", text(&kept)])?;
    }
    let collected = expect(stele, &["store", "gc"])?;
    if round.filled {
        disk.drain();
        expect(stele, &["store", "gc"])?;
    }
    let ballast = std::fs::metadata(stele.store().join("ballast")).map_or(0, |it| it.len());
    let (used, max) = (disk.used() - empty, live(stele)? + ballast + OWN.min((round.mib << 20) / 4));
    if used > max {
        return Err(format!("{used} bytes are used after gc, more than {max}: {collected}"));
    }
    expect(stele, &["store", "add", "--root", "after", text(&after)])?;
    if !matches!(round.door, Door::Build(_) | Door::Substitute) {
        supply.recipes(&tree, round.file, 2);
    }
    expect(stele, &["build", "small"])?;
    expect(stele, &["store", "verify"])?;
    for (root, source) in [("kept", &kept), ("after", &after)] {
        let to = stele.scratch().join(format!("{root}-out"));
        expect(stele, &["store", "export", root, text(&to)])?;
        stele_tests::trees::assert_same(source, &to);
    }
    let roots = std::fs::read_to_string(stele.store().join("roots")).unwrap_or_default();
    if !["kept", "after", "build-small"].iter().all(|name| roots.contains(name)) {
        return Err(format!("the text of the roots lacks some: {roots}"));
    }
    Ok(())
}

/// Ends the daemon without asking it anything: it may be busy, or not be there yet.
fn kill_daemon(stele: &Stele) {
    let pid = std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        (line.contains("daemon\0run\0") && line.contains(text(stele.store()))).then_some(pid)
    });
    if let Some(pid) = pid {
        stele_tests::kill(pid);
    }
}

#[test]
fn no_door_of_a_store_leaves_a_full_disk_that_it_cannot_collect() {
    if own_mounts().is_none() {
        return skip("nothing may be mounted here");
    }
    let Some(mut supply) = Supply::new() else { return };
    let seed = number("STELE_SEED").unwrap_or(if number("STELE_STRESS").is_some() {
        u64::from(std::process::id())
    } else {
        28
    });
    let rounds = number("STELE_STRESS").unwrap_or(ROUNDS);
    eprintln!("seed {seed}, {rounds} rounds");
    let mut random = Random::new(seed);
    let mut wrong = Vec::new();
    for number in 0..rounds {
        let round = Round::new(number, &mut random);
        let begun = std::time::Instant::now();
        let result = play(&round, &mut supply);
        eprintln!("{number}: {round:?}: {result:?} in {:?}", begun.elapsed());
        if let Err(why) = result {
            wrong.push(format!("round {number} of seed {seed}, {round:?}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
