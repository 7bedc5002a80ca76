//! The golden vectors in `tests/golden/`: recorded bytes of the formats still hold.
//!
//! `MANIFEST` there explains each line. Its digests were made with `b3sum` and `sha256sum`; here they are compared with
//! Stele and, once more, with those programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stele_store::model::{BlobId, Name, Node, RootName, SymlinkTarget, escape, unescape};
use stele_store::model::{
    DecodeTreeError, Digest, NameError, ParseDigestError, Sha256, Tree, TreeId, UnescapeError,
};
use stele_store::{BlobRow, Holder, Keep, LeaseRow, Placement, Store, Target, Totals};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn golden(file: &str) -> Vec<u8> {
    fs::read(folder().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The columns of every line of the manifest that begins with `kind`, without that and without the remark.
fn lines(kind: &str) -> Vec<Vec<String>> {
    let manifest = String::from_utf8(golden("MANIFEST")).expect("the manifest is UTF-8");
    let of_kind = manifest.lines().filter_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
    let columns = |line: &str| line.split(" # ").next().unwrap_or("").split(' ').map(str::to_owned).collect();
    let lines: Vec<Vec<String>> = of_kind.map(columns).collect();
    assert!(!lines.is_empty(), "the manifest has no line `{kind}`");
    lines
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.trim_matches('-').as_bytes();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

/// The line and the rule of an error, by the names of `docs/formats.md`.
fn rule(error: &DecodeTreeError) -> (usize, &'static str) {
    let name = |error: &NameError| match error {
        NameError::Empty => "name-empty",
        NameError::Long { .. } => "name-long",
        NameError::Dots => "name-dots",
        NameError::Byte { .. } => "name-byte",
    };
    match error {
        DecodeTreeError::Version => (1, "version"),
        DecodeTreeError::Unterminated { line } => (*line, "unterminated"),
        DecodeTreeError::Columns { line } => (*line, "columns"),
        DecodeTreeError::Kind { line } => (*line, "kind"),
        DecodeTreeError::Digest { line, source: ParseDigestError::Length { .. } } => (*line, "digest-length"),
        DecodeTreeError::Digest { line, source: ParseDigestError::Digit { .. } } => (*line, "digest-digit"),
        DecodeTreeError::Escape { line, source: UnescapeError::Raw { .. } } => (*line, "escape-raw"),
        DecodeTreeError::Escape { line, source: UnescapeError::Escape { .. } } => (*line, "escape-form"),
        DecodeTreeError::Name { line, source } => (*line, name(source)),
        DecodeTreeError::Size { line } => (*line, "size"),
        DecodeTreeError::Order { line } => (*line, "order"),
    }
}

/// Whether a program is installed to compare with.
fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        stele_tests::skip(&format!(
            "`{program}` is missing: install the Debian packages b3sum and coreutils"
        ));
    }
    there
}

#[test]
fn each_rejected_text_breaks_the_rule_in_the_manifest() {
    for line in lines("reject") {
        let [file, number, expected] = &line[..] else { panic!("{line:?}") };
        let error = Tree::decode(&golden(file)).expect_err(file);
        let (number_found, found) = rule(&error);
        assert_eq!((&*number_found.to_string(), found), (&**number, &**expected), "{file}: {error}");
    }
}

#[test]
fn no_rule_of_the_page_is_without_a_text_that_breaks_it() {
    let page = fs::read_to_string(folder().join("../../docs/formats.md")).expect("docs/formats.md");
    let (_, rest) = page.split_once("\n#### Rules\n").expect("the page has a table of rules");
    let table =
        rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let rules: BTreeSet<String> =
        table.filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect();
    let broken: BTreeSet<String> = lines("reject").into_iter().map(|mut line| line.remove(2)).collect();
    assert_eq!(rules, broken);
}

#[test]
fn no_golden_file_is_missing_or_left_over() {
    let listed: BTreeSet<String> =
        ["tree", "reject"].iter().flat_map(|kind| lines(kind)).map(|mut line| line.remove(0)).collect();
    let there = fs::read_dir(folder()).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    let there = there.map(|name| name.into_string().expect("plain names"));
    let there: BTreeSet<String> = there.filter(|name| name.ends_with(".tree")).collect();
    assert_eq!(listed, there);
}

#[test]
fn every_tree_decodes_to_its_digest_and_encodes_to_its_bytes() {
    for line in lines("tree") {
        let [file, size, blake3, sha256] = &line[..] else { panic!("{line:?}") };
        let text = golden(file);
        let tree = Tree::decode(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(tree.encode().into_bytes(), text, "{file}");
        assert_eq!(tree.id().to_string(), *blake3, "{file}");
        assert_eq!(Sha256::of(&text).to_string(), *sha256, "{file}");
        assert_eq!(text.len().to_string(), *size, "{file}");
    }
}

#[test]
fn b3sum_and_sha256sum_give_the_digests_of_the_manifest() {
    if !has("b3sum") || !has("sha256sum") {
        return;
    }
    for line in lines("tree") {
        for (program, digest) in [("b3sum", &line[2]), ("sha256sum", &line[3])] {
            let output = Command::new(program).arg(&line[0]).current_dir(folder()).output().expect("it runs");
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                format!("{digest}  {}\n", line[0]),
                "{program}"
            );
        }
    }
}

#[test]
fn the_nested_trees_name_each_other_by_digest_and_size() {
    let decode = |file: &str| Tree::decode(&golden(file)).expect(file);
    for (above, name, below) in
        [("nested.tree", "usr", "nested-usr.tree"), ("nested-usr.tree", "bin", "nested-usr-bin.tree")]
    {
        let (tree, size) = (decode(below).id(), golden(below).len() as u64);
        assert_eq!(decode(above).get(name.as_bytes()), Some(&Node::Directory { tree, size }), "{above}");
    }
}

#[test]
fn odd_names_and_targets_match_their_escaped_form() {
    let names = Tree::decode(&golden("names.tree")).expect("names.tree");
    for name in
        [&b"two words"[..], b"line\nfeed", b"back\\slash", b"\\x41", b"\xff\xfe", b"\x01", "é".as_bytes()]
    {
        assert!(names.get(name).is_some(), "{name:?}");
    }
    let long = Tree::decode(&golden("names-long.tree")).expect("names-long.tree");
    assert_eq!(long.entries()[1].0, Name::new(&[0xff; 255]).expect("a name"));
    let targets = Tree::decode(&golden("targets.tree")).expect("targets.tree");
    for (name, target) in [("e", &b"two words\n"[..]), ("f", b"\xff\xfe"), ("g", &[b't'; 4095])] {
        let target = SymlinkTarget::new(target).expect("a target");
        assert_eq!(targets.get(name.as_bytes()), Some(&Node::Symlink { target }), "{name}");
    }
}

#[test]
fn every_byte_string_has_the_spelling_of_the_manifest_and_no_other() {
    for line in lines("unescape-rejects") {
        assert!(unescape(&bytes(&line[0])).is_err(), "{} was taken", line[0]);
    }
    for line in lines("escape") {
        let (bytes, expected) = (bytes(&line[0]), line.get(1).map_or("", String::as_str));
        let mut text = String::new();
        escape(&bytes, &mut text);
        assert_eq!(text, expected);
        assert_eq!(unescape(expected.as_bytes()), Ok(bytes));
    }
}

/// The fields of a row as the manifest writes them, and the row encoded again; `None` when it is invalid.
fn row(family: &str, bytes: &[u8]) -> Option<(BTreeMap<&'static str, String>, Vec<u8>)> {
    let target = |target: Target| match target {
        Target::Tree(tree) => format!("d:{tree}"),
        Target::Blob(blob) => format!("f:{blob}"),
    };
    match family {
        "blob" => BlobRow::decode(bytes).map(|row| {
            let placement = match row.placement {
                Placement::Inline => "inline",
                Placement::File => "file",
                Placement::Quarantined => "quarantined",
            };
            let fields = [
                ("placement", placement.to_owned()),
                ("size", row.size.to_string()),
                ("sha256", row.sha256.to_string()),
            ];
            (fields.into(), row.encode().to_vec())
        }),
        "lease" => LeaseRow::decode(bytes).map(|row| {
            let mut fields = BTreeMap::from([("target", target(row.target))]);
            match row.holder {
                Holder::Until(moment) => drop(fields.insert("until", moment.to_string())),
                Holder::Timed { until, made, uptime, boot } => {
                    let boot = boot.iter().map(|byte| format!("{byte:02x}")).collect();
                    let numbers = [("until", until), ("made", made), ("uptime", uptime)];
                    fields.extend(numbers.map(|(name, number)| (name, number.to_string())));
                    fields.insert("boot", boot);
                }
                Holder::Process { pid, start, boot } => {
                    let boot = boot.iter().map(|byte| format!("{byte:02x}")).collect();
                    fields.extend([("pid", pid.to_string()), ("start", start.to_string()), ("boot", boot)]);
                }
            }
            (fields, row.encode())
        }),
        "meta" => Totals::decode(bytes).map(|row| {
            let fields = [
                ("blobs_added", row.blobs_added.to_string()),
                ("bytes_added", row.bytes_added.to_string()),
                ("bytes_deduplicated", row.bytes_deduplicated.to_string()),
            ];
            (fields.into(), row.encode())
        }),
        _ => panic!("the manifest has a row of the unknown family {family}"),
    }
}

#[test]
fn every_row_decodes_as_in_the_manifest_and_similar_bytes_are_refused() {
    for line in lines("row-rejects") {
        assert_eq!(row(&line[0], &bytes(&line[1])), None, "{line:?}");
    }
    for line in lines("row") {
        let bytes = bytes(&line[1]);
        let (fields, again) = row(&line[0], &bytes).unwrap_or_else(|| panic!("not taken: {line:?}"));
        let expected: BTreeMap<&str, String> = line[2..]
            .iter()
            .filter_map(|field| field.split_once('='))
            .map(|(k, v)| (k, v.to_owned()))
            .collect();
        assert_eq!(fields, expected);
        assert_eq!(again, bytes, "{line:?}");
    }
}

/// Key and value as in RocksDB's log: each after its length, which for short ones is one byte.
fn in_log(key: &[u8], value: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).ok().filter(|n| *n < 128).expect("short");
    [&[length(key)], key, &[length(value)], value].concat()
}

