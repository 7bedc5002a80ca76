//! What is refused of JSON, and that what is written is read as it was.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn refused(text: &str) -> String {
    parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_key_twice_is_refused_however_it_is_spelt_and_wherever_it_stands() {
    for text in
        [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"a":3}"#, r#"[{"x":{"a":1,"\u0061":2}}]"#, r#"{"":0,"":0}"#]
    {
        assert!(refused(text).contains("twice"), "{text}");
    }
    parse(br#"{"a":{"a":{"a":1}},"A":2}"#).unwrap();
}

#[test]
fn deep_and_large_documents_are_refused_before_they_cost_anything() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        assert!(refused(&nested(MAX_DEPTH + 1)).contains("too deeply"), "{open}");
        refused(&open.repeat(2_000_000));
        parse(nested(MAX_DEPTH).as_bytes()).unwrap();
    }
    let large = vec![b' '; MAX_BYTES + 1];
    assert!(matches!(parse(&large), Err(JsonError::TooLarge { .. })));
}

#[test]
fn what_is_not_exactly_one_document_is_refused() {
    for text in [
        "",
        " ",
        "{}{}",
        "{} x",
        "{\"a\":1",
        "{\"a\":1,}",
        "'a'",
        "NaN",
        "1e999",
        "\"\\ud800\"",
        "\u{feff}{}",
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text:?}");
    }
    assert!(parse(b"\"\xff\"").is_err());
}

#[test]
fn numbers_are_numbers_and_no_object_passes_for_one() {
    for (text, value) in [("7", json!(7)), ("-7", json!(-7)), ("0.5", json!(0.5)), ("[1e2]", json!([100.0]))]
    {
        assert_eq!(parse(text.as_bytes()).unwrap(), value, "{text}");
    }
    for text in [
        "{\"$serde_json::private::Number\":\"5\"}",
        "{\"\\u0024serde_json::private::Number\":\"5\"}",
        "{\"a\":{\"$serde_json::private::Number\":\"5\"}}",
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn keys_that_differ_only_in_case_are_seen() {
    let value = json!({ "payload": 1, "Payload": 2, "other": 3 });
    let error = refuse_case_twins(value.as_object().unwrap()).unwrap_err();
    assert!(matches!(error, JsonError::CaseTwins { .. }), "{error}");
    refuse_case_twins(json!({ "a": 1, "b": 2 }).as_object().unwrap()).unwrap();
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_canonical_encoding_is_read_as_what_was_written(value in any_json()) {
        let bytes = canonical(&value).unwrap();
        let read = parse(&bytes).unwrap();
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(canonical(&read).unwrap(), bytes);
    }
}
