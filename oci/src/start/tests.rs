//! Images that can start, and images that cannot.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stele_store::model::Node;

use super::*;
use crate::content::in_memory::{InMemory, link};
use crate::document::{Platform, Run};
use crate::encode::Compression;
use crate::path::ImagePath;
use crate::rules::Rules;

/// System V ABI: a program for the processor `machine` with these strings in its dynamic section.
fn elf(machine: u16, interpreter: Option<&str>, entries: &[(u64, &str)]) -> Vec<u8> {
    let mut strings = vec![0];
    let mut table = Vec::new();
    for (tag, text) in entries {
        table.extend([*tag, strings.len() as u64]);
        strings.extend_from_slice(text.as_bytes());
        strings.push(0);
    }
    let interpreter = interpreter.map(|text| [text.as_bytes(), b"\0"].concat()).unwrap_or_default();
    let begin = 64 + 3 * 56;
    let strings_from = begin + interpreter.len();
    let strings_at = strings_from as u64;
    table.extend([5, strings_at, 10, strings.len() as u64, 0, 0]);
    let table: Vec<u8> = table.iter().flat_map(|word| word.to_le_bytes()).collect();
    // Aligned, as `object` wants it.
    let pad = (8 - (strings_from + strings.len()) % 8) % 8;
    let table_at = strings_at + (strings.len() + pad) as u64;
    let end = table_at + table.len() as u64;
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend([2u16.to_le_bytes(), machine.to_le_bytes()].concat());
    bytes.extend(1u32.to_le_bytes());
    [0u64, 64, 0].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    bytes.extend(0u32.to_le_bytes());
    [64u16, 56, 3, 64, 0, 0].iter().for_each(|half| bytes.extend(half.to_le_bytes()));
    let interpreter_kind = if interpreter.is_empty() { 0u32 } else { 3 };
    let segments = [
        (1, 0, end),
        (interpreter_kind, begin as u64, interpreter.len() as u64),
        (if entries.is_empty() { 0 } else { 2 }, table_at, table.len() as u64),
    ];
    for (kind, at, length) in segments {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(4u32.to_le_bytes());
        [at, at, at, length, length, 8].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    }
    bytes.extend(interpreter);
    bytes.extend(strings);
    bytes.extend(vec![0; pad]);
    bytes.extend(table);
    bytes
}

const AMD64: u16 = 62;
const NEEDED: u64 = 1;
const RUNPATH: u64 = 29;

fn spec() -> Spec {
    Spec {
        platform: Platform { architecture: "amd64".into(), os: "linux".into(), variant: None },
        epoch: 1,
        compression: Compression::None,
        inputs: Vec::new(),
        declared: Default::default(),
        rules: Rules::default(),
        overrides: Default::default(),
        run: Run { entrypoint: vec!["/bin/program".into()], ..Run::default() },
        annotations: BTreeMap::new(),
    }
}

/// The flaws of an image with these files, links (`-> target`) and programs (`*` after the path: executable).
fn flaws_of(files: &[(&str, &[u8])], change: impl FnOnce(&mut Spec)) -> Vec<String> {
    let mut memory = InMemory::default();
    let root = folder(&mut memory, &files.iter().map(|(path, bytes)| (*path, *bytes)).collect::<Vec<_>>());
    let Node::Directory { tree, .. } = root else { panic!("a directory") };
    let mut spec = spec();
    change(&mut spec);
    flaws(&memory, &spec, &tree).unwrap().iter().map(ToString::to_string).collect()
}

