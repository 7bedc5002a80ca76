//! The conformance suite of rebuild agreement in `tests/conformance/agreement`: every case is decided as it says, and
//! the suite is what its generator writes.

#[path = "../examples/agreement_suite/suite/mod.rs"]
mod suite;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;
use stele_trust::digest::{Blake3, Digests};
use stele_trust::keys::PublicKey;
use stele_trust::name::OutputName;
use stele_trust::policy::Policy;
use stele_trust::time::Time;
use stele_trust::verdict::{Inquiry, Kind, Stance, Verdict, decide};
use stele_trust::vote::{Evidence, Subject};

/// What a case says; an unknown field would be one that nobody heeds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    action: Blake3,
    output: OutputName,
    asked: Option<Digests>,
    now: Time,
    highest_policy_seen: Option<u64>,
    #[serde(default)]
    witnessed: BTreeMap<String, Time>,
    #[serde(default)]
    padded_to: BTreeMap<String, usize>,
    expected: Expected,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Expected {
    verdict: String,
    clause: Value,
    agreeing: Vec<String>,
    dissenting: Vec<String>,
    equivocating: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/agreement")
}

fn case(name: &str) -> (Case, PathBuf) {
    let place = folder().join(name);
    let text = fs::read(place.join("case.json")).unwrap_or_else(|e| panic!("{name}: {e}"));
    (serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{name}: {e}")), place)
}

fn names() -> BTreeSet<String> {
    let folders = fs::read_dir(folder()).unwrap().map(Result::unwrap);
    let names = folders.filter(|it| it.path().join("case.json").exists());
    names.map(|it| it.file_name().into_string().unwrap()).collect()
}

/// The evidence of a case, in the order of its files' names.
fn evidence(case: &Case, place: &Path, keys: &[&PublicKey]) -> Vec<Evidence> {
    let Ok(files) = fs::read_dir(place.join("evidence")) else { return Vec::new() };
    let files: BTreeSet<PathBuf> = files.map(|it| it.unwrap().path()).collect();
    let mut evidence = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let mut bytes = fs::read(&file).unwrap();
        if let Some(size) = case.padded_to.get(name) {
            bytes.resize(*size, b' ');
        }
        let seen = case.witnessed.get(name).copied();
        evidence.extend(Evidence::parse(&bytes, keys.iter().copied()).into_iter().map(|it| match it {
            Evidence::Envelope { envelope, .. } => Evidence::Envelope { envelope, witnessed: seen },
            other => other,
        }));
    }
    evidence
}

fn names_of(stances: &[Stance]) -> Vec<String> {
    stances.iter().map(|it| it.principal.to_string()).collect()
}

fn found(verdict: &Verdict) -> Expected {
    Expected {
        verdict: verdict.kind.to_string(),
        clause: serde_json::to_value(&verdict.clause).unwrap(),
        agreeing: names_of(&verdict.agreeing),
        dissenting: names_of(&verdict.dissenting),
        equivocating: verdict.equivocations.iter().map(|it| it.principal.to_string()).collect(),
    }
}

/// What is decided of a case. A policy that is not valid decides nothing, whatever the evidence.
fn decided(case: &Case, place: &Path) -> Expected {
    let policy = match Policy::parse(&fs::read_to_string(place.join("policy.toml")).unwrap()) {
        Ok(policy) => policy,
        Err(_) => {
            let (clause, nobody) = ("policy".into(), Vec::new);
            return Expected {
                verdict: "INVALID".to_owned(),
                clause,
                agreeing: nobody(),
                dissenting: nobody(),
                equivocating: nobody(),
            };
        }
    };
    let keys: Vec<&PublicKey> = policy.public_keys().collect();
    let mut evidence = evidence(case, place, &keys);
    let verdict = |evidence: &[Evidence]| {
        decide(&Inquiry {
            policy: &policy,
            highest_policy_seen: case.highest_policy_seen,
            subject: Subject::Output { action: case.action, output: case.output.clone() },
            digest: case.asked,
            evidence,
            now: case.now,
        })
    };
    let forwards = verdict(&evidence);
    // Proofs are of use to somebody who has only the keys.
    for proof in &forwards.equivocations {
        let theirs = policy.keys().filter(|(principal, _)| principal.name == proof.principal);
        let theirs = theirs.filter_map(|(_, key)| match &key.material {
            stele_trust::principal::Material::Public(public) => Some(public.clone()),
            stele_trust::principal::Material::OpenPgp(_) => None,
        });
        proof.check(&theirs.collect::<Vec<_>>()).unwrap();
    }
    // What is agreed is what was asked about.
    assert_eq!(forwards.agreed.is_some(), forwards.kind == Kind::Agreed);
    if let (Some(agreed), Some(asked)) = (forwards.agreed, case.asked) {
        assert!(asked.matches(&agreed));
    }
    evidence.reverse();
    assert_eq!(verdict(&evidence), forwards, "the order of evidence matters");
    found(&forwards)
}

