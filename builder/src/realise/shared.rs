//! A running build, and the requests that wait for it: requests for the same action share it. It is stopped
//! when no request wants it any more.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use stele_recipes::recipe::RecipeName;
use stele_store::{Cancelled, Outputs, Progress};

use super::action::Work;
use super::{Failed, Holding, lock};
use crate::sandbox::Limits;

/// How often a waiting thread checks whether its request was cancelled.
const TICK: Duration = Duration::from_millis(50);

/// The outcome of a build.
pub(super) type Outcome = Result<Outputs, Arc<Failed>>;

#[derive(Default)]
struct State {
    waiting: usize,
    log: Option<PathBuf>,
    step: usize,
    outcome: Option<Outcome>,
}

/// A running build.
pub(super) struct Shared {
    recipe: RecipeName,
    /// Whether it was begun for a recipe of this store's user.
    own: bool,
    limits: Limits,
    keep_failed: AtomicBool,
    /// Cancelled when no request wants it any more.
    pub progress: Progress,
    /// Holds the outputs until the waiting requests do.
    pub holding: Holding,
    state: Mutex<State>,
    changed: Condvar,
}

/// An event for waiting requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum BuildEvent {
    /// It was begun for another request, with these limits.
    Joined(Limits),
    /// It has begun, with this log.
    Begun(PathBuf),
    /// A step has begun.
    Step(usize),
}

impl Shared {
    /// A build without waiting requests.
    pub fn new(work: &Work, holding: Holding) -> Arc<Self> {
        Arc::new(Self {
            recipe: work.recipe.clone(),
            own: work.memo.is_some(),
            limits: work.limits.clone(),
            keep_failed: AtomicBool::new(false),
            progress: Progress::default(),
            holding,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// The limits of the request that began it.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether any request wants its folder when it fails.
    pub fn keeps_failed(&self) -> bool {
        self.keep_failed.load(Ordering::Relaxed)
    }

    /// Whether it was begun for that recipe of this store's user.
    pub fn is_of(&self, recipe: &RecipeName) -> bool {
        self.own && self.recipe == *recipe
    }

    /// Its log, when it has begun.
    pub fn log(&self) -> Option<PathBuf> {
        lock(&self.state).log.clone()
    }

    /// Adds a request, which may want its folder when it fails. Returns false when the build was given up
    /// already: it is being stopped.
    pub fn join(&self, keep_failed: bool) -> bool {
        let mut state = lock(&self.state);
        if self.progress.check().is_err() {
            return false;
        }
        state.waiting += 1;
        self.keep_failed.fetch_or(keep_failed, Ordering::Relaxed);
        true
    }

    /// It has begun.
    pub fn begun(&self, log: PathBuf) {
        lock(&self.state).log = Some(log);
        self.changed.notify_all();
    }

    /// A step has begun.
    pub fn stepped(&self, step: usize) {
        lock(&self.state).step = step;
        self.changed.notify_all();
    }

    /// It is over.
    pub fn over(&self, outcome: Outcome) {
        lock(&self.state).outcome = Some(outcome);
        self.changed.notify_all();
    }

    /// Waits until it is over, for a request that joined; or until `progress` is cancelled.
    pub fn wait(&self, progress: &Progress, mut see: impl FnMut(BuildEvent)) -> Outcome {
        let mut state = lock(&self.state);
        let (mut begun, mut step) = (false, 0);
        let mut given_up = false;
        loop {
            if let (Some(log), false) = (&state.log, begun) {
                begun = true;
                see(BuildEvent::Begun(log.clone()));
            }
            if state.step > step {
                step = state.step;
                see(BuildEvent::Step(step));
            }
            if let Some(outcome) = &state.outcome {
                return outcome.clone();
            }
            if progress.check().is_err() && !given_up {
                given_up = true;
                state.waiting -= 1;
                if state.waiting > 0 {
                    return Err(Arc::new(Cancelled.into()));
                }
                // The last request waits until nothing of the build is left.
                self.progress.cancel();
            }
            state = self.changed.wait_timeout(state, TICK).map_or_else(|e| e.into_inner().0, |it| it.0);
        }
    }
}

impl Shared {
    /// Waits until a build that is being stopped is over, without joining it.
    ///
    /// # Errors
    /// When `progress` is cancelled before.
    pub fn wait_over(&self, progress: &Progress) -> Result<(), Arc<Failed>> {
        let mut state = lock(&self.state);
        while state.outcome.is_none() {
            progress.check().map_err(|e| Arc::new(e.into()))?;
            state = self.changed.wait_timeout(state, TICK).map_or_else(|e| e.into_inner().0, |it| it.0);
        }
        Ok(())
    }
}
