//! What each reader says of files that differ in one thing.

use super::writers::*;
use super::*;
use crate::{Change, Format};

const OLD: u32 = 1_700_000_000;
const NEW: u32 = 1_700_003_600;

#[test]
fn tar_times_are_told_and_nothing_else() {
    let (one, other) = (tar(&[member("a", OLD, b"x")]), tar(&[member("a", NEW, b"x")]));
    let difference = contents(&one, &other);
    assert_eq!(difference.format, Some(Format::Tar));
    assert_eq!(told(&difference), ["a mtime [a timestamp]"]);
}

#[test]
fn the_order_of_members_is_told_in_each_archive() {
    let (a, b) = (member("a", OLD, b"1"), member("b", OLD, b"2"));
    let (one, other) = ([a.clone(), b.clone()], [b, a]);
    for (one, other) in [(tar(&one), tar(&other)), (ar(&one), ar(&other)), (zip(&one, 6), zip(&other, 6))] {
        assert_eq!(told(&contents(&one, &other)), ["file order of members [another order]"]);
    }
}

#[test]
fn members_that_only_one_has_are_named() {
    let (a, b, c) = (member("a", OLD, b"1"), member("b", OLD, b"2"), member("c", OLD, b"3"));
    let difference = contents(&ar(&[a.clone(), b]), &ar(&[a, c]));
    let told: Vec<(&str, Change)> = difference.inside.iter().map(|it| (&*it.name, it.change)).collect();
    assert_eq!(told, [("b", Change::Removed), ("c", Change::Added)]);
}

#[test]
fn what_is_in_an_archive_in_an_archive_is_compared() {
    let deep = |text: &str| {
        let inner = zip(&[member("notes.txt", 0, text.as_bytes())], 6);
        gzip(&tar(&[member("x.zip", OLD, &inner)]), 0, "", 6)
    };
    let difference = contents(&deep("one\nat 12:01:02\n"), &deep("one\nat 12:03:09\n"));
    let (content, member) = (&difference.inside[0], &difference.inside[0].inside[0]);
    assert_eq!(difference.format, Some(Format::Gzip));
    assert_eq!((content.format, member.format), (Some(Format::Tar), Some(Format::Zip)));
    assert_eq!(told(&difference), ["notes.txt [a timestamp]"]);
    assert_eq!(member.inside[0].hunks[0].lines.len(), 3);
}

#[test]
fn gzip_names_times_and_levels_are_told() {
    let text = b"the content\n".repeat(500);
    let base = gzip(&text, OLD, "a", 6);
    let rows = [
        (gzip(&text, NEW, "a", 6), "file mtime [a timestamp]"),
        (gzip(&text, OLD, "b", 6), "file name"),
        (gzip(&text, OLD, "a", 9), "file level [another compression]"),
    ];
    for (other, expected) in rows {
        assert_eq!(told(&contents(&base, &other)), [expected]);
    }
}

#[test]
fn the_same_content_compressed_otherwise_is_told() {
    let text: Vec<u8> = (0..20_000_u32).flat_map(|n| (n * n % 251).to_string().into_bytes()).collect();
    let (one, other) = (zip(&[member("a", 0, &text)], 1), zip(&[member("a", 0, &text)], 9));
    assert_eq!(told(&contents(&one, &other)), ["a compressed size [another compression]"]);
}

#[test]
fn every_compression_is_looked_into() {
    let (one, other) = (b"a\nb\n".repeat(99), [b"a\nb\n".repeat(99), b"c\n".to_vec()].concat());
    for pack in [bzip2, zstd, |text: &[u8]| gzip(text, 0, "", 6)] {
        let difference = contents(&pack(&one), &pack(&other));
        assert_eq!(difference.inside[0].hunks[0].lines.last().unwrap().text, "c", "{difference:?}");
    }
}

#[test]
fn zip_times_are_told() {
    let (one, other) = (zip(&[member("a", 0x5d7e_1184, b"x")], 6), zip(&[member("a", 0x5d7e_1185, b"x")], 6));
    assert_eq!(told(&contents(&one, &other)), ["a mtime [a timestamp]"]);
}

