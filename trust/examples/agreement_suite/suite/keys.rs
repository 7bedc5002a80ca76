//! Keys, dates, and what a statement says of its machine.

use stele_trust::statement::rebuild::{Builder, Outcome, Rebuild, Sandbox};
use stele_trust::time::Time;

use super::cast::*;
use super::{Case, case};

const COMPROMISED: &str = "revoked = { at = 2026-06-01T00:00:00Z, reason = \"compromised\" }";
const RETIRED: &str = "revoked = { at = 2026-06-01T00:00:00Z, reason = \"retired\" }";
const EXPIRED: &str = "valid_until = 2026-06-01T00:00:00Z";
const AT_SIGNING: &str = "\n[keys]\nexpired = \"at-signing\"";
const WITNESSED: &str = "\n[keys]\nexpired = \"at-signing-witnessed\"";

/// A month before Bob's key expires or is revoked.
fn may() -> Time {
    "2026-05-01T00:00:00Z".parse().expect("a moment")
}

fn bobs(more: &str, key: &str) -> String {
    policy_with(TWO_OF_THREE, more, &[("bob", key)])
}

pub fn cases() -> Vec<Case> {
    [revoked(), expired(), freshness(), facts()].into_iter().flatten().collect()
}

fn with_bob(name: &'static str, story: &'static str, policy: String, bob: Rebuild) -> Case {
    case(name, story).policy(policy).evidence([states("alice"), signed("bob", bob)])
}

fn revoked() -> Vec<Case> {
    let stolen = bobs("", &format!("{COMPROMISED}\n{}", second_key("bob", &public("bob-2"))));
    vec![
        with_bob(
            "key_was_compromised_fail",
            "Bob's key was compromised in June. His statement is dated six years before, but who stole \
             the key dates as he likes: none of its signatures counts.",
            bobs(AT_SIGNING, COMPROMISED),
            dated("2020-01-01T00:00:00Z".parse().expect("a moment")),
        )
        .decided("REVOKED", "revocation", &["alice"]),
        case(
            "key_was_compromised_and_replaced",
            "Bob's key was compromised and he has a new one, with which he states the digest. The thief \
             takes that back with the old key, and states another digest. Neither counts.",
        )
        .policy(stolen)
        .evidence([
            states("alice"),
            named("bob-new-key", states("bob-2")),
            named("thief-takes-back", says("bob", Outcome::Revoked, 1)),
            named("thief-states", says("bob", Outcome::Built, 2)),
        ])
        .agreed(&["alice", "bob"]),
        with_bob(
            "key_was_retired_after_it_signed",
            "Bob retired his key in June, and his statement is of May. The policy asks whether a key was \
             valid when it signed.",
            bobs(AT_SIGNING, RETIRED),
            dated(may()),
        )
        .agreed(&["alice", "bob"]),
        with_bob(
            "key_was_retired_before_it_signed_fail",
            "Bob retired his key in June, and his statement is of yesterday.",
            bobs(AT_SIGNING, RETIRED),
            dated(ago(1)),
        )
        .decided("REVOKED", "revocation", &["alice"]),
        with_bob(
            "key_is_retired_at_verification_fail",
            "Bob retired his key in June, and his statement is of May. The policy asks whether a key is \
             valid at the time of the verdict.",
            bobs("", RETIRED),
            dated(may()),
        )
        .decided("REVOKED", "revocation", &["alice"]),
    ]
}

fn expired() -> Vec<Case> {
    vec![
        with_bob(
            "key_has_expired_at_verification_fail",
            "Bob's key expired in June, and his statement is of May. The policy asks whether a key is \
             valid at the time of the verdict.",
            bobs("", EXPIRED),
            dated(may()),
        )
        .decided("STALE", "age", &["alice"]),
        with_bob(
            "key_expired_after_it_signed",
            "Bob's key expired in June, and his statement is of May. The policy asks whether a key was \
             valid when it signed, and takes the statement's word for the date.",
            bobs(AT_SIGNING, EXPIRED),
            dated(may()),
        )
        .agreed(&["alice", "bob"]),
        with_bob(
            "key_expired_before_it_signed_fail",
            "Bob's key expired in June, and his statement is of yesterday.",
            bobs(AT_SIGNING, EXPIRED),
            dated(ago(1)),
        )
        .decided("STALE", "age", &["alice"]),
        with_bob(
            "key_expired_and_nothing_says_when_it_signed_fail",
            "Bob's key expired in June, and his statement has no date. It counts as signed at the moment \
             of the verdict.",
            bobs(AT_SIGNING, EXPIRED),
            rebuild(Outcome::Built, 1),
        )
        .decided("STALE", "age", &["alice"]),
        with_bob(
            "key_expired_and_only_its_owner_says_when_it_signed_fail",
            "Bob's key expired in June, and his statement says that it is of May. The policy wants a \
             third party's word for that.",
            bobs(WITNESSED, EXPIRED),
            dated(may()),
        )
        .decided("STALE", "age", &["alice"]),
        with_bob(
            "key_expired_after_a_third_party_saw_its_signature",
            "Bob's key expired in June, and a timestamp authority saw his statement in May.",
            bobs(WITNESSED, EXPIRED),
            dated(may()),
        )
        .witnessed(&[("bob", may())])
        .agreed(&["alice", "bob"]),
        with_bob(
            "key_is_not_valid_yet_fail",
            "Bob's key becomes valid next year.",
            bobs("", "valid_from = 2027-01-01T00:00:00Z"),
            rebuild(Outcome::Built, 1),
        )
        .decided("STALE", "age", &["alice"]),
        with_bob(
            "key_expires_at_this_moment_fail",
            "Bob's key is valid until the very second of the verdict. That second is excluded.",
            bobs("", "valid_until = 2026-11-30T00:00:00Z"),
            rebuild(Outcome::Built, 1),
        )
        .decided("STALE", "age", &["alice"]),
        with_bob(
            "key_is_valid_from_this_moment",
            "Bob's key is valid from the very second of the verdict. That second is included.",
            bobs("", "valid_from = 2026-11-30T00:00:00Z"),
            rebuild(Outcome::Built, 1),
        )
        .agreed(&["alice", "bob"]),
    ]
}

