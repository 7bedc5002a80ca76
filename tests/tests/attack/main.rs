//! What one build, or one user, could do to another. Each case is a claim that names what is protected, with a control
//! that shows that the attack is real: the same program succeeds where nothing prevents it.
//!
//! `tests/tests/sandbox/` tests escapes from a sandbox; these tests concern what sandboxes share: the log's pipe, the
//! inodes of inputs and devices, the kernel's per-user counts.

mod beside;
mod looks;
mod takes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use stele_tests::sandboxed::{self, Tree};

type Answers = BTreeMap<String, String>;

/// The attacking program, compiled once. `None`, and the test is skipped, without a compiler.
fn jam() -> Option<PathBuf> {
    sandboxed::compiled("tests/attack/jam.c")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn read(text: &str) -> Answers {
    text.lines().filter_map(|line| line.split_once(": ")).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// A recipe `name` that makes these attacks.
fn attacker(tree: &Tree, name: &str, attacks: &[&str]) -> Option<()> {
    let mut arguments = vec!["/out/said"];
    arguments.extend(attacks);
    tree.program(name, &jam()?, &arguments);
    Some(())
}

/// Their results in a sandbox. `None` where builds are not possible.
fn inside(attacks: &[&str]) -> Option<Answers> {
    let tree = Tree::new()?;
    attacker(&tree, "jam", attacks)?;
    tree.ok("jam");
    Some(read(&tree.file("jam", "said")))
}

/// Their results outside, in a temporary folder that has a `file`.
fn outside(attacks: &[&str]) -> Answers {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("file"), "x").unwrap();
    let mut command = Command::new(jam().unwrap());
    command.arg("-").args(attacks).current_dir(scratch.path());
    read(&String::from_utf8_lossy(&command.output().unwrap().stderr))
}

fn of<'a>(said: &'a Answers, attack: &str) -> &'a str {
    said.get(attack).map_or("not tried", String::as_str)
}

/// None of these succeeds inside; outside, those that are `real` do.
#[track_caller]
fn kept(attacks: &[&str], real: &[&str]) {
    let Some(said) = inside(attacks) else { return };
    for attack in attacks {
        let said = of(&said, attack);
        assert!(said == "no" || said.starts_with("errno"), "{attack}: {said}");
    }
    let said = outside(real);
    for attack in real {
        assert_eq!(of(&said, attack), "done", "outside, {attack} is what it says");
    }
}
