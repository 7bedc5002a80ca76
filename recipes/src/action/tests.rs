//! Valid actions, and their canonical encoding.

use proptest::prelude::*;

use super::*;

fn parts() -> Parts {
    Parts {
        env: BTreeMap::from([("CC".to_owned(), "tcc".to_owned())]),
        outputs: BTreeMap::from([("out".to_owned(), SandboxPath::new("/out").unwrap())]),
        platform: Platform::X86_64Linux,
        profile: 1,
        special: BTreeSet::new(),
        root: TreeId(Digest::of(b"root")),
        steps: vec![vec!["/bin/cc".to_owned(), "-o".to_owned(), "/out/hello".to_owned()]],
        workdir: SandboxPath::new("/build").unwrap(),
    }
}

fn refused(change: impl FnOnce(&mut Parts)) -> String {
    let mut parts = parts();
    change(&mut parts);
    Action::new(parts).unwrap_err().to_string()
}

#[test]
fn an_action_that_could_not_run_is_refused() {
    for (said, change) in [
        ("no steps", (|it: &mut Parts| it.steps.clear()) as fn(&mut Parts)),
        ("step 2 names no program", |it| it.steps.push(vec![])),
        ("step 2 names no program", |it| it.steps.push(vec![String::new()])),
        ("argument 3 of step 1", |it| it.steps[0].push("a\0b".to_owned())),
        ("argument 3 of step 1", |it| it.steps[0].push("a".repeat(MAX_ARGUMENT + 1))),
        ("no outputs", |it| it.outputs.clear()),
        ("not a name for an output", |it| drop(it.outputs.insert("a/b".to_owned(), SandboxPath::root()))),
        ("not a name for an output", |it| drop(it.outputs.insert(String::new(), SandboxPath::root()))),
        ("output doc lies in output out", |it| {
            it.outputs.insert("doc".to_owned(), SandboxPath::new("/out/doc").unwrap());
        }),
        ("name of an environment variable", |it| drop(it.env.insert("A=B".to_owned(), String::new()))),
        ("name of an environment variable", |it| drop(it.env.insert(String::new(), String::new()))),
        ("environment variable A", |it| drop(it.env.insert("A".to_owned(), "a".repeat(MAX_ARGUMENT)))),
    ] {
        let refused = refused(change);
        assert!(refused.contains(said), "{refused} does not say {said}");
    }
}

#[test]
fn a_place_has_one_encoding() {
    for text in ["", "out", "./out", "//", "/out/", "/out//a", "/./a", "/a/..", "/a\0b"] {
        assert!(SandboxPath::new(text).is_err(), "{text:?}");
    }
    assert!(SandboxPath::new(&format!("/{}", "n".repeat(256))).is_err());
    let place = |text| SandboxPath::new(text).unwrap();
    assert!(
        place("/a/b").is_in(&place("/a"))
            && place("/a").is_in(&SandboxPath::root())
            && place("/a").is_in(&place("/a"))
    );
    assert!(!place("/ab").is_in(&place("/a")) && !place("/a").is_in(&place("/a/b")));
}

/// The example of `docs/formats.md`, which can be checked with `b3sum`.
#[test]
fn the_worked_example_matches_the_formats_page() {
    let action = Action::new(parts()).unwrap();
    let text = String::from_utf8(action.encode().unwrap()).unwrap();
    let page = include_str!("../../../docs/formats.md");
    assert!(page.contains(&text), "{text}");
    assert!(page.contains(&action.id().unwrap().to_string()), "{}", action.id().unwrap());
}

#[test]
fn a_non_canonical_action_is_refused() {
    let text = String::from_utf8(Action::new(parts()).unwrap().encode().unwrap()).unwrap();
    assert!(Action::decode(text.as_bytes()).is_ok());
    let (space, newline) = (text.replacen(':', ": ", 1), format!("{text}\n"));
    let escaped = text.replacen("tcc", "\\u0074cc", 1);
    let number = text.replacen("\"profile\":1", "\"profile\":1.0", 1);
    let twice = text.replacen("\"profile\":1", "\"profile\":1,\"profile\":1", 1);
    let more = text.replacen("\"profile\":1", "\"nonce\":1,\"profile\":1", 1);
    let less = text.replacen("\"profile\":1,", "", 1);
    let later = text.replacen("\"action\":1", "\"action\":2", 1);
    for other in [space, newline, escaped, number, twice, more, less, later] {
        assert_ne!(other, text);
        assert!(Action::decode(other.as_bytes()).is_err(), "{other}");
    }
}

/// RFC 8785, sections 3.2.2 and 3.2.3: the sample of the text, and the sorting of keys by UTF-16 units.
#[test]
fn json_is_encoded_as_in_the_samples_of_rfc_8785() {
    let canonical = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        serde_json_canonicalizer::to_string(&value).unwrap()
    };
    let sample = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = concat!(
        r#"{"literals":[null,true,false],"#,
        r#""numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(canonical(sample), expected);
    let keys = r#"{
        "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    let order = [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ];
    let text = canonical(keys);
    let places: Vec<usize> = order.iter().map(|it| text.find(it).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

/// RFC 8785, appendix B.
#[test]
fn numbers_are_encoded_as_in_rfc_8785() {
    for (bits, spelling) in [
        (0x0000_0000_0000_0000u64, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        let spelled = serde_json_canonicalizer::to_string(&f64::from_bits(bits)).unwrap();
        assert_eq!(spelled, spelling, "{bits:016x}");
    }
}

fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[^\0]{0,20}").unwrap()
}

proptest! {
    #[test]
    fn an_action_survives_the_round_trip(
        env in proptest::collection::btree_map("[^\0=]{1,9}", text(), 0..5),
        steps in proptest::collection::vec(proptest::collection::vec("[^\0]{1,9}", 1..4), 1..4),
        names in proptest::collection::btree_set("[a-z]{1,5}", 1..4),
        profile in any::<u32>(),
    ) {
        let outputs = names.iter().map(|it| (it.clone(), SandboxPath::new(&format!("/out/{it}")).unwrap())).collect();
        let action = Action::new(Parts { env, steps, outputs, profile, ..parts() }).unwrap();
        let text = action.encode().unwrap();
        prop_assert_eq!(&Action::decode(&text).unwrap(), &action);
        prop_assert_eq!(ActionId(Digest::of(&text)), action.id().unwrap());
    }

    #[test]
    fn malformed_input_is_not_an_action_and_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Action::decode(&bytes).is_err());
    }
}
