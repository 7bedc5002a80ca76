//! What the project is for, once from end to end: three builders with stores, keys and machine faces of their own build
//! the image of the seed's program, exchange what they sign through a registry, and agree; one that was tampered with
//! contradicts them, and one that is silent is missed.

use std::fs;
use std::path::Path;
use std::process::Command;

use stele_tests::docker_registry::Registry;
use stele_tests::{Stele, skip};

use super::builders::{NAMES, tamper};

/// What differs between the builders' machines, as far as one machine can show several faces.
const FACES: [&str; 3] = [
    "hostname alpha; umask 022; exec \"$@\"",
    "hostname beta; umask 077; export TZ=CHECK-9 LANG=de_DE; exec taskset -c 0 setarch --uname-2.6 \"$@\"",
    "hostname gamma; umask 002; export TZ=CHECK+5 LC_ALL=tr_TR.UTF-8; exec taskset -c 1 setarch -R nice \"$@\"",
];

/// A builder.
struct Builder {
    stele: Stele,
    face: &'static str,
}

impl Builder {
    /// Runs a command with the builder's face; its daemon inherits it.
    #[track_caller]
    fn run(&self, args: &[&str], code: i32) -> String {
        let inner = self.stele.command(args);
        let mut command = Command::new("unshare");
        command.args(["--uts", "sh", "-c", self.face, "sh"]).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command.output().unwrap();
        let text = [&output.stdout[..], &output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    }
}

#[test]
fn three_builders_of_the_seeds_image_agree_through_a_registry_and_dissent_and_silence_are_noticed() {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("recipes");
    let builders: [Builder; 3] = FACES.map(|face| {
        let mut stele = Stele::new();
        stele.set_env("STELE_RECIPES", recipes.to_str().unwrap());
        Builder { stele, face }
    });
    if builders.iter().any(|it| it.stele.run(&["source", "fetch", "hello"]).code != 0) {
        return skip("the sources of the bootstrap cannot be fetched");
    }
    // The daemons that fetched had no face yet.
    builders.iter().for_each(|it| drop(it.stele.ok(&["daemon", "stop"])));
    let [alice, bob, carol] = &builders;
    let scratch = alice.stele.scratch();
    let path = |name: &str| scratch.join(name).to_str().unwrap().to_owned();
    for name in NAMES.iter().chain(&["tampered"]) {
        alice.stele.ok(&["key", "new", &path(name)]);
    }
    let policy = |file: &str, third: &str| {
        let keys = [("alice", "alice"), ("bob", "bob"), ("carol", third)];
        let keys = keys.map(|(name, key)| format!("{name}={}.pub", path(key)));
        let args = [&["policy", "init"][..], &keys.each_ref().map(String::as_str)].concat();
        // All three, so that the silence of one is noticed.
        let text = alice.stele.ok(&args).replace("at_least = 2", "at_least = 3");
        fs::write(path(file), text).unwrap();
        path(file)
    };
    let (all, with_tampered) = (policy("all", "carol"), policy("with-tampered", "tampered"));
    let registry = Registry::new(scratch);
    let to = format!("{}/hello:1", registry.address());
    let mut digests = Vec::new();
    for (number, (builder, name)) in builders.iter().zip(NAMES).enumerate() {
        let built = builder.run(&["image", "build", "hello"], 0);
        digests.push(built.lines().find(|line| line.starts_with("sha256:")).unwrap().to_owned());
        if number == 2 {
            // Of the third nothing is heard yet.
            alice.run(&["evidence", "pull", &to], 0);
            let said = alice.run(&["verify", "image-hello", "--closure", "--policy", &all], 10);
            assert!(said.contains("of carol there is nothing that counts"), "{said}");
        }
        builder.run(&["attest", "image-hello", "--closure", "--key", &path(name)], 0);
        if number > 0 {
            builder.run(&["evidence", "pull", &to], 0);
        }
        builder.run(&["evidence", "push", "hello", &to], 0);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    // Somebody who has the registry and the policy, and neither recipes nor a store that built anything.
    let stranger = Stele::new();
    stranger.ok(&["image", "import", &to]);
    stranger.ok(&["evidence", "pull", &to]);
    let nothing = path("nothing");
    fs::create_dir_all(Path::new(&nothing).join("pkgs")).unwrap();
    let verify = ["verify", "image-hello", "--closure", "--policy", &all, "--recipes", &nothing];
    let said = stranger.ok(&verify);
    assert!(said.contains("3 principals state it") && said.contains("closure: AGREED"), "{said}");

    // Had the third's machine been tampered with, and spoken first then: another program of the same action.
    let folder = scratch.join("other");
    let (honest, other) =
        tamper(&carol.stele, &folder, "hello", "usr/bin/hello", "#!/bin/sh\necho backdoor\n");
    let file = path("tampered.jsonl");
    let key = path("tampered");
    let attest = ["attest", "hello", "--key", &key, "--expected", &honest, "--output", &file];
    assert!(carol.run(&attest, 0).contains("differs  hello"));
    alice.run(&["evidence", "add", &file], 0);
    let said = alice.run(&["verify", "hello", "--policy", &with_tampered], 11);
    assert!(
        said.starts_with("CONTESTED") && said.contains(&format!("carol dissents: it states blake3:{other}")),
        "{said}"
    );
    bob.run(&["evidence", "pull", &to], 0);
}
