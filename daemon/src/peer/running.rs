//! Has another store run an action: sends what it lacks of what the action needs, and then the action.
//!
//! On a connection of its own, since it may take hours and other questions go on.

use std::io::{PipeReader, PipeWriter};
use std::time::Duration;

use stele::answers::Answer;
use stele::builds::{ActionOfOther, Built};
use stele::copies::{CopyAnswer, CopyRequest, offer};
use stele::{Failure, Kind, Request};
use stele_builder::realise::{ElsewhereError, ElsewhereJob, Unavailable};
use stele_remote::{End, Found, Item, Keeping, Received, Wanted};
use stele_store::Progress;

use super::OTHER;
use super::asking::{Access, Asked, shown};

/// The most bytes of an answer: it names what is lacking of what it was asked about.
const MAX_LACKING: usize = 64 << 20;

/// How long after the time limit of a build its end is waited for: it is counted there, from when it begins.
const LATE: Duration = Duration::from_secs(600);

/// Runs the action there. A store that stops answering is not asked again by `all`.
///
/// # Errors
/// When the other store cannot, or the build fails.
pub(super) fn run(
    access: &Access,
    all: &Asked,
    job: &ElsewhereJob<'_>,
    progress: &Progress,
) -> Result<(), ElsewhereError> {
    let asked = Asked::begin(access.clone(), MAX_LACKING)
        .map_err(|error| ElsewhereError::Unavailable(error.into()))?;
    let outcome = run_by(&asked, job, progress);
    if asked.is_gone() {
        all.give_up();
    }
    outcome
}

fn run_by(asked: &Asked, job: &ElsewhereJob<'_>, progress: &Progress) -> Result<(), ElsewhereError> {
    let unavailable = ElsewhereError::Unavailable;
    let said = |failure: Failure| unavailable(shown(&failure.message).into());
    let mut there = There { asked, progress };
    offer(job.store, &[Item::Tree(job.action.root.0)], &mut there, progress).map_err(said)?;
    let text = job.action.encode().map_err(|e| unavailable(e.into()))?;
    let ask = ActionOfOther {
        recipe: job.recipe.to_string(),
        action: String::from_utf8(text).map_err(|e| unavailable(e.into()))?,
        timeout: job.limits.seconds,
        memory: Some(job.limits.memory),
    };
    let waiting = asked.ask_for_work(Request::Perform { ask }, progress).map_err(unavailable)?;
    let most = job.limits.seconds.map(|seconds| Duration::from_secs(seconds) + LATE);
    match waiting.end_of_work(most, job.stepped).map_err(unavailable)?.map_err(said)? {
        Answer::Built(Built { failed, .. }) => match failed.first() {
            None => Ok(()),
            Some(failure) => {
                let lines: Vec<String> = failure.message.lines().take(40).map(shown).collect();
                Err(ElsewhereError::Failed(lines.join("\n")))
            }
        },
        _ => Err(unavailable(OTHER.into())),
    }
}

/// The other store, as the receiver of a copy.
struct There<'a> {
    asked: &'a Asked,
    progress: &'a Progress,
}

fn failed(error: &Unavailable) -> Failure {
    Failure::new(Kind::Failed, error.to_string())
}

fn only_receives() -> Failure {
    Failure::new(Kind::Failed, "this end of the copy only receives")
}

impl End<Failure> for There<'_> {
    fn find(&mut self, _: &str) -> Result<Found, Failure> {
        Err(only_receives())
    }

    fn lacking(&mut self, items: &[Item]) -> Result<Vec<Item>, Failure> {
        let ask = CopyRequest::Lacking { items: items.to_vec() };
        let waiting = self.asked.ask(Some(Request::Copy { ask }), 0, self.progress);
        match waiting.and_then(|it| it.end()).map_err(|e| failed(&e))?? {
            Answer::Copy(CopyAnswer::Lacking(lacking)) => Ok(lacking),
            _ => Err(failed(&OTHER.into())),
        }
    }

    fn send(&mut self, _: &Wanted, _: PipeWriter) -> Result<(), Failure> {
        Err(only_receives())
    }

    fn receive(&mut self, from: PipeReader, keeping: &Keeping) -> Result<Received, Failure> {
        let waiting = self.asked.give(keeping, from, self.progress);
        match waiting.and_then(|it| it.end()).map_err(|e| failed(&e))?? {
            Answer::Copy(CopyAnswer::Received(received)) => Ok(received),
            _ => Err(failed(&OTHER.into())),
        }
    }
}
