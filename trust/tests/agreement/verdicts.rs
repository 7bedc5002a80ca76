//! Each verdict, with the clause that decided.

use stele_trust::policy::Policy;
use stele_trust::principal::Fact;
use stele_trust::statement::rebuild::Outcome;
use stele_trust::time::{DAY, Time};
use stele_trust::verdict::{Ancestor, Clause, Inquiry, Kind, decide, decide_closure};
use stele_trust::vote::Evidence;

use crate::cast::*;

fn ago(days: i64) -> Time {
    Time(NOW.0 - days * DAY)
}

#[test]
fn dissent_beyond_what_is_tolerated_contests_and_below_it_does_not() {
    let evidence = [states(1, 1), states(2, 1), states(3, 1), says(4, Outcome::Differs, 2)];
    let verdict = decides(&policy(THREE_OF_FIVE, ""), &evidence, Kind::Contested);
    assert_eq!(verdict.clause, Clause::Dissent { found: 1, tolerate: 0 });
    assert_eq!(verdict.dissenting[0].principal.as_str(), "dave");
    decides(&policy(THREE_OF_FIVE, "[dissent]\ntolerate = 1"), &evidence, Kind::Agreed);
    // Nobody states the digest that is asked about, and others state another one.
    decides(&policy(THREE_OF_FIVE, ""), &[states(1, 2)], Kind::Contested);
}

#[test]
fn two_digests_that_both_satisfy_the_policy_are_contested_whatever_is_tolerated() {
    let any_two = r#"{ at_least = 2, of = ["alice", "bob", "carol", "dave"] }"#;
    let evidence = [states(1, 1), states(2, 1), states(3, 2), states(4, 2)];
    let verdict = decides(&policy(any_two, "[dissent]\ntolerate = 3"), &evidence, Kind::Contested);
    assert_eq!(verdict.clause, Clause::TwoDigests);
}

#[test]
fn a_failed_build_dissents_only_where_the_policy_says_so() {
    let evidence = [states(1, 1), states(2, 1), says(3, Outcome::Failed, 0)];
    decides(&policy(TWO_OF_THREE, ""), &evidence, Kind::Agreed);
    decides(&policy(TWO_OF_THREE, "[dissent]\nfailed = \"dissent\""), &evidence, Kind::Contested);
}

#[test]
fn independence_is_counted_by_different_values() {
    let vendors = "[[independent]]\nfact = \"cpu_vendor\"\nat_least = 2";
    let verdict = decides(&policy(TWO_OF_THREE, vendors), &[states(1, 1), states(3, 1)], Kind::Insufficient);
    assert!(matches!(verdict.clause, Clause::Independence(clause) if clause.fact == Fact::CpuVendor));
    decides(&policy(TWO_OF_THREE, vendors), &[states(1, 1), states(2, 1)], Kind::Agreed);
}

