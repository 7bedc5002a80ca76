//! Randomly damaged texts: hex1, hex2 and asm neither crash nor disagree with their models.
//!
//! They are damaged in the same way at every run.

use super::asm_model::Assembly;
use super::links::{Room, sources};
use super::subc_random::Random;
use super::*;

/// The number of texts for each link.
const TEXTS: u64 = 250;
/// What is inserted, besides parts of the texts themselves.
const PIECES: [&str; 14] =
    [":", "%", "~a", "&a-b", "=a", ":a", "4", "F", "\n", ";", "#", " ", "\"a\"", "[ 90 ]"];

/// A part of `text`, with some of its bytes changed, removed, or inserted.
fn damaged(random: &mut Random, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if random.below(2) == 0 {
        let part = text.len().min(600) / 2;
        let start = random.below(u64::try_from(text.len() - part).expect("small"));
        bytes = bytes[usize::try_from(start).expect("small")..][..part].to_vec();
    }
    for _ in 0..=random.below(4) {
        let at = usize::try_from(random.below(u64::try_from(bytes.len()).expect("small"))).expect("small");
        match random.below(4) {
            0 => bytes[at] = u8::try_from(random.below(128)).expect("ASCII"),
            1 => {
                let end = (at + usize::try_from(random.below(30)).expect("small")).min(bytes.len());
                bytes.drain(at..end);
                bytes.push(b' ');
            }
            2 => drop(bytes.splice(at..at, random.of(&PIECES).bytes())),
            _ => {
                let part = bytes[..at.min(60)].to_vec();
                drop(bytes.splice(at..at, part));
            }
        }
    }
    String::from_utf8(bytes).expect("ASCII")
}

/// Runs `agree` with the link and damaged texts of its customer; returns how many of them were right.
fn with_damaged_texts(link: &'static str, source: &str, agree: impl Fn(&Room, &str) -> bool) {
    let Some(room) = Room::of(link) else { return };
    let mut random = Random(7);
    let mut right = 0;
    for _ in 0..TEXTS {
        right += u64::from(agree(&room, &damaged(&mut random, source)));
    }
    assert!(right > 3 && right < TEXTS, "{right} of {TEXTS} were right");
}

#[test]
fn hex1_agrees_with_its_model_about_damaged_texts() {
    let text = fs::read_to_string(&sources("hex2")[0]).expect("a source");
    with_damaged_texts("hex1", &text, |room, text| {
        let made = room.assemble(&[text.as_bytes()]);
        let model = model::hex1(text.as_bytes());
        let wrong = |(status, line): (i32, usize)| (status, format!("{line}\n"));
        assert_eq!(made, model.map_err(wrong), "{text}");
        made.is_ok()
    });
}

#[test]
fn hex2_agrees_with_its_model_about_damaged_texts() {
    let text = fs::read_to_string(&sources("asm")[0]).expect("a source");
    with_damaged_texts("hex2", &text, |room, text| {
        let made = room.assemble(&[text.as_bytes()]);
        match (&made, model::hex2(text)) {
            (Ok(bytes), model) => assert_eq!(model.as_ref(), Ok(bytes), "{text}"),
            (Err((1, said)), Err(line)) => {
                assert!(said.starts_with(&format!("in0:{line}: ")), "{said}{text}");
            }
            (_, model) => panic!("{made:?} {model:?} {text}"),
        }
        made.is_ok()
    });
}

#[test]
fn asm_refuses_a_damaged_text_or_agrees_with_its_model() {
    // Words that need no others.
    let text =
        ":a 7F45 [ \"text\" !1 ] &a ~a :.b %.b =a-0x400000+'x' ; c\nmacro ret C3\nmacro two ret 90 # more\n"
            .to_owned()
            + "const B 5 reserve m B ret two !B-1 &m \"b\\n\\\"\" @-7 :c %c two ~.d :.d [ ] !'\\'' =-B &c-a\n"
            + &":x ret 00 &x !'a' \"more\" ; and more\n90 91 92\n\n".replace('x', "x1")
            + &":x ret 00 &x !'b' \"more\" ; and more\n90 91 92\n\n".replace('x', "x2");
    with_damaged_texts("asm", &text, |room, text| {
        let Ok(bytes) = room.assemble(&[text.as_bytes()]) else { return false };
        assert_eq!(Assembly::of(&[text.to_owned()]), Ok(bytes), "{text}");
        true
    });
}
