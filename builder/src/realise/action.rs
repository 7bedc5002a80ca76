//! An action that is run once for all requests that want it.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stele_recipes::action::{Action, ActionId, Platform};
use stele_recipes::plan::Memo;
use stele_recipes::recipe::RecipeName;
use stele_store::crash::CrashPoint;
use stele_store::model::BlobId;
use stele_store::{Holder, Keep, Last, Origin, Outputs, Progress, Realisation, Realised};

use super::caught::caught;
use super::error::Ended;
use super::shared::{BuildEvent, Outcome, Shared};
use super::slots::Turn;
use super::variation::Variation;
use super::{Builder, Event, Failed, Holding, KEPT, lock};
use crate::hold::Held;
use crate::notes::Notes;
use crate::sandbox::{self, Ending, Guard, Limits, Report, Running, folder};

/// An action to run, with its context.
pub(super) struct Work {
    /// The recipe.
    pub recipe: RecipeName,
    /// Its digest.
    pub id: ActionId,
    /// The action.
    pub action: Action,
    /// What the recipe is built from. Without it, nothing is recorded by the recipe's name: another store sent the
    /// action, and has recipes of its own.
    pub memo: Option<Memo>,
    /// Its limits.
    pub limits: Limits,
    /// Whether to keep its folder when it fails.
    pub keep_failed: bool,
    /// What to compare the outputs with. If this store built that itself, nothing else of the new build is
    /// recorded.
    pub before: Option<Realisation>,
    /// What is different from other builds, in a check: nothing of it is recorded as the action's.
    pub variation: Option<Variation>,
    /// Where to put the notes of the build, if they are taken.
    pub notes: Option<Mutex<Notes>>,
}

impl Work {
    /// The records to store with the outputs, and how long these stay without a root.
    pub fn keep(&self, outputs: &Outputs, log: Option<BlobId>, origin: Origin) -> Keep {
        let lease = Some(Holder::Until(stele_store::now().saturating_add(KEPT)));
        let is_known = self.before.as_ref().is_some_and(|before| before.origin == Origin::Built);
        if is_known || self.variation.is_some() {
            return Keep { lease, ..Keep::default() };
        }
        // The action was encoded for its digest before, and strings can always be serialised.
        let request = self.action.encode().unwrap_or_default();
        let memo = |memo| (self.recipe.to_string(), serde_json::to_vec(memo).unwrap_or_default());
        let log_of_recipe = log.filter(|_| self.memo.is_some());
        let realised = Realised {
            of: Some((request, Realisation { outputs: outputs.clone(), log, origin })),
            memo: self.memo.as_ref().map(memo),
            last: log_of_recipe.map(|log| (self.recipe.to_string(), last(self, log, None))),
            check: None,
            explanation: None,
        };
        Keep { lease, realised, ..Keep::default() }
    }
}