fn freshness() -> Vec<Case> {
    let days = || policy(TWO_OF_THREE, "\n[freshness]\nmax_age_days = 30");
    let seen = || policy(TWO_OF_THREE, "\n[freshness]\nmax_age_days = 30\ntime = \"witnessed\"");
    let both = |bob: Rebuild| [signed("alice", dated(ago(1))), signed("bob", bob)];
    vec![
        case(
            "statements_are_fresh",
            "Statements may be 30 days old, and Bob's is of that age to the second.",
        )
        .policy(days())
        .evidence(both(dated(ago(30))))
        .agreed(&["alice", "bob"]),
        case("statement_is_too_old_fail", "Statements may be 30 days old, and Bob's is a second older.")
            .policy(days())
            .evidence(both(dated(Time(ago(30).0 - 1))))
            .decided("STALE", "age", &["alice"]),
        case("statement_has_no_date_fail", "Statements may be 30 days old, and Bob's has no date.")
            .policy(days())
            .evidence(both(rebuild(Outcome::Built, 1)))
            .decided("STALE", "age", &["alice"]),
        case(
            "statement_is_of_tomorrow_fail",
            "Statements may be 30 days old, and Bob's is dated two days ahead.",
        )
        .policy(days())
        .evidence(both(dated(ago(-2))))
        .decided("STALE", "age", &["alice"]),
        case(
            "date_is_witnessed",
            "Statements may be 30 days old by a third party's word, who saw both within that time.",
        )
        .policy(seen())
        .evidence(both(dated(ago(1))))
        .witnessed(&[("alice", ago(1)), ("bob", ago(2))])
        .agreed(&["alice", "bob"]),
        case(
            "date_is_not_witnessed_fail",
            "Statements may be 30 days old by a third party's word, who saw only Alice's. Bob's own date \
             does not count.",
        )
        .policy(seen())
        .evidence(both(dated(ago(1))))
        .witnessed(&[("alice", ago(1))])
        .decided("STALE", "age", &["alice"]),
    ]
}

fn facts() -> Vec<Case> {
    let on = |vendor: &str| Rebuild {
        builder: Builder { cpu_vendor: Some(vendor.to_owned()), ..Builder::default() },
        ..rebuild(Outcome::Built, 1)
    };
    let in_profile = |profile: u32| Rebuild {
        sandbox: Some(Sandbox { profile, isolation: Default::default() }),
        ..rebuild(Outcome::Built, 1)
    };
    let accepting = "\n[statements]\ncontradicting_facts = \"accept\"";
    let profiles = || policy(TWO_OF_THREE, "\n[statements]\nprofiles = [1, 2]");
    vec![
        with_bob(
            "statement_contradicts_the_policys_facts_fail",
            "The policy says that Bob builds on an Intel CPU, and his statement says AMD. One of the two \
             is wrong, so it does not count in favour.",
            policy(TWO_OF_THREE, ""),
            on("amd"),
        )
        .decided("INSUFFICIENT", "rule", &["alice"]),
        with_bob(
            "statement_contradicts_facts_and_is_accepted",
            "The same, but the policy accepts statements that contradict its facts.",
            policy(TWO_OF_THREE, accepting),
            on("amd"),
        )
        .agreed(&["alice", "bob"]),
        with_bob(
            "statement_repeats_the_policys_facts_in_another_case",
            "The policy says that Bob builds on `intel`, and his statement says `Intel`.",
            policy(TWO_OF_THREE, ""),
            on("Intel"),
        )
        .agreed(&["alice", "bob"]),
        with_bob(
            "sandbox_profile_is_accepted",
            "The policy accepts two sandbox profiles, and Bob built in the second.",
            profiles(),
            in_profile(2),
        )
        .agreed(&["alice", "bob"]),
        with_bob(
            "sandbox_profile_is_not_accepted_fail",
            "The policy accepts two sandbox profiles, and Bob built in a third.",
            profiles(),
            in_profile(3),
        )
        .decided("INSUFFICIENT", "rule", &["alice"]),
        case(
            "dissent_from_a_profile_that_is_not_accepted_fail",
            "The policy accepts two sandbox profiles. Alice and Bob agree, and Carol, who built in a \
             third, found another digest. What does not count in favour counts against.",
        )
        .policy(profiles())
        .evidence([
            states("alice"),
            states("bob"),
            signed("carol", {
                let sandbox = Some(Sandbox { profile: 3, isolation: Default::default() });
                Rebuild { sandbox, ..rebuild(Outcome::Built, 2) }
            }),
        ])
        .decided(
            "CONTESTED",
            serde_json::json!({ "dissent": { "found": 1, "tolerate": 0 } }),
            &["alice", "bob"],
        )
        .against(&["carol"]),
    ]
}
