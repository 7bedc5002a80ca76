//! Who is counted, and how often: once for each principal, out of those of the policy.

use stele_trust::digest::Digests;
use stele_trust::dsse::{Envelope, IN_TOTO, Signature};
use stele_trust::keys::{PublicKey, Signer as _};
use stele_trust::statement::rebuild::{Outcome, Rebuild};

use super::cast::*;
use super::{Case, Kept, case};

const FIVE_OF_SEVEN: &str =
    r#"{ at_least = 5, of = ["alice", "bob", "carol", "dave", "erin", "frank", "grace"] }"#;
const ALICE_AND_ANOTHER: &str = r#"{ all = ["alice", { at_least = 2, of = ["alice", "bob", "carol"] }] }"#;
const EITHER_PAIR: &str = r#"{ any = [{ all = ["alice", "bob"] }, { all = ["carol", "dave"] }] }"#;

pub fn cases(kept: Kept<'_>) -> Vec<Case> {
    let mut cases = plain();
    cases.extend(repeated());
    cases.extend(by_p256(kept));
    cases
}

fn plain() -> Vec<Case> {
    vec![
        case("two_of_three", "Two of three builders state the digest that is asked about. That is enough.")
            .evidence([states("alice"), states("bob")])
            .agreed(&["alice", "bob"]),
        case(
            "one_of_two_that_are_needed_fail",
            "One builder states the digest, and two are needed. It is not enough.",
        )
        .evidence([states("alice")])
        .decided("INSUFFICIENT", "rule", &["alice"]),
        case(
            "no_evidence_fail",
            "Nobody says anything. Nothing is agreed, and nothing is wrong with the evidence either.",
        )
        .decided("INSUFFICIENT", "rule", &[]),
        case("three_of_five", "Three of five builders state the digest, and the other two are silent.")
            .policy(policy(THREE_OF_FIVE, ""))
            .evidence([states("alice"), states("bob"), states("erin")])
            .agreed(&["alice", "bob", "erin"]),
        case(
            "silence_taken_for_consent_fail",
            "Two builders of five answer, and both state the digest: all of those who spoke. Three of \
             five are needed. A reader that counts shares of those who answered would accept it.",
        )
        .policy(policy(THREE_OF_FIVE, ""))
        .evidence([states("alice"), states("bob")])
        .decided("INSUFFICIENT", "rule", &["alice", "bob"]),
        case("required_builder_is_among_them", "Alice has to be among the two who agree, and is.")
            .policy(policy(ALICE_AND_ANOTHER, ""))
            .evidence([states("alice"), states("carol")])
            .agreed(&["alice", "carol"]),
        case(
            "required_builder_is_missing_fail",
            "Alice has to be among the two who agree. Only the other two do.",
        )
        .policy(policy(ALICE_AND_ANOTHER, ""))
        .evidence([states("bob"), states("carol")])
        .decided("INSUFFICIENT", "rule", &["bob", "carol"]),
        case("one_of_two_groups", "Either of two pairs is enough. One pair agrees; the other is silent.")
            .policy(policy(EITHER_PAIR, ""))
            .evidence([states("carol"), states("dave")])
            .agreed(&["carol", "dave"]),
        case(
            "one_of_each_group_fail",
            "Either of two pairs is enough. One of each agrees, which is no pair.",
        )
        .policy(policy(EITHER_PAIR, ""))
        .evidence([states("alice"), states("dave")])
        .decided("INSUFFICIENT", "rule", &["alice", "dave"]),
        case(
            "asked_which_digest_is_agreed",
            "No digest is asked about: the question is which one is agreed. Two builders state the same \
             one, and that is the answer.",
        )
        .asked(None)
        .evidence([says("alice", Outcome::Built, 5), says("bob", Outcome::Built, 5)])
        .agreed(&["alice", "bob"]),
        case(
            "asked_by_one_of_two_algorithms",
            "Only the SHA-256 is asked about. What is stated has it, and a BLAKE3 digest besides, in \
             which the two agree as well.",
        )
        .asked(Some(Digests { blake3: None, ..digests(1) }))
        .evidence([states("alice"), states("bob")])
        .agreed(&["alice", "bob"]),
        case(
            "strangers_only_fail",
            "Five people whom the policy does not know sign the digest. There is evidence, and none of it \
             can be used.",
        )
        .evidence((2..=6).map(|number| states(&format!("stranger-{number}"))))
        .decided("INVALID", "evidence", &[]),
        case(
            "strangers_beside_one_builder_fail",
            "One builder states the digest, and five strangers do. However many strangers there are, one \
             builder is one.",
        )
        .evidence((2..=6).map(|number| states(&format!("stranger-{number}"))).chain([states("alice")]))
        .decided("INSUFFICIENT", "rule", &["alice"]),
        case(
            "dissent_of_a_stranger",
            "Two builders agree, and somebody unknown signs another digest. That contests nothing.",
        )
        .evidence([states("alice"), states("bob"), says("stranger-2", Outcome::Built, 2)])
        .agreed(&["alice", "bob"]),
    ]
}

