//! hex1, a hex assembler with labels: its source, what it refuses, its output.

use super::links::{Room, a_full_disk_is_a_failure, files_are_treated_with_care, folder};
use super::*;

/// The status, and the reported line.
fn refused(room: &Room, text: &[u8]) -> Option<(i32, usize)> {
    let (status, said) = room.assemble(&[text]).err()?;
    Some((status, said.trim_end().parse().unwrap_or(0)))
}

#[test]
fn hex1_refuses_a_wrong_text_with_the_line() {
    let Some(room) = Room::of("hex1") else { return };
    for (text, status, line) in [
        (&b"41 4"[..], 2, 1),
        (b"41\n4 1", 2, 2),
        (b"4", 2, 1),
        (b"4;", 2, 1),
        (b"\n\n4\n1", 2, 3),
        (b"4:a", 2, 1),
        (b"4%a :a", 2, 1),
        (b"4x", 2, 1),
        (b"x", 1, 1),
        (b"; x\n\n# y\nz", 1, 4),
        (b":", 1, 1),
        (b": a", 1, 1),
        (b"%\n:a", 1, 1),
        (b"41 %", 1, 1),
        (b":a :b\n:a", 3, 2),
        (b":;\n:;", 3, 2),
        (b"%a", 4, 1),
        (b":a\n%a\n41 ; c\n%b", 4, 4),
        // The second pass reports undefined labels: all else comes first.
        (b"%b\nx", 1, 2),
        (b"41 \xc3\xa4", 1, 1),
        (b":\xc3\xa4", 1, 1),
    ] {
        assert_eq!(refused(&room, text), Some((status, line)), "{}", String::from_utf8_lossy(text));
        assert_eq!(model::hex1(text), Err((status, line)), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn hex1_refuses_each_byte_outside_its_alphabet() {
    let Some(room) = Room::of("hex1") else { return };
    for byte in 0..=255_u8 {
        let text = [b"41\n", &[byte][..], b" 42"].concat();
        assert_eq!(
            room.assemble(&[&text]).map_err(|(status, _)| status),
            model::hex1(&text).map_err(|(it, _)| it)
        );
    }
}

#[test]
fn hex1_accepts_a_mebibyte_less_one_and_refuses_more() {
    let Some(room) = Room::of("hex1") else { return };
    let mut text = b"41 ;".to_vec();
    text.resize((1 << 20) - 1, b'c');
    assert_eq!(room.assemble(&[&text]), Ok(b"A".to_vec()));
    text.push(b'c');
    assert_eq!(room.assemble(&[&text]), Err((5, String::new())));
    // The maximum output of a text.
    let text = [b":a".as_slice(), &b"%a".repeat((1 << 19) - 2)].concat();
    let made = room.assemble(&[&text]).expect("it fits");
    assert_eq!((made.len(), made[..4].to_vec()), (4 * ((1 << 19) - 2), vec![0xfc, 0xff, 0xff, 0xff]));
    assert!(made == model::hex1(&text).unwrap());
}

#[test]
fn hex1_treats_files_with_care() {
    files_are_treated_with_care("hex1");
    a_full_disk_is_a_failure("hex1", &b"00 ".repeat(9000));
}

#[test]
fn hex1_agrees_with_its_model() {
    let Some(room) = Room::of("hex1") else { return };
    for text in [
        "",
        "\n",
        "; only a comment",
        "aB Cd\t0f\r\n",
        ":a EB%a",
        "%b :b %b ; :b\n# %c\n",
        ":a%b:c%a:b%c",
        ":: %: :% %% :A :a %A %a",
        ":;41%;\n:#%#",
        "4142:x43%x",
    ] {
        assert_eq!(
            room.assemble(&[text.as_bytes()]),
            Ok(model::hex1(text.as_bytes()).expect(text)),
            "{text:?}"
        );
    }
}

#[test]
fn hex1_accepts_what_the_seed_accepts() {
    let Some(room) = Room::of("hex1") else { return };
    assert!(room.assemble(&[source().as_bytes()]) == Ok(seed()));
    let own = fs::read(folder("hex1").join("hex1.hex0")).expect("its source");
    assert!(room.assemble(&[&own]).as_deref() == Ok(links::program("hex1").expect("it is made")));
    assert!(hex0::decode(&own).expect("it is hex0") == links::program("hex1").expect("it is made"));
}

#[test]
fn every_row_of_hex1_matches_its_bytes() {
    columns::are_as_objdump_says("hex1");
    columns::readelf_finds_code_and_memory("hex1");
}
