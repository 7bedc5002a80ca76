//! Layers compared with `tar(1)`, with themselves, and with recorded digests.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use stele_store::model::{BlobId, Digest, Node, TreeId};
use stele_store::{Progress, ReadError};

use super::*;
use crate::content::in_memory::{InMemory, link, mixed};
use crate::encode::Compression;
use crate::measure::{StreamError, measure, stream};
use crate::rules::{Mode, Owner};

fn tree_of(node: &Node) -> TreeId {
    match node {
        Node::Directory { tree, .. } => *tree,
        _ => panic!("a directory"),
    }
}

/// One entry of each kind, and the names that need different headers.
fn everything() -> (InMemory, Layer) {
    let mut memory = InMemory::default();
    let long = "long-name-".repeat(20);
    let target = "../".repeat(40) + "far/away";
    let (small, big) = (memory.file(b"hello\n", false), memory.file(&mixed(5_500_000), false));
    let program = memory.file(b"\x7fELF", true);
    let nothing = memory.file(b"", false);
    let block = memory.file(&[1; 512], false);
    let empty = memory.directory(vec![]);
    let mut deep = memory.directory(vec![(b"file", small.clone())]);
    for _ in 0..8 {
        deep = memory.directory(vec![(b"a-directory-with-some-name", deep)]);
    }
    let bin = memory.directory(vec![(b"sh", link(b"busybox")), (b"su", program)]);
    let names = memory.directory(vec![
        (b" spaces and \n lines", small.clone()),
        ("é".as_bytes(), small),
        (b"\xff\xfe", nothing.clone()),
        (b"far", link(target.as_bytes())),
        (b"foreign-link", link("zié".as_bytes())),
        (long.as_bytes(), block),
    ]);
    let root = memory.directory(vec![
        (b"bin", bin),
        (b"big", big),
        (b"deep", deep),
        (b"empty", empty.clone()),
        (b"names", names),
        (b"nothing", nothing),
        (b"tmp", empty),
    ]);
    let path = |text: &str| text.parse::<ImagePath>().unwrap();
    let rules = Rules {
        owners: BTreeMap::from([
            (path("/names"), Owner { user: 1000, group: 100 }),
            (path("/names/far"), Owner { user: 0, group: 0 }),
            (path("/empty"), Owner { user: 3_000_000, group: 4_294_967_294 }),
        ]),
        capabilities: BTreeMap::new(),
        modes: BTreeMap::from([
            (path("/bin/su"), "4755".parse::<Mode>().unwrap()),
            (path("/tmp"), "1777".parse().unwrap()),
        ]),
    };
    let layer = Layer { epoch: 1_700_000_000, rules, tree: tree_of(&root) };
    (memory, layer)
}

fn bytes(memory: &InMemory, layer: &Layer) -> Vec<u8> {
    let mut bytes = Vec::new();
    LayerReader::new(memory, layer).read_to_end(&mut bytes).unwrap();
    bytes
}

