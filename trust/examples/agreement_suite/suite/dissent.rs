//! Who says something else, takes something back, or says two things.

use serde_json::{Value, json};
use stele_trust::digest::Digests;
use stele_trust::statement::rebuild::{Metadata, Outcome, Rebuild};

use super::cast::*;
use super::{Case, case};

const ANY_TWO_OF_FOUR: &str = r#"{ at_least = 2, of = ["alice", "bob", "carol", "dave"] }"#;

fn dissent(found: usize, tolerate: usize) -> Value {
    json!({ "dissent": { "found": found, "tolerate": tolerate } })
}

pub fn cases() -> Vec<Case> {
    [disagreement(), failures(), equivocations(), withdrawals()].into_iter().flatten().collect()
}

fn disagreement() -> Vec<Case> {
    let differs = says("dave", Outcome::Differs, 2);
    let three = || [states("alice"), states("bob"), states("carol")];
    let mut mixed = rebuild(Outcome::Built, 1);
    mixed.outputs[0].digest.sha256 = digests(2).sha256;
    let old = {
        let metadata = Some(Metadata { started_on: None, finished_on: Some(ago(4_000)), stated_on: None });
        signed("carol", Rebuild { metadata, ..rebuild(Outcome::Built, 2) })
    };
    vec![
        case(
            "one_builder_dissents_fail",
            "Three of five builders agree, which is enough, and a fourth found another digest. No dissent \
             is tolerated.",
        )
        .policy(policy(THREE_OF_FIVE, ""))
        .evidence(three().into_iter().chain([differs.clone()]))
        .decided("CONTESTED", dissent(1, 0), &["alice", "bob", "carol"])
        .against(&["dave"]),
        case(
            "dissent_that_is_tolerated",
            "Three of five builders agree, and one found another digest. One dissent is tolerated.",
        )
        .policy(policy(THREE_OF_FIVE, "\n[dissent]\ntolerate = 1"))
        .evidence(three().into_iter().chain([differs]))
        .agreed(&["alice", "bob", "carol"])
        .against(&["dave"]),
        case(
            "nobody_states_the_digest_that_is_asked_about_fail",
            "A digest is asked about that nobody states, and Alice states another one.",
        )
        .evidence([says("alice", Outcome::Built, 2)])
        .decided("CONTESTED", dissent(1, 0), &[])
        .against(&["alice"]),
        case(
            "two_digests_satisfy_the_rule_fail",
            "Any two builders are enough. Two state one digest, and two another. Both satisfy the rule, \
             so neither is agreed, however much dissent is tolerated.",
        )
        .policy(policy(ANY_TWO_OF_FOUR, "\n[dissent]\ntolerate = 3"))
        .evidence([
            states("alice"),
            states("bob"),
            says("carol", Outcome::Built, 2),
            says("dave", Outcome::Built, 2),
        ])
        .decided("CONTESTED", "two-digests", &["alice", "bob"])
        .against(&["carol", "dave"]),
        case(
            "same_blake3_and_another_sha256_fail",
            "Carol's digests agree with the others' in BLAKE3 and not in SHA-256. Two votes agree only in \
             both: otherwise one signature means different things to two readers.",
        )
        .evidence([states("alice"), states("bob"), signed("carol", mixed.clone())])
        .decided("CONTESTED", dissent(1, 0), &["alice", "bob"])
        .against(&["carol"]),
        case(
            "asked_for_the_algorithm_that_hides_a_difference_fail",
            "The same, and only the BLAKE3 digest is asked about, in which all three agree.",
        )
        .asked(Some(Digests { sha256: None, ..digests(1) }))
        .evidence([states("alice"), states("bob"), signed("carol", mixed)])
        .decided("CONTESTED", dissent(1, 0), &["alice", "bob"])
        .against(&["carol"]),
        case(
            "dissent_hidden_and_noticed_fail",
            "All three builders have to agree. Carol dissented, and whoever carries the evidence left her \
             statement out. Her silence is noticed, for the rule needs her.",
        )
        .policy(policy(ALL_THREE, ""))
        .evidence([states("alice"), states("bob")])
        .decided("INSUFFICIENT", "rule", &["alice", "bob"]),
        case(
            "dissent_hidden_from_a_rule_that_can_do_without",
            "Two of three are enough. Carol dissented, and whoever carries the evidence left her \
             statement out. Nothing in the evidence shows it: this is what such a rule cannot do, and \
             `AGREED` is the right answer to what is there.",
        )
        .evidence([states("alice"), states("bob")])
        .agreed(&["alice", "bob"]),
        case(
            "old_dissent_counts_fail",
            "Statements in favour may be 30 days old. Alice and Bob are recent, and Carol found another \
             digest eleven years ago. Dissent does not go stale.",
        )
        .policy(policy(TWO_OF_THREE, "\n[freshness]\nmax_age_days = 30"))
        .evidence([signed("alice", dated(ago(1))), signed("bob", dated(ago(1))), old])
        .decided("CONTESTED", dissent(1, 0), &["alice", "bob"])
        .against(&["carol"]),
    ]
}

