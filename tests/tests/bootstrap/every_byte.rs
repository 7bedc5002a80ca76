//! A changed byte of a link's source is noticed: the link that reads it refuses it, or makes something that does not
//! match the pin. All bytes outside of comments in the short sources; a sample of the long ones.
//!
//! Some bytes have no meaning: white space, the name of a parameter in a prototype. Those are counted.
//! `STELE_EVERY_BYTE=1` changes all bytes of the long sources, too, which takes a quarter of an hour.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::links::{arguments, install, program, sources};
use super::pins::pin;
use super::*;

/// How long a link may take over a text. The longest takes a twentieth of a second where nothing else runs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Sample sizes: for a long source, and for a short one that has a model, how many texts the link itself reads.
const SAMPLE: usize = 700;

/// The result for a text with another byte.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Refused: the link reports why, and where.
    Refused,
    /// Something that does not match the pin.
    Other,
    /// A match with the pin.
    Same,
}

/// Waits for a program that must neither end by a signal nor run for ever.
pub(crate) fn ended(command: &mut Command, what: &str) -> (ExitStatus, String) {
    let output = tempfile::tempfile().expect("a file");
    let said = output.try_clone().expect("a file");
    let mut child =
        command.stdout(output.try_clone().expect("a file")).stderr(output).spawn().expect("it runs");
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().expect("a child");
            child.wait().expect("a child");
            panic!("it does not end: {what}");
        }
        thread::sleep(Duration::from_micros(300));
    };
    assert_eq!(status.signal(), None, "{what}");
    let mut text = String::new();
    let mut bytes = Vec::new();
    std::io::Seek::rewind(&mut &said).expect("a file");
    std::io::Read::read_to_end(&mut &said, &mut bytes).expect("a file");
    text.push_str(&String::from_utf8_lossy(&bytes));
    (status, text)
}

/// Whether a message begins with the name of a file and a line in it; or, for hex1, is a line.
pub(crate) fn tells_a_line(said: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let mut words = said.trim_end().splitn(3, ':');
    match (words.next(), words.next(), words.next()) {
        (Some(line), None, _) => number(line),
        (Some(file), Some(line), Some(_)) => !file.is_empty() && number(line),
        _ => false,
    }
}

/// The offsets of the bytes of `text` outside of comments. `marks` begin one, outside of quotes.
fn meant(text: &[u8], marks: &[&[u8]], quotes: &[u8]) -> Vec<usize> {
    let (mut places, mut at) = (Vec::new(), 0);
    let mut quote = None;
    while at < text.len() {
        let rest = &text[at..];
        if quote.is_none() && marks.contains(&&b"/*"[..]) && rest.starts_with(b"/*") {
            at += rest.windows(2).position(|it| it == b"*/").expect("its end") + 2;
            continue;
        }
        if quote.is_none() && marks.iter().any(|mark| rest.starts_with(mark)) {
            at += rest.iter().position(|it| *it == b'\n').unwrap_or(rest.len());
            continue;
        }
        match quote {
            Some(_) if rest[0] == b'\\' => {
                places.push(at);
                at += 1;
            }
            Some(begin) if begin == rest[0] => quote = None,
            None if quotes.contains(&rest[0]) => quote = Some(rest[0]),
            _ => {}
        }
        places.push(at);
        at += 1;
    }
    places
}

/// The source of a link, each with its name, and where it may be changed: which file, which byte.
struct Source {
    files: Vec<(String, Vec<u8>)>,
    places: Vec<(usize, usize)>,
}

impl Source {
    fn of(link: &str) -> Self {
        let paths = if link == "seed" { vec![top().join("bootstrap/seed/seed.hex0")] } else { sources(link) };
        let files: Vec<_> = paths
            .iter()
            .map(|path| {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                (name, fs::read(path).expect("a source"))
            })
            .collect();
        let (marks, quotes): (&[&[u8]], &[u8]) = match link {
            "cc" => (&[b"/*", b"//"], b"\"'"),
            "subc" => (&[b";", b"#"], b"\"'"),
            _ => (&[b";", b"#"], b""),
        };
        let places = files.iter().enumerate();
        let places = places.flat_map(|(file, (_, text))| {
            meant(text, marks, quotes).into_iter().map(move |at| (file, at)).collect::<Vec<_>>()
        });
        Self { places: places.collect(), files }
    }

