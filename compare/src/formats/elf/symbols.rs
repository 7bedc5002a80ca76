//! The symbols of two files.

use std::collections::BTreeMap;

use object::ObjectSymbol;

use super::super::super::escape;
use super::super::super::guess;
use super::super::super::meter::{Halt, Meter};
use super::super::super::report::{Difference, Fact};

/// So many symbols are named that only one of the two has, or whose size differs.
const MAX_NAMED: usize = 8;
/// A name is kept up to so many bytes; C++ has some of thousands.
const MAX_NAME: usize = 400;

/// Of each name, how many symbols have it and what is first said of one.
#[derive(Default)]
pub(super) struct Symbols {
    by_name: BTreeMap<Vec<u8>, Symbol>,
    /// The names in their order, as a hash of them.
    in_order: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Symbol {
    count: usize,
    value: u64,
    size: u64,
}

/// The first `max` symbols, and whether there are more.
pub(super) fn of<'data>(
    meter: &mut Meter<'_>,
    symbols: impl Iterator<Item = impl ObjectSymbol<'data>>,
    max: usize,
) -> Result<(Symbols, bool), Halt> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let (mut all, mut hasher) = (Symbols::default(), DefaultHasher::new());
    for (at, symbol) in symbols.enumerate() {
        if at == max {
            return Ok((all, true));
        }
        let name = symbol.name_bytes().unwrap_or_default();
        // A table of names that all begin at its start would be read for each of them.
        meter.tick(name.len() as u64)?;
        let name = &name[..name.len().min(MAX_NAME)];
        name.hash(&mut hasher);
        let known = all.by_name.entry(name.to_vec()).or_default();
        if known.count == 0 {
            (known.value, known.size) = (symbol.address(), symbol.size());
        }
        known.count += 1;
    }
    all.in_order = hasher.finish();
    Ok((all, false))
}

/// Says in `into` how they differ: names, sizes, values, order.
pub(super) fn compare(
    meter: &mut Meter<'_>,
    what: &str,
    before: &Symbols,
    after: &Symbols,
    into: &mut Difference,
) {
    let only = |one: &Symbols, other: &Symbols| -> Vec<String> {
        let missing = |(name, symbol): &(&Vec<u8>, &Symbol)| {
            other.by_name.get(*name).is_none_or(|other| other.count < symbol.count)
        };
        one.by_name.iter().filter(missing).map(|(name, _)| escape::name(name)).collect()
    };
    let (removed, added) = (only(before, after), only(after, before));
    if !removed.is_empty() || !added.is_empty() {
        let guess = removed.first().zip(added.first());
        let guess = guess.and_then(|(removed, added)| guess::of_texts(removed, added));
        let side = |names: &[String]| (!names.is_empty()).then(|| list(names));
        let what = format!("{what}s that only one has");
        meter.fact(into, Fact { what, before: side(&removed), after: side(&added), guess });
    }
    let both = || {
        let pair = |(name, one): (&'_ Vec<u8>, &'_ Symbol)| {
            after.by_name.get(name).map(|other| (escape::name(name), *one, *other))
        };
        before.by_name.iter().filter_map(pair)
    };
    let sizes: Vec<_> = both().filter(|(_, one, other)| one.size != other.size).collect();
    if !sizes.is_empty() {
        let side = |of: &dyn Fn(&(String, Symbol, Symbol)) -> u64| {
            list(&sizes.iter().map(|it| format!("{} {}", it.0, of(it))).collect::<Vec<_>>())
        };
        let (one, other) = (side(&|it| it.1.size), side(&|it| it.2.size));
        meter.fact(into, Fact::both(format!("size of {what}s"), one, other));
    }
    let values: Vec<_> = both().filter(|(_, one, other)| one.value != other.value).collect();
    if !values.is_empty() {
        let side = |of: &dyn Fn(&(String, Symbol, Symbol)) -> u64| {
            list(&values.iter().map(|it| format!("{} {:#x}", it.0, of(it))).collect::<Vec<_>>())
        };
        let (one, other) = (side(&|it| it.1.value), side(&|it| it.2.value));
        meter.fact(into, Fact::both(format!("value of {what}s"), one, other));
    }
    if removed.is_empty() && added.is_empty() && before.in_order != after.in_order {
        let count = before.by_name.len();
        let fact = Fact::both(format!("order of {what}s"), "one", "another");
        meter.fact(into, fact.guess(guess::order(count, "names")));
    }
}

fn list(names: &[String]) -> String {
    let mut text =
        names.iter().take(MAX_NAMED).map(|name| escape::cut(name, 80)).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMED {
        text += &format!(" and {} more", names.len() - MAX_NAMED);
    }
    text
}
