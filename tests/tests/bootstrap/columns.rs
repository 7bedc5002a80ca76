//! The columns in the sources of hex1, hex2 and asm: bytes, instruction, intent.

use std::collections::BTreeMap;

use super::links::program;
use super::*;

/// Where the code begins, after the ELF header and two program headers.
const CODE: usize = 0xB0;

/// A line with bytes.
struct Row {
    at: usize,
    size: usize,
    /// The second column.
    is: String,
}

impl Row {
    fn is_text(&self) -> bool {
        self.is.starts_with('"')
    }

    /// The bytes of a second column that is a text.
    fn text(&self) -> Vec<u8> {
        let inner = self.is.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("a text");
        inner.replace("\\n", "\n").replace("\\0", "\0").replace("\\\"", "\"").into_bytes()
    }
}

/// The number of bytes that a word of the first column makes.
fn size(word: &str) -> usize {
    match word.as_bytes()[0] {
        b':' => 0,
        b'~' => 1,
        b'%' | b'&' => 4,
        b'=' => 8,
        _ => word.len() / 2,
    }
}

/// The rows of a source, and the offsets of its labels.
fn rows(source: &str) -> (Vec<Row>, BTreeMap<String, usize>) {
    let (mut rows, mut labels, mut at) = (Vec::new(), BTreeMap::new(), 0);
    for line in source.lines() {
        let (left, right) = line.split_once(';').unwrap_or((line, ""));
        let words: Vec<&str> = left.split_whitespace().collect();
        // hex0 has no labels: a comment names the place. hex1 has short ones: a comment explains them.
        let name = right.trim().strip_suffix(':').filter(|name| {
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        });
        if let Some(name) = name.or(words.first().and_then(|word| word.strip_prefix(':'))) {
            assert!(labels.insert(name.to_owned(), at).is_none(), "{name} is there twice");
        }
        let bytes: usize = words.iter().map(|word| size(word)).sum();
        if bytes == 0 {
            continue;
        }
        // A text may have a "#" in it.
        let is_text = right.trim_start().starts_with('"');
        let (is, what_for) = match right.rsplit_once("# ") {
            Some((is, what_for)) => (is, what_for),
            None if is_text => (right, "a part of the text above"),
            None => panic!("{line:?} has no three columns"),
        };
        assert!(!is.trim().is_empty() && !what_for.trim().is_empty(), "{line:?} has an empty column");
        let is = if is_text { is.trim().to_owned() } else { one_space(is) };
        rows.push(Row { at, size: bytes, is });
        at += bytes;
    }
    (rows, labels)
}

/// In every row of a link's source, the second column is what `objdump` prints for the program that the previous link
/// makes of it.
pub(crate) fn are_as_objdump_says(link: &str) {
    let Some(bytes) = program(link) else { return };
    let source = fs::read_to_string(&links::sources(link)[0]).expect("the source");
    let (rows, labels) = rows(&source);
    let last = rows.last().expect("rows");
    assert_eq!(last.at + last.size, bytes.len());
    let mut masked = bytes.to_vec();
    let mut claimed = Vec::new();
    for row in rows.iter().filter(|row| row.at >= CODE) {
        let place = row.at..row.at + row.size;
        if row.is_text() {
            assert_eq!(row.text(), bytes[place.clone()], "{}", row.is);
            // Data must not be taken for an instruction.
            masked[place].fill(0x90);
            continue;
        }
        let target = row.is.rsplit_once(' ').and_then(|(jump, to)| Some((jump, labels.get(to)?)));
        let is = target.map_or(row.is.clone(), |(jump, to)| format!("{jump} {:#x}", BASE + to));
        claimed.push((row.at, is));
    }
    let found: Vec<_> = disassembled_bytes(&masked, CODE)
        .into_iter()
        .filter(|(at, _, is)| is != "nop" || claimed.iter().any(|(place, _)| place == at))
        .map(|(at, _, is)| (at, is))
        .collect();
    assert!(claimed.len() > 100, "{}", claimed.len());
    for (claim, find) in claimed.iter().zip(&found) {
        assert_eq!(claim, find);
    }
    assert_eq!(claimed.len(), found.len());
}

/// `readelf` finds two segments: all of the file, not writable, and memory, not executable.
pub(crate) fn readelf_finds_code_and_memory(link: &str) {
    let Some(bytes) = program(link) else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join(link);
    fs::write(&file, bytes).expect("the program");
    let output = Command::new("readelf").args(["-W", "-h", "-l"]).arg(&file).output().expect("readelf runs");
    // It warns of oddities, and still succeeds.
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = one_space(&String::from_utf8_lossy(&output.stdout));
    let size = bytes.len();
    let loaded =
        format!("LOAD 0x000000 0x0000000000400000 0x0000000000400000 {size:#08x} {size:#08x} R E 0x1000");
    assert!(text.contains(&loaded), "{loaded} is not in:\n{text}");
    let memory = text.rsplit("LOAD 0x000000 ").next().expect("a second piece");
    assert!(memory.contains(" 0x000000 0x") && memory.contains(" RW 0x1000"), "{text}");
}
