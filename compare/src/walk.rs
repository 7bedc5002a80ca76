//! Two trees, directory by directory.

use std::io;

use super::meter::{Halt, Meter};
use super::report::{Cause, Change, Counts, Difference, Fact, Part, Report, VERSION};
use super::view::{Bytes, Entry, Id, Node, View};
use super::{Options, contents, escape, guess, streams};

/// Why two trees could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// It was cancelled.
    #[error("the comparison was cancelled")]
    Cancelled,
    /// Something cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// Its path, escaped; `.` for the tree itself.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// What the two are called in which something is looked for.
struct Sides<'a> {
    before: &'a dyn View,
    after: &'a dyn View,
}

/// Compares the directory `before.1` of one view with `after.1` of another.
///
/// # Errors
/// When it is cancelled, or something cannot be read. Reaching a limit is no error.
pub fn compare(
    before: (&dyn View, &Id),
    after: (&dyn View, &Id),
    options: Options<'_>,
) -> Result<Report, CompareError> {
    let mut meter = Meter::new(options);
    let sides = Sides { before: before.0, after: after.0 };
    let (mut counts, mut differences) = (Counts::default(), Vec::new());
    let mut open = vec![(String::new(), before.1.clone(), after.1.clone())];
    while let Some((path, one, other)) = open.pop() {
        if one == other {
            continue;
        }
        let failed = |source| CompareError::Read { path: named(&path), source };
        let one = sides.before.entries(&one).map_err(failed)?;
        let other = sides.after.entries(&other).map_err(failed)?;
        let mut below = Vec::new();
        for (before, after) in merged(&one, &other) {
            if (options.cancelled)() {
                return Err(CompareError::Cancelled);
            }
            let entry = before.or(after).map(|it| it.name.as_slice()).unwrap_or_default();
            let mut name = path.clone();
            if !name.is_empty() {
                name.push('/');
            }
            name += &escape::name(entry);
            if let (Some(Node::Directory { id: one }), Some(Node::Directory { id: other })) =
                (before.map(|it| &it.node), after.map(|it| &it.node))
            {
                below.push((name.clone(), one.clone(), other.clone()));
            }
            let found = entries(&mut meter, &sides, name, before, after)?;
            let Some((change, found)) = found else { continue };
            match change {
                Change::Added => counts.added += 1,
                Change::Removed => counts.removed += 1,
                Change::Changed => counts.changed += 1,
            }
            differences.extend(found);
        }
        open.extend(below.into_iter().rev());
    }
    let same = counts == Counts::default();
    Ok(Report { version: VERSION, same, counts, differences, left_out: meter.left_out() })
}

/// Compares two contents that are called `name`.
///
/// # Errors
/// When it is cancelled, or something cannot be read. Reaching a limit is no error.
pub fn compare_contents(
    name: &[u8],
    before: &mut dyn Bytes,
    after: &mut dyn Bytes,
    options: Options<'_>,
) -> Result<Report, CompareError> {
    let mut meter = Meter::new(options);
    let mut difference = Difference::new(Part::Path, escape::name(name), Change::Changed);
    // What a reader of a format notes about two equal contents is no difference.
    let same = streams::same(&mut meter, before, after).map_err(of_source);
    let is_same = matches!(same, Ok(true));
    let outcome = match same {
        Ok(true) => Ok(()),
        Ok(false) => contents::compare(&mut meter, before, after, 0, &mut difference),
        Err(halt) => Err(halt),
    };
    settle(&mut meter, outcome, &mut difference)?;
    let counts = Counts { changed: u64::from(!is_same), ..Counts::default() };
    let differences = if is_same { Vec::new() } else { vec![difference] };
    Ok(Report { version: VERSION, same: is_same, counts, differences, left_out: meter.left_out() })
}

/// Without a reader of a format, an error is the source's.
fn of_source(halt: Halt) -> Halt {
    match halt {
        Halt::Malformed(why) => Halt::Source(io::Error::other(why)),
        halt => halt,
    }
}

fn named(path: &str) -> String {
    if path.is_empty() { ".".to_owned() } else { path.to_owned() }
}