fn repeated() -> Vec<Case> {
    let alice = envelope(&key("alice"), rebuild(Outcome::Built, 1));
    let signature = alice.signatures[0].clone();
    let mut four_times = alice.clone();
    four_times.signatures.extend([signature.clone(), signature.clone(), signature.clone()]);
    let mut other_ids = alice.clone();
    let bobs = key("bob").public().id().to_string();
    other_ids.signatures.push(Signature { key_id: bobs, ..signature.clone() });
    other_ids.signatures.push(Signature { key_id: "bob".to_owned(), ..signature });
    let mut of_two = alice;
    of_two.add_signature(&key("bob")).expect("a signature");
    let seven = [
        states("alice"),
        states("bob"),
        states("carol"),
        states("dave"),
        named("alice-again", signed("alice", dated(ago(1)))),
        named("bob-again", signed("bob", dated(ago(2)))),
        named("carol-again", signed("carol", dated(ago(3)))),
    ];
    let with_second = policy_with(TWO_OF_THREE, "", &[("alice", &second_key("alice", &public("alice-2")))]);
    vec![
        case(
            "seven_files_of_four_people_fail",
            "Seven signed files lie beside an image, and five builders are needed. The files are of four \
             people: three of them signed twice. A published image with such a folder passed a rule that \
             counted files.",
        )
        .policy(policy(FIVE_OF_SEVEN, ""))
        .evidence(seven)
        .decided("INSUFFICIENT", "rule", &["alice", "bob", "carol", "dave"]),
        case(
            "one_key_signs_many_statements_fail",
            "Alice signs five statements that differ only in their dates. They are one vote.",
        )
        .evidence((1..=5).map(|day| {
            let names = ["day-1", "day-2", "day-3", "day-4", "day-5"];
            named(names[day - 1], signed("alice", dated(ago(i64::try_from(day).expect("small")))))
        }))
        .decided("INSUFFICIENT", "rule", &["alice"]),
        case("same_file_twice_fail", "The same file is there under two names. It is one piece of evidence.")
            .evidence([states("alice"), named("copy", states("alice"))])
            .decided("INSUFFICIENT", "rule", &["alice"]),
        case(
            "one_signature_four_times_in_an_envelope_fail",
            "An envelope has four signatures, all by Alice. It is one vote.",
        )
        .evidence([file("alice", &four_times)])
        .decided("INSUFFICIENT", "rule", &["alice"]),
        case(
            "two_builders_sign_one_envelope",
            "One envelope has the signatures of two builders. These are two votes.",
        )
        .evidence([file("both", &of_two)])
        .agreed(&["alice", "bob"]),
        case(
            "one_key_under_several_key_ids_fail",
            "Alice's signature is in an envelope three times: under her own key id, under that of Bob's \
             key, and under the word `bob`. Key ids are hints that nobody signs. A client of a well-known \
             update framework once counted ids and not keys.",
        )
        .evidence([file("alice", &other_ids)])
        .decided("INSUFFICIENT", "rule", &["alice"]),
        case(
            "one_principal_signs_with_two_keys_fail",
            "The policy knows two keys of Alice, and she signs with both. Votes are of principals, so \
             this is one.",
        )
        .policy(with_second.clone())
        .evidence([states("alice"), named("alice-2", states("alice-2"))])
        .decided("INSUFFICIENT", "rule", &["alice"]),
        case(
            "second_key_speaks_for_its_principal",
            "Alice signs with the second of her two keys, and Bob with his. Two agree.",
        )
        .policy(with_second)
        .evidence([named("alice-2", states("alice-2")), states("bob")])
        .agreed(&["alice", "bob"]),
    ]
}

