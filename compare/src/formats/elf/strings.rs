//! Sections of strings: those of compilers, of paths, of whatever a program shows.

use std::collections::HashSet;

use super::super::super::escape;
use super::super::super::guess;
use super::super::super::meter::Meter;
use super::super::super::report::{Difference, Fact};

/// So many strings are shown that only one of the two has.
const MAX_SHOWN: usize = 5;
/// So many of each are looked at for a pair that tells a cause.
const MAX_TRIED: usize = 20;

/// Says which strings only one of two tables has, whether in another order; nothing when it is neither.
pub(super) fn compare(meter: &mut Meter<'_>, before: &[u8], after: &[u8], into: &mut Difference) {
    let all = |bytes: &'_ [u8]| -> Vec<Vec<u8>> {
        bytes.split(|byte| *byte == 0).filter(|it| !it.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (one, other) = (all(before), all(after));
    let only = |strings: &[Vec<u8>], others: &[Vec<u8>]| -> Vec<String> {
        let others: HashSet<&[u8]> = others.iter().map(Vec::as_slice).collect();
        let mut seen = HashSet::new();
        let only = strings.iter().filter(|it| !others.contains(it.as_slice()) && seen.insert(it.as_slice()));
        only.map(|it| escape::text(it)).collect()
    };
    let (removed, added) = (only(&one, &other), only(&other, &one));
    if removed.is_empty() && added.is_empty() {
        if one != other {
            let guess = guess::order(one.len(), "strings").filter(|_| one.len() == other.len());
            meter.fact(
                into,
                Fact::both("order of strings", count(one.len()), count(other.len())).guess(guess),
            );
        }
        return;
    }
    let pairs = || {
        let old = removed.iter().take(MAX_TRIED);
        old.flat_map(|one| added.iter().take(MAX_TRIED).map(move |other| (one, other)))
    };
    let guess = pairs().find_map(|(one, other)| guess::of_texts(one, other));
    let side = |strings: &[String]| (!strings.is_empty()).then(|| list(strings));
    let what = "strings that only one has".to_owned();
    meter.fact(into, Fact { what, before: side(&removed), after: side(&added), guess });
}

fn count(count: usize) -> String {
    format!("{count} strings")
}

fn list(strings: &[String]) -> String {
    let shown: Vec<String> =
        strings.iter().take(MAX_SHOWN).map(|it| format!("`{}`", escape::cut(it, 120))).collect();
    let more = strings.len().saturating_sub(MAX_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
