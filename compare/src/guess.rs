//! What may have caused a difference, from what it looks like.

use super::dates::{is_moment, meets_date, moment};
use super::escape::cut;
use super::report::{Cause, Guess};

/// Evidence is shown up to so many characters.
const MAX_EVIDENCE: usize = 100;
/// The times of two builds are likely less than a year apart.
const YEAR: u32 = 366 * 86_400;
/// Folders in which builds happen.
const BUILD_FOLDERS: [&str; 7] = ["/build", "/tmp", "/var/tmp", "/home", "/root", "/usr/src", "/nix/var"];

fn guess(cause: Cause, evidence: impl Into<String>) -> Option<Guess> {
    Some(Guess { cause, evidence: cut(&evidence.into(), MAX_EVIDENCE) })
}

fn pair(before: &str, after: &str) -> String {
    let max = MAX_EVIDENCE / 2 - 4;
    format!("{} and {}", cut(before, max), cut(after, max))
}

/// The cause of two texts that differ: two lines, or strings in a file.
pub(crate) fn of_texts(before: &str, after: &str) -> Option<Guess> {
    let (start, tail) = common(before, after);
    let (end_before, end_after) = (before.len() - tail, after.len() - tail);
    if meets_date(before, start, end_before) && meets_date(after, start, end_after) {
        let (before, after) = (around(before, start, end_before), around(after, start, end_after));
        return guess(Cause::Timestamp, pair(before, after));
    }
    if let (Some(before), Some(after)) = (path(before, start, end_before), path(after, start, end_after)) {
        return of_paths(before, after);
    }
    let (one, other) = (token(before, start, end_before), token(after, start, end_after));
    if is_address(one) && is_address(other) {
        return guess(Cause::Address, pair(one, other));
    }
    if is_random(one) && is_random(other) {
        return guess(Cause::Random, format!("{}; or a digest of what differs", pair(one, other)));
    }
    of_order(before, after)
}

/// How many bytes at the beginning and at the end are equal, in whole characters and without overlap.
fn common(before: &str, after: &str) -> (usize, usize) {
    let mut start = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    while !before.is_char_boundary(start) || !after.is_char_boundary(start) {
        start -= 1;
    }
    let (a, b) = (&before[start..], &after[start..]);
    let mut tail = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    while !a.is_char_boundary(a.len() - tail) || !b.is_char_boundary(b.len() - tail) {
        tail -= 1;
    }
    (start, tail)
}

/// The piece from `start` to `end`, and what is around it as long as `belongs`.
fn grown(text: &str, start: usize, end: usize, belongs: impl Fn(char) -> bool) -> &str {
    let before = text[..start].char_indices().rev().take_while(|(_, c)| belongs(*c)).last();
    let from = before.map_or(start, |(at, _)| at);
    let after = text[end..].find(|c| !belongs(c)).unwrap_or(text.len() - end);
    &text[from..end + after]
}

fn token(text: &str, start: usize, end: usize) -> &str {
    grown(text, start, end, |c| c.is_ascii_alphanumeric() || c == '-')
}

/// A date has spaces and colons within.
fn around(text: &str, start: usize, end: usize) -> &str {
    grown(text, start, end, |c| c.is_ascii_alphanumeric() || " :.,+-/".contains(c)).trim()
}

/// The absolute path that the piece is in.
fn path(text: &str, start: usize, end: usize) -> Option<&str> {
    let whole = grown(text, start, end, |c| c.is_ascii_alphanumeric() || "/._+-~@%".contains(c));
    let begin = whole.find('/')?;
    let path = &whole[begin..];
    (path.len() > 2 && path[1..].contains('/')).then_some(path)
}

fn of_paths(before: &str, after: &str) -> Option<Guess> {
    let is_temporary = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        path.starts_with("/tmp/") && (name.starts_with("cc") || name.starts_with("tmp"))
    };
    if is_temporary(before) && is_temporary(after) {
        return guess(Cause::TemporaryName, pair(before, after));
    }
    let base = |path: &str| path.rsplit('/').next().map(str::to_owned);
    let in_folder = |path: &str| BUILD_FOLDERS.iter().any(|folder| path.starts_with(folder));
    let is_build = base(before) == base(after) || in_folder(before) || in_folder(after);
    if is_build { guess(Cause::BuildPath, pair(before, after)) } else { None }
}

