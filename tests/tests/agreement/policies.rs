//! Keys, policies and verdicts on the command line: what three builders state of an output is decided from files alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use stele_tests::Stele;
use stele_trust::bundle::Bundle;
use stele_trust::digest::{Blake3, Digests, Sha256};
use stele_trust::dsse::{Envelope, IN_TOTO};
use stele_trust::keys::{Signer as _, SigningKey};
use stele_trust::statement::rebuild::{Action, ActionDigest, Builder, Outcome, Output, Rebuild, Sandbox};

/// Three builders with keys, and a policy in which two of them have to agree.
struct Builders(Stele);

impl Builders {
    fn new() -> Self {
        let stele = Stele::new();
        let it = Self(stele);
        it.0.ok(&["key", "new", &it.path("alice")]);
        it.0.ok(&["key", "new", "--algorithm", "p256", &it.path("bob")]);
        it.0.ok(&["key", "new", &it.path("carol")]);
        let principals = ["alice", "bob", "carol"].map(|name| format!("{name}={}.pub", it.path(name)));
        let text = it.0.ok(&[&["policy", "init"][..], &principals.each_ref().map(String::as_str)].concat());
        fs::write(it.path("policy"), text).unwrap();
        it
    }

    fn path(&self, name: &str) -> String {
        self.0.scratch().join(name).to_str().unwrap().to_owned()
    }

    /// The file in which a builder states the digest with this number.
    fn states(&self, builder: &str, number: u8) -> String {
        let digest = Digests::both(Blake3([number; 32]), Sha256([number; 32]));
        let rebuild = Rebuild {
            outcome: Outcome::Built,
            action: Action { digest: ActionDigest { blake3: Blake3([7; 32]) }, text: None },
            outputs: vec![Output { name: "out".parse().unwrap(), digest, expected: None }],
            sandbox: Some(Sandbox { profile: 1, isolation: Default::default() }),
            builder: Builder::default(),
            metadata: None,
            reason: None,
        };
        let key = SigningKey::parse(&fs::read_to_string(self.path(builder)).unwrap()).unwrap();
        let payload = rebuild.statement().unwrap().encode().unwrap();
        let envelope = Envelope::sign(IN_TOTO, payload, &key).unwrap();
        let file = self.path(&format!("{builder}-{number}.json"));
        fs::write(&file, Bundle::of_envelope(envelope, key.public()).encode().unwrap()).unwrap();
        file
    }

    #[track_caller]
    fn decides(&self, evidence: &[&str], verdict: &str, code: i32) -> serde_json::Value {
        let (policy, action) = (self.path("policy"), "07".repeat(32));
        let args = [&["policy", "decide", "--json", &policy, "--action", &action][..], evidence].concat();
        let outcome = self.0.run(&args);
        assert_eq!(outcome.code, code, "{outcome:?}");
        let json: serde_json::Value = serde_json::from_str(&outcome.text()).unwrap();
        assert_eq!(json["verdict"], verdict);
        json
    }
}

#[test]
fn every_verdict_has_its_exit_code() {
    let builders = Builders::new();
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| builders.states(name, 1));
    let (bob_differs, carol_differs) = (builders.states("bob", 2), builders.states("carol", 2));
    builders.decides(&[&alice, &bob], "AGREED", 0);
    builders.decides(&[&alice, &alice], "INSUFFICIENT", 10);
    builders.decides(&[&alice, &carol, &bob_differs], "CONTESTED", 11);
    let verdict = builders.decides(&[&alice, &bob, &carol, &carol_differs], "EQUIVOCATION", 12);
    assert_eq!(verdict["equivocations"][0]["envelopes"].as_array().unwrap().len(), 2);
    builders.decides(&["--seen", "2", &alice, &bob], "STALE", 13);
    let empty = builders.path("empty");
    fs::write(&empty, "").unwrap();
    builders.decides(&[&empty], "INVALID", 15);
    builders.decides(&["--digest", &"02".repeat(32), &alice, &bob], "CONTESTED", 11);
    let said = builders.0.ok(&[
        "policy",
        "decide",
        &builders.path("policy"),
        "--action",
        &"07".repeat(32),
        &alice,
        &bob,
    ]);
    assert!(said.starts_with("AGREED") && said.contains("alice states"), "{said}");
}

#[test]
fn a_private_key_is_its_owners_alone_and_never_overwritten() {
    let stele = Stele::new();
    let file = stele.scratch().join("key");
    let name = file.to_str().unwrap();
    let shown = stele.ok(&["key", "new", name]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(stele.ok(&["key", "show", name]), shown);
    assert_eq!(stele.ok(&["key", "show", &format!("{name}.pub")]), shown);
    assert!(!shown.contains("PRIVATE"));
    let before = fs::read(&file).unwrap();
    stele.fails(&["key", "new", name], 1);
    assert_eq!(fs::read(&file).unwrap(), before);
    fs::write(&file, "not a key").unwrap();
    stele.fails(&["key", "show", name], 2);
}

#[test]
fn a_policy_is_checked_and_explained_and_an_invalid_one_has_an_exit_code_of_its_own() {
    let builders = Builders::new();
    let policy = builders.path("policy");
    let explained = builders.0.ok(&["policy", "explain", &policy]);
    assert!(explained.contains("At least 2 of 3 principals have to agree"), "{explained}");
    assert!(builders.0.ok(&["policy", "check", &policy]).starts_with("agreement 1 "));
    let text = fs::read_to_string(&policy).unwrap();
    for (from, to) in
        [("at_least = 2", "at_least = 0"), ("tolerate", "tolerates"), ("policy = 1", "policy = 2")]
    {
        fs::write(&policy, text.replace(from, to)).unwrap();
        for command in ["check", "explain"] {
            let error = builders.0.fails(&["policy", command, &policy], 15);
            assert!(error.contains("not a valid policy"), "{error}");
        }
    }
    let key = format!("alice={}.pub", builders.path("alice"));
    builders.0.fails(&["policy", "init", &key, &key.replace("alice=", "bob=")], 2);
    builders.0.fails(&["policy", "init", &key.replace("alice=", "Alice=")], 2);
}