/// The libraries that are missing in an image with these files that is meant to be complete.
fn missing_of(files: &[(&str, &[u8])]) -> Vec<String> {
    let mut memory = InMemory::default();
    let Node::Directory { tree, .. } = folder(&mut memory, files) else { panic!("a directory") };
    missing_libraries(&memory, &spec(), &tree).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn a_complete_image_has_every_library_that_any_file_in_it_asks_for() {
    let linker = "/lib/ld-musl-x86_64.so.1";
    let program = |library: &str| elf(AMD64, Some(linker), &[(NEEDED, library)]);
    let library = |needed: &[(u64, &str)]| elf(AMD64, None, needed);
    let (first, second) = (program("liba.so.1"), program("libgone.so.2"));
    let (sound, plugin) = (library(&[]), library(&[(NEEDED, "libplug.so.3")]));
    let other = elf(183, None, &[(NEEDED, "libarm.so.4")]);
    let files: Vec<(&str, &[u8])> = vec![
        ("bin/program*", &first),
        ("bin/second*", &second),
        ("lib/ld-musl-x86_64.so.1*", &sound),
        ("lib/liba.so.1", &sound),
        ("lib/plugins/plugin.so", &plugin),
        ("lib/firmware.so", &other),
        ("lib/text", b"\x7fEL"),
        ("lib/damaged", b"\x7fELF and no more"),
    ];
    let missing = missing_of(&files);
    let all = missing.join("\n");
    assert_eq!(missing.len(), 2, "{all}");
    assert!(missing[0].starts_with("/bin/second needs the library libgone.so.2"), "{all}");
    assert!(missing[1].starts_with("/lib/plugins/plugin.so needs the library libplug.so.3"), "{all}");
    // With what is missing it is complete; without any program nobody says where libraries are looked for.
    let mut complete = files.clone();
    complete.extend([("lib/libgone.so.2", &sound[..]), ("lib/libplug.so.3", &sound[..])]);
    assert!(missing_of(&complete).is_empty(), "{:?}", missing_of(&complete));
    assert!(missing_of(&[("lib/plugins/plugin.so", &plugin)]).is_empty());
    let without = missing_of(&[("bin/program*", &first)]);
    assert!(without[0].contains("needs /lib/ld-musl-x86_64.so.1, which is not in it"), "{without:?}");
}

fn folder(memory: &mut InMemory, files: &[(&str, &[u8])]) -> Node {
    let mut below: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
    let mut entries: Vec<(&[u8], Node)> = Vec::new();
    for (path, bytes) in files {
        match path.split_once('/') {
            Some((name, rest)) => below.entry(name).or_default().push((rest, bytes)),
            None => {
                let name = path.trim_end_matches('*');
                let node = match bytes.strip_prefix(b"-> ") {
                    Some(target) => link(target),
                    None => memory.file(bytes, path.ends_with('*')),
                };
                entries.push((name.as_bytes(), node));
            }
        }
    }
    for (name, files) in &below {
        let node = folder(memory, files);
        entries.push((name.as_bytes(), node));
    }
    entries.sort_by(|a, b| a.0.cmp(b.0));
    memory.directory(entries)
}

fn as_is(_: &mut Spec) {}

#[test]
fn a_static_program_and_no_program_at_all_can_start() {
    let program = elf(AMD64, None, &[]);
    assert_eq!(flaws_of(&[("bin/program*", &program)], as_is), [""; 0]);
    assert_eq!(flaws_of(&[("bin/other*", &program)], |spec| spec.run.entrypoint.clear()), [""; 0]);
    // What is of no known format is the kernel's affair.
    assert_eq!(flaws_of(&[("bin/program*", b"MZ")], as_is), [""; 0]);
}

#[test]
fn the_program_has_to_be_there_and_executable() {
    let program = elf(AMD64, None, &[]);
    assert_eq!(flaws_of(&[("bin/other*", &program)], as_is), ["its program /bin/program is not in it"]);
    assert_eq!(
        flaws_of(&[("bin/program", &program)], as_is),
        ["/bin/program is a file without the right to execute it, so it cannot be executed"]
    );
    assert_eq!(
        flaws_of(&[("bin/program/x", &program)], as_is),
        ["/bin/program is a directory, so it cannot be executed"]
    );
    // A mode that the recipe declares counts.
    let declared = |spec: &mut Spec| {
        spec.rules.modes.insert(ImagePath::new(b"bin/program").unwrap(), "755".parse().unwrap());
    };
    assert_eq!(flaws_of(&[("bin/program", &program)], declared), [""; 0]);
}

#[test]
fn a_program_is_found_as_engines_find_it() {
    let program = elf(AMD64, None, &[]);
    let files: &[(&str, &[u8])] =
        &[("usr/bin/tool*", &program), ("bin", b"-> usr/bin"), ("opt/x*", &program)];
    let called = |name: &'static str| move |spec: &mut Spec| spec.run.entrypoint = vec![name.into()];
    assert_eq!(flaws_of(files, called("tool")), [""; 0]);
    assert_eq!(flaws_of(files, called("/bin/tool")), [""; 0]);
    assert_eq!(flaws_of(files, called("/opt/../opt/./x")), [""; 0]);
    assert_eq!(flaws_of(files, called("x")), ["its program x is not in it"]);
    let with_path = |spec: &mut Spec| {
        spec.run.entrypoint = vec!["x".into()];
        spec.run.env.insert("PATH".into(), "/opt".into());
    };
    assert_eq!(flaws_of(files, with_path), [""; 0]);
    let from_workdir = |spec: &mut Spec| {
        spec.run.entrypoint = vec!["./x".into()];
        spec.run.workdir = Some("/opt".into());
    };
    assert_eq!(flaws_of(files, from_workdir), [""; 0]);
    let looping: &[(&str, &[u8])] = &[("bin", b"-> sbin"), ("sbin", b"-> bin")];
    assert_eq!(flaws_of(looping, as_is), ["its program /bin/program is not in it"]);
}

#[test]
fn scripts_need_their_interpreters() {
    let shell = elf(AMD64, None, &[]);
    let script: &[u8] = b"#!/bin/sh -e\nexit 0\n";
    assert_eq!(
        flaws_of(&[("bin/program*", script)], as_is),
        ["/bin/program needs /bin/sh, which is not in it"]
    );
    assert_eq!(flaws_of(&[("bin/program*", script), ("bin/sh*", &shell)], as_is), [""; 0]);
    let python: &[u8] = b"#!/usr/bin/env python3\n";
    let files: &[(&str, &[u8])] = &[("bin/program*", python), ("usr/bin/env*", &shell)];
    assert_eq!(flaws_of(files, as_is), ["/bin/program needs python3, which is not in it"]);
    // A script whose interpreter is itself a script, without end.
    assert_eq!(flaws_of(&[("bin/program*", b"#!/bin/program\n")], as_is), [""; 0]);
}

#[test]
fn dynamic_programs_need_their_linker_and_libraries() {
    let linker = "/lib64/ld-linux-x86-64.so.2";
    let program = elf(AMD64, Some(linker), &[(NEEDED, "libz.so.1"), (NEEDED, "libc.so.6")]);
    assert_eq!(
        flaws_of(&[("bin/program*", &program)], as_is),
        ["/bin/program needs /lib64/ld-linux-x86-64.so.2, which is not in it"]
    );
    let libc = elf(AMD64, None, &[(NEEDED, "ld-linux-x86-64.so.2")]);
    let libz = elf(AMD64, None, &[(NEEDED, "libdeep.so.3")]);
    let mut files: Vec<(&str, &[u8])> = vec![
        ("bin/program*", &program),
        ("lib64/ld-linux-x86-64.so.2*", b"linker"),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", &libc),
    ];
    let missing = |what: &str, needs: &str| {
        format!(
            "{what} needs the library {needs}, which is in none of the folders where the dynamic linker looks"
        )
    };
    assert_eq!(flaws_of(&files, as_is), [missing("/bin/program", "libz.so.1")]);
    // A library of a library.
    files.push(("opt/libz.so.1", &libz));
    let told = |spec: &mut Spec| {
        spec.run.env.insert("LD_LIBRARY_PATH".into(), "/opt".into());
    };
    assert_eq!(flaws_of(&files, told), [missing("/opt/libz.so.1", "libdeep.so.3")]);
    files.push(("lib/libdeep.so.3", b"-> ../opt/deep"));
    files.push(("opt/deep", &libc));
    assert_eq!(flaws_of(&files, told), [""; 0]);
    assert_eq!(flaws_of(&files, as_is), [missing("/bin/program", "libz.so.1")]);
    // glibc's cache may list any folder.
    files.push(("etc/ld.so.cache", b"cache"));
    assert_eq!(flaws_of(&files, as_is), [""; 0]);
}

#[test]
fn a_runpath_is_relative_to_the_file_that_has_it() {
    let linker = "/lib/ld-musl-x86_64.so.1";
    let entries = [(NEEDED, "libown.so"), (NEEDED, "libc.so"), (RUNPATH, "$ORIGIN/../own")];
    let program = elf(AMD64, Some(linker), &entries);
    let library = elf(AMD64, None, &[]);
    let mut files: Vec<(&str, &[u8])> =
        vec![("bin/program*", &program), ("lib/ld-musl-x86_64.so.1*", b"musl"), ("own/libown.so", &library)];
    assert_eq!(flaws_of(&files, as_is), [""; 0]);
    files[2].0 = "other/libown.so";
    assert_eq!(flaws_of(&files, as_is).len(), 1);
    files.push(("etc/ld-musl-x86_64.path", b"/other\n"));
    assert_eq!(flaws_of(&files, as_is), [""; 0]);
}

#[test]
fn origin_is_where_the_program_really_is() {
    let linker = "/lib64/ld-linux-x86-64.so.2";
    let program = elf(AMD64, Some(linker), &[(NEEDED, "libjli.so"), (RUNPATH, "$ORIGIN/../lib")]);
    let library = elf(AMD64, None, &[(NEEDED, "ld-linux-x86-64.so.2")]);
    let files: &[(&str, &[u8])] = &[
        ("bin/program", b"-> ../opt/jvm/bin/java"),
        ("opt/jvm/bin/java*", &program),
        ("opt/jvm/lib/libjli.so", &library),
        ("lib64/ld-linux-x86-64.so.2", b"-> ../opt/ld.so"),
        ("opt/ld.so*", b"linker"),
    ];
    assert_eq!(flaws_of(files, as_is), [""; 0]);
}

#[test]
fn a_needed_library_is_looked_for_where_its_loaders_look() {
    let rpath = |tag: u64, linker: &str| {
        let program = elf(AMD64, Some(linker), &[(NEEDED, "liba.so"), (tag, "/opt")]);
        let (a, b) = (elf(AMD64, None, &[(NEEDED, "libb.so")]), elf(AMD64, None, &[]));
        let files: Vec<(&str, &[u8])> = vec![
            ("bin/program*", &program),
            ("opt/liba.so", &a),
            ("opt/libb.so", &b),
            ("lib64/ld-linux-x86-64.so.2*", b"glibc"),
            ("lib/ld-musl-x86_64.so.1*", b"musl"),
        ];
        flaws_of(&files, as_is).len()
    };
    // An RPATH is inherited; a RUNPATH is so with musl only.
    assert_eq!(rpath(15, "/lib64/ld-linux-x86-64.so.2"), 0);
    assert_eq!(rpath(RUNPATH, "/lib64/ld-linux-x86-64.so.2"), 1);
    assert_eq!(rpath(RUNPATH, "/lib/ld-musl-x86_64.so.1"), 0);
    // Of other tokens nothing is claimed.
    let program = elf(AMD64, Some("/lib/ld.so"), &[(NEEDED, "liba.so"), (RUNPATH, "/opt/$LIB")]);
    assert_eq!(flaws_of(&[("bin/program*", &program), ("lib/ld.so*", b"x")], as_is), [""; 0]);
}

#[test]
fn a_program_of_another_processor_is_a_flaw() {
    let program = elf(3, None, &[]);
    assert_eq!(
        flaws_of(&[("bin/program*", &program)], as_is),
        [""; 0],
        "a 32-bit one of the same family runs"
    );
    let program = elf(183, None, &[]);
    assert_eq!(
        flaws_of(&[("bin/program*", &program)], as_is),
        ["/bin/program is for arm64, and the image for amd64"]
    );
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0usize..700) {
        let _ = needs::of(&bytes);
        let mut program = elf(AMD64, Some("/lib/ld.so"), &[(NEEDED, "libz.so.1"), (RUNPATH, "/x:/y")]);
        for (offset, byte) in bytes.iter().take(8).enumerate() {
            if let Some(place) = program.get_mut(at + offset) {
                *place = *byte;
            }
        }
        let _ = needs::of(&program);
        let _ = needs::of(&program[..at.min(program.len())]);
    }
}
