//! Statements that two readers could read differently, or that cost a reader too much.

use serde_json::Value;
use stele_trust::dsse::{Envelope, IN_TOTO};
use stele_trust::statement::rebuild::Outcome;

use super::cast::*;
use super::{Case, case};

/// One good vote, and a statement by Bob that must not be a second one.
fn beside(name: &'static str, story: &'static str, evidence: File) -> Case {
    case(name, story).evidence([states("alice"), evidence]).decided("INSUFFICIENT", "rule", &["alice"])
}

/// The largest file that is read, in bytes.
const LIMIT: u64 = 16 << 20;

/// The good statement with a field of so many levels, in a document of one.
fn nested(levels: usize) -> File {
    let value = format!("{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    changed("bob", "{", &format!("{{\"x\":{value},"))
}

fn raw(text: Vec<u8>) -> File {
    file("bob", &Envelope::sign(IN_TOTO, text, &key("bob")).expect("a signature"))
}

pub fn cases() -> Vec<Case> {
    [keys_twice(), limits(), contents()].into_iter().flatten().collect()
}

fn keys_twice() -> Vec<Case> {
    let good = "\"outcome\":\"built\"";
    let twice_outside = {
        let (name, bytes) = states("bob");
        let text = String::from_utf8(bytes).expect("text");
        (name, text.replacen("{\"payload\":", "{\"payload\":\"e30=\",\"payload\":", 1).into_bytes())
    };
    vec![
        beside(
            "key_twice_fail",
            "Bob's signed statement has the key `outcome` twice, first `failed` and then `built`. Some \
             readers take the first, others the last.",
            changed("bob", good, "\"outcome\":\"failed\",\"outcome\":\"built\""),
        ),
        beside(
            "key_twice_with_an_escape_fail",
            "The same, but one of the two keys is written with an escape: `out\\u0063ome`. After decoding \
             they are equal.",
            changed("bob", good, "\"out\\u0063ome\":\"failed\",\"outcome\":\"built\""),
        ),
        beside(
            "key_in_two_cases_fail",
            "Bob's statement has the keys `Outcome` and `outcome`. A reader that ignores case takes one \
             for the other.",
            changed("bob", good, "\"Outcome\":\"failed\",\"outcome\":\"built\""),
        ),
        beside(
            "key_twice_in_the_envelope_fail",
            "The envelope has the key `payload` twice. What is verified and what is read could be two \
             payloads.",
            twice_outside,
        ),
        beside(
            "key_twice_in_a_field_that_nobody_reads_fail",
            "Bob's statement has an unknown field, in which a key stands twice. The document as a whole \
             is refused.",
            changed("bob", good, "\"outcome\":\"built\",\"x\":{\"y\":1,\"y\":2}"),
        ),
    ]
}

fn limits() -> Vec<Case> {
    vec![
        case(
            "nested_as_deeply_as_is_read",
            "An unknown field of Bob's statement makes it 64 levels deep, and 64 are read.",
        )
        .evidence([states("alice"), nested(64)])
        .agreed(&["alice", "bob"]),
        beside(
            "nested_too_deeply_fail",
            "An unknown field of Bob's statement makes it 65 levels deep. At most 64 are read.",
            nested(65),
        ),
        beside(
            "nested_ten_thousand_levels_fail",
            "An unknown field of Bob's statement is an array in an array, ten thousand times. A reader \
             that recurses without a limit runs out of stack.",
            nested(10_001),
        ),
        case(
            "file_as_large_as_is_read",
            "Bob's file is padded with spaces to exactly 16 MiB, which is read. In the suite it is short: \
             `padded_to` says how long the reader's copy is.",
        )
        .evidence([states("alice"), states("bob")])
        .padded("bob", LIMIT)
        .agreed(&["alice", "bob"]),
        beside(
            "file_that_is_too_large_fail",
            "Bob's file is padded with spaces to one byte more than 16 MiB, and is not read. In the suite \
             it is short: `padded_to` says how long the reader's copy is.",
            states("bob"),
        )
        .padded("bob", LIMIT + 1),
    ]
}

fn contents() -> Vec<Case> {
    let text = |rebuild| String::from_utf8(payload(rebuild)).expect("text");
    let good = text(rebuild(Outcome::Built, 1));
    let (one, two) = ("01".repeat(32), "02".repeat(32));
    // The second occurrence is in the subject, since keys are sorted.
    let other_subject = {
        let at = good.find("\"subject\"").expect("a subject");
        let (before, behind) = good.split_at(at);
        raw(format!("{before}{}", behind.replace(&one, &two)).into_bytes())
    };
    let everywhere = |from: &str, to: &str| {
        assert!(good.contains(from), "{from:?} is in the statement");
        raw(good.replace(from, to).into_bytes())
    };
    let twice = {
        let mut value: Value = serde_json::from_str(&good).expect("JSON");
        let output = value["predicate"]["outputs"][0].clone();
        value["predicate"]["outputs"] = Value::Array(vec![output.clone(), output]);
        raw(value.to_string().into_bytes())
    };
    let shouted = {
        let text = text(rebuild(Outcome::Built, 0xab));
        raw(text.replace(&"ab".repeat(32), &"AB".repeat(32)).into_bytes())
    };
    vec![
        case(
            "unknown_fields_are_ignored",
            "Bob's statement has a field that its specification does not. It is ignored.",
        )
        .evidence([states("alice"), changed("bob", "\"outcome\"", "\"colour\":\"green\",\"outcome\"")])
        .agreed(&["alice", "bob"]),
        beside(
            "subject_is_not_the_output_fail",
            "The subject of Bob's statement has another digest than the output in its predicate. A reader \
             of subjects would see something else than is counted.",
            other_subject,
        ),
        beside(
            "output_has_one_digest_only_fail",
            "Bob's output has a BLAKE3 digest and no SHA-256. Both are required.",
            everywhere(&format!(",\"sha256\":\"{one}\""), ""),
        ),
        case(
            "digest_in_upper_case_fail",
            "Bob's digests are the good ones in upper case. A digest has one spelling, so his statement \
             is not valid.",
        )
        .asked(Some(digests(0xab)))
        .evidence([says("alice", Outcome::Built, 0xab), shouted])
        .decided("INSUFFICIENT", "rule", &["alice"]),
        beside("output_stands_twice_fail", "Bob's statement lists the output `out` twice.", twice),
        beside(
            "output_name_in_another_alphabet_fail",
            "The name of Bob's output looks like `out`, but its first letter is Cyrillic.",
            everywhere("\"name\":\"out\"", "\"name\":\"\u{43e}ut\""),
        ),
        beside(
            "output_name_in_upper_case_fail",
            "Bob's output is called `Out`. Names are compared byte by byte, so this is another output.",
            everywhere("\"name\":\"out\"", "\"name\":\"Out\""),
        ),
        beside(
            "document_behind_the_document_fail",
            "A second document follows Bob's statement in the same payload.",
            raw(format!("{good}{good}").into_bytes()),
        ),
        beside(
            "byte_order_mark_fail",
            "Bob's statement begins with a byte order mark, which JSON does not have.",
            raw(format!("\u{feff}{good}").into_bytes()),
        ),
        beside(
            "outcome_that_nobody_knows_fail",
            "The outcome of Bob's statement is `BUILT`, which its specification does not have.",
            everywhere("\"outcome\":\"built\"", "\"outcome\":\"BUILT\""),
        ),
    ]
}
