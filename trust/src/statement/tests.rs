//! Statements that are refused, and that what is written is read as it was.

use proptest::prelude::*;
use serde_json::json;

use super::rebuild::{Action, ActionDigest, Outcome, Output, Rebuild, Sandbox};
use super::*;
use crate::digest::{Blake3, Sha256};

fn digests(number: u8) -> Digests {
    Digests::both(Blake3([number; 32]), Sha256([number; 32]))
}

fn output(name: &str, number: u8, expected: Option<u8>) -> Output {
    Output { name: name.parse().unwrap(), digest: digests(number), expected: expected.map(digests) }
}

fn rebuild(outcome: Outcome, outputs: Vec<Output>) -> Rebuild {
    Rebuild {
        outcome,
        action: Action { digest: ActionDigest { blake3: Blake3([9; 32]) }, text: None },
        outputs,
        sandbox: (outcome != Outcome::Revoked).then(|| Sandbox { profile: 1, isolation: BTreeMap::new() }),
        builder: rebuild::Builder::default(),
        metadata: None,
        reason: None,
    }
}

fn read(value: &Value) -> Result<Statement, StatementError> {
    Statement::parse(value.to_string().as_bytes())
}

fn valid() -> Value {
    let subject = json!([{ "name": "a", "digest": { "sha256": "00" } }]);
    json!({ "_type": STATEMENT, "subject": subject, "predicateType": "x:y", "predicate": {} })
}

#[test]
fn what_is_not_exactly_a_statement_is_refused() {
    for (key, value) in [
        ("_type", json!("https://in-toto.io/Statement/v0.1")),
        ("_type", json!(1)),
        ("subject", json!([])),
        ("subject", json!({})),
        ("subject", json!([{ "name": "a" }])),
        ("subject", json!([{ "name": "a", "digest": {} }])),
        ("subject", json!([{ "name": "a", "digest": { "sha256": "" } }])),
        ("subject", json!([{ "name": "a", "digest": { "sha256": "00", "SHA256": "01" } }])),
        (
            "subject",
            json!([{ "name": "a", "digest": { "x": "0" } }, { "name": "a", "digest": { "x": "1" } }]),
        ),
        ("predicateType", json!("")),
        ("predicate", json!([])),
        ("Predicate", json!({})),
        ("SUBJECT", json!([])),
    ] {
        let mut statement = valid();
        statement[key] = value.clone();
        assert!(read(&statement).is_err(), "{key}: {value}");
    }
    for key in ["_type", "subject", "predicateType"] {
        let mut statement = valid();
        statement.as_object_mut().unwrap().remove(key);
        assert!(read(&statement).is_err(), "{key}");
    }
    assert!(Statement::parse(b"").is_err());
}

#[test]
fn fields_that_the_specification_does_not_have_are_ignored_as_it_demands() {
    let mut statement = valid();
    statement["later"] = json!({ "anything": [] });
    assert_eq!(read(&statement).unwrap(), read(&valid()).unwrap());
}

