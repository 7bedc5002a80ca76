//! Any archive is refused, or yields a complete tree within the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stele_archive::content::{Content, InMemory};
use stele_archive::{Form, Limits, Unpack, unpack};
use stele_store::model::Node;

const BYTES: u64 = 1 << 20;
const ENTRIES: usize = 100;

fn limits() -> Limits {
    let (text, ratio, ratio_from, window) = (10_000, 50, 100_000, 1 << 20);
    Limits { bytes: BYTES, entries: ENTRIES, text, ratio, ratio_from, nesting: 2, window, ..Limits::default() }
}

/// Fixes the checksum of each block that looks like a tar header: no mutation finds it by chance.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512).filter(|block| block[257..].starts_with(b"ustar")) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    bytes
}

/// The bytes as the data of a Debian package, past its framing.
fn packaged(bytes: &[u8]) -> Vec<u8> {
    let member = |name: &str, data: &[u8]| {
        let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, data.len());
        [header.as_bytes(), data, if data.len() % 2 == 1 { b"\n" } else { b"" }].concat()
    };
    let members = [member("debian-binary", b"2.0\n"), member("control.tar", b""), member("data.tar", bytes)];
    [&b"!<arch>\n"[..], &members.concat()].concat()
}

fn check(bytes: &[u8], form: Form, strip: usize) {
    let content = InMemory::default();
    let how = Unpack { form, strip, subdir: None, limits: limits() };
    let Ok(tree) = unpack(&mut &*bytes, &how, &content) else { return };
    let (mut entries, mut length, mut open) = (0, 0, vec![tree]);
    while let Some(tree) = open.pop() {
        for (_, node) in content.tree(&tree).expect("the tree was kept").entries() {
            entries += 1;
            match node {
                Node::Directory { tree, .. } => open.push(*tree),
                Node::File { blob, size, .. } => {
                    assert_eq!(content.blob(blob).expect("the blob was kept").len() as u64, *size);
                    // A hard link is the same file again, and counts once.
                    length = length.max(*size);
                }
                Node::Symlink { target } => {
                    assert!(form == Form::DebianPackage || !target.as_bytes().starts_with(b"/"));
                }
            }
        }
    }
    assert!((1..=ENTRIES).contains(&entries));
    assert!(length <= BYTES);
}

fuzz_target!(|bytes: &[u8]| {
    let sealed = sealed(bytes);
    for strip in 0..2 {
        check(bytes, Form::Archive, strip);
        check(&sealed, Form::Archive, strip);
    }
    check(bytes, Form::DebianPackage, 0);
    check(&packaged(&sealed), Form::DebianPackage, 0);
});
