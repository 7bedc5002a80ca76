//! The canonical text: it has one encoding, and every change to it is detected.

use proptest::prelude::*;

use super::super::{DecodeTreeError, Name, Node, SymlinkTarget, Tree};
use super::{file, trees};

/// Decodes `bytes`; an accepted text must encode to the very same bytes.
fn decode(bytes: &[u8]) -> Result<Tree, DecodeTreeError> {
    let decoded = Tree::decode(bytes);
    if let Ok(tree) = &decoded {
        let again = tree.encode();
        assert_eq!(again.as_bytes(), bytes, "accepted, but encoded differently: {:?}", shown(bytes));
        let sorted = Tree::new(tree.entries().to_vec());
        assert_eq!(sorted.as_ref(), Ok(tree), "accepted out of order: {:?}", shown(bytes));
    }
    decoded
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A change of one byte.
#[derive(Clone, Copy, Debug)]
enum Change {
    Replace,
    Insert,
    Delete,
}

fn changed(text: &[u8], change: Change, at: usize, byte: u8) -> Vec<u8> {
    let mut bytes = text.to_vec();
    match change {
        Change::Replace => bytes[at] = byte,
        Change::Insert => bytes.insert(at, byte),
        Change::Delete => drop(bytes.remove(at)),
    }
    bytes
}

/// Decodes a changed text: it must be refused, or decode to another tree with another identity.
fn assert_noticed(tree: &Tree, text: &[u8], bytes: &[u8]) {
    if bytes == text {
        return;
    }
    if let Ok(other) = decode(bytes) {
        assert_ne!(&other, tree, "not detected: {:?}", shown(bytes));
        assert_ne!(other.id(), tree.id());
    }
}

fn small_trees() -> Vec<Tree> {
    let name = |bytes: &[u8]| Name::new(bytes).unwrap();
    let link = |bytes: &[u8]| Node::Symlink { target: SymlinkTarget::new(bytes).unwrap() };
    let empty = Tree::default();
    let directory = Node::Directory { tree: empty.id(), size: empty.encode().len() as u64 };
    let one = |bytes: &[u8], node| Tree::new(vec![(name(bytes), node)]).unwrap();
    vec![
        empty,
        one(b"a", file(b"hello\n", false)),
        one(b"\\ \n\xff", link(b"../a b")),
        one(
            b"...",
            Node::File { blob: super::BlobId(super::Digest::of(b"")), size: u64::MAX, executable: true },
        ),
        Tree::new(vec![
            (name(b"a"), directory),
            (name(b"a b"), file(b"", true)),
            (name(b"ab"), link(b"\xc3\xa9")),
            (name(b"b"), file(b"0123456789", false)),
        ])
        .unwrap(),
    ]
}

#[test]
fn no_change_of_a_single_byte_goes_undetected() {
    for tree in small_trees() {
        let text = tree.encode().into_bytes();
        for at in 0..=text.len() {
            if at < text.len() {
                assert_noticed(&tree, &text, &changed(&text, Change::Delete, at, 0));
            }
            for byte in 0..=255 {
                if at < text.len() {
                    assert_noticed(&tree, &text, &changed(&text, Change::Replace, at, byte));
                }
                assert_noticed(&tree, &text, &changed(&text, Change::Insert, at, byte));
            }
        }
    }
}

#[test]
fn no_truncation_within_a_line_goes_undetected() {
    for tree in small_trees() {
        let text = tree.encode().into_bytes();
        for end in 0..text.len() {
            let cut = &text[..end];
            // The whole lines that remain are a tree of their own, with another digest.
            let at_line = end > 0 && text[end - 1] == b'\n';
            assert_eq!(decode(cut).is_ok(), at_line, "{:?}", shown(cut));
        }
    }
}

#[test]
fn entries_sort_by_their_names_and_not_by_the_escaped_form() {
    // Escaped, `\x01` begins with a backslash and would sort after `A`.
    let entries = |names: [&[u8]; 4]| names.map(|n| (Name::new(n).unwrap(), file(b"", false))).to_vec();
    let tree = Tree::new(entries([b"A", b"\xff", b"\x01", b"!"])).unwrap();
    let sorted: Vec<&[u8]> = tree.entries().iter().map(|(name, _)| name.as_bytes()).collect();
    assert_eq!(sorted, [&b"\x01"[..], b"!", b"A", b"\xff"]);
    let text = tree.encode();
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    lines.sort_unstable();
    let by_spelling = format!("stele-tree 1\n{}\n", lines.join("\n"));
    assert_eq!(decode(by_spelling.as_bytes()), Err(DecodeTreeError::Order { line: 4 }));
}

/// A line of valid pieces and of almost valid ones.
fn lines() -> impl Strategy<Value = String> {
    let digest = "8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99";
    let kind = prop_oneof![
        8 => prop::sample::select(vec!["d", "f", "x", "l"]),
        1 => prop::sample::select(vec!["", "F", "ff", "b", "-", "\\x66"]),
    ];
    let what = prop_oneof![
        8 => Just(digest.to_owned()),
        2 => prop::sample::select(vec!["a", "b/c", "\\x20", "..", "\\x5cx20", "\\x0a"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            digest.to_uppercase(),
            digest[1..].to_owned(),
            format!("{digest}0"),
            "\u{e9}".repeat(32),
            "\\x41".to_owned(),
            String::new(),
        ]),
    ];
    let odd_sizes = vec!["", "00", "06", "+6", "-0", "6 ", "0x6", "1e1", "18446744073709551616", "٣"];
    let size = prop_oneof![
        8 => prop::sample::select(vec!["0", "1", "3", "6", "18446744073709551615"]),
        1 => prop::sample::select(odd_sizes),
    ];
    let name = prop_oneof![
        8 => prop::sample::select(vec!["\\x01", "a", "a\\x20b", "a.b", "ab", "b", "\\xff"]),
        1 => prop::sample::select(vec![
            "", ".", "..", "/", "a/b", "\\x00", "\\x2f", "\\x61", "\\xFF", "\\", "\\x2", "\u{e9}", "a\tb", "a b",
        ]),
    ];
    let space = prop_oneof![40 => Just(" "), 1 => Just("  "), 1 => Just("\t"), 1 => Just("")];
    let end =
        prop_oneof![40 => Just("\n"), 1 => Just("\r\n"), 1 => Just(" \n"), 1 => Just("\n\n"), 1 => Just("")];
    (kind, what, size, name, space, end)
        .prop_map(|(kind, what, size, name, space, end)| format!("{kind} {what}{space}{size} {name}{end}"))
}

fn near_canonical() -> impl Strategy<Value = String> {
    let odd_versions =
        vec!["", "stele-tree 2\n", "stele-tree 1", "stele-tree 1\r\n", "\u{feff}stele-tree 1\n"];
    let version = prop_oneof![
        20 => Just("stele-tree 1\n"),
        1 => prop::sample::select(odd_versions),
    ];
    (version, prop::collection::vec(lines(), 0..4))
        .prop_map(|(version, lines)| version.to_owned() + &lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_change_of_a_larger_text_goes_undetected(
        tree in trees(12),
        change in prop::sample::select(vec![Change::Replace, Change::Insert, Change::Delete]),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let text = tree.encode().into_bytes();
        assert_noticed(&tree, &text, &changed(&text, change, at.index(text.len()), byte));
    }

    #[test]
    fn no_swap_of_two_entries_goes_undetected(
        tree in trees(12), a: prop::sample::Index, b: prop::sample::Index,
    ) {
        let text = tree.encode();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (a, b) = (a.index(lines.len()), b.index(lines.len()));
        if a != b {
            lines.swap(a, b);
            prop_assert!(decode(lines.concat().as_bytes()).is_err());
        }
    }

    #[test]
    fn only_the_canonical_encoding_decodes(text in near_canonical()) {
        let _ = decode(text.as_bytes());
    }

    #[test]
    fn no_arbitrary_bytes_decode_to_a_tree_in_a_second_encoding(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(b'\n'), Just(b'f')], 0..80),
    ) {
        let _ = decode(&[b"stele-tree 1\n", &bytes[..]].concat());
    }

    #[test]
    fn every_tree_survives_encoding(tree in trees(12)) {
        let text = tree.encode();
        prop_assert_eq!(decode(text.as_bytes()), Ok(tree.clone()));
        prop_assert!(text.lines().skip(1).all(|line| line.split(' ').count() == 4));
        prop_assert!(text.bytes().all(|byte| byte == b'\n' || byte == b' ' || byte.is_ascii_graphic()));
        for (name, node) in tree.entries() {
            prop_assert_eq!(tree.get(name.as_bytes()), Some(node));
        }
    }

    #[test]
    fn the_order_of_the_given_entries_does_not_matter(tree in trees(12), seed: u64) {
        let mut entries = tree.entries().to_vec();
        // Any permutation will do; this one depends on the seed.
        entries.sort_by_key(|(name, _)| super::Digest::of(&[&seed.to_le_bytes(), name.as_bytes()].concat()));
        prop_assert_eq!(Tree::new(entries), Ok(tree));
    }
}
