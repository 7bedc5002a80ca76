//! Builds a recipe again and again under varied conditions, and compares the outputs. The outcome is a record, which is
//! kept in the store with the realisation (`docs/formats.md`, "`check`").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use stele_store::model::{Digest, TreeId};
use stele_store::{Keep, Origin, Progress, Realised};

use super::action::Work;
use super::differs::DifferenceKind;
use super::schedule::Prepared;
use super::variation::{Variation, Varied};
use super::{Builder, Event, Failed, Realisations, Request};
use crate::profile;

/// The version of the record.
const VERSION: u32 = 1;

/// Longer than the two seconds in which zip archives count; most other files have whole seconds.
const TICK: Duration = Duration::from_millis(2_100);

/// The outcome of a check.
pub enum Checking {
    /// All rounds were done.
    Checked(CheckRecord),
    /// The inputs of the recipe could not be realised.
    Unready(Realisations),
}

/// The record of a check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckRecord {
    /// 1.
    pub version: u32,
    /// The recipe.
    pub recipe: String,
    /// The digest of its action.
    pub action: Digest,
    /// The digest of the sandbox profile.
    pub profile: Digest,
    /// The version of Stele.
    pub stele: String,
    /// The outputs that each round is compared with.
    pub outputs: BTreeMap<String, TreeId>,
    /// Whether this store built them, or another.
    pub own: bool,
    /// Whether every round gave the same.
    pub reproducible: bool,
    /// The rounds, in their order.
    pub rounds: Vec<CheckRound>,
}

/// One build of a check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckRound {
    /// Counted from 1.
    pub round: u32,
    /// When it began, in seconds since 1970-01-01 UTC.
    pub began: u64,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// The vectors that were varied.
    pub varied: Vec<Varied>,
    /// The outcome.
    #[serde(flatten)]
    pub outcome: RoundOutcome,
}

/// The outcome of a round.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum RoundOutcome {
    /// The same outputs.
    Same {},
    /// Other outputs.
    Differs {
        /// The first output that differs.
        output: String,
        /// Its tree, which is kept for a day.
        digest: TreeId,
        /// The first paths that differ.
        paths: Vec<DifferingPath>,
        /// The number of further paths.
        more: u64,
    },
    /// None: the build failed.
    Failed {
        /// Why.
        error: String,
    },
}

/// A path that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DifferingPath {
    /// The path, escaped.
    pub path: String,
    /// `changed`, `added` or `removed`.
    pub change: String,
    /// The likely cause, guessed from the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl Builder {
    /// Builds the only goal of a request so many times, each under other conditions, and records the result. The goal
    /// has to be built already.
    ///
    /// # Errors
    /// When there is no plan, the sandbox cannot be created, or the request is cancelled.
    pub fn check(
        self: &Arc<Self>,
        request: &Request<'_>,
        rounds: u32,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Checking, Failed> {
        let doing = self.doing(request, progress, tell)?;
        let (prepared, realised) = doing.prepare()?;
        let Some(Prepared { mut work, .. }) = prepared else { return Ok(Checking::Unready(realised)) };
        let Some(before) = work.before.clone() else {
            return Err(Failed::Gone { recipe: work.recipe });
        };
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut record = CheckRecord {
            version: VERSION,
            recipe: work.recipe.to_string(),
            action: work.id.0,
            profile: profile::digest(),
            stele: env!("CARGO_PKG_VERSION").to_owned(),
            outputs: before.outputs.0,
            own: before.origin == Origin::Built,
            reproducible: true,
            rounds: Vec::new(),
        };
        await_tick();
        for round in 1..=rounds {
            let variation = Variation::of_round(round, &work.action.env, &work.action.special, processors);
            let done = self.round(&mut work, variation, progress, tell)?;
            record.reproducible &= done.outcome == RoundOutcome::Same {};
            record.rounds.push(CheckRound { round, ..done });
        }
        // Strings and numbers can always be serialised.
        let text = serde_json::to_vec(&record).unwrap_or_default();
        let realised = Realised { check: Some((work.id.0, text)), ..Realised::default() };
        self.store.session()?.finish(&[], &Keep { realised, ..Keep::default() })?;
        Ok(Checking::Checked(record))
    }

    /// Builds once under these conditions, and compares.
    pub(super) fn round(
        self: &Arc<Self>,
        work: &mut Work,
        variation: Variation,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<CheckRound, Failed> {
        let (began, begun) = (stele_store::now(), Instant::now());
        let varied = variation.varied();
        let held = match variation.modified() {
            profile::MODIFIED => self.held()?,
            modified => self.hold_anew(None, modified)?,
        };
        let load = variation.begin_load();
        work.variation = Some(variation);
        let outcome = self.run_alone(work, &held, progress, tell);
        drop(load);
        progress.check()?;
        let outcome = match outcome {
            Ok(_) => RoundOutcome::Same {},
            Err(error) => of_error(&error),
        };
        Ok(CheckRound { round: 0, began, seconds: begun.elapsed().as_secs(), varied, outcome })
    }
}

/// Waits until no clock reads the same as in the build that is compared with, which may have ended just now.
pub(super) fn await_tick() {
    std::thread::sleep(TICK);
}

fn of_error(error: &Failed) -> RoundOutcome {
    let Failed::Differs(differs) = error else { return RoundOutcome::Failed { error: error.to_string() } };
    let path = |it: &super::Difference| DifferingPath {
        path: it.path.clone(),
        change: match it.kind {
            DifferenceKind::Changed => "changed",
            DifferenceKind::Removed => "removed",
            DifferenceKind::Added => "added",
        }
        .to_owned(),
        cause: it.cause.clone(),
    };
    RoundOutcome::Differs {
        output: differs.output.clone(),
        digest: differs.now,
        paths: differs.paths.iter().map(path).collect(),
        more: differs.more,
    }
}
