//! Builds that are interrupted at random moments, in every way: nothing of them is left, and the next one continues
//! from the last action that was realised.
//!
//! The seed is fixed and can be set with `STELE_SEED`; the rounds with `STELE_ROUNDS`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use stele_tests::{skip, trees, wait_for};

use super::{BUSYBOX, Tree, is_root, shell};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Interrupt,
    InterruptTwice,
    Terminate,
    KillClient,
    KillDaemon,
    /// Whichever comes first of the supervisor, the entering process, the first one and the steps.
    KillSupervisor,
    KillEntering,
    /// No process is left to clear up, until there is another daemon.
    KillBoth,
    StopDaemon,
}

const WAYS: [Way; 9] = [
    Way::Interrupt,
    Way::InterruptTwice,
    Way::Terminate,
    Way::KillClient,
    Way::KillDaemon,
    Way::KillSupervisor,
    Way::KillEntering,
    Way::KillBoth,
    Way::StopDaemon,
];

/// Two chains of two. The second action of each has processes in the background and in other sessions, and takes a
/// second.
fn chains(tree: &Tree, round: u64) {
    for chain in ["a", "b"] {
        let first = format!("echo {round} >/out/{chain}; ls /tmp >/build/x");
        let second = "(setsid sh -c 'while :; do echo x >/tmp/x; sleep 0.01; done' &); (setsid sleep 1000 &)
            i=0; while [ $i -lt 20 ]; do i=$((i+1)); mkdir -p d/$i/e; echo $i >d/$i/e/x; sleep 0.05; done
            cp -r d /out";
        let busybox = [Path::new(BUSYBOX)];
        tree.put(&format!("{chain}first"), &busybox, &format!("steps = [{}]", shell(&first)));
        let needs =
            format!("inputs = [{chain}first], env = {{'ROUND': '{round}'}}, steps = [{}]", shell(second));
        tree.put(&format!("{chain}last"), &busybox, &needs);
        let file = tree.path.join(format!("pkgs/{chain}last/recipe.star"));
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("load('//pkgs/{chain}first/recipe.star', '{chain}first')\n{text}")).unwrap();
    }
}

/// The processes other than the daemon that have files of this store's builds open or mounted.
fn processes(tree: &Tree) -> Vec<i32> {
    let builds = tree.stele.store().join("builds");
    let builds = builds.to_str().unwrap();
    let own = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
    let of_build = |pid: &i32| {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default().contains(builds) {
            return true;
        }
        let Ok(fds) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        comm.trim() == "stele-build"
            && fds.flatten().any(|it| fs::read_link(it.path()).is_ok_and(|to| to.starts_with(builds)))
    };
    own.filter(of_build).collect()
}

fn parent(pid: i32) -> i32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
}

fn groups(names: &BTreeSet<String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|it| it.is_dir()) {
                let name = entry.file_name().into_string().unwrap_or_default();
                match name.strip_prefix("stele-build-") {
                    Some(build) if names.contains(build) => found.push(entry.path()),
                    _ => folders.push(entry.path()),
                }
            }
        }
    }
    found
}

