//! Policies that are not valid, not current, or ask for independence.

use serde_json::json;
use stele_trust::keys::Signer as _;

use super::cast::*;
use super::{Case, case};

/// Everybody agrees; the policy is the fault.
fn not_a_policy(name: &'static str, story: &'static str, policy: String) -> Case {
    case(name, story).policy(policy).evidence([states("alice"), states("bob"), states("carol")]).decided(
        "INVALID",
        "policy",
        &[],
    )
}

fn with_rule(rule: &str) -> String {
    policy(TWO_OF_THREE, "").replace(TWO_OF_THREE, rule)
}

pub fn cases() -> Vec<Case> {
    [thresholds(), names_and_keys(), currency(), independence()].into_iter().flatten().collect()
}

fn thresholds() -> Vec<Case> {
    let all = r#"["alice", "bob", "carol"]"#;
    let seventeen = format!("{}{TWO_OF_THREE}{}", "{ all = [".repeat(17), "] }".repeat(17));
    vec![
        not_a_policy(
            "threshold_of_zero_fail",
            "The rule needs at least 0 of three builders. It would be satisfied by nobody.",
            with_rule(&format!("{{ at_least = 0, of = {all} }}")),
        ),
        not_a_policy(
            "threshold_below_zero_fail",
            "The rule needs at least -1 of three builders. Read as a number without a sign it would be a \
             huge one, and compared with a sign it is always satisfied.",
            with_rule(&format!("{{ at_least = -1, of = {all} }}")),
        ),
        not_a_policy(
            "threshold_above_the_number_of_builders_fail",
            "The rule needs at least 4 of three builders. Nobody could satisfy it.",
            with_rule(&format!("{{ at_least = 4, of = {all} }}")),
        ),
        not_a_policy(
            "threshold_as_text_fail",
            "The threshold is the text `2`, and not a number.",
            with_rule(&format!("{{ at_least = \"2\", of = {all} }}")),
        ),
        not_a_policy(
            "threshold_missing_fail",
            "The rule has a list and no threshold.",
            with_rule(&format!("{{ of = {all} }}")),
        ),
        not_a_policy(
            "rule_of_an_empty_list_fail",
            "One part of the rule is `all` of an empty list, which everybody satisfies.",
            with_rule(&format!("{{ any = [{{ all = [] }}, {{ at_least = 2, of = {all} }}] }}")),
        ),
        not_a_policy(
            "rule_that_counts_a_builder_twice_fail",
            "The rule needs 2 of a list in which Alice stands twice. She alone would be enough.",
            with_rule(r#"{ at_least = 2, of = ["alice", "alice", "bob", "carol"] }"#),
        ),
        not_a_policy(
            "rule_that_is_nested_too_deeply_fail",
            "The rule is below 17 others, and 16 levels are read.",
            with_rule(&seventeen),
        ),
        not_a_policy(
            "everybody_may_dissent_fail",
            "Three builders may dissent, of three.",
            policy(TWO_OF_THREE, "\n[dissent]\ntolerate = 3"),
        ),
    ]
}

fn names_and_keys() -> Vec<Case> {
    let good = || policy(TWO_OF_THREE, "");
    let twin = |name: &str| {
        let public = public("stranger-2");
        format!(
            "{}\n[principals.\"{name}\"]\n\n[[principals.\"{name}\".keys]]\npublic = \"{public}\"\n",
            good()
        )
    };
    // One key, written in another format.
    let same_key = format!("\n[[principals.bob.keys]]\npublic = '''\n{}'''", key("alice").public().to_pem());
    let small_order = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
                       -----END PUBLIC KEY-----\n";
    let without_carol = good().replace(TWO_OF_THREE, r#"{ at_least = 2, of = ["alice", "bob"] }"#);
    vec![
        not_a_policy(
            "builder_in_two_cases_fail",
            "Beside `alice` there is a principal `Alice`. People would take the two for one.",
            twin("Alice"),
        ),
        not_a_policy(
            "builder_in_two_alphabets_fail",
            "Beside `alice` there is a principal whose first letter is Cyrillic and looks the same.",
            twin("\u{430}lice"),
        ),
        not_a_policy(
            "builder_with_an_invisible_letter_fail",
            "Beside `alice` there is a principal with a zero-width joiner at the end of its name.",
            twin("alice\u{200d}"),
        ),
        not_a_policy(
            "key_of_two_builders_fail",
            "Alice's key is also given to Bob, in another format. Who has it would be two builders.",
            policy_with(TWO_OF_THREE, "", &[("bob", &same_key)]),
        ),
        not_a_policy(
            "key_that_anybody_can_sign_with_fail",
            "Carol's key is a point of small order, under which anybody can make signatures that match \
             any message.",
            policy_with(
                TWO_OF_THREE,
                "",
                &[("carol", &format!("\n[[principals.carol.keys]]\npublic = '''\n{small_order}'''"))],
            ),
        ),
        not_a_policy(
            "builder_that_the_rule_does_not_name_fail",
            "Carol is a principal, and the rule does not name her. Her votes would be left out in silence.",
            without_carol,
        ),
        not_a_policy(
            "field_with_a_slip_of_the_pen_fail",
            "`tolerate` is written `tolerates`. Ignored, it would leave a strict policy or a lax one, as \
             the default is.",
            policy(TWO_OF_THREE, "\n[dissent]\ntolerates = 0"),
        ),
        not_a_policy(
            "policy_with_a_key_twice_fail",
            "The policy has two rules, a strict one and a lax one.",
            good().replacen("rule = ", "rule = \"alice\"\nrule = ", 1),
        ),
        not_a_policy(
            "policy_of_a_later_format_fail",
            "The policy is of format 2, in which a field may mean something else.",
            good().replacen("policy = 1", "policy = 2", 1),
        ),
    ]
}

fn currency() -> Vec<Case> {
    let both = || [states("alice"), states("bob")];
    vec![
        case(
            "policy_has_expired_fail",
            "Two builders agree, and the policy expired a month ago. It decides nothing any more.",
        )
        .policy(policy(TWO_OF_THREE, "valid_until = 2026-11-01T00:00:00Z"))
        .evidence(both())
        .decided(
            "STALE",
            json!({ "policy-expired": { "until": "2026-11-01T00:00:00Z" } }),
            &["alice", "bob"],
        ),
        case(
            "policy_expires_at_this_moment_fail",
            "Two builders agree, and the policy is valid until the very second of the verdict. That \
             second is excluded.",
        )
        .policy(policy(TWO_OF_THREE, "valid_until = 2026-11-30T00:00:00Z"))
        .evidence(both())
        .decided(
            "STALE",
            json!({ "policy-expired": { "until": "2026-11-30T00:00:00Z" } }),
            &["alice", "bob"],
        ),
        case("policy_expires_later", "Two builders agree, and the policy expires in a second.")
            .policy(policy(TWO_OF_THREE, "valid_until = 2026-11-30T00:00:01Z"))
            .evidence(both())
            .agreed(&["alice", "bob"]),
        case(
            "policy_was_rolled_back_fail",
            "The policy is of version 3, and the reader has seen version 4 of it. Somebody brings an old \
             policy back, perhaps one with a key that was revoked since.",
        )
        .seen(4)
        .evidence(both())
        .decided("STALE", json!({ "policy-rolled-back": { "seen": 4 } }), &["alice", "bob"]),
        case(
            "policy_of_the_version_that_was_seen",
            "The policy is of version 3, the highest that the reader has seen.",
        )
        .seen(3)
        .evidence(both())
        .agreed(&["alice", "bob"]),
    ]
}

fn independence() -> Vec<Case> {
    let clause =
        |fact: &str, at_least: usize| format!("\n[[independent]]\nfact = \"{fact}\"\nat_least = {at_least}");
    let unmet =
        |fact: &str, at_least: usize| json!({ "independence": { "fact": fact, "at_least": at_least } });
    // Nobody knows on what Bob's machine runs.
    let unknown = policy(THREE_OF_FIVE, &clause("cpu_vendor", 2)).replacen("cpu_vendor = \"intel\"\n", "", 1);
    vec![
        case(
            "independent_by_cpu_vendor",
            "Two CPU vendors are needed among those who agree, and there are two.",
        )
        .policy(policy(TWO_OF_THREE, &clause("cpu_vendor", 2)))
        .evidence([states("alice"), states("bob")])
        .agreed(&["alice", "bob"]),
        case(
            "same_cpu_vendor_fail",
            "Two builders agree, which is enough for the rule. Both machines have CPUs of one vendor, and \
             two vendors are needed: a fault in one vendor's CPUs would show in neither.",
        )
        .policy(policy(TWO_OF_THREE, &clause("cpu_vendor", 2)))
        .evidence([states("alice"), states("carol")])
        .decided("INSUFFICIENT", unmet("cpu_vendor", 2), &["alice", "carol"]),
        case(
            "same_organisation_fail",
            "Three builders agree, with machines of two vendors, as is needed. They are of two \
             organisations, and three are needed.",
        )
        .policy(policy(THREE_OF_FIVE, &format!("{}\n{}", clause("cpu_vendor", 2), clause("organisation", 3))))
        .evidence([states("alice"), states("bob"), states("dave")])
        .decided("INSUFFICIENT", unmet("organisation", 3), &["alice", "bob", "dave"]),
        case(
            "vendor_that_nobody_knows_adds_none_fail",
            "Three builders agree. Two have CPUs of one vendor, and of Bob's nothing is known. What is \
             unknown is not a second vendor.",
        )
        .policy(unknown)
        .evidence([states("alice"), states("bob"), states("carol")])
        .decided("INSUFFICIENT", unmet("cpu_vendor", 2), &["alice", "bob", "carol"]),
        not_a_policy(
            "independence_that_nobody_can_meet_fail",
            "Three CPU vendors are needed, and the policy knows two.",
            policy(TWO_OF_THREE, &clause("cpu_vendor", 3)),
        ),
    ]
}
