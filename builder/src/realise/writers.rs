//! Which process wrote a path that differs, and where the difference came from: by the notes of two builds of the same
//! action. Pure.

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use stele_store::model::Digest;

use crate::notes::{Content, Notes, Version, Written};

/// At most so many processes that wrote to the same content are named.
const MAX_WRITERS: usize = 4;
/// At most so many contents on the way from the origin to the path are named.
const MAX_WAY: usize = 12;

/// A command line is shown up to so many characters.
const MAX_SHOWN: usize = 200;

/// A process that wrote something that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Writer {
    /// The path that it wrote, escaped; none of a pipe.
    pub wrote: Option<String>,
    /// Its arguments.
    pub argv: Vec<String>,
    /// Its working directory, escaped.
    pub directory: String,
}

/// The processes that wrote the path, escaped, of a build with the notes `now`, and what differs on the way there from
/// the build with the notes `before`: from the path back to what was written first. Empty if that was not noted.
pub(super) fn writers(before: &Notes, now: &Notes, path: &str) -> Vec<Writer> {
    let writer = |wrote: Option<&str>, process: usize| {
        now.processes.get(process).map(|it| Writer {
            wrote: wrote.map(str::to_owned),
            argv: it.argv.clone(),
            directory: it.directory.clone(),
        })
    };
    let known: HashSet<Digest> =
        before.contents.iter().flat_map(|it| &it.versions).filter_map(|it| it.digest).collect();
    let is_new = |it: &Written| it.digest.is_some_and(|digest| !known.contains(&digest));
    let found = now.contents.iter().position(|it| it.last.as_deref() == Some(path));
    let found = found.filter(|it| now.contents[*it].versions.last().is_some_and(is_new));
    // A link, a directory, or a mode that differs: nobody wrote that.
    let Some(content) = found else {
        return now.makers.get(path).and_then(|it| writer(Some(path), *it)).into_iter().collect();
    };
    let target = Version { content, number: now.contents[content].versions.len() - 1 };
    let way = way(now, target, &|version| of(now, version).is_some_and(is_new));
    let mut writers = Vec::new();
    for version in way.into_iter().take(MAX_WAY) {
        let Some(Content { path: first, last, .. }) = now.contents.get(version.content) else { continue };
        let wrote = if version == target {
            first.as_ref().or(last.as_ref())
        } else {
            last.as_ref().or(first.as_ref())
        };
        let of_content = of(now, version).map(|it| &it.writers[..]).unwrap_or_default();
        writers.extend(
            of_content.iter().take(MAX_WRITERS).filter_map(|it| writer(wrote.map(String::as_str), *it)),
        );
    }
    writers
}

fn of(notes: &Notes, version: Version) -> Option<&Written> {
    notes.contents.get(version.content)?.versions.get(version.number)
}

/// The way from `target` back to where the difference came from: to what was written first of all that differs and
/// that a writer had read; and from there again, until nothing more is found.
fn way(now: &Notes, target: Version, differs: &dyn Fn(Version) -> bool) -> Vec<Version> {
    let mut way = vec![target];
    while let Some(last) = way.last().copied()
        && way.len() < MAX_WAY
    {
        let from = origins(now, last);
        let is_next = |it: &Version| !way.contains(it) && differs(*it);
        let order = |it: &Version| of(now, *it).map_or(u64::MAX, |it| it.order);
        let Some(first) = from.keys().copied().filter(is_next).min_by_key(order) else { break };
        let mut between = vec![first];
        while let Some(next) = between.last().and_then(|it| from.get(it)).filter(|it| **it != last) {
            between.push(*next);
        }
        way.extend(between.into_iter().rev());
    }
    way
}

/// All that a content may come from, each with what was made from it on the shortest way.
fn origins(now: &Notes, target: Version) -> BTreeMap<Version, Version> {
    let mut from = BTreeMap::new();
    let mut queue = VecDeque::from([target]);
    while let Some(version) = queue.pop_front() {
        let Some(written) = of(now, version) else { continue };
        let read = written.writers.iter().filter_map(|it| now.processes.get(*it)).flat_map(|it| &it.reads);
        for origin in read {
            // What was begun later is not where this came from.
            let is_earlier = of(now, *origin).is_some_and(|it| it.order <= written.until);
            if is_earlier && *origin != target && !from.contains_key(origin) {
                from.insert(*origin, version);
                queue.push_back(*origin);
            }
        }
    }
    from
}

/// A command line as a shell takes it, cut when it is long.
pub fn command_line(argv: &[String]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+:,./%@^".contains(c);
    let quote = |it: &String| match !it.is_empty() && it.chars().all(plain) {
        true => it.clone(),
        false => format!("'{}'", it.replace('\'', "'\\''")),
    };
    let line = argv.iter().map(quote).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