/// How two entries of one name differ, and that in words when there is room for it.
fn entries(
    meter: &mut Meter<'_>,
    sides: &Sides<'_>,
    name: String,
    before: Option<&Entry>,
    after: Option<&Entry>,
) -> Result<Option<(Change, Option<Difference>)>, CompareError> {
    let change = match (before, after) {
        (Some(before), Some(after)) => match attributes_equal(before, after) && nodes_equal(before, after) {
            true => return Ok(None),
            false => Change::Changed,
        },
        (Some(_), None) => Change::Removed,
        (None, _) => Change::Added,
    };
    if !meter.has_room_for_path() {
        return Ok(Some((change, None)));
    }
    let mut difference = Difference::new(Part::Path, name, change);
    let (Some(before), Some(after)) = (before, after) else {
        let what = before.or(after).map(|it| kind(&it.node).to_owned());
        let (before, after) = if change == Change::Removed { (what, None) } else { (None, what) };
        difference.facts.push(Fact { what: "kind".to_owned(), before, after, guess: None });
        return Ok(Some((change, Some(difference))));
    };
    attributes(before, after, &mut difference);
    match (&before.node, &after.node) {
        (Node::File { id: one, size: from }, Node::File { id: other, size: to }) if one != other => {
            if from != to {
                difference.facts.push(Fact::both("size", from.to_string(), to.to_string()));
            }
            let failed = |source| CompareError::Read { path: difference.name.clone(), source };
            let mut one = sides.before.open(one).map_err(failed)?;
            let mut other = sides.after.open(other).map_err(failed)?;
            let outcome = contents::compare(meter, &mut *one, &mut *other, 0, &mut difference);
            settle(meter, outcome, &mut difference)?;
        }
        (Node::Symlink { target: one }, Node::Symlink { target: other }) if one != other => {
            let guess = guess::of_texts(&String::from_utf8_lossy(one), &String::from_utf8_lossy(other));
            let fact = Fact::both("target", escape::name(one), escape::name(other));
            difference.facts.push(fact.guess(guess));
        }
        _ => {}
    }
    Ok(Some((change, Some(difference))))
}

/// Turns a reached limit into a note, and the rest into errors.
fn settle(
    meter: &mut Meter<'_>,
    outcome: Result<(), Halt>,
    difference: &mut Difference,
) -> Result<(), CompareError> {
    let path = difference.name.clone();
    match outcome {
        Ok(()) => Ok(()),
        Err(Halt::Exhausted(bound)) => {
            contents::exhausted(meter, bound, difference);
            Ok(())
        }
        Err(Halt::Cancelled) => Err(CompareError::Cancelled),
        Err(Halt::Source(source)) => Err(CompareError::Read { path, source }),
        Err(Halt::Malformed(why)) => Err(CompareError::Read { path, source: io::Error::other(why) }),
    }
}

/// Of two directories, the entries are compared by themselves.
fn nodes_equal(before: &Entry, after: &Entry) -> bool {
    match (&before.node, &after.node) {
        (Node::Directory { .. }, Node::Directory { .. }) => true,
        (before, after) => before == after,
    }
}

fn attributes_equal(before: &Entry, after: &Entry) -> bool {
    let differ = |one: Option<u32>, other: Option<u32>| one.zip(other).is_some_and(|(a, b)| a != b);
    let owners = before.owner.zip(after.owner).is_some_and(|(a, b)| a != b);
    !differ(before.mode, after.mode) && !owners
}

fn attributes(before: &Entry, after: &Entry, difference: &mut Difference) {
    let (one, other) = (kind(&before.node), kind(&after.node));
    if one != other {
        difference.facts.push(Fact::both("kind", one, other));
    }
    if let (Some(one), Some(other)) = (before.mode, after.mode)
        && one != other
    {
        let fact = Fact::both("mode", format!("{one:04o}"), format!("{other:04o}"));
        difference.facts.push(fact.guess(guess::of_modes(one, other)));
    }
    if let (Some(one), Some(other)) = (before.owner, after.owner)
        && one != other
    {
        let spelled = |(user, group): (u32, u32)| format!("{user}:{group}");
        let fact = Fact::both("owner", spelled(one), spelled(other));
        difference.facts.push(fact.guess(guess::known(Cause::Owner, "another owner or group")));
    }
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node::Directory { .. } => "directory",
        Node::File { .. } => "file",
        Node::Symlink { .. } => "symbolic link",
    }
}

/// The entries of two directories, by their names.
fn merged<'a>(before: &'a [Entry], after: &'a [Entry]) -> Vec<(Option<&'a Entry>, Option<&'a Entry>)> {
    let mut merged = Vec::with_capacity(before.len().max(after.len()));
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(a), Some(b)) => a.name.cmp(&b.name),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return merged,
        };
        let one = if order.is_le() { old.next() } else { None };
        let other = if order.is_ge() { new.next() } else { None };
        merged.push((one, other));
    }
}