/// ECDSA signs the same bytes differently each time: what is in the suite stays while it verifies.
fn by_p256(kept: Kept<'_>) -> Vec<Case> {
    let heidi = heidi();
    let policy = {
        let rule = r#"{ at_least = 2, of = ["alice", "heidi"] }"#;
        let more = format!(
            "\n[principals.heidi]\n\n[[principals.heidi.keys]]\npublic = '''\n{}'''",
            heidi.public().to_pem()
        );
        policy(rule, &more)
    };
    let signed = |case: &str, name: &str, rebuild: Rebuild| -> Envelope {
        let payload = payload(rebuild);
        let there = kept(&format!("{case}/evidence/{name}.json")).and_then(|it| Envelope::parse(&it).ok());
        let same = there.filter(|it| {
            let keys: [&PublicKey; 1] = [heidi.public()];
            it.payload == payload && it.payload_type == IN_TOTO && !it.signed_by(keys).is_empty()
        });
        same.unwrap_or_else(|| Envelope::sign(IN_TOTO, payload, &heidi).expect("a signature"))
    };
    let good = |case: &str, name: &str| file(name, &signed(case, name, rebuild(Outcome::Built, 1)));
    let fixed = {
        let mut envelope = signed("p256_signature_in_two_forms_fail", "heidi", rebuild(Outcome::Built, 1));
        let other =
            Signature { bytes: fixed_form(&envelope.signatures[0].bytes), ..envelope.signatures[0].clone() };
        envelope.signatures.truncate(1);
        envelope.signatures.push(other);
        envelope
    };
    vec![
        case("keys_of_two_algorithms", "Alice signs with Ed25519, and Heidi with ECDSA on P-256. Two agree.")
            .policy(policy.clone())
            .evidence([states("alice"), good("keys_of_two_algorithms", "heidi")])
            .agreed(&["alice", "heidi"]),
        case(
            "p256_signs_differently_each_time_fail",
            "Three files have the same payload and three different signatures, all by Heidi: ECDSA signs \
             with a random number. They are one vote.",
        )
        .policy(policy.clone())
        .evidence(
            ["heidi-1", "heidi-2", "heidi-3"].map(|it| good("p256_signs_differently_each_time_fail", it)),
        )
        .decided("INSUFFICIENT", "rule", &["heidi"]),
        case(
            "p256_signature_in_two_forms_fail",
            "Heidi's one signature is in an envelope twice: in DER, and as the 64 bytes of IEEE P1363. \
             Whoever reads both forms sees two signatures of one principal.",
        )
        .policy(policy)
        .evidence([file("heidi", &fixed)])
        .decided("INSUFFICIENT", "rule", &["heidi"]),
    ]
}

/// The two numbers of a signature in DER, as 32 bytes each.
fn fixed_form(der: &[u8]) -> Vec<u8> {
    let number = |at: usize| {
        let length = usize::from(der[at + 1]);
        let digits = &der[at + 2..at + 2 + length];
        let digits = &digits[digits.len().saturating_sub(32)..];
        ([vec![0; 32 - digits.len()], digits.to_vec()].concat(), at + 2 + length)
    };
    let (r, next) = number(2);
    let (s, _) = number(next);
    [r, s].concat()
}
