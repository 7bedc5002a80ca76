//! The output of the seed, hex1 and hex2, computed independently in Rust from their pages.

use std::collections::BTreeMap;

use super::BASE;

/// The seed's output for `text`; `None` when it refuses it.
pub(crate) fn seed(text: &[u8]) -> Option<Vec<u8>> {
    let code =
        text.split(|byte| *byte == b'\n').flat_map(|line| line.split(|byte| b";#".contains(byte)).next());
    let meant = code.flatten().filter(|byte| **byte > b' ');
    let digits: Option<Vec<_>> = meant.map(|byte| char::from(*byte).to_digit(16)).collect();
    let pairs = digits?;
    let (pairs, []) = pairs.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).expect("two digits")).collect())
}

/// A fault of a text for hex1: the status, and the number of the line.
pub(crate) type Wrong1 = (i32, usize);

/// What `hex1` makes of `text`.
pub(crate) fn hex1(text: &[u8]) -> Result<Vec<u8>, Wrong1> {
    let mut labels = BTreeMap::new();
    let mut references = Vec::new();
    let mut bytes: Vec<u8> = Vec::new();
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = at + 1;
        let mut rest = line;
        while let [first, tail @ ..] = rest {
            rest = tail;
            match first {
                0..=b' ' => {}
                b'#' | b';' => rest = &[],
                b':' | b'%' => {
                    let [label, tail @ ..] = rest else { return Err((1, number)) };
                    if *label <= b' ' {
                        return Err((1, number));
                    }
                    rest = tail;
                    if *first == b'%' {
                        references.push((number, *label, bytes.len()));
                        bytes.extend([0; 4]);
                    } else if labels.insert(*label, bytes.len()).is_some() {
                        return Err((3, number));
                    }
                }
                _ => {
                    let Some(high) = char::from(*first).to_digit(16) else { return Err((1, number)) };
                    let low = rest.first().and_then(|low| char::from(*low).to_digit(16));
                    let Some(low) = low else { return Err((2, number)) };
                    rest = &rest[1..];
                    bytes.push(u8::try_from(high * 16 + low).expect("two digits"));
                }
            }
        }
    }
    for (line, label, at) in references {
        let Some(place) = labels.get(&label) else { return Err((4, line)) };
        let distance = i32::try_from(*place).expect("small") - i32::try_from(at + 4).expect("small");
        bytes[at..at + 4].copy_from_slice(&distance.to_le_bytes());
    }
    Ok(bytes)
}

/// One reference of hex2: its position, its sign, the name, the name after a "-", where its bytes go.
struct Reference {
    line: usize,
    sign: u8,
    name: String,
    less: Option<String>,
    at: usize,
}

/// hex2's output for one text, or the number of the wrong line.
pub(crate) fn hex2(text: &str) -> Result<Vec<u8>, usize> {
    let mut labels: BTreeMap<String, i64> = BTreeMap::new();
    let mut references: Vec<Reference> = Vec::new();
    let mut bytes: Vec<u8> = Vec::new();
    for (line, content) in (1..).zip(text.split('\n')) {
        let content = &content[..content.find([';', '#']).unwrap_or(content.len())];
        let mut rest = content.trim_start_matches([' ', '\t']);
        while let Some(first) = rest.bytes().next() {
            if !first.is_ascii() {
                return Err(line);
            }
            if first.is_ascii_hexdigit() {
                let pair = rest.get(..2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(line)?;
                bytes.push(pair);
                rest = &rest[2..];
            } else {
                let name = |text: &str| -> Result<String, usize> {
                    let end = text.find(|it: char| !(it.is_ascii_alphanumeric() || it == '_' || it == '.'));
                    let name = &text[..end.unwrap_or(text.len())];
                    if name.is_empty() { Err(line) } else { Ok(name.to_owned()) }
                };
                let here = name(&rest[1..]);
                match first {
                    b':' => {
                        let here = here?;
                        rest = &rest[1 + here.len()..];
                        let place = i64::try_from(BASE + bytes.len()).expect("small");
                        if labels.insert(here, place).is_some() {
                            return Err(line);
                        }
                    }
                    b'~' | b'%' | b'&' | b'=' => {
                        let here = here?;
                        rest = &rest[1 + here.len()..];
                        let mut less = None;
                        if rest.starts_with('-') && b"&=".contains(&first) {
                            let name = name(&rest[1..])?;
                            rest = &rest[1 + name.len()..];
                            less = Some(name);
                        }
                        let at = bytes.len();
                        bytes.resize(
                            at + match first {
                                b'~' => 1,
                                b'=' => 8,
                                _ => 4,
                            },
                            0,
                        );
                        references.push(Reference { line, sign: first, name: here, less, at });
                    }
                    _ => return Err(line),
                }
            }
            rest = rest.trim_start_matches([' ', '\t']);
        }
    }
    for Reference { line, sign, name, less, at } in references {
        let mut value = *labels.get(&name).ok_or(line)?;
        if let Some(less) = less {
            value -= labels.get(&less).ok_or(line)?;
        }
        let behind = |size: usize| i64::try_from(BASE + at + size).expect("small");
        match sign {
            b'~' => bytes[at] = i8::try_from(value - behind(1)).map_err(|_| line)?.to_le_bytes()[0],
            b'=' => bytes[at..at + 8].copy_from_slice(&value.to_le_bytes()),
            b'%' => bytes[at..at + 4].copy_from_slice(&(value - behind(4)).to_le_bytes()[..4]),
            _ => bytes[at..at + 4].copy_from_slice(&value.to_le_bytes()[..4]),
        }
    }
    Ok(bytes)
}