#[test]
fn a_rebuild_that_contradicts_itself_is_refused() {
    for (wrong, said) in [
        (rebuild(Outcome::Built, vec![]), "none although"),
        (rebuild(Outcome::Failed, vec![output("out", 1, None)]), "although it failed"),
        (rebuild(Outcome::Built, vec![output("out", 1, Some(2))]), "`expected`"),
        (rebuild(Outcome::Differs, vec![output("out", 1, None)]), "`expected`"),
        (rebuild(Outcome::Differs, vec![output("out", 1, Some(1))]), "`expected`"),
        (rebuild(Outcome::Built, vec![output("out", 1, None), output("out", 2, None)]), "twice"),
    ] {
        let error = wrong.statement().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let mut half = rebuild(Outcome::Built, vec![output("out", 1, None)]);
    half.outputs[0].digest.sha256 = None;
    assert!(half.statement().is_err());
}

#[test]
fn subjects_that_are_not_the_outputs_are_refused() {
    let good = rebuild(Outcome::Built, vec![output("out", 1, None)]).statement().unwrap();
    for subjects in [
        vec![Resource::named("out", &digests(2))],
        vec![Resource::named("other", &digests(1))],
        vec![Resource::named("out", &digests(1)), Resource::named("more", &digests(1))],
    ] {
        let forged = Statement { subjects, ..good.clone() };
        assert!(Rebuild::of(&forged).is_err());
    }
    let mut cased = good;
    cased.predicate.insert("Outcome".to_owned(), json!("failed"));
    assert!(Rebuild::of(&cased).is_err());
}

#[test]
fn one_predicate_is_not_taken_for_another() {
    let statement = rebuild(Outcome::Built, vec![output("out", 1, None)]).statement().unwrap();
    assert!(matches!(vsa::Summary::of(&statement), Err(StatementError::PredicateType { .. })));
    assert!(matches!(provenance::Provenance::of(&statement), Err(StatementError::PredicateType { .. })));
    let other = Statement { predicate_type: provenance::PROVENANCE.to_owned(), ..statement };
    assert!(Rebuild::of(&other).is_err());
}

#[test]
fn dependencies_said_to_be_complete_all_have_digests() {
    let mut predicate = json!({
        "buildDefinition": {
            "buildType": provenance::BUILD_TYPE, "externalParameters": {},
            "resolvedDependencies": [{ "uri": "x:y" }],
        },
        "runDetails": { "builder": { "id": "x:y" } },
    });
    let read = |predicate: &Value| {
        let predicate_type = provenance::PROVENANCE.to_owned();
        let subjects = vec![Resource::named("a", &digests(1))];
        let predicate = predicate.as_object().unwrap().clone();
        provenance::Provenance::of(&Statement { subjects, predicate_type, predicate })
    };
    read(&predicate).unwrap();
    predicate["buildDefinition"]["stele_resolvedDependenciesComplete"] = json!(true);
    assert!(read(&predicate).is_err());
}

#[test]
fn a_summary_is_written_as_its_specification_spells_it() {
    let summary = vsa::Summary {
        verifier: vsa::Verifier { id: "urn:example:verifier".to_owned(), version: BTreeMap::new() },
        time_verified: Some(Time(0)),
        resource_uri: "oci:example".to_owned(),
        policy: Resource { uri: Some("policy.toml".to_owned()), ..Resource::named("policy", &digests(3)) },
        input_attestations: vec![Resource::named("a", &digests(4))],
        verification_result: vsa::VerificationResult::Passed,
        verified_levels: vec!["SLSA_BUILD_LEVEL_3".to_owned()],
        dependency_levels: None,
        slsa_version: Some("1.2".to_owned()),
    };
    let statement = summary.statement(vec![Resource::named("image", &digests(1))]).unwrap();
    assert_eq!(statement.predicate["verificationResult"], json!("PASSED"));
    assert_eq!(statement.predicate["timeVerified"], json!("1970-01-01T00:00:00Z"));
    assert_eq!(statement.predicate["inputAttestations"].as_array().unwrap().len(), 1);
    assert_eq!(vsa::Summary::of(&statement).unwrap(), summary);
}

use crate::time::Time;

fn any_rebuild() -> impl Strategy<Value = Rebuild> {
    let outcome = prop_oneof![
        Just(Outcome::Built),
        Just(Outcome::Differs),
        Just(Outcome::Failed),
        Just(Outcome::Revoked)
    ];
    let outputs = prop::collection::btree_map("[a-zA-Z0-9_-]{1,8}", 1_u8..200, 1..4);
    (outcome, outputs, any::<Option<u32>>(), ".{0,8}").prop_map(|(outcome, outputs, time, reason)| {
        let expected = (outcome == Outcome::Differs).then_some(255);
        let outputs = outputs.iter().map(|(name, number)| output(name, *number, expected)).collect();
        let mut it = rebuild(outcome, if outcome == Outcome::Failed { vec![] } else { outputs });
        let finished_on = time.map(|time| Time(i64::from(time)));
        it.metadata = Some(rebuild::Metadata { started_on: None, finished_on, stated_on: None });
        it.reason = Some(reason);
        it
    })
}

proptest! {
    #[test]
    fn a_rebuild_is_read_as_it_was_written(rebuild in any_rebuild()) {
        let bytes = rebuild.clone().statement().unwrap().encode().unwrap();
        let statement = Statement::parse(&bytes).unwrap();
        prop_assert_eq!(Rebuild::of(&statement).unwrap(), rebuild);
        prop_assert_eq!(statement.encode().unwrap(), bytes);
    }
}
