//! What holds of every set of votes.

use proptest::prelude::*;
use stele_trust::policy::Policy;
use stele_trust::statement::rebuild::Outcome;
use stele_trust::verdict::Kind;
use stele_trust::vote::Evidence;

use crate::cast::*;

fn policies() -> Vec<Policy> {
    let all = "[[independent]]\nfact = \"organisation\"\nat_least = 2\n[dissent]\ntolerate = 1\nfailed = \"dissent\"";
    vec![
        policy(THREE_OF_FIVE, ""),
        policy(THREE_OF_FIVE, all),
        policy(
            r#"{ all = ["alice", { at_least = 2, of = ["alice", "bob", "carol", "dave", "erin"] }] }"#,
            all,
        ),
        policy(
            r#"{ any = [{ all = ["alice", "bob"] }, { at_least = 2, of = ["carol", "dave", "erin"] }] }"#,
            "",
        ),
    ]
}

/// A vote: whose, what, and which digest.
fn any_vote() -> impl Strategy<Value = (u8, Outcome, u8)> {
    let outcome = prop_oneof![
        8 => Just(Outcome::Built),
        1 => Just(Outcome::Failed),
        1 => Just(Outcome::Revoked),
    ];
    // Mostly the good digest, and now and then a stranger.
    (1_u8..=6, outcome, prop_oneof![5 => Just(1_u8), 1 => Just(2_u8)])
}

fn evidence_of(votes: &[(u8, Outcome, u8)]) -> Vec<Evidence> {
    votes.iter().map(|(by, outcome, number)| says(*by, *outcome, *number)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_votes_never_matters(
        votes in prop::collection::vec(any_vote(), 0..8), turn in 0_usize..8, reverse in any::<bool>(),
    ) {
        let evidence = evidence_of(&votes);
        let mut other = evidence.clone();
        if reverse {
            other.reverse();
        }
        if !other.is_empty() {
            let turn = turn % other.len();
            other.rotate_left(turn);
        }
        // And repeating what is there changes nothing.
        other.extend(evidence.first().cloned());
        for policy in policies() {
            prop_assert_eq!(verdict(&policy, &evidence), verdict(&policy, &other));
        }
    }

    #[test]
    fn another_vote_for_an_agreed_digest_never_turns_it_down(
        votes in prop::collection::vec(any_vote(), 0..8), by in 1_u8..=6,
    ) {
        // A builder that stated something else would equivocate.
        prop_assume!(!votes.iter().any(|it| it.0 == by && it.1 == Outcome::Built && it.2 != 1));
        let mut evidence = evidence_of(&votes);
        for policy in policies() {
            let before = verdict(&policy, &evidence).kind;
            evidence.push(states(by, 1));
            let after = verdict(&policy, &evidence).kind;
            prop_assert!(before != Kind::Agreed || after == Kind::Agreed, "{before} became {after}");
            evidence.pop();
        }
    }

    #[test]
    fn what_is_agreed_has_as_many_different_principals_as_the_policy_needs(
        votes in prop::collection::vec(any_vote(), 0..10),
    ) {
        for policy in policies() {
            let verdict = verdict(&policy, &evidence_of(&votes));
            if verdict.kind == Kind::Agreed {
                let voices: std::collections::BTreeSet<_> = verdict.agreeing.iter().map(|it| &it.principal).collect();
                prop_assert_eq!(voices.len(), verdict.agreeing.len());
                prop_assert!(voices.len() >= policy.fewest().unwrap());
                let built = |by: u8| votes.contains(&(by, Outcome::Built, 1));
                for name in voices {
                    let (_, number, _, _) = BUILDERS.iter().find(|it| it.0 == name.as_str()).unwrap();
                    prop_assert!(built(*number));
                }
            }
        }
    }
}
