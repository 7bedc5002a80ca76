//! Policies that are refused, each with its reason, and what is explained of those that are not.

use super::*;
use crate::keys::{Signer as _, SigningKey};

fn key(number: u8) -> String {
    SigningKey::from_seed(&[number; 32]).unwrap().public().to_openssh().trim().to_owned()
}

fn principal(name: &str, number: u8, facts: &str) -> String {
    format!("[principals.{name}]\n{facts}\n[[principals.{name}.keys]]\npublic = \"{}\"\n", key(number))
}

fn policy(rule: &str, more: &str) -> String {
    let principals: String = [("alice", 1, "amd"), ("bob", 2, "intel"), ("carol", 3, "amd")]
        .map(|(name, number, vendor)| principal(name, number, &format!("cpu_vendor = \"{vendor}\"")))
        .concat();
    format!("policy = 1\nname = \"example\"\nversion = 7\nrule = {rule}\n{more}\n{principals}")
}

const TWO_OF_THREE: &str = r#"{ at_least = 2, of = ["alice", "bob", "carol"] }"#;

#[track_caller]
fn refused(text: &str, said: &str) {
    let error = Policy::parse(text).expect_err(said).to_string();
    assert!(error.contains(said), "{said:?} in:\n{error}");
}

#[test]
fn a_threshold_of_zero_or_less_or_more_than_there_are_is_refused() {
    for least in ["0", "-1", "4", "-9223372036854775808"] {
        refused(
            &policy(&format!(r#"{{ at_least = {least}, of = ["alice", "bob", "carol"] }}"#), ""),
            "from 1 to 3",
        );
    }
    for least in ["\"2\"", "2.0", "true", "9223372036854775808"] {
        let text = policy(&format!(r#"{{ at_least = {least}, of = ["alice", "bob", "carol"] }}"#), "");
        assert!(Policy::parse(&text).is_err(), "{least}");
    }
}

#[test]
fn a_rule_of_nobody_or_of_an_unclear_form_is_refused() {
    for rule in ["{ at_least = 1, of = [] }", "{ all = [] }", "{ any = [] }"] {
        refused(&policy(rule, ""), "empty list");
    }
    for rule in ["{}", "{ at_least = 1 }", r#"{ of = ["alice"] }"#, r#"{ all = ["alice"], any = ["bob"] }"#] {
        refused(&policy(rule, ""), "nothing else");
    }
}

#[test]
fn a_principal_who_would_count_twice_is_refused() {
    for rule in [
        r#"{ at_least = 2, of = ["alice", "alice", "bob", "carol"] }"#,
        r#"{ at_least = 2, of = ["alice", { any = ["alice", "bob"] }, "carol"] }"#,
        r#"{ all = ["alice", "alice", "bob", "carol"] }"#,
        r#"{ any = ["bob", { at_least = 2, of = [{ any = ["alice"] }, { all = ["alice", "carol"] }] }] }"#,
    ] {
        refused(&policy(rule, ""), "counts twice".replace("counts", "count").as_str());
    }
    // One that has to be among them is not counted twice.
    Policy::parse(&policy(&format!(r#"{{ all = ["alice", {TWO_OF_THREE}] }}"#), "")).unwrap();
}

#[test]
fn one_key_of_two_principals_or_twice_of_one_is_refused_in_whatever_format() {
    let pem = SigningKey::from_seed(&[1; 32]).unwrap().public().to_pem();
    let again = format!("[[principals.carol.keys]]\npublic = '''{pem}'''\n");
    refused(&(policy(TWO_OF_THREE, "") + &again), "the same key");
    let twice = format!("[[principals.carol.keys]]\npublic = \"{} comment\"\n", key(3));
    refused(&(policy(TWO_OF_THREE, "") + &twice), "the same key");
}

#[test]
fn principals_and_the_rule_name_each_other_exactly() {
    refused(&policy(r#"{ any = ["alice", "bob", "carol", "dave"] }"#, ""), "dave");
    refused(&policy(r#"{ any = ["alice", "bob"] }"#, ""), "does not name it");
    for name in ["Alice", "\"аlice\"", "\"ali ce\"", "\"\""] {
        let text = policy(TWO_OF_THREE, "").replace("[principals.alice]", &format!("[principals.{name}]"));
        assert!(Policy::parse(&text).is_err(), "{name}");
    }
    refused(
        &policy(TWO_OF_THREE, "").replace(&format!("[[principals.bob.keys]]\npublic = \"{}\"", key(2)), ""),
        "no key",
    );
}

#[test]
fn unknown_fields_are_errors_at_every_level() {
    for more in [
        "threshold = 2",
        "[dissent]\ntolerated = 1",
        "[freshness]\nmax_age_days = 1\nmax_age = 1",
        "[keys]\nexpiry = \"at-signing\"",
        "[statements]\nprofile = 1",
        "[[independent]]\nfact = \"owner\"\nat_least = 1\nof = 2",
    ] {
        refused(&policy(TWO_OF_THREE, more), "unknown field");
    }
    refused(&policy(TWO_OF_THREE, "").replace("cpu_vendor", "cpu-vendor"), "unknown field");
    refused(&policy(TWO_OF_THREE, "").replace("public =", "valid = true\npublic ="), "unknown field");
    assert!(
        Policy::parse(&policy(r#"{ at_least = 2, of = ["alice", "bob", "carol"], off = 1 }"#, "")).is_err()
    );
    assert!(Policy::parse(&policy(TWO_OF_THREE, "version = 8")).is_err());
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    refused(&policy(TWO_OF_THREE, "").replace("version = 7", "version = 0"), "`version` is 0");
    refused(&policy(TWO_OF_THREE, "").replace("version = 7", "version = -1"), "`version` is -1");
    refused(&policy(TWO_OF_THREE, "").replace("policy = 1", "policy = 2"), "format 2");
    refused(&policy(TWO_OF_THREE, "[dissent]\ntolerate = -1"), "`dissent.tolerate` is -1");
    refused(&policy(TWO_OF_THREE, "[dissent]\ntolerate = 3"), "less than 3");
    refused(
        &policy(TWO_OF_THREE, "[freshness]\nmax_age_days = 0"),
        "at least 1".replace("at least", "from").as_str(),
    );
    refused(&policy(TWO_OF_THREE, "[[independent]]\nfact = \"cpu_vendor\"\nat_least = 0"), "from 1 to");
    refused(&policy(TWO_OF_THREE, "[[independent]]\nfact = \"cpu_vendor\"\nat_least = 3"), "have 2");
    refused(&policy(TWO_OF_THREE, "[[independent]]\nfact = \"owner\"\nat_least = 1"), "have 0");
    let twice = "[[independent]]\nfact = \"cpu_vendor\"\nat_least = 1\n".repeat(2);
    refused(&policy(TWO_OF_THREE, &twice), "two clauses");
}

#[test]
fn keys_that_are_never_valid_or_not_keys_are_refused() {
    let with = |text: &str| policy(TWO_OF_THREE, "") + &format!("[[principals.carol.keys]]\n{text}\n");
    refused(&with("public = \"x\""), "cannot be read");
    refused(&with(""), "one of `public` and `openpgp`");
    refused(&with("openpgp = \"1234\""), "not the fingerprint");
    let other = key(9);
    let dates = "valid_from = 2027-01-01T00:00:00Z\nvalid_until = 2026-01-01T00:00:00Z";
    refused(&with(&format!("public = \"{other}\"\n{dates}")), "valid until before");
    refused(&with(&format!("public = \"{other}\"\nvalid_until = 2026-01-01")), "not a moment");
    refused(&with(&format!("public = \"{other}\"\nvalid_until = 2026-01-01T00:00:00")), "not a moment");
}

#[test]
fn rules_that_are_nested_without_end_are_refused() {
    let nested = |depth: usize| format!("{}\"alice\"{}", "{ all = [".repeat(depth), "] }".repeat(depth));
    assert!(Policy::parse(&policy(&nested(20), "")).is_err());
    assert!(Policy::parse(&policy(&nested(100_000), "")).is_err());
}

#[test]
fn an_old_or_rolled_back_policy_is_stale() {
    let policy = Policy::parse(&policy(TWO_OF_THREE, "valid_until = 2027-01-01T00:00:00Z")).unwrap();
    let until: Time = "2027-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(policy.stale(Time(0), None), None);
    assert_eq!(policy.stale(Time(0), Some(7)), None);
    assert_eq!(policy.stale(Time(0), Some(8)), Some(PolicyStale::RolledBack { seen: 8 }));
    assert_eq!(policy.stale(until, Some(7)), Some(PolicyStale::Expired { until }));
}

#[test]
fn what_is_allowed_but_dangerous_is_said() {
    let warnings = |rule: &str, more: &str| Policy::parse(&policy(rule, more)).unwrap().warnings();
    assert!(warnings(TWO_OF_THREE, "").is_empty());
    let any = warnings(r#"{ any = ["alice", "bob", "carol"] }"#, "");
    assert!(any.iter().any(|it| matches!(it, Warning::Alone { .. })), "{any:?}");
    assert!(any.iter().any(|it| matches!(it, Warning::TwoQuorums { .. })), "{any:?}");
    assert_eq!(warnings(TWO_OF_THREE, "[keys]\nexpired = \"at-signing\""), [Warning::BackDating]);
    let same = policy(TWO_OF_THREE, "").replace("cpu_vendor = \"amd\"", "organisation = \"acme\"");
    let warnings = Policy::parse(&same).unwrap().warnings();
    assert!(warnings.iter().any(|it| matches!(it, Warning::OneOf { .. })), "{warnings:?}");
}

#[test]
fn a_policy_is_explained_in_words() {
    let more = "[[independent]]\nfact = \"cpu_vendor\"\nat_least = 2\n[dissent]\ntolerate = 1\nfailed = \"dissent\"\n\
                [freshness]\nmax_age_days = 30\n[statements]\nprofiles = [1]";
    let text =
        Policy::parse(&policy(&format!(r#"{{ all = ["alice", {TWO_OF_THREE}] }}"#), more)).unwrap().explain();
    for line in [
        "Policy example, version 7.",
        "A digest is agreed when all of (alice, 2 of (alice, bob, carol)) state it.",
        "At least 2 of 3 principals have to agree; silence counts as no.",
        "Those who agree have to have at least 2 different CPU vendors.",
        "A build that failed is a dissent.",
        "alice: cpu_vendor amd",
    ] {
        assert!(text.lines().any(|it| it == line), "{line:?} in:\n{text}");
    }
}

#[test]
fn the_example_of_the_documentation_is_a_policy() {
    let page = include_str!("../../../docs/policy.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let policy = Policy::parse(rest.split_once("```").unwrap().0).unwrap();
    assert_eq!(policy.principals.len(), 3);
    assert_eq!(policy.fewest(), Some(2));
}
