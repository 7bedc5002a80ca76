//! After the end of a build: its outputs are checked, stored and recorded; also the log of a failed one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stele_store::model::BlobId;
use stele_store::{Cancelled, Keep, Origin, Outputs, Progress, Realised, Session, StreamError, Target};

use super::action::{Work, last};
use super::error::Ended;
use super::output::Check;
use super::shared::Shared;
use super::{Builder, Failed, Refused, differs};
use crate::sandbox::{Ending, Limit, folder};

/// How much of the end of a log is shown with a failure, in lines and in bytes.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: u64 = 8 << 10;

impl Builder {
    /// Stores the results of a build that ended.
    pub(super) fn after(
        &self,
        work: &Work,
        path: &Path,
        ending: Ending,
        begun: Instant,
        shared: &Shared,
    ) -> Result<Outputs, Failed> {
        if ending == (Ending::Stopped {}) {
            return Err(Cancelled.into());
        }
        let log_path = path.join(folder::LOG);
        let recipe = work.recipe.clone();
        let outcome = match ending {
            // Checking and storing the outputs counts towards the time limit.
            Ending::Done {} => match work.limits.seconds {
                Some(seconds) => {
                    let deadline = begun + Duration::from_secs(seconds);
                    let stored = within(deadline, &shared.progress, |progress| {
                        self.store_outputs(work, path, shared, progress)
                    });
                    stored.unwrap_or_else(|| {
                        let (step, limit) = (work.action.steps.len(), Limit::Time { seconds });
                        let ending = Ending::Limit { step, limit };
                        let (argv, tail) = (Vec::new(), tail(&log_path).unwrap_or_default());
                        Err(Failed::Ended(Box::new(Ended { recipe, ending, argv, tail, kept: None })))
                    })
                }
                None => self.store_outputs(work, path, shared, &shared.progress),
            },
            ending => {
                // A build that cannot read an input may fail in any way.
                let root = Target::Tree(work.action.root);
                if !matches!(ending, Ending::Limit { .. })
                    && let Some((lacking, presence)) = self.store.first_lack(root)?
                {
                    return Err(Failed::Damaged { recipe, lacking: lacking.digest(), presence });
                }
                let tail = tail(&log_path).unwrap_or_default();
                let argv = ending.step().and_then(|step| work.action.steps.get(step.checked_sub(1)?));
                let argv = argv.cloned().unwrap_or_default();
                Err(Failed::Ended(Box::new(Ended { recipe, ending, argv, tail, kept: None })))
            }
        };
        if let Err(error) = &outcome
            && work.before.is_none()
            && work.memo.is_some()
            && !matches!(error, Failed::Cancelled(_))
        {
            // The failure is reported even if its log cannot be kept.
            if let Err(e) = self.remember_failure(work, &log_path, error) {
                tracing::warn!("the log of {} is not kept: {e}", work.recipe);
            }
        }
        outcome
    }

    fn store_outputs(
        &self,
        work: &Work,
        path: &Path,
        shared: &Shared,
        progress: &Progress,
    ) -> Result<Outputs, Failed> {
        let session = self.store.session()?;
        let mut outputs = Outputs::default();
        let mut check = Check::new(path, progress);
        for (name, place) in &work.action.outputs {
            let real = path.join(place.as_str().trim_start_matches('/'));
            check.output(name, place.as_str()).map_err(|why| match why {
                Refused::Cancelled(cancelled) => Failed::Cancelled(cancelled),
                why => Failed::Output { recipe: work.recipe.clone(), why, kept: None },
            })?;
            let Target::Tree(tree) = session.import(&real, progress)? else {
                return Err(Failed::Gone { recipe: work.recipe.clone() });
            };
            outputs.0.insert(name.clone(), tree);
        }
        let log = add_log(&session, &path.join(folder::LOG))?;
        let targets: Vec<Target> = outputs.0.values().map(|tree| Target::Tree(*tree)).collect();
        targets.iter().for_each(|target| shared.holding.reserve(*target));
        session.finish(&targets, &work.keep(&outputs, Some(log), Origin::Built))?;
        if let Some(before) = &work.before
            && let Some(differs) = differs::first(&self.store, &work.recipe, before, &outputs, progress)?
        {
            return Err(Failed::Differs(Box::new(differs)));
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

/// Runs some work until `deadline`, or until `outer` is cancelled; `None` when the time was not enough.
fn within<T>(
    deadline: Instant,
    outer: &Progress,
    work: impl FnOnce(&Progress) -> Result<T, Failed>,
) -> Option<Result<T, Failed>> {
    let (progress, late, done) = (Progress::default(), AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                late.fetch_or(Instant::now() >= deadline, Ordering::Relaxed);
                if late.load(Ordering::Relaxed) || outer.check().is_err() {
                    return progress.cancel();
                }
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        let outcome = work(&progress);
        done.store(true, Ordering::Relaxed);
        watching.thread().unpark();
        // Work that completed at the last moment counts.
        let is_late = outcome.is_err() && outer.check().is_ok() && late.load(Ordering::Relaxed);
        (!is_late).then_some(outcome)
    })
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