fn failures() -> Vec<Case> {
    let all = || [states("alice"), states("bob"), says("carol", Outcome::Failed, 0)];
    vec![
        case(
            "failed_build_is_ignored",
            "Two builders agree, and Carol's build failed. The policy ignores failed builds.",
        )
        .evidence(all())
        .agreed(&["alice", "bob"]),
        case(
            "failed_build_dissents_fail",
            "Two builders agree, and Carol's build failed. The policy counts a failed build as dissent.",
        )
        .policy(policy(TWO_OF_THREE, "\n[dissent]\nfailed = \"dissent\""))
        .evidence(all())
        .decided("CONTESTED", dissent(1, 0), &["alice", "bob"])
        .against(&["carol"]),
        case(
            "failed_build_is_no_vote_in_favour_fail",
            "Alice states the digest, and Bob's build failed. The policy ignores failed builds, and Alice \
             is one.",
        )
        .evidence([states("alice"), says("bob", Outcome::Failed, 0)])
        .decided("INSUFFICIENT", "rule", &["alice"]),
        case(
            "failed_first_and_built_later",
            "Bob's build failed at first, and he says so; later it ran. Failed builds count as dissent, \
             but Bob has found a digest since.",
        )
        .policy(policy(TWO_OF_THREE, "\n[dissent]\nfailed = \"dissent\""))
        .evidence([states("alice"), states("bob"), named("bob-failed", says("bob", Outcome::Failed, 0))])
        .agreed(&["alice", "bob"]),
    ]
}

fn equivocations() -> Vec<Case> {
    let other = |by: &str| named(&format!("{by}-other"), says(by, Outcome::Built, 2));
    vec![
        case(
            "builder_states_two_digests_fail",
            "Alice and Bob agree. Carol signed the same digest, and another one of the same output. Her \
             two envelopes prove it to anybody who knows her key.",
        )
        .evidence([states("alice"), states("bob"), states("carol"), other("carol")])
        .decided("EQUIVOCATION", "equivocation", &["alice", "bob"])
        .equivocating(&["carol"]),
        case(
            "equivocation_that_is_tolerated",
            "Three of five agree, and Dave signed two digests. He counts for neither, and is tolerated \
             like a dissenter.",
        )
        .policy(policy(THREE_OF_FIVE, "\n[dissent]\ntolerate = 1"))
        .evidence([states("alice"), states("bob"), states("carol"), states("dave"), other("dave")])
        .agreed(&["alice", "bob", "carol"])
        .equivocating(&["dave"]),
        case(
            "equivocator_makes_no_quorum_fail",
            "Alice agrees with one of the two digests that Bob signed. One equivocation is tolerated, but \
             Bob does not count, so Alice is alone.",
        )
        .policy(policy(TWO_OF_THREE, "\n[dissent]\ntolerate = 1"))
        .evidence([states("alice"), states("bob"), other("bob")])
        .decided("INSUFFICIENT", "rule", &["alice"])
        .equivocating(&["bob"]),
        case(
            "two_digests_by_two_keys_of_one_builder_fail",
            "Bob has two keys, and states one digest with each. Keys are not people: this is one builder \
             who says two things.",
        )
        .policy(policy_with(ALL_THREE, "", &[("bob", &second_key("bob", &public("bob-2")))]))
        .evidence([states("alice"), states("bob"), states("carol"), says("bob-2", Outcome::Built, 2)])
        .decided("EQUIVOCATION", "equivocation", &["alice", "carol"])
        .equivocating(&["bob"]),
        case(
            "equivocation_and_dissent_together_fail",
            "Three of five agree. Dave dissents, and Erin signed two digests: together more than the one \
             that is tolerated. The proof is the stronger fact.",
        )
        .policy(policy(THREE_OF_FIVE, "\n[dissent]\ntolerate = 1"))
        .evidence([
            states("alice"),
            states("bob"),
            states("carol"),
            says("dave", Outcome::Differs, 2),
            states("erin"),
            other("erin"),
        ])
        .decided("EQUIVOCATION", "equivocation", &["alice", "bob", "carol"])
        .against(&["dave"])
        .equivocating(&["erin"]),
    ]
}

fn withdrawals() -> Vec<Case> {
    let takes_back = |by: &str| named(&format!("{by}-takes-back"), says(by, Outcome::Revoked, 1));
    vec![
        case(
            "vote_is_withdrawn_fail",
            "Bob states the digest and takes it back. Without that it would be enough.",
        )
        .evidence([states("alice"), states("bob"), takes_back("bob")])
        .decided("REVOKED", "revocation", &["alice"]),
        case(
            "vote_is_withdrawn_before_it_is_read_fail",
            "The same, but the file with the revocation is read first. The order of files never matters.",
        )
        .evidence([
            named("a-bob-takes-back", says("bob", Outcome::Revoked, 1)),
            states("alice"),
            states("bob"),
        ])
        .decided("REVOKED", "revocation", &["alice"]),
        case(
            "vote_is_withdrawn_and_another_given_fail",
            "Bob takes the digest back and states another one. That is no equivocation any more, but a \
             dissent.",
        )
        .evidence([
            states("alice"),
            states("bob"),
            takes_back("bob"),
            named("bob-now", says("bob", Outcome::Built, 2)),
        ])
        .decided("CONTESTED", dissent(1, 0), &["alice"])
        .against(&["bob"]),
        case(
            "wrong_vote_is_withdrawn",
            "Bob stated another digest, took that back, and states the good one. What was withdrawn is \
             not counted against anybody.",
        )
        .evidence([
            states("alice"),
            states("bob"),
            named("bob-before", says("bob", Outcome::Built, 2)),
            named("bob-takes-back", says("bob", Outcome::Revoked, 2)),
        ])
        .agreed(&["alice", "bob"]),
        case(
            "one_builder_takes_back_what_others_said",
            "Carol signs a revocation of the digest that Alice and Bob state. She can take back only what \
             she said.",
        )
        .evidence([states("alice"), states("bob"), takes_back("carol")])
        .agreed(&["alice", "bob"]),
    ]
}
