//! asm, a macro assembler: its source, what it refuses, its output; and the instructions of subc.

use std::collections::BTreeMap;

use super::asm_model::Assembly;
use super::links::{Room, a_full_disk_is_a_failure, files_are_treated_with_care, folder, program, sources};
use super::*;

#[test]
fn asm_refuses_a_wrong_text_with_file_and_line() {
    let Some(room) = Room::of("asm") else { return };
    let far = format!("~a {}\n:a", "00".repeat(128));
    let long = format!("\n[ {} ]", "00".repeat(256));
    for (text, line, message) in [
        ("abc", 1, "a byte has two digits"),
        ("4 1", 1, "a byte has two digits"),
        ("\n\nfoo", 3, "foo is not defined"),
        ("%foo", 1, "foo is not defined"),
        ("90\n!foo", 2, "foo is not defined"),
        (":a ~.b\n:c :.b", 1, ".b is not defined"),
        ("m\nmacro m 90", 1, "m is not defined"),
        ("const x y\n:y", 1, "y is not defined"),
        ("const a1 1\n1a1g", 2, "1a1g is not defined"),
        ("const xa 1\nxa", 2, "only a macro stands by itself"),
        (":x\nx", 2, "only a macro stands by itself"),
        (":a:b", 1, "white space is missing"),
        ("!0x1g", 1, "white space is missing"),
        ("\"a\"90", 1, "white space is missing"),
        (":", 1, "a name or word is missing"),
        (":9", 1, "a name or word is missing"),
        ("~ a", 1, "a name or word is missing"),
        ("!", 1, "a name or word is missing"),
        ("!1+", 1, "a name or word is missing"),
        ("&a-\n:a", 1, "a name or word is missing"),
        ("macro", 1, "a name or word is missing"),
        ("const 1 2", 1, "a name or word is missing"),
        ("\r\n", 1, "a name or word is missing"),
        (":a\n:a", 2, "a is defined twice"),
        (":a :.b :.b", 1, ".b is defined twice"),
        ("const x 1\n:x", 2, "x is defined twice"),
        ("reserve x 1\nreserve x 1", 2, "x is defined twice"),
        ("macro m 90\nmacro m 91", 2, "m is defined twice"),
        ("macro l :x\nl\n90\nl", 4, "x is defined twice"),
        ("macro m macro n\nm", 2, "a macro cannot define a macro"),
        ("macro add 90", 1, "this name reads as bytes"),
        ("macro m m\nm", 2, "too many macros inside each other"),
        ("macro m 90\n!m", 2, "a macro is no value"),
        ("%x\nconst x 5", 1, "this is no label"),
        ("~x const x 5", 1, "this is no label"),
        ("!256", 1, "this does not fit"),
        ("!-129", 1, "this does not fit"),
        ("@65536", 1, "this does not fit"),
        ("@-32769", 1, "this does not fit"),
        ("&0x100000000", 1, "this does not fit"),
        ("&-2147483649", 1, "this does not fit"),
        (":x !x", 1, "this does not fit"),
        (&far, 1, "this does not fit"),
        ("=18446744073709551616", 1, "this number is too large"),
        ("=0x10000000000000000", 1, "this number is too large"),
        ("=0x", 1, "this is no number"),
        ("!12a", 1, "this is no number"),
        ("\"abc", 1, "this text does not end"),
        ("\"abc\n\"", 1, "this text does not end"),
        ("!'ab'", 1, "this text does not end"),
        ("!'", 1, "this text does not end"),
        ("\"\\q\"", 1, "this means nothing behind a backslash"),
        ("!'\\x'", 1, "this means nothing behind a backslash"),
        ("[ [ ]", 1, "the last [ is not closed"),
        ("]", 1, "there is no [ to close"),
        ("[ 90\n", 2, "a [ is not closed"),
        (&long, 2, "more than 255 bytes"),
        ("reserve x 0x60000001", 1, "this is too much memory"),
        ("reserve x 0x60000000\nreserve y 1", 2, "this is too much memory"),
        ("reserve x -1", 1, "this is too much memory"),
    ] {
        assert_eq!(
            room.assemble(&[text.as_bytes()]),
            Err((1, format!("in0:{line}: {message}\n"))),
            "{text:?}"
        );
    }
}

#[test]
fn asm_tells_which_of_its_texts_is_wrong() {
    let Some(room) = Room::of("asm") else { return };
    let said = |texts: &[&[u8]]| room.assemble(texts).unwrap_err().1;
    assert_eq!(said(&[b":a\n", b"\n:b", b"41\n\n:a"]), "in2:3: a is defined twice\n");
    assert_eq!(said(&[b":a", b"\n%b", b"41"]), "in1:2: b is not defined\n");
    assert_eq!(said(&[b"[ 90", b"]"]), "in0:1: a [ is not closed\n");
    assert_eq!(said(&[b"\"a", b"b\""]), "in0:1: this text does not end\n");
    assert_eq!(room.run(&["/out", "/nothing"]), (1, "/nothing: cannot be opened\n".into()));
    assert_eq!(room.run(&["/out", "/"]), (1, "/: cannot be read\n".into()));
    for few in [&[][..], &["/out"]] {
        assert_eq!(room.run(few), (1, "asm OUTPUT INPUT...\n".into()));
    }
}

