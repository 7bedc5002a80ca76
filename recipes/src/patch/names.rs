//! Names of files as patches write them.

use super::Mark;
use super::excerpt::Excerpt;
use super::faults::ParseFault;
use crate::paths::{TreePath, TreePathError};

/// Why a name in a patch is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// It begins with a slash.
    #[error("it is absolute")]
    Absolute,
    /// It has too few levels.
    #[error("nothing is left of it")]
    Nothing,
    /// The rest is not a path.
    #[error("{0}")]
    Path(TreePathError),
}

/// An old and a new name.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// A quoted name, and the rest.
type Quoted<'a> = (Vec<u8>, &'a [u8]);

/// The path of `name` with `levels` leading components stripped. Repeated slashes count once, as with GNU patch; in the
/// rest they are refused.
pub(super) fn strip(name: &[u8], levels: usize) -> Result<TreePath, NameFault> {
    if name.starts_with(b"/") {
        return Err(NameFault::Absolute);
    }
    let mut rest = name;
    for _ in 0..levels {
        let slash = rest.iter().position(|&byte| byte == b'/').ok_or(NameFault::Nothing)?;
        rest = &rest[slash..];
        while let Some(behind) = rest.strip_prefix(b"/") {
            rest = behind;
        }
    }
    match TreePath::parse(rest) {
        Ok(path) => Ok(path),
        Err(TreePathError::Empty) => Err(NameFault::Nothing),
        Err(fault) => Err(NameFault::Path(fault)),
    }
}

/// The text after `--- ` or `+++ `.
pub(super) fn mark(text: &[u8]) -> Result<Mark, ParseFault> {
    let (name, stamp) = match quoted(text)? {
        Some((name, rest)) if rest.is_empty() || rest.starts_with(b"\t") => (name, rest),
        Some(_) => return Err(ParseFault::Quoting { name: Excerpt::of(text) }),
        None => {
            let end = text.iter().position(|&byte| byte == b'\t').unwrap_or(text.len());
            (text[..end].to_vec(), &text[end..])
        }
    };
    let epoch = std::str::from_utf8(stamp).is_ok_and(|stamp| is_epoch(stamp.trim()));
    Ok(Mark { name: (name != b"/dev/null").then_some(name), epoch })
}

/// A name on its own line.
pub(super) fn whole(text: &[u8]) -> Result<Vec<u8>, ParseFault> {
    match quoted(text)? {
        Some((name, b"")) => Ok(name),
        Some(_) => Err(ParseFault::Quoting { name: Excerpt::of(text) }),
        None => Ok(text.to_vec()),
    }
}

/// The two names after `diff --git `, when the split is unambiguous.
///
/// Names with spaces are not always quoted. Both are the same but for the prefix, since a rename has its names on
/// separate lines: that finds the middle.
pub(super) fn pair(text: &[u8]) -> Result<Option<Pair>, ParseFault> {
    if let Some((old, rest)) = quoted(text)? {
        let rest = rest.strip_prefix(b" ").ok_or(ParseFault::Quoting { name: Excerpt::of(text) })?;
        return Ok(Some((old, whole(rest)?)));
    }
    if let (Some(at), true) = (text.windows(2).position(|two| two == b" \""), text.ends_with(b"\"")) {
        return Ok(Some((text[..at].to_vec(), whole(&text[at + 1..])?)));
    }
    let spaces = text.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
    let mut pairs = spaces.map(|at| (&text[..at], &text[at + 1..])).filter(|(old, new)| same(old, new));
    Ok(match (pairs.next(), pairs.next()) {
        (Some((old, new)), None) => Some((old.to_vec(), new.to_vec())),
        _ => None,
    })
}

fn same(old: &[u8], new: &[u8]) -> bool {
    fn below(name: &[u8]) -> Option<&[u8]> {
        name.iter().position(|&byte| byte == b'/').map(|at| &name[at..])
    }
    old == new || below(old).is_some_and(|old| Some(old) == below(new))
}

/// When `text` begins with a quote: the bytes quoted as in C, and the rest.
fn quoted(text: &[u8]) -> Result<Option<Quoted<'_>>, ParseFault> {
    let Some(inside) = text.strip_prefix(b"\"") else { return Ok(None) };
    unquote(inside).map(Some).ok_or_else(|| ParseFault::Quoting { name: Excerpt::of(text) })
}

fn unquote(mut rest: &[u8]) -> Option<Quoted<'_>> {
    let mut name = Vec::new();
    loop {
        let (&byte, behind) = rest.split_first()?;
        rest = behind;
        match byte {
            b'"' => return Some((name, rest)),
            b'\\' => {
                let (&escape, behind) = rest.split_first()?;
                rest = behind;
                name.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'"' | b'\\' => escape,
                    b'0'..=b'3' => {
                        let (low, behind) = rest.split_at_checked(2)?;
                        rest = behind;
                        if !low.iter().all(|digit| matches!(digit, b'0'..=b'7')) {
                            return None;
                        }
                        ((escape - b'0') << 6) | ((low[0] - b'0') << 3) | (low[1] - b'0')
                    }
                    _ => return None,
                });
            }
            _ => name.push(byte),
        }
    }
}

/// Whether a timestamp as GNU diff writes it (`1970-01-01 01:00:00.000000000 +0100`) is the epoch. Without a zone it
/// counts as UTC.
fn is_epoch(stamp: &str) -> bool {
    let mut words = stamp.split_ascii_whitespace();
    let (Some(day), Some(time), zone, None) = (words.next(), words.next(), words.next(), words.next()) else {
        return false;
    };
    let day = match day {
        "1969-12-31" => -24 * 60,
        "1970-01-01" => 0,
        _ => return false,
    };
    let Some((minutes, seconds)) = time.rsplit_once(':') else { return false };
    let Some((hour, minute)) = minutes.split_once(':') else { return false };
    let zone = zone.unwrap_or("+0000");
    let offset = zone.split_at_checked(1).and_then(|(sign, digits)| {
        let (hours, minutes) = digits.split_at_checked(2)?;
        let offset = number(hours)? * 60 + number(minutes)?;
        Some(if sign == "-" { -offset } else { offset })
    });
    let nothing = seconds.starts_with("00") && seconds.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    match (number(hour), number(minute), offset) {
        (Some(hour), Some(minute), Some(offset)) => nothing && day + hour * 60 + minute == offset,
        _ => false,
    }
}

/// Two digits.
fn number(digits: &str) -> Option<i32> {
    (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}