    /// Each of these places with its byte changed: to its neighbour, and, if it is a digit, to the next one.
    fn changes(&self, places: &[(usize, usize)]) -> Vec<(usize, usize, u8)> {
        let mut changes = Vec::new();
        for (file, at) in places {
            let byte = self.files[*file].1[*at];
            changes.push((*file, *at, byte ^ 1));
            let other = match byte {
                b'0'..=b'9' => b'0' + (byte - b'0' + 3) % 10,
                b'A'..=b'F' => b'A' + (byte - b'A' + 1) % 6,
                b' ' => b'0',
                b'\n' => b';',
                _ => byte ^ 0x10,
            };
            if other != byte ^ 1 && other.is_ascii() {
                changes.push((*file, *at, other));
            }
        }
        changes
    }

    /// Places spread over all files.
    fn sample(&self) -> Vec<(usize, usize)> {
        if std::env::var_os("STELE_EVERY_BYTE").is_some() {
            return self.places.clone();
        }
        let step = (self.places.len() / SAMPLE).max(1) | 1;
        self.places.iter().copied().step_by(step).collect()
    }

    fn line(&self, file: usize, at: usize) -> String {
        let (name, text) = &self.files[file];
        let number = text[..at].iter().filter(|it| **it == b'\n').count() + 1;
        let line = text.split(|it| *it == b'\n').nth(number - 1).expect("a line");
        format!("{name}:{number}: {}", String::from_utf8_lossy(line))
    }
}

/// The number of changes, how many of them were refused, and the lines where they had no effect.
struct Coverage {
    changes: usize,
    refused: usize,
    white: usize,
    names: Vec<String>,
}

/// Makes a link from its source with each of these changes, and returns the results.
fn watch(
    link: &'static str,
    source: &Source,
    changes: &[(usize, usize, u8)],
    make: impl Fn(usize, usize, &[u8]) -> Outcome + Sync,
) -> Coverage {
    let part = changes.len().div_ceil(2).max(1);
    let parts: Vec<Coverage> = thread::scope(|scope| {
        let run = |changes: &[(usize, usize, u8)], lane: usize| {
            let mut seen = Coverage { changes: 0, refused: 0, white: 0, names: Vec::new() };
            for (file, at, byte) in changes {
                let mut text = source.files[*file].1.clone();
                let was = std::mem::replace(&mut text[*at], *byte);
                let white = |it: u8| it <= b' ';
                let name = |it: u8| it.is_ascii_alphanumeric() || b"_.".contains(&it);
                seen.changes += 1;
                match make(lane, *file, &text) {
                    Outcome::Refused => seen.refused += 1,
                    Outcome::Other => {}
                    Outcome::Same if white(was) && (white(*byte) || b";#".contains(byte)) => seen.white += 1,
                    Outcome::Same => {
                        let line = source.line(*file, *at);
                        let unused_label = was == b':' && *byte == b';';
                        let both = name(was) && name(*byte) && !was.is_ascii_digit();
                        // An additional digit that changes no number: `@0` as `@00`.
                        let zero = white(was) && *byte == b'0';
                        assert!(
                            both || unused_label || zero,
                            "{link}: {was:#x} as {byte:#x} is not seen: {line}"
                        );
                        seen.names.push(line);
                    }
                }
            }
            seen
        };
        let handles: Vec<_> = changes
            .chunks(part)
            .enumerate()
            .map(|(lane, part)| scope.spawn(move || run(part, lane)))
            .collect();
        handles.into_iter().map(|it| it.join().expect("no change goes unseen")).collect()
    });
    let mut all = Coverage { changes: 0, refused: 0, white: 0, names: Vec::new() };
    for part in parts {
        all.changes += part.changes;
        all.refused += part.refused;
        all.white += part.white;
        all.names.extend(part.names);
    }
    println!(
        "{link}: {} changes: {} refused, {} without meaning: {} white space, {} names that nothing else says",
        all.changes,
        all.refused,
        all.white + all.names.len(),
        all.white,
        all.names.len()
    );
    all.names.iter().for_each(|line| println!("  {line}"));
    all
}

/// The result, when the model or the link has made this.
fn outcome(link: &str, made: Option<&[u8]>) -> Outcome {
    match made {
        None => Outcome::Refused,
        Some(made) if Sha256::of(made).to_string() == pin(link) => Outcome::Same,
        Some(_) => Outcome::Other,
    }
}