fn tar(args: &[&str], bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layer.tar");
    fs::write(&file, bytes).unwrap();
    let output = Command::new("tar")
        .args(args)
        .arg("--file")
        .arg(&file)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn tar_lists_the_entries_of_a_layer() {
    let (memory, layer) = everything();
    let bytes = bytes(&memory, &layer);
    let listed = tar(&["--list", "--verbose", "--numeric-owner", "--quoting-style=escape"], &bytes);
    let lines: Vec<&str> = listed.lines().collect();
    let mut walk = Walk::new(&memory, &layer);
    let mut count = 0;
    while let Some(entry) = walk.step().unwrap() {
        let line = lines[count];
        count += 1;
        assert!(line.contains(&format!("{}/{}", entry.owner.user, entry.owner.group)), "{line}");
        assert!(line.contains("2023-11-14 22:13"), "{line}");
        let kind = match entry.node {
            Node::Directory { .. } => 'd',
            Node::File { .. } => '-',
            Node::Symlink { .. } => 'l',
        };
        assert!(line.starts_with(kind), "{line}");
    }
    assert_eq!(count, lines.len());
    assert!(lines[0].starts_with("drwxr-xr-x 0/0") && lines[0].ends_with(" ./"), "{}", lines[0]);
    let with = |end: &str| {
        lines.iter().find(|line| line.ends_with(end)).unwrap_or_else(|| panic!("{end}\n{listed}"))
    };
    assert!(with(" bin/su").starts_with("-rwsr-xr-x"));
    assert!(with(" tmp/").starts_with("drwxrwxrwt"));
    with(" bin/sh -> busybox");
    with(" names/\\377\\376");
    with(" names/\\303\\251");
    with(&format!(" names/{}", "long-name-".repeat(20)));
    with("far/away");
    with(" 5500000 2023-11-14 22:13 big");
}

#[test]
fn tar_unpacks_the_bytes_that_the_tree_has() {
    let (memory, layer) = everything();
    let bytes = bytes(&memory, &layer);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    tar(&["--extract", "--no-same-owner", "--directory", to], &bytes);
    let mut walk = Walk::new(&memory, &layer);
    while let Some(entry) = walk.step().unwrap() {
        use std::os::unix::ffi::OsStrExt;
        let path = folder.path().join(Path::new(std::ffi::OsStr::from_bytes(entry.path.as_bytes())));
        match &entry.node {
            Node::Directory { .. } => assert!(path.is_dir()),
            Node::File { blob, .. } => assert_eq!(BlobId(Digest::of(&fs::read(&path).unwrap())), *blob),
            Node::Symlink { target } => {
                assert_eq!(fs::read_link(&path).unwrap().as_os_str().as_bytes(), target.as_bytes());
            }
        }
    }
}

#[test]
fn a_damaged_file_gives_no_digest() {
    let (mut memory, layer) = everything();
    let blob = BlobId(Digest::of(b"hello\n"));
    memory.damage(blob, b"hullo\n");
    let found = measure(&memory, &layer, Compression::Zstd, &Progress::default()).unwrap_err();
    assert!(
        matches!(&found, StreamError::Layer(LayerError::Read(ReadError::CorruptBlob { id, .. })) if *id == blob),
        "{found}"
    );
    memory.damage(blob, b"hell");
    let found = measure(&memory, &layer, Compression::None, &Progress::default()).unwrap_err();
    assert!(matches!(found, StreamError::Layer(LayerError::Size { size: 6, .. })), "{found}");
}

#[test]
fn a_name_that_would_be_a_whiteout_is_refused() {
    let mut memory = InMemory::default();
    let file = memory.file(b"", false);
    let etc = memory.directory(vec![(b".wh.passwd", file)]);
    let root = memory.directory(vec![(b"etc", etc)]);
    let layer = Layer { epoch: 0, rules: Rules::default(), tree: tree_of(&root) };
    let found = measure(&memory, &layer, Compression::None, &Progress::default()).unwrap_err();
    assert!(found.to_string().starts_with("/etc/.wh.passwd cannot be in an image"), "{found}");
}

#[test]
fn cancelled_work_ends() {
    let (memory, layer) = everything();
    let progress = Progress::default();
    progress.cancel();
    let found = stream(&memory, &layer, Compression::Gzip, &progress, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(found, StreamError::Cancelled(_)), "{found}");
}

#[test]
fn rules_for_other_layers_have_no_effect() {
    let (memory, layer) = everything();
    let mut more = layer.rules.clone();
    let path = |text: &str| text.parse::<ImagePath>().unwrap();
    more.modes.insert(path("/elsewhere"), "0700".parse().unwrap());
    more.modes.insert(path("/big"), "0644".parse().unwrap());
    more.owners.insert(path("/"), Owner::default());
    more.owners.insert(path("/names/far/away"), Owner { user: 5, group: 5 });
    assert_eq!(more.narrowed(&memory, &layer.tree).unwrap(), layer.rules);
}

/// The recorded digests of layers. A change of one changes every image: see `oci/golden/README.md` before you allow it.
#[test]
fn digests_match_the_golden_ones() {
    let (memory, layer) = everything();
    let mut found = String::new();
    for (name, compression) in Compression::ALL {
        let measured = measure(&memory, &layer, *compression, &Progress::default()).unwrap();
        let (plain, packed) = (measured.plain, measured.packed);
        found += &format!("{name} {} {} {} {}\n", plain.sha256, plain.size, packed.sha256, packed.size);
        let streamed = stream(&memory, &layer, *compression, &Progress::default(), &mut |_| Ok(())).unwrap();
        assert_eq!(streamed, packed);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/layers");
    if std::env::var_os("STELE_UPDATE_GOLDEN").is_some() {
        fs::write(&file, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(&file).unwrap());
}

proptest! {
    #[test]
    fn any_range_of_a_layer_equals_that_part_of_it(from in 0u64..5_600_000, length in 0usize..70_000) {
        let (memory, layer) = everything();
        let whole = bytes(&memory, &layer);
        let mut reader = LayerReader::unchecked(&memory, &layer);
        let skipped = reader.skip(from).unwrap();
        prop_assert_eq!(skipped, from.min(whole.len() as u64));
        let mut part = Vec::new();
        reader.take(length as u64).read_to_end(&mut part).unwrap();
        let begin = usize::try_from(skipped).unwrap();
        prop_assert!(part == whole[begin..(begin + length).min(whole.len())]);
    }
}
