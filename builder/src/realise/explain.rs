//! Explains why a recipe is not reproducible: builds it again with fewer and fewer vectors varied, until those are left
//! that alone change the output.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use stele_recipes::action::SandboxPath;
use stele_store::model::{Digest, TreeId};
use stele_store::{Keep, Origin, Progress, Realised};

use super::check::{CheckRecord, RoundOutcome, await_tick};
use super::schedule::Prepared;
use super::variation::{Variation, Varied};
use super::writers::{Writer, writers};
use super::{Builder, Event, Failed, Realisations, Request};
use crate::notes::Notes;
use crate::profile;

/// The version of the explanation.
const VERSION: u32 = 1;
/// The rounds of a check whose conditions are tried, the hostile ones.
const HOSTILE: [u32; 2] = [2, 3];

/// The outcome of an explanation.
pub enum Explaining {
    /// It was explained.
    Explained(Explanation),
    /// The inputs of the recipe could not be realised.
    Unready(Realisations),
}

/// Why a recipe is, or is not, reproducible.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// 1.
    pub version: u32,
    /// The recipe.
    pub recipe: String,
    /// The digest of its action.
    pub action: Digest,
    /// The digest of the sandbox profile.
    pub profile: Digest,
    /// The outputs that each build is compared with.
    pub outputs: BTreeMap<String, TreeId>,
    /// Whether this store built them, or another.
    pub own: bool,
    /// What was found.
    pub cause: Cause,
    /// The vectors that alone change the output, if some do.
    pub vectors: Vec<Varied>,
    /// The processes that wrote the first path that differs, and what it was made from that differs: back to what was
    /// written first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writers: Vec<Writer>,
    /// The builds, in their order.
    pub builds: Vec<ExplainBuild>,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Every build gave the same.
    None,
    /// Something that the sandbox lets through, such as the time or random numbers: it differs with nothing varied.
    LetThrough,
    /// A vector, or several together.
    Vectors,
    /// It failed under varied conditions.
    Fails,
    /// It fails with nothing varied.
    Broken,
}

/// One build.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExplainBuild {
    /// The vectors that were varied.
    pub varied: Vec<Varied>,
    /// How long it took, in seconds; none if a check's record has it already.
    pub seconds: Option<u64>,
    /// The outcome.
    #[serde(flatten)]
    pub outcome: RoundOutcome,
}

impl Explanation {
    /// The first build that shows it.
    pub fn shown(&self) -> Option<&ExplainBuild> {
        let shows = |it: &&ExplainBuild| it.outcome != RoundOutcome::Same {} && it.varied == self.vectors;
        self.builds.iter().rev().find(shows)
    }
}

impl Builder {
    /// Builds the only goal of a request as often as it takes to tell what changes its output. The goal has to be built
    /// already. What a check of the same action and profile recorded is not built again.
    ///
    /// # Errors
    /// When there is no plan, the sandbox cannot be created, or the request is cancelled.
    pub fn explain(
        self: &Arc<Self>,
        request: &Request<'_>,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Explaining, Failed> {
        let doing = self.doing(request, progress, tell)?;
        let (prepared, realised) = doing.prepare()?;
        let Some(Prepared { mut work, .. }) = prepared else { return Ok(Explaining::Unready(realised)) };
        let Some(before) = work.before.clone() else {
            return Err(Failed::Gone { recipe: work.recipe });
        };
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let known = self.store.check_of(&work.id.0)?;
        let known = known.and_then(|text| serde_json::from_slice::<CheckRecord>(&text).ok());
        let known = known.filter(|it| it.profile == profile::digest() && it.outputs == before.outputs.0);
        let (recipe, action) = (work.recipe.to_string(), work.id.0);
        let (env, special) = (work.action.env.clone(), work.action.special.clone());
        let mut builds: Vec<ExplainBuild> = Vec::new();
        let mut build = |variation: Variation, noted: bool| -> Result<(RoundOutcome, Notes), Failed> {
            let varied = variation.varied();
            let recorded = known.iter().flat_map(|it| &it.rounds).find(|it| it.varied == varied && !noted);
            let (seconds, outcome) = match recorded {
                Some(round) => (None, round.outcome.clone()),
                None => {
                    work.notes = noted.then(Mutex::default);
                    let round = self.round(&mut work, variation, progress, tell)?;
                    (Some(round.seconds), round.outcome)
                }
            };
            builds.push(ExplainBuild { varied, seconds, outcome: outcome.clone() });
            let notes = work.notes.take().and_then(|it| it.into_inner().ok()).unwrap_or_default();
            Ok((outcome, notes))
        };
        await_tick();
        let (first, _) = build(Variation::usual(), false)?;
        let mut found = (first.cause(Cause::LetThrough, Cause::Broken), Variation::usual());
        for round in HOSTILE {
            if found.0 != Cause::None {
                break;
            }
            let all = Variation::of_round(round, &env, &special, processors);
            let (outcome, _) = build(all.clone(), false)?;
            let cause = outcome.cause(Cause::Vectors, Cause::Fails);
            if cause == Cause::None {
                continue;
            }
            let mut changes = |names: &[String]| -> Result<bool, Failed> {
                let (outcome, _) = build(all.only(names), false)?;
                Ok(outcome.cause(Cause::Vectors, Cause::Fails) == cause)
            };
            let names = all.varied().into_iter().map(|it| it.vector).collect();
            let names = minimal(names, &mut changes)?;
            found = (cause, all.only(&names));
        }
        let (cause, variation) = found;
        let vectors = variation.varied();
        let mut named = Vec::new();
        if matches!(cause, Cause::LetThrough | Cause::Vectors) {
            // Taking notes makes a build slow, so it is done only when there is something to be named.
            let (_, usual) = build(Variation::usual(), true)?;
            await_tick();
            let (outcome, notes) = build(variation, true)?;
            named = named_by(&work.action.outputs, &outcome, &usual, &notes);
        }
        let explanation = Explanation {
            version: VERSION,
            recipe,
            action,
            profile: profile::digest(),
            outputs: before.outputs.0,
            own: before.origin == Origin::Built,
            cause,
            vectors,
            writers: named,
            builds,
        };
        // Strings and numbers can always be serialised.
        let text = serde_json::to_vec(&explanation).unwrap_or_default();
        let realised = Realised { explanation: Some((action, text)), ..Realised::default() };
        self.store.session()?.finish(&[], &Keep { realised, ..Keep::default() })?;
        Ok(Explaining::Explained(explanation))
    }
}