/// Runs the previous link on the source, with one file changed. `None` where this machine does not run it.
fn by_the_link_before(
    link: &'static str,
    maker: &'static str,
    places: &[(usize, usize)],
) -> Option<Coverage> {
    let source = Source::of(link);
    let dirs = [0, 1].map(|_| tempfile::tempdir().expect("a folder"));
    for dir in &dirs {
        install(&dir.path().join(maker), program(maker)?);
        for (name, text) in &source.files {
            fs::write(dir.path().join(name), text).expect("a source");
        }
    }
    let names: Vec<_> = source.files.iter().map(|(name, _)| name.clone()).collect();
    let make = |lane: usize, file: usize, text: &[u8]| {
        let dir = dirs[lane].path();
        let (path, output) = (dir.join(&names[file]), dir.join("made"));
        fs::write(&path, text).expect("a source");
        let _ = fs::remove_file(&output);
        let mut command = Command::new(dir.join(maker));
        command.args(arguments(maker, "made", &names)).current_dir(dir).stdin(Stdio::null());
        let (status, said) = ended(&mut command, &String::from_utf8_lossy(text));
        fs::write(&path, &source.files[file].1).expect("a source");
        if status.success() {
            return outcome(link, Some(&fs::read(&output).expect("an output")));
        }
        // The seed has no words, and main may be undefined.
        let nowhere = said.ends_with(": main is called but not defined\n");
        assert!(maker == "seed" || nowhere || tells_a_line(&said), "{link}: {status:?} {said}");
        Outcome::Refused
    };
    // The unchanged source matches the pin: the comparison is the right one.
    assert_eq!(make(0, 0, &source.files[0].1), Outcome::Same, "{link}");
    Some(watch(link, &source, &source.changes(places), make))
}

/// At most so many changes have no effect besides those of white space.
fn few_mean_nothing(link: &str, seen: &Coverage, names: usize) {
    assert!(seen.changes >= 300, "{link}: {}", seen.changes);
    assert!(seen.names.len() <= names, "{link}: {} names: {:#?}", seen.names.len(), seen.names);
    assert!(seen.refused > 0 && seen.white * 2 < seen.changes, "{link}: {}", seen.white);
}

#[test]
fn every_byte_of_the_seed_matters() {
    let source = Source::of("seed");
    let make = |_, _, text: &[u8]| outcome("seed", hex0::decode(text).ok().as_deref());
    few_mean_nothing("seed", &watch("seed", &source, &source.changes(&source.places), make), 0);
}

#[test]
fn every_byte_of_hex1_matters() {
    let source = Source::of("hex1");
    let make = |_, _, text: &[u8]| outcome("hex1", model::seed(text).as_deref());
    few_mean_nothing("hex1", &watch("hex1", &source, &source.changes(&source.places), make), 0);
    // The model is not the link.
    let Some(seen) = by_the_link_before("hex1", "seed", &source.sample()) else { return };
    few_mean_nothing("hex1", &seen, 0);
}

// Each of these two has a label for the reader, which nothing references: `:s`, which may as well become a comment, and
// `:scan`, which may have other letters, too.
#[test]
fn every_byte_of_hex2_matters() {
    let source = Source::of("hex2");
    let make = |_, _, text: &[u8]| outcome("hex2", model::hex1(text).ok().as_deref());
    few_mean_nothing("hex2", &watch("hex2", &source, &source.changes(&source.places), make), 1);
    let Some(seen) = by_the_link_before("hex2", "hex1", &source.sample()) else { return };
    few_mean_nothing("hex2", &seen, 1);
}

#[test]
fn every_byte_of_asm_matters() {
    let source = Source::of("asm");
    let make = |_, _, text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        outcome("asm", model::hex2(&text).ok().as_deref())
    };
    few_mean_nothing("asm", &watch("asm", &source, &source.changes(&source.places), make), 7);
    let Some(seen) = by_the_link_before("asm", "hex2", &source.sample()) else { return };
    few_mean_nothing("asm", &seen, 7);
}

#[test]
fn bytes_of_subc_matter_wherever_one_looks() {
    let Some(seen) = by_the_link_before("subc", "asm", &Source::of("subc").sample()) else { return };
    few_mean_nothing("subc", &seen, 20);
}

#[test]
fn bytes_of_cc_matter_wherever_one_looks() {
    let Some(seen) = by_the_link_before("cc", "subc", &Source::of("cc").sample()) else { return };
    few_mean_nothing("cc", &seen, 20);
}