impl Builder {
    /// Runs the action, or joins the request that runs it; waits for its outputs, which `holding` then holds.
    ///
    /// A joined build has the limits of the request that began it, which are reported. When one of those ends
    /// it, and they differ from the wanted ones, it is started again.
    pub(super) fn realise_action(
        self: &Arc<Self>,
        work: Work,
        holding: &Holding,
        progress: &Progress,
        mut see: impl FnMut(BuildEvent),
    ) -> Result<Outputs, Arc<Failed>> {
        let work = Arc::new(work);
        loop {
            let (shared, joined) = self.shared(&work, progress)?;
            let others = joined && *shared.limits() != work.limits;
            if others {
                see(BuildEvent::Joined(shared.limits().clone()));
            }
            match shared.wait(progress, &mut see) {
                Ok(outputs) => {
                    // The build itself holds them until no request waits for it.
                    holding.keep_outputs(&outputs).map_err(|e| Arc::new(e.into()))?;
                    return Ok(outputs);
                }
                Err(error) if others && is_limit(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The build of an action: a running one, which is joined, or a new one. Returns whether it was joined.
    fn shared(
        self: &Arc<Self>,
        work: &Arc<Work>,
        progress: &Progress,
    ) -> Result<(Arc<Shared>, bool), Arc<Failed>> {
        let id = work.id;
        loop {
            let mut running = lock(&self.running);
            match running.get(&id) {
                Some(shared) if shared.join(work.keep_failed) => return Ok((Arc::clone(shared), true)),
                // It is being stopped: start again when it has ended.
                Some(shared) => {
                    let shared = Arc::clone(shared);
                    drop(running);
                    shared.wait_over(progress)?;
                }
                None => {
                    let shared = Shared::new(work, self.holding());
                    shared.join(work.keep_failed);
                    running.insert(id, Arc::clone(&shared));
                    drop(running);
                    let (builder, of_thread, work) =
                        (Arc::clone(self), Arc::clone(&shared), Arc::clone(work));
                    let begun = std::thread::Builder::new().name("build".to_owned()).spawn(move || {
                        let run = || builder.run(&work, &of_thread).map_err(Arc::new);
                        let outcome = caught(&work.recipe, run);
                        lock(&builder.running).remove(&id);
                        of_thread.over(outcome);
                    });
                    if let Err(source) = begun {
                        lock(&self.running).remove(&id);
                        return Err(Arc::new(Failed::Thread { source }));
                    }
                    return Ok((shared, false));
                }
            }
        }
    }

    fn run(&self, work: &Work, shared: &Shared) -> Result<Outputs, Failed> {
        let turn = self.slots.take(&shared.progress)?;
        let held = self.held()?;
        self.run_in(work, &held, shared, turn)
    }

    /// Runs the action in namespaces below `held`.
    pub(super) fn run_in(
        &self,
        work: &Work,
        held: &Held,
        shared: &Shared,
        _turn: Turn<'_>,
    ) -> Result<Outputs, Failed> {
        let path = self.builds.join(unique()?);
        let failed = |source| Failed::Folder { path: path.clone(), source };
        let guard = Guard::of(held, &path, false)?;
        let lock = folder::make(&path, held.owner()).map_err(failed)?;
        stele_store::crash::point(CrashPoint::BuildFolderMade);
        let log_path = path.join(folder::LOG);
        let log = File::create(&log_path).map_err(failed)?;
        let machine = work.variation.as_ref().map(Variation::machine).unwrap_or_default();
        let mut job = sandbox::job_on(&work.action, &path, work.limits.clone(), machine);
        if let Some(variation) = &work.variation {
            variation.apply(&mut job);
        }
        job.notes = work.notes.is_some();
        let begun = Instant::now();
        let running = guard.start(held, &job, &log, &lock, &[])?;
        shared.begun(log_path);
        let ending = Self::follow(&running, &shared.progress, |step| shared.stepped(step));
        if let Some(notes) = &work.notes {
            // Without them, an explanation names no process.
            let text = std::fs::read(path.join(folder::NOTES)).unwrap_or_default();
            *super::lock(notes) = serde_json::from_slice(&text).unwrap_or_default();
        }
        let outcome = self.after(work, &path, ending, begun, shared);
        let outcome = match outcome {
            Err(error) if shared.keeps_failed() && !matches!(error, Failed::Cancelled(_)) => {
                let kept = self.leave(&path, work);
                running.keep();
                Err(with_kept(error, kept))
            }
            outcome => {
                running.clear();
                // If the supervisor was killed, it has not removed the folder.
                if path.exists() {
                    sandbox::clear_one(&path);
                }
                outcome
            }
        };
        drop(lock);
        outcome
    }

    /// Runs the action for one request alone, which no other joins.
    pub(super) fn run_alone(
        self: &Arc<Self>,
        work: &Work,
        held: &Held,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Outcome {
        let shared = Shared::new(work, self.holding());
        shared.join(work.keep_failed);
        let (recipe, action, steps) = (work.recipe.clone(), work.id, work.action.steps.len());
        tell(Event::Waits { recipe: recipe.clone() });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                shared.over(caught(&work.recipe, || {
                    let turn = self.slots.take(&shared.progress).map_err(Failed::from);
                    let outcome = turn.and_then(|turn| self.run_in(work, held, &shared, turn));
                    outcome.map_err(Arc::new)
                }));
            });
            shared.wait(progress, |happened| {
                let recipe = recipe.clone();
                tell(match happened {
                    BuildEvent::Begun(log) => Event::Begins { recipe, action, steps, log },
                    BuildEvent::Step(step) => Event::Step { recipe, step },
                    BuildEvent::Joined(limits) => Event::Joins { recipe, limits },
                });
            })
        })
    }

    /// Waits for the end of a build, and stops it when no request wants it any more.
    pub(super) fn follow(running: &Running, progress: &Progress, mut stepped: impl FnMut(usize)) -> Ending {
        let stopper = running.stopper();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    if progress.check().is_err() {
                        if let Ok(stopper) = &stopper {
                            stopper.stop();
                        }
                        return;
                    }
                    std::thread::park_timeout(Duration::from_millis(20));
                }
            });
            let ending = running.wait(|said| {
                if let Report::Step { step } = said {
                    stepped(step);
                }
            });
            ended.store(true, Ordering::Relaxed);
            // The build is over: do not make the end wait for the thread's next look.
            watching.thread().unpark();
            ending
        })
    }
}

/// Checks that an action can run on this machine.
///
/// # Errors
/// When it is for another platform.
pub(super) fn require_this_machine(recipe: &RecipeName, action: &Action) -> Result<(), Failed> {
    let this = Platform::ALL.iter().find(|(name, _)| name.starts_with(std::env::consts::ARCH));
    if this.is_some_and(|(_, platform)| *platform == action.platform) {
        return Ok(());
    }
    let this = this.map_or(std::env::consts::ARCH, |(name, _)| name);
    Err(Failed::Platform { recipe: recipe.clone(), wanted: action.platform.name(), this })
}

fn is_limit(error: &Failed) -> bool {
    matches!(error, Failed::Ended(ended) if matches!(ended.ending, Ending::Limit { .. }))
}

fn with_kept(error: Failed, at: Option<PathBuf>) -> Failed {
    match error {
        Failed::Ended(ended) => Failed::Ended(Box::new(Ended { kept: at, ..*ended })),
        Failed::Output { recipe, why, .. } => Failed::Output { recipe, why, kept: at },
        error => error,
    }
}

/// The record of a build, for requests for its log.
pub(super) fn last(work: &Work, log: BlobId, failed: Option<&str>) -> Last {
    let text = serde_json::json!({
        "action": work.id.to_string(),
        "failed": failed,
        "when": stele_store::now(),
    });
    Last { log, text: text.to_string().into_bytes() }
}

/// A unique name of a build.
pub(super) fn unique() -> Result<String, Failed> {
    let mut bytes = [0; 8];
    let failed = |source: io::Error| Failed::Folder { path: PathBuf::from("/dev/urandom"), source };
    File::open("/dev/urandom").and_then(|mut it| it.read_exact(&mut bytes)).map_err(failed)?;
    Ok(format!("{:016x}", u64::from_le_bytes(bytes)))
}
