//! `docs/formats.md` is true: its examples print what it shows, with standard tools alone; what they make equals what
//! Stele makes; and what Stele writes and answers matches the tables.

mod answers;
mod columns;
mod examples;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use examples::{Example, Workshop};
use stele_store::model::{BlobId, Digest, Sha256, Tree};
use stele_store::{BlobRow, Holder, Keep, LeaseRow, Placement, Progress, Store, Target};
use stele_tests::{Stele, trees};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/formats.md");
    fs::read_to_string(path).expect("docs/formats.md")
}

/// The first column of the first table under a heading: what is between its first backticks.
fn first_column(page: &str, heading: &str) -> Vec<String> {
    rows(page, heading).iter().filter_map(|row| Some(row[0].split('`').nth(1)?.to_owned())).collect()
}

/// The rows of the first table under a heading, without its head.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let begin = format!("\n{heading}\n");
    let (_, section) =
        page.split_once(&begin).unwrap_or_else(|| panic!("the page has no heading `{heading}`"));
    let table = section.lines().skip_while(|line| !line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    table.take_while(|line| line.starts_with('|')).skip(2).map(cells).collect()
}

/// The output of an example under that heading, as bytes.
fn printed_hex(workshop: &Workshop, examples: &[Example], heading: &str) -> Vec<u8> {
    let example = examples.iter().find(|example| example.heading == heading).expect(heading);
    let digits = workshop.run(example).trim_end().to_owned();
    let pair = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(pair).collect()
}