#[test]
fn a_real_store_writes_the_rows_of_the_page() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("store");
    let store = Store::open(&path).expect("a store");
    let session = store.session().expect("a session");
    let blob = session.add_blob(b"hello\n", false).expect("stored");
    let entry = (Name::new(b"a").expect("a name"), Node::File { blob, size: 6, executable: false });
    let tree = Tree::new(vec![entry]).expect("a tree");
    let (id, _) = session.add_tree(&tree).expect("stored");
    let until = 0x0123_4567_89ab_cdef;
    session
        .finish(&[Target::Tree(id)], &Keep { lease: Some(Holder::Until(until)), ..Keep::default() })
        .expect("durable");
    let name: RootName = "hello".parse().expect("a name");
    store.set_root(&name, Target::Blob(blob)).expect("a root");
    let created = store.roots().expect("roots")[0].created;

    let mut log = Vec::new();
    for entry in fs::read_dir(path.join("db")).expect("the database") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "log") {
            log.extend(fs::read(path).expect("the log"));
        }
    }
    let BlobId(digest) = blob;
    let sha256 = Sha256::of(b"hello\n");
    let blob_row = [&[1, 0, 6, 0, 0, 0, 0, 0, 0, 0][..], sha256.as_bytes()].concat();
    let tree_text = format!("stele-tree 1\nf {digest} 6 a\n");
    let TreeId(tree_digest) = id;
    assert_eq!(tree_digest, Digest::of(tree_text.as_bytes()));
    let root_row = [&[1, b'f'][..], digest.as_bytes(), &created.to_le_bytes()].concat();
    // A new store is in its first epoch, which is the upper half of its lease numbers.
    let lease_number = (1u64 << 32).to_be_bytes();
    let lease_begin = [&[1, b'd'][..], tree_digest.as_bytes(), &[2], &until.to_le_bytes()].concat();
    let lease_row = store.leases().expect("leases")[0].1.encode();
    assert!(lease_row.starts_with(&lease_begin) && lease_row.len() == 75);
    let totals = [&[1][..], &1u64.to_le_bytes(), &6u64.to_le_bytes(), &0u64.to_le_bytes()].concat();
    for (what, key, value) in [
        ("blob", &digest.as_bytes()[..], &blob_row[..]),
        ("inline", digest.as_bytes(), b"hello\n"),
        ("sha256", sha256.as_bytes(), digest.as_bytes()),
        ("tree", tree_digest.as_bytes(), tree_text.as_bytes()),
        ("root", b"hello", &root_row),
        ("lease", &lease_number, &lease_row),
        ("meta format", b"format", b"1"),
        ("meta features", b"features", b"0x3"),
        ("meta epoch", b"epoch", &1u64.to_le_bytes()),
        ("meta totals", b"totals", &totals),
    ] {
        let row = in_log(key, value);
        assert!(log.windows(row.len()).any(|window| window == row), "the database has no such row: {what}");
    }
}