#[test]
fn pyc_times_and_paths_are_told() {
    let difference = contents(&pyc(OLD, b"code"), &pyc(NEW, b"code"));
    assert_eq!(
        (difference.format, told(&difference)),
        (Some(Format::Pyc), vec!["file mtime [a timestamp]".to_owned()])
    );
    let code = |path: &str| [b"\xe3\0\0\0\0", path.as_bytes(), b"\0\0\xff"].concat();
    let (one, other) = (pyc(OLD, &code("/build/one/m.py")), pyc(OLD, &code("/build/two/m.py")));
    assert_eq!(told(&contents(&one, &other)), [" [a build path]"]);
}

#[test]
fn elf_sections_symbols_and_build_ids_are_told() {
    let base = elf(b"text", "GCC 12", [1; 8], &["main", "f"]);
    let rows: [(Vec<u8>, &[&str]); 5] = [
        (elf(b"text", "GCC 12", [2; 8], &["main", "f"]), &["file build id [derived from what differs]"]),
        (elf(b"text", "GCC 13", [1; 8], &["main", "f"]), &[".comment strings that only one has"]),
        (elf(b"tExt", "GCC 12", [1; 8], &["main", "f"]), &[".text"]),
        (
            elf(b"text", "GCC 12", [1; 8], &["main", "g"]),
            &["file symbols that only one has", ".strtab strings"],
        ),
        (
            elf(b"text", "GCC 12", [1; 8], &["f", "main"]),
            &["file value of symbols", "file order of symbols [another order]"],
        ),
    ];
    for (other, expected) in rows {
        let difference = contents(&base, &other);
        assert_eq!(difference.format, Some(Format::Elf));
        let mut told = told(&difference);
        told.extend(difference.inside.iter().map(|it| it.name.clone()));
        for expected in expected {
            assert!(told.iter().any(|it| it.starts_with(expected)), "{expected}: {told:?}");
        }
    }
}

#[test]
fn a_moment_in_code_is_a_guess_only_where_little_else_differs() {
    let code = |moment: u32, rest: u8| [&moment.to_le_bytes()[..], &[0; 90], &[rest; 90]].concat();
    let compared = |one: &[u8], other: &[u8]| {
        let of = |text: &[u8]| elf(text, "GCC 12", [1; 8], &["main"]);
        told(&contents(&of(one), &of(other))).iter().any(|it| it.contains("[a timestamp]"))
    };
    let (before, after) = (1_796_004_728, 1_796_004_799);
    assert!(compared(&code(before, 0), &code(after, 0)));
    assert!(!compared(&code(before, 0), &code(after, 1)));
}

#[test]
fn shuffled_lines_are_told_as_an_order() {
    let difference = contents(b"a\nb\nc\nd\n", b"d\nc\nb\na\n");
    assert_eq!(
        (difference.format, told(&difference)),
        (Some(Format::Text), vec!["file [another order]".to_owned()])
    );
}

#[test]
fn a_newline_that_is_missing_at_the_end_is_told() {
    assert_eq!(told(&contents(b"a\nb\n", b"a\nb")), ["file newline at the end"]);
}

#[test]
fn bytes_are_shown_around_the_first_difference_and_counted() {
    let (mut one, mut other) = (vec![0_u8; 100_000], vec![0_u8; 100_000]);
    (one[70_000], other[90_001]) = (1, 2);
    let hex = contents(&one, &other).bytes.unwrap();
    assert_eq!((hex.first, hex.differing, hex.regions.len()), (70_000, 2, 2));
    assert!(hex.regions[0].before.contains("01") && !hex.regions[0].after.contains("01"));
    other.truncate(60_000);
    let hex = contents(&one, &other).bytes.unwrap();
    assert_eq!((hex.first, hex.differing, hex.before_size, hex.after_size), (60_000, 0, 100_000, 60_000));
}

#[test]
fn two_formats_are_told_apart() {
    let difference = contents(b"just a text\n", &gzip(b"just a text\n", 0, "", 6));
    assert_eq!(difference.facts[0].before.as_deref(), Some("other data"));
    assert_eq!(difference.facts[0].after.as_deref(), Some("gzip"));
}
