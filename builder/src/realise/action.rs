//! One action: run, and what it left stored.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stele_recipes::action::{Action, ActionId};
use stele_recipes::plan::Memo;
use stele_recipes::recipe::RecipeName;
use stele_store::model::BlobId;
use stele_store::{
    Cancelled, Holder, Keep, Last, Origin, Outputs, Progress, Realisation, Realised, Session, StreamError,
    Target,
};

use super::error::Ended;
use super::shared::{Outcome, Shared};
use super::slots::Turn;
use super::{Builder, Failed, KEPT, lock, output};
use crate::hold::Held;
use crate::sandbox::{self, Ending, Limits, Running, Said, folder};

/// So much of the end of a log is shown with a failure, in lines and in bytes.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: u64 = 8 << 10;

/// An action that is to be run, and what is known of it.
pub(super) struct Work {
    /// For which recipe.
    pub recipe: RecipeName,
    /// Its digest.
    pub id: ActionId,
    /// The action.
    pub action: Action,
    /// What the recipe was made of.
    pub memo: Memo,
    /// What bounds it.
    pub limits: Limits,
    /// Whether to leave its folder when it fails.
    pub keep_failed: bool,
    /// What it came to before: it has to come to that again, and nothing is remembered of it.
    pub before: Option<Outputs>,
}

impl Work {
    /// What becomes known with the outputs, and for how long they stay when no root keeps them.
    pub fn keep(&self, outputs: &Outputs, log: Option<BlobId>, origin: Origin) -> Keep {
        let lease = Some(Holder::Until(stele_store::now().saturating_add(KEPT)));
        if self.before.is_some() {
            return Keep { lease, ..Keep::default() };
        }
        // An action was encoded when its digest was made, and strings can be written.
        let request = self.action.encode().unwrap_or_default();
        let memo = serde_json::to_vec(&self.memo).unwrap_or_default();
        let realised = Realised {
            of: Some((request, Realisation { outputs: outputs.clone(), log, origin })),
            memo: Some((self.recipe.to_string(), memo)),
            last: log.map(|log| (self.recipe.to_string(), last(self, log, None))),
        };
        Keep { root: None, lease, realised }
    }
}

