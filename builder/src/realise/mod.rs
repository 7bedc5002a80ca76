//! Realising a plan: what runs when, and what is stored of it.
//!
//! A [`Builder`] belongs to a store, and so to the daemon. Requests of several terminals meet here: equal actions run
//! once ([`shared`]), and all together use so many processors as there are ([`slots`]).

mod action;
mod after;
mod ahead;
mod caught;
mod differs;
pub mod error;
mod exec;
mod holding;
mod known;
mod one;
mod output;
mod schedule;
mod shared;
mod slots;
pub mod sources;
mod substitute;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stele_fs::{Memory, Observer};
use stele_recipes::action::ActionId;
use stele_recipes::language::Recipes;
use stele_recipes::recipe::RecipeName;
use stele_store::{Hold, Layout, Origins, Outputs, ReadError, Store, Target};

pub use differs::{Difference, DifferenceKind, Differs};
pub use error::{Ended, Failed, SourceError};
pub use exec::{ExecOutcome, ExecRequest};
pub use holding::Holding;
pub use known::OfStore;
pub use output::Refused;
pub use trace::{Traced, Tracing, Used};

pub use substitute::{SubstituteError, Substituter, Unavailable};

use crate::hold::{Held, HoldError};
use crate::program::Program;
use crate::sandbox::{self, Limits};
use shared::Shared;
use slots::Slots;

/// How long what a build made is kept that no root keeps, in seconds.
pub const KEPT: u64 = 24 * 3600;

/// How a request is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// So many builds at once, of this request.
    pub jobs: usize,
    /// Whether to build what can be built when something failed.
    pub keep_going: bool,
    /// Whether to leave the folder of what failed.
    pub keep_failed: bool,
    /// What is to become of the goals.
    pub purpose: Purpose,
    /// What bounds each build.
    pub limits: Limits,
}

/// What is to become of the goals of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Purpose {
    /// They are realised.
    #[default]
    Build,
    /// They are built, also those that are there, and compared with what is known of them. All that they need is what
    /// this store built itself, and no other store is asked.
    Rebuild,
    /// All that the first is made of is there, and it is not built; the others are realised.
    Prepare,
}

/// What is to be realised.
pub struct Request<'a> {
    /// Where the recipes are.
    pub tree: &'a Path,
    /// The recipes.
    pub recipes: &'a Recipes,
    /// Those that are wanted.
    pub goals: &'a [RecipeName],
    /// How.
    pub options: Options,
    /// Other stores, which are asked before anything is built, in this order.
    pub substituters: &'a [Box<dyn Substituter>],
}

/// What happens while a request is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// So many recipes have to be built, at most.
    Planned {
        /// How many.
        builds: usize,
    },
    /// A source is being unpacked.
    Unpacks {
        /// Whose it is.
        recipe: RecipeName,
        /// What it is called.
        file: String,
    },
    /// A build waits for its turn.
    Waits {
        /// Of which recipe.
        recipe: RecipeName,
    },
    /// The action is being built already, for another request and with its limits.
    Joins {
        /// Of which recipe.
        recipe: RecipeName,
        /// What bounds it.
        limits: Limits,
    },
    /// A build begins, or is joined that somebody else has begun.
    Begins {
        /// Of which recipe.
        recipe: RecipeName,
        /// What it is.
        action: ActionId,
        /// How many steps it has.
        steps: usize,
        /// The log, as it grows.
        log: PathBuf,
    },
    /// Nothing is built: a person's own program begins.
    Enters {
        /// In the sandbox of which recipe.
        recipe: RecipeName,
        /// The folder of a failed build that it goes on with.
        kept: Option<PathBuf>,
    },
    /// A step of a build begins.
    Step {
        /// Of which recipe.
        recipe: RecipeName,
        /// Counted from 1.
        step: usize,
    },
    /// A substituter does not give what it should; it is built, or another is asked.
    Unsubstituted {
        /// Which recipe.
        recipe: RecipeName,
        /// Who.
        from: String,
        /// Why not.
        why: String,
    },
    /// A recipe is realised.
    Done {
        /// Which.
        recipe: RecipeName,
        /// What came of it.
        outputs: Outputs,
        /// How that is known.
        how: How,
    },
    /// A recipe was not realised.
    Failed {
        /// Which.
        recipe: RecipeName,
        /// Why, in short.
        why: String,
    },
    /// A recipe cannot be realised because of what failed.
    Skipped {
        /// Which.
        recipe: RecipeName,
    },
}

/// How what came of a recipe is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum How {
    /// It was built.
    Built,
    /// It was known before, for what it is made of came out as before.
    Known,
    /// Another store gave it.
    From(String),
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

/// What came of a request.
#[derive(Debug, Default)]
pub struct Realisations {
    /// The outputs of the goals.
    pub goals: Vec<(RecipeName, Outputs)>,
    /// What failed, in the order in which it did.
    pub failed: Vec<(RecipeName, Arc<Failed>)>,
    /// What was not tried because of that.
    pub skipped: Vec<RecipeName>,
    /// Keeps the outputs from the collector until something else does, a root say.
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
    /// What the requests that are being done must not lose.
    hold: Arc<Hold>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is made whole before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Builder {
    /// Builds for `store`. What killed builds of an earlier process left is removed. `memory` is what mounts of the
    /// store remember together; `program` runs the helpers.
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

    /// The namespaces that builds begin in; made when they are first needed.
    fn held(&self) -> Result<Arc<Held>, HoldError> {
        let mut held = lock(&self.held);
        if let Some(held) = &*held {
            return Ok(Arc::clone(held));
        }
        let made = self.hold_anew(None)?;
        *held = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Namespaces of somebody's own. `observer` is told what is looked for in them.
    fn hold_anew(&self, observer: Option<Arc<dyn Observer>>) -> Result<Arc<Held>, HoldError> {
        fs::create_dir_all(&self.builds)?;
        sandbox::folder::let_pass(&self.builds, crate::hold::build_uid())?;
        Ok(Arc::new(Held::begin(&self.store, &self.memory, &self.builds, &self.program, observer)?))
    }

    /// Gives up the namespaces that builds begin in, when none runs: what they have looked at need not be kept for them
    /// any more. To be called before a collection.
    pub fn rest(&self) {
        if lock(&self.running).is_empty() {
            *lock(&self.held) = None;
        }
    }

    /// How many builds run.
    pub fn count(&self) -> usize {
        lock(&self.running).len()
    }

    /// The log, as it grows, of a build that runs for this recipe.
    pub fn running_log(&self, recipe: &RecipeName) -> Option<PathBuf> {
        lock(&self.running).values().find(|it| it.recipe() == recipe).and_then(|it| it.log())
    }

    fn has_all(&self, outputs: &Outputs) -> Result<bool, ReadError> {
        for tree in outputs.0.values() {
            if !self.store.has_closure(Target::Tree(*tree))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps from the collector what a request makes use of.
    fn holding(&self) -> Holding {
        Holding::new(&self.hold)
    }
}
