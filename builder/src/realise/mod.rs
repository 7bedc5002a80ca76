//! Realises a plan: decides what runs when, and stores the results.
//!
//! A [`Builder`] belongs to a store, and so to the daemon. Requests of several clients meet here: equal actions
//! run once ([`shared`]), and all together use as many processors as there are ([`slots`]).

mod action;
mod after;
mod ahead;
mod caught;
mod check;
mod differs;
mod elsewhere;
pub mod error;
mod exec;
mod explain;
mod holding;
mod known;
mod one;
mod output;
mod perform;
mod schedule;
mod shared;
mod slots;
pub mod sources;
mod substitute;
#[cfg(test)]
mod tests;
mod trace;
mod variation;
mod writers;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stele_fs::{Memory, Observer};
use stele_recipes::action::ActionId;
use stele_recipes::language::Recipes;
use stele_recipes::recipe::RecipeName;
use stele_store::{Hold, Layout, Origins, Outputs, ReadError, Store, Target};

pub use check::{CheckRecord, CheckRound, Checking, DifferingPath, RoundOutcome};
pub use differs::{Difference, DifferenceKind, Differs};
pub use elsewhere::{ElsewhereError, ElsewhereJob};
pub use error::{Ended, Failed, SourceError};
pub use exec::{ExecOutcome, ExecRequest};
pub use explain::{Cause, ExplainBuild, Explaining, Explanation};
pub use holding::Holding;
pub use known::OfStore;
pub use output::Refused;
pub use perform::Performed;
pub use trace::{Traced, Tracing, Used};
pub use variation::Varied;
pub use writers::{Writer, command_line};

pub use substitute::{Gate, SubstituteError, Substituter, Unavailable};

use crate::hold::{Held, HoldError};
use crate::profile;
use crate::program::Program;
use crate::sandbox::{self, Limits};
use shared::Shared;
use slots::Slots;

/// How long the outputs of a build are kept without a root, in seconds.
pub const KEPT: u64 = 24 * 3600;

/// How a request is carried out.
#[derive(Clone, Debug)]
pub struct Options {
    /// The maximum number of parallel builds of this request.
    pub jobs: usize,
    /// Whether to keep going after a failure.
    pub keep_going: bool,
    /// Whether to keep the folders of failed builds.
    pub keep_failed: bool,
    /// What to do with the goals.
    pub purpose: Purpose,
    /// The limits of each build.
    pub limits: Limits,
}

/// What a request does with its goals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Purpose {
    /// Realise them.
    #[default]
    Build,
    /// Rebuild them, even if their outputs exist, and compare the results. Their inputs are those that this
    /// store built itself, and no other store is asked.
    Rebuild,
    /// Realise the inputs of the first without building it; realise the others.
    Prepare,
}

/// A request to realise recipes.
pub struct Request<'a> {
    /// The path of the recipe tree.
    pub tree: &'a Path,
    /// The recipes.
    pub recipes: &'a Recipes,
    /// The goals.
    pub goals: &'a [RecipeName],
    /// The options.
    pub options: Options,
    /// Other stores, which are asked in this order before anything is built.
    pub substituters: &'a [Box<dyn Substituter>],
    /// The store that runs actions for this one, if it can.
    pub builder: Option<&'a dyn Substituter>,
    /// Decides what is taken from them; without one, everything is.
    pub gate: Option<&'a dyn Gate>,
}

/// An event while a request is carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// At most so many recipes have to be built.
    Planned {
        /// The number.
        builds: usize,
        /// How many are realised already.
        realised: usize,
    },
    /// A source is being unpacked.
    Unpacks {
        /// The recipe.
        recipe: RecipeName,
        /// The file's name.
        file: String,
    },
    /// A build waits for a slot.
    Waits {
        /// The recipe.
        recipe: RecipeName,
    },
    /// The action is being built already, for another request and with its limits.
    Joins {
        /// The recipe.
        recipe: RecipeName,
        /// Its limits.
        limits: Limits,
    },
    /// A build begins, or one of another request is joined.
    Begins {
        /// The recipe.
        recipe: RecipeName,
        /// The action.
        action: ActionId,
        /// The number of steps.
        steps: usize,
        /// The log, as it grows.
        log: PathBuf,
    },
    /// Another store is asked to run the action.
    Sends {
        /// The recipe.
        recipe: RecipeName,
        /// The number of steps.
        steps: usize,
        /// The other store.
        to: String,
    },
    /// It could not: the action is run here.
    Unsent {
        /// The recipe.
        recipe: RecipeName,
        /// The other store.
        at: String,
        /// The cause.
        why: String,
    },
    /// Nothing is built: a user's own program starts.
    Enters {
        /// The recipe whose sandbox it runs in.
        recipe: RecipeName,
        /// The folder of a failed build in which it continues.
        kept: Option<PathBuf>,
    },
    /// A step of a build begins.
    Step {
        /// The recipe.
        recipe: RecipeName,
        /// Counted from 1.
        step: usize,
    },
    /// A substituter failed to supply outputs; another is asked, or the recipe is built.
    Unsubstituted {
        /// The recipe.
        recipe: RecipeName,
        /// The substituter.
        from: String,
        /// The cause.
        why: String,
    },
    /// A recipe is realised.
    Done {
        /// The recipe.
        recipe: RecipeName,
        /// Its outputs.
        outputs: Outputs,
        /// How they were obtained.
        how: How,
    },
    /// A recipe was not realised.
    Failed {
        /// The recipe.
        recipe: RecipeName,
        /// The cause, in short.
        why: String,
    },
    /// A recipe cannot be realised because of another failure.
    Skipped {
        /// The recipe.
        recipe: RecipeName,
    },
}

