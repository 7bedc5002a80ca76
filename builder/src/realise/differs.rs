//! Where two outputs differ that should be equal: the first paths, and likely causes.

use std::fmt;
use std::time::Duration;

use stele_compare as compare;
use stele_compare::Limits;
use stele_recipes::recipe::RecipeName;
use stele_store::model::TreeId;
use stele_store::{Origin, Outputs, Progress, ReadError, Realisation, Store};

use crate::comparing::{self, ComparingError};

/// The maximum number of paths named.
const MAX_PATHS: usize = 10;
/// The maximum number of differences examined within each of them.
const MAX_LISTED: usize = 5;
/// The maximum time for all of them.
const MAX_TIME: Duration = Duration::from_secs(10);

/// An output that differs from its record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Differs {
    /// The recipe.
    pub recipe: RecipeName,
    /// The output.
    pub output: String,
    /// Its recorded tree.
    pub before: TreeId,
    /// Its new tree.
    pub now: TreeId,
    /// The other store that recorded it.
    pub from: Option<String>,
    /// The first differing paths, in the order of names; empty when the recorded tree is gone.
    pub paths: Vec<Difference>,
    /// The number of further paths.
    pub more: u64,
}

/// A path at which two trees differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The path, escaped.
    pub path: String,
    /// The kind of difference.
    pub kind: DifferenceKind,
    /// The likely cause, guessed from the bytes.
    pub cause: Option<String>,
}

/// How two trees differ at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DifferenceKind {
    /// It is in both, with different content.
    Changed,
    /// It is only in the old tree.
    Removed,
    /// It is only in the new tree.
    Added,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        f.write_str(match self.kind {
            DifferenceKind::Changed => "",
            DifferenceKind::Removed => " (only before)",
            DifferenceKind::Added => " (only now)",
        })?;
        match &self.cause {
            Some(cause) => write!(f, " (probably {cause})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recipe, output, before, now, from, paths, more } = self;
        let said = from.as_ref().map(|from| format!(" according to {from}")).unwrap_or_default();
        write!(f, "recipe `{recipe}`: output {output} was {before}{said}, and this build made {now}")?;
        if !paths.is_empty() {
            f.write_str("; they differ in")?;
        }
        for (at, path) in paths.iter().enumerate() {
            write!(f, "{} {path}", if at == 0 { "" } else { "," })?;
        }
        if *more > 0 { write!(f, ", and {more} more") } else { Ok(()) }
    }
}

/// The first output that differs from its record.
pub(super) fn first(
    store: &Store,
    recipe: &RecipeName,
    before: &Realisation,
    now: &Outputs,
    progress: &Progress,
) -> Result<Option<Differs>, ReadError> {
    let differing = before.outputs.0.iter().find_map(|(output, before)| {
        let now = now.0.get(output)?;
        (now != before).then_some((output, *before, *now))
    });
    let Some((output, old, new)) = differing else { return Ok(None) };
    let (mut paths, mut more) = (Vec::new(), 0);
    if store.has_tree(&old)? {
        let findings = MAX_PATHS * (1 + MAX_LISTED);
        let limits = Limits { findings, listed: MAX_LISTED, time: MAX_TIME, ..Limits::default() };
        match comparing::trees(store, &old, &new, &limits, progress) {
            Ok(report) => {
                let compare::Counts { added, removed, changed } = report.counts;
                paths = report.differences.iter().take(MAX_PATHS).map(path).collect();
                more = (added + removed + changed).saturating_sub(paths.len() as u64);
            }
            Err(ComparingError::Read(error)) => return Err(error),
            // They differ, even if the paths are not known.
            Err(ComparingError::Cancelled(_) | ComparingError::Other { .. }) => {}
        }
    }
    let from = match &before.origin {
        Origin::Substituted { from } => Some(from.clone()),
        _ => None,
    };
    let (recipe, output) = (recipe.clone(), output.clone());
    Ok(Some(Differs { recipe, output, before: old, now: new, from, paths, more }))
}

fn path(difference: &compare::Difference) -> Difference {
    let kind = match difference.change {
        compare::Change::Changed => DifferenceKind::Changed,
        compare::Change::Removed => DifferenceKind::Removed,
        compare::Change::Added => DifferenceKind::Added,
    };
    // What is derived from other differences is not their cause.
    let guesses = difference.guesses();
    let cause = guesses.iter().map(|guess| guess.cause).find(|cause| *cause != compare::Cause::Derived);
    Difference { path: difference.name.clone(), kind, cause: cause.map(|cause| cause.to_string()) }
}