#[test]
fn every_case_is_decided_as_it_says() {
    let mut wrong = Vec::new();
    for name in names() {
        let (case, place) = case(&name);
        let decided = decided(&case, &place);
        if decided != case.expected {
            wrong.push(format!("{name}: expected {:?}\n  decided {decided:?}", case.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_suite_has_every_verdict_and_its_names_and_stories_are_by_its_rules() {
    let mut verdicts = BTreeSet::new();
    for name in names() {
        let (case, place) = case(&name);
        assert_eq!(name.ends_with("_fail"), case.expected.verdict != "AGREED", "{name}");
        let story = fs::read_to_string(place.join("README.md")).unwrap();
        let sentences = story.split(['.', '\n']).filter(|it| it.len() > 4 && !it.starts_with('#')).count();
        assert!(sentences >= 2, "{name}: {story}");
        verdicts.insert(case.expected.verdict);
    }
    let all = Kind::ALL.map(|kind| kind.to_string());
    assert_eq!(verdicts, all.into_iter().collect());
    assert!(names().len() >= 100, "{}", names().len());
}

/// What `tests/peers/agreement`, an implementation in Python, says of the cases in a folder.
fn by_another_implementation(folder: &Path) -> (bool, String) {
    let cache = std::env::var_os("STELE_CACHE").map(PathBuf::from);
    let user = || std::env::var_os("XDG_CACHE_HOME").map(|it| PathBuf::from(it).join("stele"));
    let home = || std::env::var_os("HOME").map(|it| PathBuf::from(it).join(".cache/stele"));
    let python = cache.or_else(user).or_else(home).expect("a cache").join("peers-python/bin/python");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/agreement");
    // Without -B it would leave compiled files in the checkout.
    let output = Command::new(python).arg("-B").arg(program).arg(folder).stdin(Stdio::null()).output();
    let output = output.expect("tools/install-deps installs it");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn another_implementation_decides_every_case_alike_and_notices_a_wrong_one() {
    let (fine, said) = by_another_implementation(&folder());
    assert!(fine, "{said}");
    assert_eq!(said, format!("{} passed, 0 failed\n", names().len()));
    // The control: the folder of a case, with another answer.
    let other = tempfile::tempdir().unwrap();
    let place = other.path().join("two_of_three");
    fs::create_dir_all(place.join("evidence")).unwrap();
    for name in ["policy.toml", "case.json", "evidence/alice.json", "evidence/bob.json"] {
        let text = fs::read_to_string(folder().join("two_of_three").join(name)).unwrap();
        fs::write(place.join(name), text.replace("\"AGREED\"", "\"CONTESTED\"")).unwrap();
    }
    let (fine, said) = by_another_implementation(other.path());
    assert!(!fine && said.ends_with("0 passed, 1 failed\n"), "{said}");
}

/// Whoever changes a case changes the generator, and sees in the commit what became of the bytes.
#[test]
fn the_suite_is_what_its_generator_writes() {
    let cases = suite::cases(&|path| fs::read(folder().join(path)).ok());
    let written: BTreeSet<String> = cases.iter().map(|case| case.name().to_owned()).collect();
    assert_eq!(written, names());
    for case in &cases {
        let place = folder().join(case.name());
        let files = case.files();
        for (name, bytes) in &files {
            let there = fs::read(place.join(name)).unwrap_or_else(|e| panic!("{}/{name}: {e}", case.name()));
            assert!(there == *bytes, "{}/{name} is not what is generated", case.name());
            assert!(there.len() < 100_000, "{}/{name} has {} bytes", case.name(), there.len());
        }
        // Any other file would be evidence that no case knows of.
        let generated: BTreeSet<PathBuf> = files.iter().map(|(name, _)| place.join(name)).collect();
        let evidence = fs::read_dir(place.join("evidence")).into_iter().flatten();
        let there = fs::read_dir(&place).unwrap().chain(evidence).map(|it| it.unwrap().path());
        assert_eq!(there.filter(|it| it.is_file()).collect::<BTreeSet<_>>(), generated);
    }
}