#[test]
fn asm_checks_its_limits() {
    let Some(room) = Room::of("asm") else { return };
    let mut text = b"41 ;".to_vec();
    text.resize((4 << 20) - 17, b'c');
    assert_eq!(room.assemble(&[&text]), Ok(b"A".to_vec()));
    text.push(b'c');
    assert_eq!(room.assemble(&[&text]), Err((1, "in0: the texts are too long\n".into())));
    // 2^24 bytes of macros that use each other, and one more.
    let powers: String = (1..=24).map(|it| format!("macro m{it} m{} m{}\n", it - 1, it - 1)).collect();
    let text = format!("macro m0 90\n{powers}m24");
    assert_eq!(room.assemble(&[text.as_bytes()]).expect("they fit").len(), 1 << 24);
    let more = format!("{text} 90 90");
    assert_eq!(room.assemble(&[more.as_bytes()]), Err((1, "in0:26: more than 16 MiB of bytes\n".into())));
}

#[test]
fn asm_treats_files_with_care() {
    files_are_treated_with_care("asm");
    a_full_disk_is_a_failure("asm", &b"00 ".repeat(9000));
}

#[test]
fn asm_agrees_with_its_model() {
    let Some(room) = Room::of("asm") else { return };
    for text in [
        "",
        "; only a comment\n# and another",
        "7f454C46 90 12ab ; 91",
        "macro jmp E9\njmp %a EB ~a :a &a =a-0x400000 =a",
        "!-128 !255 !0 @-32768 @65535 &-2147483648 &4294967295 =-1 =0xFFFFFFFFFFFFFFFF =18446744073709551615",
        "!'x' !'\\n' !'\\'' !'\"' !'\\0' !' ' !'#' !';' !'a'+1 !1+'a'-'b'",
        "\"a b;c#d\" \"h\\\"\\\\i\\n\\t\\0'\" \"\" \"\\'\"",
        "const A 5\nconst B A+3-1\nconst C -B\n!A !B !C !--A !A-B !A+-B\nreserve x 8 reserve y B reserve z 0 &x &y =z",
        ":f 90 ~.a :.a 90 :g ~.a :.a ~.a :.b &.b-.a &f",
        "[ \"abc\" ] [ ] 90 [ 01 02\n03 ]",
        "macro open [ 90\nmacro shut 91 ] ; comment\nmacro both open 92 shut # comment\nmacro none\nboth none both",
        "macro call, E8\nmacro a[] 95\nmacro x.y a[]\nmacro _ 90\ncall, %t :t _ x.y",
    ] {
        let model = Assembly::of(&[text.to_owned()]).expect(text);
        assert_eq!(room.assemble(&[text.as_bytes()]), Ok(model), "{text:?}");
    }
}

#[test]
fn the_model_of_asm_makes_subc_too() {
    let Some(subc) = program("subc") else { return };
    let texts: Vec<_> =
        sources("subc").iter().map(|path| fs::read_to_string(path).expect("a source")).collect();
    assert!(Assembly::of(&texts).as_deref() == Ok(subc));
}

#[test]
fn every_row_of_asm_matches_its_bytes() {
    columns::are_as_objdump_says("asm");
    columns::readelf_finds_code_and_memory("asm");
    columns::readelf_finds_code_and_memory("subc");
}

/// An instruction as `objdump` prints it, written as the macros' names are: without numbers, and without sizes that a
/// register implies. The head of `x86.asm` has the rules.
fn named(objdump: &str) -> String {
    let text = objdump
        .replace("QWORD PTR ", "")
        .replace("ds:0x11111111", "[]")
        .replace("*1", "")
        .replace("+0x0]", "]");
    let text = text.replace("+0x11111111]", "++]").replace("+0x11]", "+]").replace("repz ", "repe ");
    let mut text = text.replace("repnz ", "repne ");
    for number in ["0x1111111111111111", "0x11111111", "0x11"] {
        text = text.strip_suffix(number).unwrap_or(&text).to_owned();
    }
    // A string instruction always has the same operands.
    for string in ["movs", "scas", "stos", "cmps"] {
        if let Some((before, after)) = text.split_once(&format!("{string} ")) {
            let size = if after.contains("BYTE") { "b" } else { "q" };
            text = format!("{before}{string}{size}");
        }
    }
    let (mnemonic, operands) = text.split_once(' ').unwrap_or((&text, ""));
    let register = operands.split(',').any(|it| !it.is_empty() && !it.contains('['));
    if register && !mnemonic.starts_with("movzx") {
        text = text.replace("BYTE PTR ", "").replace("DWORD PTR ", "");
    }
    text.replace("BYTE PTR ", "byte").replace("DWORD PTR ", "dword").trim_end().replace(' ', "_")
}

#[test]
fn every_instruction_of_subc_matches_its_name() {
    let text = fs::read_to_string(folder("subc").join("x86.asm")).expect("the macros");
    let macros: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("macro ")).collect();
    assert!(macros.len() > 300, "{}", macros.len());
    let (mut bytes, mut starts) = (Vec::new(), Vec::new());
    for line in &macros {
        let (name, code) = line.split_once(' ').expect("a name and bytes");
        starts.push((bytes.len(), name));
        bytes.extend(hex0::decode(code.as_bytes()).expect("bytes"));
        // Enough for all operands, and then something that no earlier instruction can absorb.
        bytes.extend([0x11; 12]);
        bytes.extend([0x90; 16]);
    }
    let said: BTreeMap<_, _> =
        disassembled_bytes(&bytes, 0).into_iter().map(|(at, _, is)| (at, is)).collect();
    for (start, name) in starts {
        let is = named(&said[&start]);
        // A jump's target is not part of its name.
        let is = is.split_once("_0x").map_or(is.as_str(), |(jump, _)| jump);
        assert_eq!(is, name);
    }
}