fn is_address(token: &str) -> bool {
    let Some(digits) = token.strip_prefix("0x") else { return false };
    (8..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Hexadecimal digits that no word has, a UUID, or letters and digits in no order.
fn is_random(token: &str) -> bool {
    let plain: String = token.chars().filter(|c| *c != '-').collect();
    let digits = plain.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = plain.len() >= 8 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_mixed = plain.len() >= 12 && digits * 8 >= plain.len() && plain.len() > digits;
    (is_hex && digits > 0 && plain.len() > digits) || is_mixed
}

/// The same words in another order.
fn of_order(before: &str, after: &str) -> Option<Guess> {
    let words = |text: &str| {
        let split = |c: char| c.is_whitespace() || ",;:|[]{}()\"'".contains(c);
        let mut words: Vec<String> =
            text.split(split).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let (one, other) = (words(before), words(after));
    if one.len() > 1 && one == other {
        return guess(Cause::Order, format!("the same {} words", one.len()));
    }
    None
}

/// The cause of two pieces of a file that differ from `at` on, for `length` bytes; both begin at the same offset.
pub(crate) fn of_bytes(before: &[u8], after: &[u8], at: usize, length: usize) -> Option<Guess> {
    let end = at + length;
    if let (Some(before), Some(after)) = (string(before, at, end), string(after, at, end))
        && let Some(guess) = of_texts(before, after)
    {
        return Some(guess);
    }
    if let Some(found) = of_moment(before, after, at, end) {
        return Some(found);
    }
    let (one, other) = (before.get(at..end)?, after.get(at..end)?);
    let differing = one.iter().zip(other).filter(|(a, b)| a != b).count();
    let is_wild = |bytes: &[u8]| {
        let mut seen = [false; 256];
        bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        let distinct = seen.iter().filter(|seen| **seen).count();
        distinct * 4 >= bytes.len().min(128) * 3
    };
    if length >= 8 && differing * 8 >= length * 7 && is_wild(one) && is_wild(other) {
        let evidence = format!("{differing} of {length} bytes differ; or a digest of what differs");
        return guess(Cause::Random, evidence);
    }
    None
}

/// The printable text around a piece.
fn string(bytes: &[u8], start: usize, end: usize) -> Option<&str> {
    let printable = |byte: &&u8| matches!(**byte, b' '..=b'~' | b'\t');
    let inner = bytes.get(start..end)?;
    let until = inner.iter().position(|byte| !printable(&byte)).unwrap_or(inner.len());
    let from = start - bytes[..start].iter().rev().take_while(|byte| printable(byte)).count();
    let more = match until == inner.len() {
        true => bytes[end..].iter().take_while(|byte| printable(byte)).count(),
        false => 0,
    };
    let found = &bytes[from..start + until + more];
    if found.len() < 4 { None } else { std::str::from_utf8(found).ok() }
}

/// A number of 32 bits that is a moment in both, less than a year apart, in either byte order.
fn of_moment(before: &[u8], after: &[u8], start: usize, end: usize) -> Option<Guess> {
    let four = |bytes: &[u8], at: usize| -> Option<[u8; 4]> { bytes.get(at..at + 4)?.try_into().ok() };
    for at in start.saturating_sub(3)..=start {
        let (Some(one), Some(other)) = (four(before, at), four(after, at)) else { continue };
        if end > at + 4 {
            continue;
        }
        for read in [u32::from_le_bytes, u32::from_be_bytes] {
            let (one, other) = (read(one), read(other));
            if one != other && is_moment(one) && is_moment(other) && one.abs_diff(other) <= YEAR {
                let evidence = format!("{} and {}", moment(one.into()), moment(other.into()));
                return guess(Cause::Timestamp, evidence);
            }
        }
    }
    None
}

/// The cause of the same things in another order.
pub(crate) fn order(count: usize, of: &str) -> Option<Guess> {
    guess(Cause::Order, format!("the same {count} {of}"))
}

/// Permissions that differ as those of two umasks do: nothing but bits of group and others.
pub(crate) fn of_modes(before: u32, after: u32) -> Option<Guess> {
    match before ^ after {
        differing if differing & 0o077 == differing => guess(Cause::Mode, "bits of group or others"),
        _ => None,
    }
}

/// A cause that follows from which value differs.
pub(crate) fn known(cause: Cause, evidence: &str) -> Option<Guess> {
    guess(cause, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(before: &str, after: &str) -> Option<Cause> {
        of_texts(before, after).map(|guess| guess.cause)
    }

    #[test]
    fn texts_without_a_known_look_get_no_guess() {
        for (before, after) in
            [("", "x"), ("one", "two"), ("a1", "a2"), ("x = 4", "x = 8"), ("größer", "größte")]
        {
            assert_eq!(cause(before, after), None, "{before} {after}");
        }
    }

    #[test]
    fn known_looks_are_named() {
        let rows = [
            ("built Nov 30 2026", "built Dec  1 2026", Cause::Timestamp),
            ("at 02:12:08.", "at 02:12:09.", Cause::Timestamp),
            ("t=1796004728", "t=1796004799", Cause::Timestamp),
            ("dir=/build/a/src", "dir=/build/b/src", Cause::BuildPath),
            ("x /usr/src/p/x.c", "x /srv/q/x.c", Cause::BuildPath),
            ("/tmp/ccAbCd12.o", "/tmp/ccZzYy98.o", Cause::TemporaryName),
            ("at 0x7ffd12345678", "at 0x7ffe9abc5670", Cause::Address),
            (
                "id 1b4e28ba-2fa1-11d2-883f-0016d3cca427",
                "id 9f0a7de1-8c41-4d2f-b6a1-2a54d3ce9900",
                Cause::Random,
            ),
            ("a b c", "c b a", Cause::Order),
            ("{x, y}", "{y, x}", Cause::Order),
        ];
        for (before, after, expected) in rows {
            assert_eq!(cause(before, after), Some(expected), "{before} | {after}");
        }
    }

    #[test]
    fn bytes_are_moments_strings_or_random() {
        let stamp = |seconds: u32| [&[0, 1, 2, 3][..], &seconds.to_le_bytes(), &[9]].concat();
        let found = of_bytes(&stamp(1_796_004_728), &stamp(1_796_004_799), 4, 1);
        assert_eq!(found.unwrap().cause, Cause::Timestamp);
        let noise = |seed: u8| (0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(seed)).collect::<Vec<_>>();
        assert_eq!(of_bytes(&noise(1), &noise(7), 0, 32).unwrap().cause, Cause::Random);
        let (one, other) = (b"\0\0/build/one/x.c\0", b"\0\0/build/two/x.c\0");
        assert_eq!(of_bytes(one, other, 9, 3).unwrap().cause, Cause::BuildPath);
        assert_eq!(of_bytes(&[0, 1, 0], &[0, 2, 0], 1, 1), None);
    }
}