impl Builder {
    /// Has the action run, or joins whoever runs it; waits for what comes of it.
    pub(super) fn realise_action(
        self: &Arc<Self>,
        work: Work,
        progress: &Progress,
        see: impl FnMut(super::shared::Seen),
    ) -> Outcome {
        let id = work.id;
        let shared = loop {
            let mut running = lock(&self.running);
            match running.get(&id) {
                Some(shared) if shared.join() => break Arc::clone(shared),
                // It is being stopped: what is wanted is begun anew when it has ended.
                Some(shared) => {
                    let shared = Arc::clone(shared);
                    drop(running);
                    shared.wait_over(progress)?;
                }
                None => {
                    let shared = Shared::new(&work.recipe);
                    shared.join();
                    running.insert(id, Arc::clone(&shared));
                    drop(running);
                    let (builder, of_thread) = (Arc::clone(self), Arc::clone(&shared));
                    let begun = std::thread::Builder::new().name("build".to_owned()).spawn(move || {
                        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            builder.run(&work, &of_thread)
                        }));
                        let outcome = outcome.unwrap_or_else(|_| {
                            let source = io::Error::other("the daemon met a fault of its own");
                            Err(Failed::Folder { path: builder.builds.clone(), source })
                        });
                        lock(&builder.running).remove(&id);
                        of_thread.over(outcome.map_err(Arc::new));
                    });
                    if let Err(source) = begun {
                        lock(&self.running).remove(&id);
                        let path = self.builds.clone();
                        return Err(Arc::new(Failed::Folder { path, source }));
                    }
                    break shared;
                }
            }
        };
        shared.wait(progress, see)
    }

    fn run(&self, work: &Work, shared: &Shared) -> Result<Outputs, Failed> {
        let turn = self.slots.take(&shared.progress)?;
        let held = self.held()?;
        self.run_in(work, &held, shared, turn)
    }

    /// Runs the action in namespaces that begin in `held`.
    pub(super) fn run_in(
        &self,
        work: &Work,
        held: &Held,
        shared: &Shared,
        _turn: Turn<'_>,
    ) -> Result<Outputs, Failed> {
        let path = self.builds.join(unique()?);
        let failed = |source| Failed::Folder { path: path.clone(), source };
        let lock = folder::make(&path, held.owner()).map_err(failed)?;
        let log_path = path.join(folder::LOG);
        let log = File::create(&log_path).map_err(failed)?;
        let job = sandbox::job(&work.action, &path, work.limits.clone());
        let running = match Running::start(held, &job, &log, &lock, &[]) {
            Ok(running) => running,
            Err(error) => {
                let _ = folder::remove(&path);
                return Err(error.into());
            }
        };
        shared.begun(log_path);
        let ending = Self::follow(&running, &shared.progress, |step| shared.stepped(step));
        let outcome = self.after(work, &path, ending, &shared.progress);
        let outcome = match outcome {
            Err(error) if work.keep_failed && !matches!(error, Failed::Cancelled(_)) => {
                let kept = self.leave(&path, work);
                running.keep();
                Err(with_kept(error, kept))
            }
            outcome => {
                running.clear();
                // If the supervisor was killed, it has not removed it.
                if path.exists() {
                    sandbox::clear_one(&path);
                }
                outcome
            }
        };
        drop(lock);
        outcome
    }

    /// Waits for the end of a build, and stops it when nobody wants it any more.
    pub(super) fn follow(running: &Running, progress: &Progress, mut stepped: impl FnMut(usize)) -> Ending {
        let stopper = running.stopper();
        let ended = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    if progress.check().is_err() {
                        if let Ok(stopper) = &stopper {
                            stopper.stop();
                        }
                        return;
                    }
                    std::thread::park_timeout(std::time::Duration::from_millis(20));
                }
            });
            let ending = running.wait(|said| {
                if let Said::Step { step } = said {
                    stepped(step);
                }
            });
            ended.store(true, std::sync::atomic::Ordering::Relaxed);
            // What it waits for is over: nobody waits for it in turn.
            watching.thread().unpark();
            ending
        })
    }

    /// Stores what a build that ended has left.
    fn after(
        &self,
        work: &Work,
        path: &Path,
        ending: Ending,
        progress: &Progress,
    ) -> Result<Outputs, Failed> {
        if ending == (Ending::Stopped {}) {
            return Err(Cancelled.into());
        }
        let log_path = path.join(folder::LOG);
        let recipe = work.recipe.clone();
        let outcome = match ending {
            Ending::Done {} => self.store_outputs(work, path, progress),
            ending => {
                let tail = tail(&log_path).unwrap_or_default();
                let argv = ending.step().and_then(|step| work.action.steps.get(step.checked_sub(1)?));
                let argv = argv.cloned().unwrap_or_default();
                Err(Failed::Ended(Box::new(Ended { recipe, ending, argv, tail, kept: None })))
            }
        };
        if let Err(error) = &outcome
            && work.before.is_none()
            && !matches!(error, Failed::Cancelled(_))
        {
            // The log of what failed is worth as much; that it cannot be kept is no other failure.
            if let Err(e) = self.remember_failure(work, &log_path, error) {
                tracing::warn!("the log of {} is not kept: {e}", work.recipe);
            }
        }
        outcome
    }

    fn store_outputs(&self, work: &Work, path: &Path, progress: &Progress) -> Result<Outputs, Failed> {
        let session = self.store.session()?;
        let mut outputs = Outputs::default();
        for (name, place) in &work.action.outputs {
            let real = path.join(place.as_str().trim_start_matches('/'));
            let refused = |why| Failed::Output { recipe: work.recipe.clone(), why, kept: None };
            output::check(name, place.as_str(), path).map_err(refused)?;
            let Target::Tree(tree) = session.import(&real, progress)? else {
                return Err(Failed::Gone { recipe: work.recipe.clone() });
            };
            outputs.0.insert(name.clone(), tree);
        }
        let log = add_log(&session, &path.join(folder::LOG))?;
        let targets: Vec<Target> = outputs.0.values().map(|tree| Target::Tree(*tree)).collect();
        session.finish(&targets, &work.keep(&outputs, Some(log), Origin::Built))?;
        if let Some(before) = &work.before {
            same(&work.recipe, before, &outputs)?;
        }
        Ok(outputs)
    }

    fn remember_failure(&self, work: &Work, log: &Path, error: &Failed) -> Result<(), Failed> {
        let session = self.store.session()?;
        let log = add_log(&session, log)?;
        let last = Some((work.recipe.to_string(), last(work, log, Some(&error.to_string()))));
        let realised = Realised { last, ..Realised::default() };
        session.finish(&[], &Keep { realised, ..Keep::default() })?;
        Ok(())
    }
}

fn same(recipe: &RecipeName, before: &Outputs, now: &Outputs) -> Result<(), Failed> {
    for (output, before) in &before.0 {
        match now.0.get(output) {
            Some(now) if now != before => {
                let (recipe, output) = (recipe.clone(), output.clone());
                return Err(Failed::Differs { recipe, output, before: *before, now: *now });
            }
            _ => {}
        }
    }
    Ok(())
}

fn with_kept(error: Failed, at: Option<PathBuf>) -> Failed {
    match error {
        Failed::Ended(ended) => Failed::Ended(Box::new(Ended { kept: at, ..*ended })),
        Failed::Output { recipe, why, .. } => Failed::Output { recipe, why, kept: at },
        error => error,
    }
}

/// How it went, for whoever asks for the log.
fn last(work: &Work, log: BlobId, failed: Option<&str>) -> Last {
    let text = serde_json::json!({
        "action": work.id.to_string(),
        "failed": failed,
        "when": stele_store::now(),
    });
    Last { log, text: text.to_string().into_bytes() }
}

fn add_log(session: &Session<'_>, path: &Path) -> Result<BlobId, Failed> {
    let failed = |source| Failed::Folder { path: path.to_owned(), source };
    let mut log = File::open(path).map_err(failed)?;
    match session.add_stream(&mut log, false) {
        Ok((blob, _)) => Ok(blob),
        Err(StreamError::Read(error)) => Err(failed(error)),
        Err(StreamError::Write(error)) => Err(error.into()),
    }
}

/// The last lines of a log.
fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
}

/// A name that no other build has.
pub(super) fn unique() -> Result<String, Failed> {
    let mut bytes = [0; 8];
    let failed = |source: io::Error| Failed::Folder { path: PathBuf::from("/dev/urandom"), source };
    File::open("/dev/urandom").and_then(|mut it| it.read_exact(&mut bytes)).map_err(failed)?;
    Ok(format!("{:016x}", u64::from_le_bytes(bytes)))
}