#[test]
fn every_example_prints_what_the_page_shows() {
    let Some(workshop) = Workshop::new() else { return };
    let examples = examples::of(&page());
    assert!(examples.len() > 20, "the page has lost its examples");
    let wrong: Vec<String> = examples.iter().filter_map(|example| workshop.difference(example)).collect();
    assert!(wrong.is_empty(), "docs/formats.md says otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn no_digest_on_the_page_can_be_changed_unnoticed() {
    let Some(workshop) = Workshop::new() else { return };
    for mut example in examples::of(&page()) {
        let digest = |word: &&str| word.len() >= 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Some(digest) = example.expected.split_whitespace().find(digest).map(str::to_owned) else {
            assert_eq!(workshop.difference(&example), None);
            continue;
        };
        let last = if digest.ends_with('0') { "1" } else { "0" };
        example.expected = example.expected.replace(&digest, &(digest[..digest.len() - 1].to_owned() + last));
        assert!(workshop.difference(&example).is_some(), "line {}: nobody noticed", example.line);
    }
}

#[test]
fn the_trees_of_the_page_match_imports_of_the_same_folder() {
    let Some(workshop) = Workshop::new() else { return };
    examples::of(&page()).iter().for_each(|example| drop(workshop.run(example)));
    for file in ["bin.tree", "hello.tree", "odd.tree"] {
        let text = fs::read(workshop.folder().join(file)).expect(file);
        let tree = Tree::decode(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(tree.encode().into_bytes(), text, "{file}");
    }
    let store = Store::open(&workshop.folder().join("store")).expect("a store");
    let session = store.session().expect("a session");
    let target = session.import(&workshop.folder().join("hello"), &Progress::default()).expect("imported");
    session.finish(&[target], &Keep::default()).expect("durable");
    let Target::Tree(tree) = target else { panic!("a folder became {target:?}") };
    let text = fs::read(workshop.folder().join("hello.tree")).expect("hello.tree");
    assert_eq!(store.tree_text(&tree).expect("stored"), text);
    assert_eq!(tree.0, Digest::of(&text));
}

#[test]
fn the_rows_of_the_page_are_rows() {
    let Some(workshop) = Workshop::new() else { return };
    let examples = examples::of(&page());
    // The rows name what was made above.
    examples.iter().for_each(|example| drop(workshop.run(example)));
    let printed = |heading| printed_hex(&workshop, &examples, heading);
    let blob = BlobRow { placement: Placement::Inline, size: 6, sha256: Sha256::of(b"hello\n") };
    assert_eq!(BlobRow::decode(&printed("### blob")), Some(blob));
    let target = Target::Tree(Tree::default().id());
    let lease = LeaseRow { target, holder: Holder::Until(1_795_408_298) };
    assert_eq!(LeaseRow::decode(&printed("### lease")), Some(lease));
    let hello = Digest::of(&fs::read(workshop.folder().join("hello.tree")).expect("hello.tree"));
    let root = [&[1, b'd'][..], hello.as_bytes(), &1_795_404_698u64.to_le_bytes()].concat();
    assert_eq!(printed("### root"), root);
}

#[test]
fn a_real_store_holds_nothing_that_the_page_does_not_name() {
    let stele = Stele::new();
    let folder = stele.scratch().join("folder");
    trees::generate(&folder, 5, 60);
    stele.ok(&["store", "add", "--root", "made", folder.to_str().expect("a plain path")]);
    stele.ok(&["store", "root", "add", "moved", "made"]);
    let named = first_column(&page(), "## The store's folder");
    let roots: Vec<&str> = named.iter().filter_map(|path| path.split('/').next()).collect();
    for entry in fs::read_dir(stele.store()).expect("the store") {
        let name = entry.expect("an entry").file_name().into_string().expect("plain names");
        assert!(roots.contains(&&*name), "the page does not name {name}");
    }
    for (file, text) in [("format", "stele-store 1\nfeatures 0x3\n".to_owned()), ("roots", mirror(&stele))] {
        assert_eq!(fs::read_to_string(stele.store().join(file)).expect(file), text);
    }
}

fn mirror(stele: &Stele) -> String {
    let roots = stele.json(&["store", "root", "ls"]);
    let line = |root: &serde_json::Value| {
        let [digest, name] = ["digest", "name"].map(|field| root[field].as_str().expect("text").to_owned());
        format!("d {digest} {} {name}\n", root["created"])
    };
    let lines: String = roots.as_array().expect("a list").iter().map(line).collect();
    format!("stele-roots 1\n{lines}")
}

#[test]
fn a_payload_is_where_the_page_documents_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(&dir.path().join("store")).expect("a store");
    let session = store.session().expect("a session");
    let elf = |kind: [u8; 2]| [&b"\x7fELF"[..], &[0; 12], &kind].concat();
    let mut cases: Vec<(Vec<u8>, bool, Placement)> = vec![
        (vec![1; 16_384], false, Placement::Inline),
        (vec![1; 16_385], false, Placement::File),
        (vec![2; 10], true, Placement::File),
        (vec![], false, Placement::Inline),
        (elf([1, 0]), false, Placement::Inline),
        (elf([2, 1]), false, Placement::Inline),
        (b"\x7fELF".to_vec(), false, Placement::Inline),
    ];
    cases.extend([[2, 0], [3, 0], [0, 2], [0, 3]].map(|kind| (elf(kind), false, Placement::File)));
    let added: Vec<(BlobId, Placement)> = cases
        .iter()
        .map(|(bytes, executable, placement)| {
            (session.add_blob(bytes, *executable).expect("taken"), *placement)
        })
        .collect();
    session.finish(&[], &Keep::default()).expect("durable");
    for (id, placement) in added {
        assert_eq!(store.blob_info(&id).expect("stored").placement, placement);
        assert_eq!(store.object_path(&id).exists(), placement == Placement::File);
    }
    // Stored as an executable, a blob moves to a file; stored as not executable, it stays there.
    for executable in [true, false] {
        let session = store.session().expect("a session");
        let id = session.add_blob(&[1; 16_384], executable).expect("taken");
        session.finish(&[], &Keep::default()).expect("durable");
        assert_eq!(store.blob_info(&id).expect("stored").placement, Placement::File);
    }
}

#[test]
fn a_daemon_understands_the_frames_of_the_page() {
    let Some(workshop) = Workshop::new() else { return };
    let stele = Stele::new();
    let file = stele.scratch().join("file");
    fs::write(&file, "x").expect("a file");
    stele.add(&file);
    let mut stream = UnixStream::connect(stele.store().join("socket")).expect("the daemon listens");

    // The page shows the first frame as `xxd` prints it.
    let examples = examples::of(&page());
    let hello = examples.iter().find(|example| example.heading == "## The daemon's socket").expect("a frame");
    let hex = |line: &str| {
        line.split("  ").next().and_then(|line| line.split_once(": ")).map(|(_, hex)| hex.replace(' ', ""))
    };
    let digits: String = workshop.run(hello).lines().filter_map(hex).collect();
    let bytes: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex"))
        .collect();
    stream.write_all(&bytes).expect("taken");
    let welcome = receive(&mut stream);
    let fields: Vec<&String> = welcome.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["build", "pid", "protocol", "stele", "working"]);
    assert_eq!(welcome["pid"].as_i64(), stele.daemon().map(i64::from));

    // The messages of the tables, verbatim; the last ends the daemon.
    send(&mut stream, "{\"call\":\"status\"}");
    let status = receive(&mut stream);
    assert_eq!((&status["reply"], &status["value"]["answer"]), (&"answer".into(), &"status".into()));
    send(&mut stream, "{\"call\":\"store\",\"store\":{\"request\":\"info\",\"reference\":\"none\"}}");
    let failure = receive(&mut stream);
    assert_eq!((&failure["reply"], &failure["value"]["kind"]), (&"failure".into(), &"not-found".into()));
    let stop = first_column(&page().replace("| client, at any time after |", "|"), "### The first frames");
    send(&mut stream, stop.last().expect("the last row says how to stop"));
    assert_eq!(stream.read(&mut [0]).expect("the end"), 0, "to stop there is no reply");
}

fn send(stream: &mut UnixStream, message: &str) {
    let length = u32::try_from(message.len()).expect("short").to_le_bytes();
    stream.write_all(&[&length[..], b"J", message.as_bytes()].concat()).expect("taken");
}

/// The next message that is not a progress report.
fn receive(stream: &mut UnixStream) -> serde_json::Value {
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).expect("a frame");
        let [a, b, c, d, kind] = head;
        assert_eq!(kind, b'J');
        let mut payload = vec![0; usize::try_from(u32::from_le_bytes([a, b, c, d])).expect("short")];
        stream.read_exact(&mut payload).expect("a whole frame");
        let message: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
        if message["reply"] != "progress" {
            return message;
        }
    }
}