fn signal(pid: Option<i32>, signal: Signal) {
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn interrupt(tree: &Tree, way: Way, client: &Child) {
    let pid = i32::try_from(client.id()).unwrap();
    let group = Pid::from_raw(pid).unwrap();
    match way {
        Way::Interrupt => drop(kill_process_group(group, Signal::INT)),
        Way::InterruptTwice => {
            let _ = kill_process_group(group, Signal::INT);
            std::thread::sleep(Duration::from_millis(30));
            let _ = kill_process_group(group, Signal::INT);
        }
        Way::Terminate => signal(Some(pid), Signal::TERM),
        Way::KillClient => signal(Some(pid), Signal::KILL),
        Way::KillDaemon => tree.stele.kill_daemon(),
        Way::KillSupervisor | Way::KillEntering | Way::KillBoth => {
            let Some(daemon) = tree.stele.daemon() else { return };
            let all = processes(tree);
            let supervisors: Vec<i32> = all.iter().copied().filter(|pid| parent(*pid) == daemon).collect();
            let entering = all.iter().copied().find(|pid| supervisors.contains(&parent(*pid)));
            match way {
                Way::KillSupervisor => signal(supervisors.first().copied(), Signal::KILL),
                Way::KillEntering => signal(entering, Signal::KILL),
                _ => {
                    supervisors.iter().for_each(|pid| signal(Some(*pid), Signal::KILL));
                    tree.stele.kill_daemon();
                    tree.stele.ok(&["store", "root", "ls"]);
                }
            }
        }
        Way::StopDaemon => drop(tree.stele.run(&["daemon", "stop", "--now"])),
    }
}

/// Ended by the signal, as a shell expects it, or with its exit code.
fn is_interrupt(status: std::process::ExitStatus) -> bool {
    status.signal() == Some(2) || status.code() == Some(130)
}

/// `stele build` of both chains.
fn build(tree: &Tree) -> std::process::Command {
    let mut command = tree.stele.command(&["build", "alast", "blast"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    command
}

#[test]
fn nothing_is_left_of_interrupted_builds_and_the_next_one_continues() {
    let Some(tree) = Tree::new() else { return };
    if !is_root() {
        return skip("only root sees what is left");
    }
    let (seed, rounds) = (number("STELE_SEED", 20_261_124), number("STELE_ROUNDS", 18));
    eprintln!("seed {seed}, {rounds} rounds");
    let mut random = trees::Random::new(seed);
    let mut seen = BTreeSet::new();
    for round in 0..rounds {
        let way = WAYS[usize::try_from(round).unwrap() % WAYS.len()];
        chains(&tree, round);
        let client = build(&tree).spawn().unwrap();
        // At least every other time a build runs already.
        if round % 2 == 0 {
            wait_for("a build to begin", || !tree.folders().is_empty());
        }
        std::thread::sleep(Duration::from_micros(random.below(1_200_000)));
        let names = tree
            .folders()
            .iter()
            .map(|it| it.file_name().unwrap().to_str().unwrap().to_owned())
            .collect::<Vec<_>>();
        seen.extend(names);
        interrupt(&tree, way, &client);
        let output = client.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{said}");
        if matches!(way, Way::Interrupt | Way::InterruptTwice) && !output.status.success() {
            assert!(is_interrupt(output.status), "{way:?}: {said}");
        }
        wait_for(&format!("round {round}: the folders to be gone after {way:?}: {said}"), || {
            tree.folders().is_empty()
        });
        wait_for(&format!("round {round}: the processes to be gone after {way:?}"), || {
            processes(&tree).is_empty()
        });
        wait_for(&format!("round {round}: the groups to be gone after {way:?}"), || groups(&seen).is_empty());
        if round % 4 != 3 {
            continue;
        }
        // The next one continues.
        let output = build(&tree).output().unwrap();
        let next = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{way:?}: {next}");
        for chain in ["a", "b"] {
            if said.contains(&format!("built {chain}first")) {
                assert!(!next.contains(&format!("building {chain}first")), "{said}\nthen\n{next}");
            }
        }
    }
    tree.stele.assert_sound();
}

#[test]
fn actions_realised_before_an_interrupt_are_not_built_again() {
    let Some(tree) = Tree::new() else { return };
    chains(&tree, 0);
    let client = build(&tree).spawn().unwrap();
    let last_runs = || tree.folders().iter().any(|it| it.join("build/d/3").exists());
    wait_for("the second action of a chain", last_runs);
    let _ = kill_process_group(Pid::from_raw(i32::try_from(client.id()).unwrap()).unwrap(), Signal::INT);
    let output = client.wait_with_output().unwrap();
    assert!(is_interrupt(output.status), "{}", output.status);
    let before = String::from_utf8_lossy(&output.stderr).into_owned();
    let next = build(&tree).output().unwrap();
    let after = String::from_utf8_lossy(&next.stderr).into_owned();
    assert!(next.status.success(), "{after}");
    assert!(before.contains("built afirst") || before.contains("built bfirst"), "{before}");
    for chain in ["a", "b"] {
        assert!(after.contains(&format!("building {chain}last")), "{after}");
        if before.contains(&format!("built {chain}first")) {
            assert!(!after.contains(&format!("building {chain}first")), "{after}");
        }
    }
}
