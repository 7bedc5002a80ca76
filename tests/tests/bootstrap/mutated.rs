//! Randomly damaged programs for subc and cc: they refuse one with a line, or gcc accepts it, too. Neither crashes.
//!
//! They are damaged in the same way at every run. `STELE_RANDOM_PROGRAMS=3000` damages so many.

use std::process::Stdio;

use super::every_byte::{ended, tells_a_line};
use super::links::{folder, install, program};
use super::subc_random::Random;
use super::*;

/// The parts of a text: words, numbers, texts, signs, and what is between them.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let run = |wanted: fn(u8) -> bool| rest.iter().take_while(|it| wanted(**it)).count();
        let length = match rest[0] {
            b'"' | b'\'' => {
                let mut end = 1;
                while end < rest.len() && rest[end] != rest[0] && rest[end] != b'\n' {
                    end += 1 + usize::from(rest[end] == b'\\');
                }
                (end + 1).min(rest.len())
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                run(|it| it.is_ascii_alphanumeric() || it == b'_' || it == b'.')
            }
            byte if byte <= b' ' => run(|it| it <= b' '),
            _ if [
                &b"->"[..],
                b"<<",
                b">>",
                b"++",
                b"--",
                b"&&",
                b"||",
                b"==",
                b"!=",
                b"<=",
                b">=",
                b"+=",
            ]
            .contains(&&rest[..2.min(rest.len())]) =>
            {
                2
            }
            _ => 1,
        };
        tokens.push(text[at..at + length].to_owned());
        at += length;
    }
    tokens
}

/// What is inserted.
const PIECES: [&str; 40] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ";",
    ",",
    "*",
    "&",
    "-",
    "!",
    "~",
    "=",
    "==",
    "?",
    ":",
    "->",
    ".",
    "<<",
    "0",
    "1",
    "-1",
    "0x7fffffffffffffff",
    "'a'",
    "\"text\"",
    "char",
    "long",
    "void",
    "struct",
    "return",
    "if",
    "while",
    "break",
    "continue",
    "sizeof",
    "switch",
    "case 1:",
    "goto",
    "\n#define x x x\n",
];

/// The kind of a token: replacing one by another of its kind is right more often.
fn class(token: &str) -> u8 {
    match token.bytes().next() {
        Some(byte) if byte.is_ascii_digit() || byte == b'\'' => 0,
        Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => 1,
        Some(b'"') => 2,
        _ => 3,
    }
}

/// A text with one or three of its tokens removed, doubled, moved, or replaced by another's.
fn damaged(random: &mut Random, tokens: &[String]) -> String {
    let mut tokens = tokens.to_vec();
    let changes = if random.below(3) == 0 { 3 } else { 1 };
    for _ in 0..changes {
        let mut place = || {
            let mut at;
            loop {
                at = usize::try_from(random.below(u64::try_from(tokens.len()).expect("small")))
                    .expect("small");
                if !tokens[at].trim().is_empty() {
                    return at;
                }
            }
        };
        let (at, mut other) = (place(), place());
        for _ in 0..100 {
            if class(&tokens[at]) == class(&tokens[other]) {
                break;
            }
            other = place();
        }
        match random.below(9) {
            0 => drop(tokens.remove(at)),
            1 => tokens.insert(at, format!(" {} ", tokens[at].clone())),
            2 => tokens.swap(at, other),
            3..=6 => tokens[at] = tokens[other].clone(),
            7 => tokens.insert(at, format!(" {} ", random.of(&PIECES))),
            _ => tokens[at] = random.of(&PIECES).to_owned(),
        }
    }
    tokens.concat()
}

