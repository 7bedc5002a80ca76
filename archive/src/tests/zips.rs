//! Entries of a zip: names, modes, data.

use std::io::Write;

use super::*;

/// An entry and all its fields, to be falsified.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) name: Vec<u8>,
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) data: Vec<u8>,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) host: u8,
    pub(super) mode: u32,
    pub(super) crc: u32,
    pub(super) size: usize,
    /// The checksum and sizes in the local header, if different.
    pub(super) local: Option<[u32; 3]>,
    pub(super) extra: Vec<u8>,
    pub(super) local_extra: Vec<u8>,
    pub(super) descriptor: Vec<u8>,
    /// Bytes after it that belong to no entry.
    pub(super) gap: Vec<u8>,
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

pub(super) fn item(name: &str, mode: u32, text: &str) -> Item {
    of_bytes(name, mode, text.as_bytes())
}

pub(super) fn of_bytes(name: &str, mode: u32, text: &[u8]) -> Item {
    Item {
        name: name.into(),
        local_name: None,
        data: text.to_vec(),
        method: 0,
        flags: 0,
        host: 3,
        mode,
        crc: crc(text),
        size: text.len(),
        local: None,
        extra: Vec::new(),
        local_extra: Vec::new(),
        descriptor: Vec::new(),
        gap: Vec::new(),
    }
}

pub(super) fn file(name: &str, text: &str) -> Item {
    item(name, 0o100_644, text)
}

fn deflated(name: &str, text: &str) -> Item {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).expect("memory takes all");
    let data = encoder.finish().expect("memory takes all");
    Item { data, method: 8, ..file(name, text) }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("a small number")
}

fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).expect("a small number").to_le_bytes()
}

