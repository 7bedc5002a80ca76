//! The members of two archives, whatever their format.

use std::collections::{HashMap, HashSet};

use super::super::meter::{Halt, Meter};
use super::super::report::{Bound, Cause, Change, Difference, Fact, Part};
use super::super::streams::{self, Window};
use super::super::{Bytes, contents, escape, guess};
use super::compressed;

/// So many names are shown of an order.
const MAX_NAMES: usize = 6;

/// A member of an archive.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    /// What its header says.
    pub(super) values: Vec<Value>,
    pub(super) location: Location,
}

/// A value of a header. One that a header lacks is not listed.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) what: String,
    pub(super) text: String,
    /// What likely causes another value.
    pub(super) cause: Option<Cause>,
}

/// Where the content of a member is in the archive.
#[derive(Clone, Copy, Debug)]
pub(super) enum Location {
    /// As it is.
    Plain { start: u64, length: u64 },
    /// Deflated.
    Deflated { start: u64, length: u64 },
}

impl Value {
    pub(super) fn new(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { what: what.into(), text: text.into(), cause: None }
    }

    pub(super) fn of(cause: Cause, what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { cause: Some(cause), ..Self::new(what, text) }
    }
}

/// Archives with so many members are not looked at further.
pub(super) fn check_count(meter: &mut Meter<'_>, count: usize) -> Result<(), Halt> {
    meter.tick(0)?;
    if count < meter.limits.members {
        return Ok(());
    }
    meter.leave_out(Bound::Members, 1);
    Err(Halt::Malformed(format!("it has more than {count} members")))
}

/// A name, and how many members before have the same.
type Key<'a> = (&'a [u8], usize);

fn keys(members: &[Member]) -> Vec<Key<'_>> {
    let mut seen: HashMap<&[u8], usize> = HashMap::new();
    let mut keys = Vec::with_capacity(members.len());
    for Member { name, .. } in members {
        let count = seen.entry(name.as_slice()).or_default();
        keys.push((name.as_slice(), *count));
        *count += 1;
    }
    keys
}

/// Compares the members of `a` and `b`.
pub(super) fn compare(
    meter: &mut Meter<'_>,
    (a, before): (&mut dyn Bytes, &[Member]),
    (b, after): (&mut dyn Bytes, &[Member]),
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    let (old, new) = (keys(before), keys(after));
    order(meter, &old, &new, into);
    let places: HashMap<Key<'_>, usize> = new.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    for (member, key) in before.iter().zip(&old) {
        let Some(at) = places.get(key) else {
            alone(meter, key.0, Change::Removed, into);
            continue;
        };
        let mut child = Difference::new(Part::Member, escape::name(key.0), Change::Changed);
        values(&member.values, &after[*at].values, &mut child);
        let outcome = content(meter, (a, member.location), (b, after[*at].location), depth, &mut child);
        let outcome = match outcome {
            // The next member may be whole.
            Err(Halt::Malformed(why)) => {
                child.notes.push(why);
                Ok(())
            }
            outcome => outcome,
        };
        if (child.says_something() || !child.notes.is_empty()) && meter.has_room(into) {
            into.inside.push(child);
        }
        outcome?;
    }
    let old: HashSet<Key<'_>> = old.into_iter().collect();
    for key in new.iter().filter(|key| !old.contains(key)) {
        alone(meter, key.0, Change::Added, into);
    }
    Ok(())
}

fn alone(meter: &mut Meter<'_>, name: &[u8], change: Change, into: &mut Difference) {
    if meter.has_room(into) {
        into.inside.push(Difference::new(Part::Member, escape::name(name), change));
    }
}

/// Whether the members that both have come in the same order.
fn order(meter: &mut Meter<'_>, old: &[Key<'_>], new: &[Key<'_>], into: &mut Difference) {
    let common = |keys: &[Key<'_>], others: &[Key<'_>]| -> Vec<usize> {
        let others: HashSet<&Key<'_>> = others.iter().collect();
        keys.iter().enumerate().filter(|(_, key)| others.contains(key)).map(|(at, _)| at).collect()
    };
    let (one, other) = (common(old, new), common(new, old));
    let differ = one.iter().zip(&other).position(|(a, b)| old[*a] != new[*b]);
    let Some(first) = differ else { return };
    let names = |keys: &[Key<'_>], at: &[usize]| {
        let names: Vec<String> =
            at[first..].iter().take(MAX_NAMES).map(|at| escape::name(keys[*at].0)).collect();
        let more = if at.len() - first > MAX_NAMES { ", \u{2026}" } else { "" };
        format!("{}{more}", names.join(", "))
    };
    let fact = Fact::both("order of members", names(old, &one), names(new, &other));
    let fact = fact.guess(guess::order(one.len(), "members"));
    meter.fact(into, fact);
}

fn values(before: &[Value], after: &[Value], into: &mut Difference) {
    let find = |values: &[Value], what: &str| {
        values.iter().find(|it| it.what == what).map(|value| value.text.clone())
    };
    let only_after = after.iter().filter(|it| before.iter().all(|other| other.what != it.what));
    for value in before.iter().chain(only_after) {
        let (one, other) = (find(before, &value.what), find(after, &value.what));
        if one != other {
            let guess = value.cause.and_then(|cause| guess::known(cause, &value.what));
            into.facts.push(Fact { what: value.what.clone(), before: one, after: other, guess });
        }
    }
}

fn content(
    meter: &mut Meter<'_>,
    (a, one): (&mut dyn Bytes, Location),
    (b, other): (&mut dyn Bytes, Location),
    depth: usize,
    into: &mut Difference,
) -> Result<(), Halt> {
    match (one, other) {
        (Location::Plain { start, length }, Location::Plain { start: other, length: other_length }) => {
            let (mut a, mut b) = (Window::new(a, start, length)?, Window::new(b, other, other_length)?);
            if streams::same(meter, &mut a, &mut b)? {
                return Ok(());
            }
            contents::compare(meter, &mut a, &mut b, depth, into)
        }
        (Location::Deflated { start, length }, Location::Deflated { start: other, length: other_length }) => {
            let (mut a, mut b) = (Window::new(a, start, length)?, Window::new(b, other, other_length)?);
            if streams::same(meter, &mut a, &mut b)? {
                return Ok(());
            }
            compressed::deflated(meter, &mut a, &mut b, depth, into)
        }
        // How it is stored differs, and is a value.
        _ => Ok(()),
    }
}