impl RoundOutcome {
    /// What it means if it differs, and if it failed.
    fn cause(&self, differs: Cause, failed: Cause) -> Cause {
        match self {
            Self::Same {} => Cause::None,
            Self::Differs { .. } => differs,
            Self::Failed { .. } => failed,
        }
    }
}

/// The processes that wrote the first path that differs in `outcome`, whose build has the notes `now`.
fn named_by(
    outputs: &BTreeMap<String, SandboxPath>,
    outcome: &RoundOutcome,
    usual: &Notes,
    now: &Notes,
) -> Vec<Writer> {
    let RoundOutcome::Differs { output, paths, .. } = outcome else { return Vec::new() };
    let (Some(place), Some(first)) = (outputs.get(output), paths.first()) else { return Vec::new() };
    let path = format!("{place}/{}", first.path);
    // What was removed, the usual build wrote.
    if first.change == "removed" { writers(now, usual, &path) } else { writers(usual, now, &path) }
}

/// The fewest of `all` that still change something, as far as it can be told without trying every set (delta debugging:
/// A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input"). That all of them do is known.
fn minimal<E>(
    all: Vec<String>,
    changes: &mut dyn FnMut(&[String]) -> Result<bool, E>,
) -> Result<Vec<String>, E> {
    let mut current = all;
    let mut parts = 2;
    while current.len() >= 2 {
        let chunks: Vec<Vec<String>> =
            current.chunks(current.len().div_ceil(parts)).map(<[String]>::to_vec).collect();
        let mut smaller = None;
        for chunk in &chunks {
            if changes(chunk)? {
                smaller = Some((chunk.clone(), 2));
                break;
            }
        }
        // Two parts are each other's rest.
        for chunk in chunks.iter().filter(|_| chunks.len() > 2) {
            if smaller.is_some() {
                break;
            }
            let rest: Vec<String> = current.iter().filter(|it| !chunk.contains(it)).cloned().collect();
            if changes(&rest)? {
                smaller = Some((rest, (parts - 1).max(2)));
            }
        }
        match smaller {
            Some((fewer, next)) => (current, parts) = (fewer, next),
            None if parts >= current.len() => break,
            None => parts = (parts * 2).min(current.len()),
        }
    }
    Ok(current)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found when exactly these together change something, and how often it was tried.
    fn found(all: usize, needed: &[usize]) -> (Vec<String>, usize) {
        let name = |number: usize| format!("v{number}");
        let needed: Vec<String> = needed.iter().map(|number| name(*number)).collect();
        let mut tries = 0;
        let mut changes = |names: &[String]| -> Result<bool, ()> {
            tries += 1;
            Ok(needed.iter().all(|it| names.contains(it)))
        };
        let found = minimal((0..all).map(name).collect(), &mut changes).unwrap();
        (found, tries)
    }

    #[test]
    fn one_vector_among_thirteen_is_found_in_a_few_builds() {
        for number in 0..13 {
            let (found, tries) = found(13, &[number]);
            assert_eq!(found, [format!("v{number}")]);
            assert!(tries <= 8, "{number}: {tries}");
        }
        assert_eq!(found(1, &[0]), (vec!["v0".to_owned()], 0));
    }

    #[test]
    fn vectors_that_only_together_change_something_are_all_named() {
        for (one, other) in [(0, 12), (3, 4), (6, 7), (0, 1), (5, 11)] {
            let (found, tries) = found(13, &[one, other]);
            assert_eq!(found, [format!("v{one}"), format!("v{other}")]);
            assert!(tries <= 40, "{tries}");
        }
    }
}