/// The entries, and the directory of them.
pub(super) fn parts(items: &[Item]) -> (Vec<u8>, Vec<u8>) {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for item in items {
        let offset = small(bytes.len());
        let numbers = [item.crc, small(item.data.len()), small(item.size)];
        let start = |numbers: [u32; 3]| {
            let mut bytes = [item.flags.to_le_bytes(), item.method.to_le_bytes()].concat();
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            bytes
        };
        let local_name = item.local_name.as_ref().unwrap_or(&item.name);
        bytes.extend_from_slice(b"PK\x03\x04\x14\0");
        bytes.extend(start(item.local.unwrap_or(numbers)));
        bytes.extend([short(local_name.len()), short(item.local_extra.len())].concat());
        for part in [local_name, &item.local_extra, &item.data, &item.descriptor, &item.gap] {
            bytes.extend_from_slice(part);
        }
        directory.extend_from_slice(b"PK\x01\x02\x1e");
        directory.extend_from_slice(&[item.host, 20, 0]);
        directory.extend(start(numbers));
        directory.extend([short(item.name.len()), short(item.extra.len()), [0; 2], [0; 2], [0; 2]].concat());
        directory.extend((item.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend_from_slice(&item.name);
        directory.extend_from_slice(&item.extra);
    }
    (bytes, directory)
}

pub(super) fn end(entries: usize, size: usize, offset: usize, comment: &[u8]) -> Vec<u8> {
    let numbers = [short(entries), short(entries)].concat();
    let place = [small(size).to_le_bytes(), small(offset).to_le_bytes()].concat();
    [b"PK\x05\x06\0\0\0\0", &numbers[..], &place, &short(comment.len()), comment].concat()
}

pub(super) fn zip(items: &[Item]) -> Vec<u8> {
    let (bytes, directory) = parts(items);
    let end = end(items.len(), directory.len(), bytes.len(), b"");
    [bytes, directory, end].concat()
}

#[track_caller]
fn item_refused(item: Item, why: &str) {
    let name = String::from_utf8(item.name.clone()).expect("text");
    let bytes = zip(&[file("first", ""), item]);
    refused(&bytes, &format!("entry {name} at byte 35: {why}"));
}

#[test]
fn names_and_links_that_lead_out_are_refused_as_in_a_tar() {
    item_refused(file("/etc/passwd", ""), "its name is absolute");
    item_refused(file("a/../b", ""), "its name has a component `..`");
    item_refused(item("l", 0o120_777, "../x"), "it is a symbolic link to ../x, which is outside of the tree");
    item_refused(item("l", 0o120_777, "/x"), "it is a symbolic link to /x, which is absolute");
    item_refused(file("first", "other"), "it occurs twice, and differs");
    item_refused(file("first/f", ""), "its name passes through first, which is a file");
    item_refused(item("first/", 0o040_755, ""), "it occurs twice, and only once as a directory");
}

#[test]
fn entries_that_trees_do_not_support_are_refused() {
    item_refused(item("d", 0o020_644, ""), "it is a device");
    item_refused(item("d", 0o060_644, ""), "it is a device");
    item_refused(item("p", 0o010_644, ""), "it is a fifo");
    item_refused(item("s", 0o140_644, ""), "it is a socket");
    item_refused(item("x", 0o150_644, ""), "entries of kind 0xd000 cannot be unpacked");
}

#[test]
fn a_directory_by_name_and_by_mode_is_the_same_or_refused() {
    let why = "its name and its mode disagree whether it is a directory";
    item_refused(item("d", 0o040_755, ""), why);
    item_refused(item("f/", 0o100_644, ""), why);
    item_refused(item("l/", 0o120_777, "x"), why);
    item_refused(item("d/", 0o040_755, "data"), "it is not a file, and its size is 4");
}

#[test]
fn unsupported_entries_are_refused() {
    for flags in [1, 1 << 6, 1 << 13] {
        item_refused(Item { flags, ..file("f", "x") }, "it is encrypted");
    }
    for method in [1, 9, 12, 14, 93] {
        let why = format!("it is compressed with method {method}; only 0 (stored) and 8 (deflate) are read");
        item_refused(Item { method, ..file("f", "x") }, &why);
    }
}

#[test]
fn data_that_is_damaged_is_refused() {
    item_refused(Item { crc: 1, ..file("f", "x") }, "its data has the checksum 8cdc1683, not 00000001");
    let damaged = "its compressed data is damaged";
    item_refused(Item { size: 2, ..file("f", "x") }, damaged);
    item_refused(Item { size: 0, ..file("f", "x") }, damaged);
    let whole = deflated("f", &"text ".repeat(50));
    item_refused(Item { size: 249, ..whole.clone() }, damaged);
    item_refused(Item { size: 251, ..whole.clone() }, damaged);
    let more = [&whole.data[..], b"x"].concat();
    item_refused(Item { data: more, ..whole.clone() }, damaged);
    for length in 0..whole.data.len() {
        let data = whole.data[..length].to_vec();
        item_refused(Item { data, ..whole.clone() }, damaged);
    }
    item_refused(Item { data: b"\xff\xff".to_vec(), ..whole.clone() }, damaged);
    item_refused(Item { name: b"d/".to_vec(), mode: 0o040_755, size: 0, crc: 0, ..whole }, damaged);
}

#[test]
fn a_target_that_is_too_long_is_refused() {
    let why = "the target of its symbolic link is invalid: it has 4096 bytes; at most 4095 are possible";
    item_refused(item("l", 0o120_777, &"x".repeat(4096)), why);
    item_refused(item("l", 0o120_777, ""), "the target of its symbolic link is invalid: it is empty");
}

#[test]
fn a_second_name_that_differs_is_refused() {
    let unicode =
        |name: &str| [&[0x75, 0x70][..], &short(5 + name.len()), &[1, 0, 0, 0, 0], name.as_bytes()].concat();
    let why = "it has a second name, other, in its Unicode path field";
    item_refused(Item { extra: unicode("other"), ..file("f", "") }, why);
    let bytes = zip(&[Item { local_extra: unicode("other"), ..file("f", "") }]);
    refused(&bytes, "the zip, at byte 0: its records contradict each other");
    let same = Item { extra: unicode("f"), local_extra: unicode("f"), ..file("f", "") };
    becomes(&zip(&[same]), &[("f", "= ")]);
}

#[test]
fn entries_are_unpacked_unchanged() {
    let long = "text ".repeat(1000);
    let dos = Item { host: 0, mode: 0o777, ..file("dos", "") };
    let dos_dir = Item { host: 0, mode: 0, ..file("e/", "") };
    let empty_dir = Item { name: b"g/".to_vec(), mode: 0o040_755, ..deflated("g", "") };
    let items = [
        item("d/", 0o040_755, ""),
        file("d/f", "x"),
        deflated("d/long", &long),
        item("d/run", 0o100_755, "y"),
        item("l", 0o120_777, "d/f"),
        file(r"back\slash", ""),
        dos,
        dos_dir,
        empty_dir,
    ];
    let expected = [
        ("d/f", "= x"),
        ("d/long", &format!("= {long}")),
        ("d/run", "* y"),
        ("l", "-> d/f"),
        (r"back\x5cslash", "= "),
        ("dos", "= "),
        ("e/", "/"),
        ("g/", "/"),
    ];
    becomes(&zip(&items), &expected);
}

#[test]
fn the_content_of_a_zip_is_limited() {
    let limits = |change: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        Unpack { limits, ..all() }
    };
    let bytes = zip(&[file("a", "123"), file("b", "456")]);
    refused_with(&bytes, &limits(&|it| it.bytes = 5), "it unpacks to more than 5 bytes");
    refused_with(&bytes, &limits(&|it| it.entries = 1), "it holds more than 1 entries");
    refused_with(
        &bytes,
        &limits(&|it| it.text = 1),
        "the names and link targets in it have more than 1 bytes together",
    );
    let bomb = zip(&[deflated("a", &"0".repeat(1 << 20))]);
    let error = try_unpack(&bomb, &limits(&|it| it.ratio_from = 1 << 19)).expect_err("a bomb").to_string();
    assert!(error.ends_with("and more; at most 200 for each are allowed"), "{error}");
}