/// The number of programs, unless the environment sets it.
fn many(usual: u64) -> u64 {
    std::env::var("STELE_RANDOM_PROGRAMS").ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

/// Compiles damaged programs; gcc has to accept those that are accepted.
fn neither_crashes_nor_accepts_what_gcc_refuses(
    texts: &[String],
    usual: u64,
    compile: impl Fn(&Path) -> Command,
    gcc: impl Fn(&Path) -> Command,
) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("in.c");
    let texts: Vec<_> = texts.iter().map(|text| tokens(text)).collect();
    let mut random = Random(11);
    let (mut taken, mut strange) = (0, Vec::new());
    let many = many(usual);
    for number in 0..many {
        let text = damaged(&mut random, &texts[usize::try_from(number).expect("small") % texts.len()]);
        fs::write(&path, &text).expect("a text");
        let _ = fs::remove_file(dir.path().join("out"));
        let mut command = compile(&path);
        let (status, said) = ended(command.current_dir(dir.path()).stdin(Stdio::null()), &text);
        if status.success() {
            taken += 1;
            let outcome = gcc(&path).current_dir(dir.path()).output().expect("gcc runs");
            if !outcome.status.success() {
                let errors = String::from_utf8_lossy(&outcome.stderr);
                let error = errors.lines().find(|it| it.contains("error")).unwrap_or_default().to_owned();
                let line = error.split(':').nth(1).and_then(|it| it.parse::<usize>().ok()).unwrap_or(1);
                let at = text.lines().nth(line - 1).unwrap_or_default();
                strange.push(format!("{number}: {error}\n    {at}"));
            }
        } else {
            let nowhere =
                said.contains("the program has no function main") || said.contains("main is called but not");
            assert!(nowhere || tells_a_line(&said), "{number}: {status:?} {said}{text}");
            assert!(!said.contains("itself is wrong"), "{number}: {said}{text}");
            assert!(!dir.path().join("out").exists(), "{number}: {said}");
        }
    }
    println!("{many} damaged programs: {taken} taken, {} of them not by gcc", strange.len());
    assert!(strange.is_empty(), "gcc refuses what is taken:\n{}", strange.join("\n"));
    assert!(taken * 50 > many && taken < many, "{taken} of {many}");
}

/// The C files of a folder.
fn programs(folder: &Path) -> Vec<String> {
    let mut paths: Vec<_> = fs::read_dir(folder).expect("programs").map(|it| it.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "c"));
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).expect("a program")).collect()
}

#[test]
fn subc_neither_crashes_nor_accepts_what_gcc_refuses() {
    let Some(bytes) = program("subc") else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let (subc, header) = (dir.path().join("subc"), folder("subc").join("host.h"));
    install(&subc, bytes);
    let print = folder("subc").join("tests/print.c");
    let compile = |path: &Path| {
        let mut command = Command::new(&subc);
        command.arg("out").args([print.as_path(), path]);
        command
    };
    let gcc = |path: &Path| {
        let mut command = Command::new("gcc");
        command
            .args(["-std=gnu17", "-w", "-funsigned-char", "-fsyntax-only", "-fno-builtin", "-include"])
            .arg(&header)
            .arg("-include")
            .args([print.as_path(), path]);
        command
    };
    let mut texts = programs(&folder("subc").join("tests"));
    texts.retain(|text| text.contains("main"));
    assert!(!texts.is_empty());
    neither_crashes_nor_accepts_what_gcc_refuses(&texts, 400, compile, gcc);
}

#[test]
fn cc_neither_crashes_nor_accepts_what_gcc_refuses() {
    let Some(bytes) = program("cc") else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let (cc, library) = (dir.path().join("cc"), folder("cc").join("lib"));
    install(&cc, bytes);
    let tests = folder("cc").join("tests");
    let compile = |path: &Path| {
        let mut command = Command::new(&cc);
        command.args(["-o", "out", "-I"]).arg(library.join("include")).arg("-I").arg(&tests).arg(path);
        for entry in fs::read_dir(&library).expect("the library") {
            let entry = entry.expect("an entry").path();
            if entry.extension().is_some_and(|it| it == "c") {
                command.arg(entry);
            }
        }
        command
    };
    let gcc = |path: &Path| {
        let mut command = Command::new("gcc");
        // cc reads `const`, and ignores it, as its page states.
        command.args(["-std=gnu11", "-w", "-fsyntax-only", "-fno-builtin", "-nostdinc", "-Dconst=", "-I"]);
        command.arg(library.join("include")).arg("-I").arg(&tests).arg(path);
        command
    };
    let mut texts = programs(&tests);
    texts.retain(|text| text.contains("main"));
    assert!(texts.len() > 8);
    neither_crashes_nor_accepts_what_gcc_refuses(&texts, 400, compile, gcc);
}
