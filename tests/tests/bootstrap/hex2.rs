//! hex2, a hex assembler with names: its source, what it refuses, its output.

use super::links::{Room, a_full_disk_is_a_failure, files_are_treated_with_care, folder, program};
use super::*;

#[test]
fn hex2_refuses_a_wrong_text_with_file_and_line() {
    let Some(room) = Room::of("hex2") else { return };
    let far = format!("\n~a {}:a", "00".repeat(128));
    let far_back = format!(":a {}\n~a", "00".repeat(128));
    for (text, line, message) in [
        ("41 4", 1, "a byte has two digits"),
        ("\n4 1", 2, "a byte has two digits"),
        ("4\n1", 1, "a byte has two digits"),
        ("4;", 1, "a byte has two digits"),
        ("0x41", 1, "a byte has two digits"),
        ("x", 1, "this means nothing here"),
        ("; x\n# y\n41 z", 3, "this means nothing here"),
        ("\0", 1, "this means nothing here"),
        ("41\r\n", 1, "this means nothing here"),
        ("41 \u{e4}", 1, "this means nothing here"),
        (":", 1, "a name is missing"),
        (": a", 1, "a name is missing"),
        ("41\n%", 2, "a name is missing"),
        ("&-a", 1, "a name is missing"),
        ("&a- :a", 1, "a name is missing"),
        (":a\n:b\n:a", 3, "this label is defined twice"),
        ("%a", 1, "this label is defined nowhere"),
        (":a &a\n=a-b", 2, "this label is defined nowhere"),
        (":a1 &a\n", 1, "this label is defined nowhere"),
        (":ab &a", 1, "this label is defined nowhere"),
        (":a %a-a", 1, "this means nothing here"),
        (":a ~a-a", 1, "this means nothing here"),
        (&far, 2, "this label is too far for 1 byte"),
        (&far_back, 2, "this label is too far for 1 byte"),
    ] {
        assert_eq!(
            room.assemble(&[text.as_bytes()]),
            Err((1, format!("in0:{line}: {message}\n"))),
            "{text:?}"
        );
        assert_eq!(model::hex2(text), Err(line), "{text:?}");
    }
}

#[test]
fn hex2_tells_which_of_its_texts_is_wrong() {
    let Some(room) = Room::of("hex2") else { return };
    let said = |texts: &[&[u8]]| room.assemble(texts).unwrap_err().1;
    assert_eq!(said(&[b":a\n", b"\n:b", b"41\n\n:a"]), "in2:3: this label is defined twice\n");
    assert_eq!(said(&[b":a", b"\n%b", b"41"]), "in1:2: this label is defined nowhere\n");
    // A byte and a name end with their text.
    assert_eq!(said(&[b"4", b"1"]), "in0:1: a byte has two digits\n");
    assert_eq!(said(&[b":ab &a", b"b"]), "in1:1: a byte has two digits\n");
    assert_eq!(room.run(&["/out", "/nothing"]), (1, "/nothing: cannot be opened\n".into()));
    assert_eq!(room.run(&["/out", "/"]), (1, "/: cannot be read\n".into()));
    room.put("in1", b"41\n%b");
    assert_eq!(room.run(&["/in0", "/in1"]), (1, "/in1:2: this label is defined nowhere\n".into()));
    assert_eq!(room.run(&["/in0", "/in2"]), (1, "/in0: cannot be made, or exists\n".into()));
    for few in [&[][..], &["/out"]] {
        assert_eq!(room.run(few), (1, "hex2 OUTPUT INPUT...\n".into()));
    }
}

#[test]
fn hex2_accepts_a_mebibyte_less_some_and_refuses_more() {
    let Some(room) = Room::of("hex2") else { return };
    // 16 bytes of the memory hold the state of the text, and one has to stay free.
    let mut text = b"41 ;".to_vec();
    text.resize((1 << 20) - 17, b'c');
    assert_eq!(room.assemble(&[&text]), Ok(b"A".to_vec()));
    text.push(b'c');
    assert_eq!(room.assemble(&[&text]), Err((1, "in0: the texts are too long\n".into())));
    assert_eq!(room.assemble(&[b"41", &text]), Err((1, "in1: the texts are too long\n".into())));
    let text = [b":a".as_slice(), &b"=a".repeat((1 << 19) - 12)].concat();
    assert_eq!(room.assemble(&[&text]).expect("it fits").len(), 8 * ((1 << 19) - 12));
    // Each name is compared with those before it, so there are not many here.
    let many: String = (0..4000).map(|it| format!(":a{it}")).collect();
    assert_eq!(room.assemble(&[format!("{many} &a3999").as_bytes()]), Ok(vec![0, 0, 0x40, 0]));
}

#[test]
fn hex2_treats_files_with_care() {
    files_are_treated_with_care("hex2");
    a_full_disk_is_a_failure("hex2", &b"00 ".repeat(9000));
}

#[test]
fn hex2_agrees_with_its_model() {
    let Some(room) = Room::of("hex2") else { return };
    for text in [
        "",
        "; only a comment",
        "aB Cd\t0f\n",
        "EB ~a 90 :a %a%b :b &a =b =b-a &a-b",
        ":foo :foo1 00 :f_o.o 00 :0 &foo&foo1&f_o.o&0 :FOO &FOO",
        "4142:x 43%x#",
        ":a=a-a",
        &format!("~a {}:a", "00".repeat(127)),
        &format!(":a {} ~a", "00".repeat(127)),
    ] {
        assert_eq!(room.assemble(&[text.as_bytes()]), Ok(model::hex2(text).expect(text)), "{text:?}");
        // Split between two words, it is the same.
        if let Some((first, second)) = text.split_once(' ').filter(|(first, _)| !first.starts_with(';')) {
            let cut = room.assemble(&[first.as_bytes(), second.as_bytes()]);
            assert_eq!(cut, Ok(model::hex2(text).expect(text)), "{text:?}");
        }
    }
}

#[test]
fn hex2_accepts_what_the_seed_accepts_and_the_model_what_hex2_accepts() {
    let Some(room) = Room::of("hex2") else { return };
    assert!(room.assemble(&[source().as_bytes()]) == Ok(seed()));
    let text = fs::read_to_string(folder("asm").join("asm.hex2")).expect("the source of asm");
    assert!(model::hex2(&text).as_deref() == Ok(program("asm").expect("it is made")));
    let text = fs::read(folder("hex2").join("hex2.hex1")).expect("the source of hex2");
    assert!(model::hex1(&text).as_deref() == Ok(program("hex2").expect("it is made")));
}

#[test]
fn every_row_of_hex2_matches_its_bytes() {
    columns::are_as_objdump_says("hex2");
    columns::readelf_finds_code_and_memory("hex2");
}