/// How the outputs of a recipe were obtained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum How {
    /// It was built.
    Built,
    /// They were known, for its inputs are unchanged.
    Known,
    /// Another store supplied them.
    From(String),
    /// Another store built it.
    BuiltAt(String),
}

impl Purpose {
    /// Which realisations count as built.
    pub fn origins(self) -> Origins {
        match self {
            Self::Rebuild => Origins::Own,
            Self::Build | Self::Prepare => Origins::Any,
        }
    }
}

/// The result of a request.
#[derive(Debug, Default)]
pub struct Realisations {
    /// The outputs of the goals.
    pub goals: Vec<(RecipeName, Outputs)>,
    /// The failures, in order of occurrence.
    pub failed: Vec<(RecipeName, Arc<Failed>)>,
    /// Recipes that were not tried because of them.
    pub skipped: Vec<RecipeName>,
    /// Protects the outputs from the collector until something else does, such as a root.
    pub holding: Option<Arc<Holding>>,
}

/// Builds for a store.
pub struct Builder {
    store: Arc<Store>,
    memory: Arc<Memory>,
    program: Program,
    builds: PathBuf,
    failed: PathBuf,
    held: Mutex<Option<Arc<Held>>>,
    running: Mutex<HashMap<ActionId, Arc<Shared>>>,
    slots: Slots,
    /// Protects what the current requests use.
    hold: Arc<Hold>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is completed before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Builder {
    /// Builds for `store`. Removes what killed builds of an earlier process left. `memory` is shared by all
    /// mounts of the store; `program` runs the helpers.
    pub fn new(store: &Arc<Store>, memory: &Arc<Memory>, program: Program) -> Arc<Self> {
        let layout = Layout::new(store.path());
        let builder = Arc::new(Self {
            store: Arc::clone(store),
            memory: Arc::clone(memory),
            program,
            builds: layout.builds(),
            failed: layout.failed(),
            held: Mutex::default(),
            running: Mutex::default(),
            slots: Slots::of_this_machine(),
            hold: Arc::new(Hold::new(store)),
        });
        exec::restore_failed_dirs(&builder.builds, &builder.failed);
        sandbox::clear_left(&builder.builds);
        builder
    }

    /// The namespaces that builds start in; created when first needed.
    fn held(&self) -> Result<Arc<Held>, HoldError> {
        let mut held = lock(&self.held);
        if let Some(held) = &*held {
            return Ok(Arc::clone(held));
        }
        let made = self.hold_anew(None, profile::MODIFIED)?;
        *held = Some(Arc::clone(&made));
        Ok(made)
    }

    /// New namespaces for one request. `observer` receives the look-ups in them; inputs have this modification time.
    fn hold_anew(&self, observer: Option<Arc<dyn Observer>>, modified: u64) -> Result<Arc<Held>, HoldError> {
        fs::create_dir_all(&self.builds)?;
        sandbox::folder::let_pass(&self.builds, crate::hold::build_uid())?;
        Ok(Arc::new(Held::begin(&self.store, &self.memory, &self.builds, &self.program, observer, modified)?))
    }

    /// Drops the namespaces that builds start in, when none runs, so that what they have accessed is no longer
    /// held. Call this before a garbage collection.
    pub fn rest(&self) {
        if lock(&self.running).is_empty() {
            *lock(&self.held) = None;
        }
    }

    /// Removes the folders of failed builds that were kept; in a dry run only lists them. Returns their recipes.
    pub fn remove_failed(&self, dry_run: bool) -> Vec<String> {
        exec::remove_failed_dirs(&self.builds, &self.failed, dry_run)
    }

    /// The number of running builds.
    pub fn count(&self) -> usize {
        lock(&self.running).len()
    }

    /// The log, as it grows, of a running build of this recipe.
    pub fn running_log(&self, recipe: &RecipeName) -> Option<PathBuf> {
        lock(&self.running).values().find(|it| it.is_of(recipe)).and_then(|it| it.log())
    }

    fn has_all(&self, outputs: &Outputs) -> Result<bool, ReadError> {
        for tree in outputs.0.values() {
            if !self.store.has_closure(Target::Tree(*tree))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Protects what a request uses from the collector.
    fn holding(&self) -> Holding {
        Holding::new(&self.hold)
    }
}