#[test]
fn one_that_has_to_be_among_them_is_missed() {
    let rule = format!(r#"{{ all = ["alice", {TWO_OF_THREE}] }}"#);
    decides(&policy(&rule, ""), &[states(2, 1), states(3, 1)], Kind::Insufficient);
    decides(&policy(&rule, ""), &[states(1, 1), states(3, 1)], Kind::Agreed);
}

#[test]
fn old_statements_are_stale_in_favour_and_count_against() {
    let policy = policy(TWO_OF_THREE, "[freshness]\nmax_age_days = 30");
    let at = |by: u8, number: u8, time: Time| evidence(signed(dated(number, time), &key(by)));
    decides(&policy, &[at(1, 1, ago(1)), at(2, 1, ago(30))], Kind::Agreed);
    decides(&policy, &[at(1, 1, ago(1)), at(2, 1, ago(31))], Kind::Stale);
    // Without a date, and dated ahead, it is not fresh either.
    decides(&policy, &[at(1, 1, ago(1)), states(2, 1)], Kind::Stale);
    decides(&policy, &[at(1, 1, ago(1)), at(2, 1, ago(-2))], Kind::Stale);
    decides(&policy, &[at(1, 1, ago(1)), at(2, 1, ago(1)), at(3, 2, ago(4000))], Kind::Contested);
}

#[test]
fn only_a_third_partys_timestamp_dates_where_the_policy_wants_one() {
    let policy = policy(TWO_OF_THREE, "[freshness]\nmax_age_days = 30\ntime = \"witnessed\"");
    let at = |by: u8, witnessed: Option<Time>| Evidence::Envelope {
        envelope: signed(dated(1, ago(1)), &key(by)),
        witnessed,
    };
    decides(&policy, &[at(1, None), at(2, None)], Kind::Stale);
    decides(&policy, &[at(1, Some(ago(1))), at(2, Some(ago(40)))], Kind::Stale);
    decides(&policy, &[at(1, Some(ago(1))), at(2, Some(ago(2)))], Kind::Agreed);
}

#[test]
fn what_an_expired_key_means_is_the_policys_word() {
    let with = |expired: &str| {
        let more = format!("[keys]\nexpired = \"{expired}\"");
        let until = |name: &str| match name {
            "bob" => "valid_until = 2026-06-01T00:00:00Z".to_owned(),
            _ => String::new(),
        };
        Policy::parse(&policy_text(TWO_OF_THREE, &more, &until)).unwrap()
    };
    let before = "2026-05-01T00:00:00Z".parse().unwrap();
    let claimed = |time: Time| [states(1, 1), evidence(signed(dated(1, time), &key(2)))];
    let envelope = signed(dated(1, before), &key(2));
    let witnessed = [states(1, 1), Evidence::Envelope { envelope, witnessed: Some(before) }];
    decides(&with("at-verification"), &claimed(before), Kind::Stale);
    decides(&with("at-verification"), &witnessed, Kind::Stale);
    decides(&with("at-signing"), &claimed(before), Kind::Agreed);
    decides(&with("at-signing"), &claimed(ago(1)), Kind::Stale);
    decides(&with("at-signing"), &[states(1, 1), states(2, 1)], Kind::Stale);
    decides(&with("at-signing-witnessed"), &claimed(before), Kind::Stale);
    decides(&with("at-signing-witnessed"), &witnessed, Kind::Agreed);
}

#[test]
fn a_statement_that_was_taken_back_does_not_count_in_whatever_order_they_are_read() {
    let policy = policy(TWO_OF_THREE, "");
    let mut evidence = vec![states(1, 1), states(2, 1), says(2, Outcome::Revoked, 1)];
    for _ in 0..3 {
        evidence.rotate_left(1);
        let verdict = decides(&policy, &evidence, Kind::Revoked);
        assert_eq!(verdict.clause, Clause::Revocation);
    }
    // A builder that takes a digest back and states another one does not equivocate: it dissents.
    evidence.push(states(2, 2));
    decides(&policy, &evidence, Kind::Contested);
    // And nobody takes back what others say.
    decides(&policy, &[states(1, 1), states(2, 1), says(3, Outcome::Revoked, 1)], Kind::Agreed);
}

#[test]
fn a_stale_or_rolled_back_policy_decides_nothing() {
    let evidence = [states(1, 1), states(2, 1)];
    let with = |policy: &Policy, seen: Option<u64>| {
        let subject = subject();
        let inquiry = Inquiry {
            policy,
            highest_policy_seen: seen,
            subject,
            digest: Some(digests(1)),
            evidence: &evidence,
            now: NOW,
        };
        decide(&inquiry)
    };
    let current = policy(TWO_OF_THREE, "");
    assert_eq!(with(&current, Some(3)).kind, Kind::Agreed);
    let rolled_back = with(&current, Some(4));
    assert_eq!((rolled_back.kind, rolled_back.clause), (Kind::Stale, Clause::PolicyRolledBack { seen: 4 }));
    assert_eq!(rolled_back.agreed, None);
    let old = policy(TWO_OF_THREE, "valid_until = 2026-11-01T00:00:00Z");
    assert_eq!(with(&old, None).kind, Kind::Stale);
}

#[test]
fn an_equivocating_builder_counts_for_nobody_and_is_tolerated_like_a_dissenter() {
    let evidence = [states(1, 1), states(2, 1), states(3, 1), states(4, 1), states(4, 2)];
    let verdict = decides(&policy(THREE_OF_FIVE, "[dissent]\ntolerate = 1"), &evidence, Kind::Agreed);
    assert_eq!(verdict.agreeing.len(), 3);
    assert_eq!(verdict.equivocations.len(), 1);
    decides(&policy(THREE_OF_FIVE, ""), &evidence, Kind::Equivocation);
}

#[test]
fn without_a_digest_it_is_asked_which_one_is_agreed() {
    let policy = policy(TWO_OF_THREE, "[dissent]\ntolerate = 1");
    let ask = |evidence: &[Evidence]| {
        decide(&Inquiry {
            policy: &policy,
            highest_policy_seen: None,
            subject: subject(),
            digest: None,
            evidence,
            now: NOW,
        })
    };
    let found = ask(&[states(1, 5), states(2, 5), states(3, 6)]);
    assert_eq!((found.kind, found.agreed), (Kind::Agreed, Some(digests(5))));
    assert_eq!(ask(&[states(1, 5)]).kind, Kind::Insufficient);
    assert_eq!(ask(&[]).agreed, None);
}

#[test]
fn every_kind_has_an_exit_code_of_its_own_and_the_report_names_everybody() {
    let codes: std::collections::BTreeSet<u8> = Kind::ALL.iter().map(|kind| kind.exit_code()).collect();
    assert_eq!(codes.len(), Kind::ALL.len());
    let evidence = [states(1, 1), says(2, Outcome::Differs, 2), states(40, 1)];
    let verdict = decides(&policy(TWO_OF_THREE, ""), &evidence, Kind::Contested);
    let json = verdict.to_json();
    assert_eq!(json["verdict"], "CONTESTED");
    assert_eq!(json["agreeing"][0]["principal"], "alice");
    assert_eq!(json["dissenting"][0]["principal"], "bob");
    assert_eq!(json["silent"][0], "carol");
    assert_eq!(json["not_counted"][0]["reason"], "no-known-key");
    assert_eq!(json["clause"]["dissent"]["found"], 1);
    let words = verdict.explain();
    for said in ["CONTESTED", "alice states", "bob dissents", "carol", "no key of the policy"] {
        assert!(words.contains(said), "{said} in:\n{words}");
    }
}

#[test]
fn a_closure_is_as_good_as_its_weakest_ancestor_which_is_named() {
    let strict = policy(TWO_OF_THREE, "");
    let built = |name: &str, evidence: &[Evidence]| Ancestor::Built {
        name: name.to_owned(),
        verdict: Box::new(verdict(&strict, evidence)),
    };
    let good = [states(1, 1), states(2, 1), states(3, 1)];
    let mut ancestors = vec![
        built("hello", &good),
        built("musl", &good[..2]),
        Ancestor::Pinned { name: "musl-1.2.tar.gz".to_owned() },
    ];
    let closure = decide_closure(&ancestors);
    assert_eq!((closure.kind, closure.judged, closure.pinned), (Kind::Agreed, 2, 1));
    assert_eq!(closure.weakest.unwrap().0, "musl");
    ancestors.push(built("tcc", &[states(1, 1), states(2, 2)]));
    ancestors.push(built("hex0", &good[..1]));
    ancestors.push(Ancestor::Opaque { name: "gcc-12.deb".to_owned() });
    let closure = decide_closure(&ancestors);
    assert_eq!(closure.kind, Kind::Contested);
    assert_eq!(closure.to_json()["weakest"]["name"], "tcc");
    assert_eq!(closure.opaque, ["gcc-12.deb"]);
    assert_eq!(decide_closure(&[]).kind, Kind::Insufficient);
}
