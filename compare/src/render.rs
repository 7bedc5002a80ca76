//! A report as text.

use std::fmt::{self, Write};

use stele_untrusted::Untrusted;

use super::report::{Bound, Change, Difference, Fact, Guess, Hex, LeftOut, Report, Sign};

/// An absent value.
const NOTHING: &str = "nothing";

impl Report {
    /// The report as text for a terminal: nothing in it that came from the trees controls one, or forges a line.
    /// `-` is only in the first, `+` only in the second, `!` differs.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) -> fmt::Result {
        for difference in &self.differences {
            write_difference(to, difference, 0)?;
        }
        for LeftOut { bound, count } in &self.left_out {
            let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
            match bound {
                Bound::Findings => writeln!(to, "not shown: {count} more differences")?,
                Bound::Depth => {
                    writeln!(to, "not looked into, as too many containers are around it: {times}")?;
                }
                Bound::Bytes => writeln!(to, "not compared further, as enough bytes were read: {times}")?,
                Bound::Time => writeln!(to, "not compared further, as the time is over: {times}")?,
                Bound::Room => {
                    writeln!(to, "not looked into, as there is no room to decompress it: {times}")?;
                }
                Bound::Members => writeln!(to, "not looked at, beyond the most members or symbols: {times}")?,
            }
        }
        Ok(())
    }
}

fn sign(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '!',
    }
}

fn write_difference(to: &mut String, it: &Difference, depth: usize) -> fmt::Result {
    let indent = "  ".repeat(depth);
    let name = Untrusted(&it.name);
    let part = match it.part {
        super::Part::Path => format!("{name}"),
        super::Part::Member => format!("member {name}"),
        super::Part::Content => "content".to_owned(),
        super::Part::Section => format!("section {name}"),
        super::Part::Code => "code".to_owned(),
    };
    write!(to, "{indent}{} {part}", sign(it.change))?;
    if let Some(format) = it.format {
        write!(to, " ({format})")?;
    }
    writeln!(to)?;
    let indent = "  ".repeat(depth + 1);
    for fact in &it.facts {
        write_fact(to, fact, &indent)?;
    }
    if let Some(guess) = &it.guess {
        write_guess(to, guess, &indent)?;
    }
    for hunk in &it.hunks {
        writeln!(to, "{indent}line {} -> {}", hunk.before, hunk.after)?;
        for line in &hunk.lines {
            let sign = match line.sign {
                Sign::Both => ' ',
                Sign::Before => '-',
                Sign::After => '+',
            };
            writeln!(to, "{indent}  {sign}{}", Untrusted(&line.text))?;
        }
    }
    if let Some(hex) = &it.bytes {
        write_hex(to, hex, &indent)?;
    }
    for note in &it.notes {
        writeln!(to, "{indent}{}", Untrusted(note))?;
    }
    for inside in &it.inside {
        write_difference(to, inside, depth + 1)?;
    }
    if it.unlisted > 0 {
        writeln!(to, "{indent}and {} more", it.unlisted)?;
    }
    Ok(())
}

fn write_fact(to: &mut String, fact: &Fact, indent: &str) -> fmt::Result {
    let (before, after) = (fact.before.as_deref(), fact.after.as_deref());
    let what = Untrusted(&fact.what);
    match (before, after) {
        // Only one has the path at all, and this is its kind.
        (Some(value), None) | (None, Some(value)) if fact.what == "kind" => {
            return writeln!(to, "{indent}{}", Untrusted(value));
        }
        (before, after) => {
            let (before, after) = (before.unwrap_or(NOTHING), after.unwrap_or(NOTHING));
            writeln!(to, "{indent}{what}: {} -> {}", Untrusted(before), Untrusted(after))?;
        }
    }
    match &fact.guess {
        // The value itself is the evidence.
        Some(Guess { cause, evidence }) if *evidence == fact.what => {
            writeln!(to, "{indent}  probably {cause}")
        }
        Some(guess) => write_guess(to, guess, &format!("{indent}  ")),
        None => Ok(()),
    }
}

fn write_guess(to: &mut String, guess: &Guess, indent: &str) -> fmt::Result {
    writeln!(to, "{indent}probably {}: {}", guess.cause, Untrusted(&guess.evidence))
}

fn write_hex(to: &mut String, hex: &Hex, indent: &str) -> fmt::Result {
    let Hex { before_size, after_size, first, differing, regions } = hex;
    let sizes = match before_size == after_size {
        true => format!("{before_size} bytes"),
        false => format!("{before_size} -> {after_size} bytes"),
    };
    writeln!(to, "{indent}{sizes}, {differing} differ, first at {first:#x}")?;
    for region in regions {
        writeln!(to, "{indent}  {:#010x} -{}", region.offset, spaced(&region.before))?;
        writeln!(to, "{indent}  {:10} +{}", "", spaced(&region.after))?;
    }
    Ok(())
}

/// Digits in groups of two bytes.
fn spaced(digits: &str) -> String {
    let groups = digits.as_bytes().chunks(4);
    groups.map(|group| format!(" {}", String::from_utf8_lossy(group))).collect()
}
