//! Killed at random moments, repeatedly, during imports, collections and root changes.
//!
//! The seed is fixed and can be set with `STELE_SEED`; the rounds with `STELE_ROUNDS`. What was acknowledged before the
//! kill must still be there after it, in every round.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use stele_tests::{Stele, trees};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn a_store_that_is_killed_at_random_keeps_all_that_it_acknowledged() {
    let (seed, rounds) = (number("STELE_SEED", 20_261_123), number("STELE_ROUNDS", 25));
    eprintln!("seed {seed}, {rounds} rounds");
    let mut random = trees::Random::new(seed);
    let stele = Stele::new();
    let sources: Vec<PathBuf> = (0..6)
        .map(|n| {
            let path = stele.scratch().join(format!("source{n}"));
            trees::generate(&path, seed + n, 60 + 150 * n);
            path
        })
        .collect();
    // Root to source: what was acknowledged. An interrupted command may have done its work or not.
    let mut kept: BTreeMap<String, usize> = BTreeMap::new();
    let mut unsure: BTreeMap<String, Vec<Option<usize>>> = BTreeMap::new();
    for round in 0..rounds {
        let killer = Duration::from_micros(random.below(120_000));
        let mut running = Vec::new();
        for lane in 0..3 {
            let name = format!("r{}", random.below(4) * 3 + lane);
            let source = usize::try_from(random.below(6)).unwrap();
            let (args, after): (Vec<&str>, _) = match random.below(6) {
                0 => (vec!["store", "root", "rm", &name], None),
                1 => (vec!["store", "gc", "--end-leases"], Some(usize::MAX)),
                _ => (vec!["store", "add", "--root", &name, sources[source].to_str().unwrap()], Some(source)),
            };
            let mut command = stele.command(&args);
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            running.push((name.clone(), after, command.spawn().unwrap()));
        }
        std::thread::sleep(killer);
        stele.kill_daemon();
        for (name, after, mut child) in running {
            let done = child.wait().unwrap().success();
            if after == Some(usize::MAX) {
                continue;
            }
            if done {
                unsure.remove(&name);
                match after {
                    Some(source) => drop(kept.insert(name, source)),
                    None => drop(kept.remove(&name)),
                }
            } else {
                let was = kept.remove(&name);
                let options = unsure.entry(name).or_insert_with(|| vec![was]);
                options.push(after);
            }
        }
        stele.assert_sound();
        for (name, source) in &kept {
            stele.assert_exports_as(name, &sources[*source]);
        }
        for (name, options) in std::mem::take(&mut unsure) {
            let there = stele.run(&["store", "info", &name]).code == 0;
            // Settle it: from now on it is known.
            if !there {
                assert!(options.contains(&None), "round {round}: root {name} vanished");
                continue;
            }
            let fits = options.iter().flatten().copied().find(|source| {
                let digest = stele.json(&["store", "info", &name])["digest"].clone();
                digest == stele.add(&sources[*source]).as_str()
            });
            kept.insert(name, fits.expect("a root leads to something that nobody imported under it"));
        }
    }
    stele.ok(&["store", "gc", "--end-leases"]);
    stele.assert_sound();
}
