//! What holds for all trees: equal ones have no finding, a byte that differs is found, and nothing panics.

use proptest::prelude::*;

use super::writers::*;
use super::*;
use crate::Counts;

/// A file of some format, made of some text.
fn shaped(kind: u8, text: &[u8]) -> Vec<u8> {
    let members = || [member("a", 1_700_000_000, text), member("b", 0, b"same")];
    match kind {
        0 => tar(&members()),
        1 => ar(&members()),
        2 => zip(&members(), 6),
        3 => gzip(text, 7, "name", 6),
        4 => bzip2(text),
        5 => zstd(text),
        6 => pyc(1_700_000_000, text),
        7 => elf(text, "GCC", [3; 8], &["main", "other"]),
        8 => gzip(&tar(&members()), 0, "", 6),
        9 => ar(&[member("data.tar.gz", 0, &gzip(&tar(&members()), 0, "", 6))]),
        _ => text.to_vec(),
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..300),
        "([a-z /]{0,12}\n){1,20}".prop_map(String::into_bytes),
    ]
    .prop_filter("not empty", |text| !text.is_empty())
}

fn files() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    let shaped = (0_u8..11, text()).prop_map(|(kind, text)| shaped(kind, &text));
    prop::collection::btree_map(prop::collection::vec(1_u8..255, 1..4), shaped, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn equal_trees_have_no_finding(files in files()) {
        let tree = Memory::flat(&files);
        let report = tree.compare(&tree, &Limits::default());
        prop_assert!(report.same && report.differences.is_empty() && report.left_out.is_empty());
        for content in files.values() {
            prop_assert!(limited(content, content, &Limits::default()).same);
        }
    }

    #[test]
    fn every_change_of_one_byte_is_found(
        files in files(),
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut changed = files.clone();
        let name = which.get(&files.keys().cloned().collect::<Vec<_>>()).clone();
        let content = changed.get_mut(&name).unwrap();
        let at = at.index(content.len());
        content[at] ^= flip;
        let report = Memory::flat(&files).compare(&Memory::flat(&changed), &Limits::default());
        prop_assert!(!report.same);
        prop_assert_eq!(report.counts, Counts { changed: 1, ..Counts::default() });
        prop_assert_eq!(report.differences.len(), 1);
        prop_assert!(report.differences[0].says_something(), "{:?}", report);
        prop_assert!(!limited(&files[&name], &changed[&name], &Limits::default()).same);
    }

    #[test]
    fn damaged_files_do_not_panic_and_are_found_to_differ(
        kind in 0_u8..11,
        text in text(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = shaped(kind, &text);
        let mut damaged = whole.clone();
        for (at, byte) in damage {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        damaged.truncate(cut.index(damaged.len()) + 1);
        let report = limited(&whole, &damaged, &Limits::default());
        prop_assert_eq!(report.same, whole == damaged);
        let text = report.text();
        prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
        let json = serde_json::to_string(&report).unwrap();
        prop_assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }
}
