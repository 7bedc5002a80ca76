//! Texts, line by line.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline, group_diff_ops};

use super::escape::cut;
use super::guess;
use super::meter::{Halt, Meter};
use super::report::{Difference, Fact, Guess, Hunk, Line, Sign};

/// Lines around a difference that are shown.
const CONTEXT: usize = 1;
/// Characters of a line that are shown, and those before the first difference.
const MAX_LINE: usize = 160;
const LEAD: usize = 40;
/// After so long an approximation is good enough.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many pairs of lines are looked at for a cause.
const MAX_PAIRS: usize = 100;

/// Whether some bytes are to be compared as lines.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let is_odd = |byte: &u8| matches!(byte, 1..=6 | 14..=26 | 28..=31 | 127);
    let odd = bytes.iter().filter(|byte| is_odd(byte)).count();
    !bytes.is_empty() && !bytes.contains(&0) && odd * 50 <= bytes.len() && std::str::from_utf8(bytes).is_ok()
}

/// Compares two texts; says nothing when they are equal.
pub(crate) fn compare(
    meter: &mut Meter<'_>,
    before: &[u8],
    after: &[u8],
    into: &mut Difference,
) -> Result<(), Halt> {
    let old: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
    let new: Vec<&[u8]> = after.split_inclusive(|byte| *byte == b'\n').collect();
    let ends = |text: &[u8]| text.last() == Some(&b'\n');
    if ends(before) != ends(after) {
        let word = |text: &[u8]| if ends(text) { "yes" } else { "no" };
        meter.fact(into, Fact::both("newline at the end", word(before), word(after)));
    }
    let mut numbers = HashMap::new();
    let (one, other) = (numbered(&old, &mut numbers), numbered(&new, &mut numbers));
    meter.tick(0)?;
    let deadline = Instant::now().checked_add(PATIENCE);
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &one, &other, deadline);
    into.guess = order(&one, &other).or_else(|| cause(&ops, &old, &new));
    for group in group_diff_ops(ops, CONTEXT) {
        hunk(meter, &group, &old, &new, into);
    }
    Ok(())
}

/// Equal lines get equal numbers, which compare faster.
fn numbered<'a>(lines: &[&'a [u8]], numbers: &mut HashMap<&'a [u8], usize>) -> Vec<usize> {
    let number = |line: &&'a [u8]| {
        let next = numbers.len();
        *numbers.entry(line.strip_suffix(b"\n").unwrap_or(line)).or_insert(next)
    };
    lines.iter().map(number).collect()
}

/// The same lines in another order.
fn order(one: &[usize], other: &[usize]) -> Option<Guess> {
    let sorted = |lines: &[usize]| {
        let mut lines = lines.to_vec();
        lines.sort_unstable();
        lines
    };
    if one != other && sorted(one) == sorted(other) { guess::order(one.len(), "lines") } else { None }
}

fn cause(ops: &[DiffOp], old: &[&[u8]], new: &[&[u8]]) -> Option<Guess> {
    let pairs = ops.iter().flat_map(|op| match *op {
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            old[old_index..old_index + old_len].iter().zip(&new[new_index..new_index + new_len])
        }
        _ => [].iter().zip(&[]),
    });
    pairs
        .take(MAX_PAIRS)
        .find_map(|(old, new)| guess::of_texts(&String::from_utf8_lossy(old), &String::from_utf8_lossy(new)))
}

fn hunk(meter: &Meter<'_>, group: &[DiffOp], old: &[&[u8]], new: &[&[u8]], into: &mut Difference) {
    let mut lines = Vec::new();
    let shown: usize = into.hunks.iter().map(|hunk| hunk.lines.len()).sum();
    let mut push =
        |sign: Sign, line: &[u8], beside: Option<&&[u8]>| match shown + lines.len() < meter.limits.lines {
            true => lines.push(Line { sign, text: excerpt(line, beside.copied()) }),
            false if sign != Sign::Both => into.unlisted += 1,
            false => {}
        };
    for op in group {
        let (before, after) = (op.old_range(), op.new_range());
        if let DiffOp::Equal { .. } = op {
            old[before].iter().for_each(|line| push(Sign::Both, line, None));
            continue;
        }
        let (removed, added) = (&old[before], &new[after]);
        for (at, line) in removed.iter().enumerate() {
            push(Sign::Before, line, added.get(at));
        }
        for (at, line) in added.iter().enumerate() {
            push(Sign::After, line, removed.get(at));
        }
    }
    let begin = group.first().map(|op| (op.old_range().start + 1, op.new_range().start + 1));
    if let Some((before, after)) = begin
        && !lines.is_empty()
    {
        into.hunks.push(Hunk { before, after, lines });
    }
}

/// A line without its end; of a long one what is around the first difference from `beside`.
fn excerpt(line: &[u8], beside: Option<&[u8]>) -> String {
    let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
    let beside = String::from_utf8_lossy(beside.unwrap_or_default());
    let equal = text.chars().zip(beside.chars()).take_while(|(a, b)| a == b).count();
    let skip = if text.chars().nth(MAX_LINE).is_some() { equal.saturating_sub(LEAD) } else { 0 };
    let rest = text.char_indices().nth(skip).map_or("", |(at, _)| &text[at..]);
    format!("{}{}", if skip > 0 { "\u{2026}" } else { "" }, cut(rest, MAX_LINE))
}
