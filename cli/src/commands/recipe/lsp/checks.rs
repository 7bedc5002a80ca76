//! Recipe trees are evaluated in the background, each by one process at a time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use stele::Program;
use stele::failure::Failure;
use stele::recipes::{Evaluated, Evaluator, Selection};

use super::server::Event;
use crate::commands::recipe::check::patches;

/// What is being evaluated.
pub struct Checks {
    events: SyncSender<Event>,
    running: BTreeSet<PathBuf>,
    /// Those that changed while they were evaluated.
    again: BTreeSet<PathBuf>,
}

impl Checks {
    /// Sends the results to `events`.
    pub fn new(events: SyncSender<Event>) -> Self {
        Self { events, running: BTreeSet::new(), again: BTreeSet::new() }
    }

    /// Evaluates a recipe tree, as soon as the running evaluation of it has ended.
    pub fn request(&mut self, tree: &Path) {
        if !self.running.insert(tree.to_owned()) {
            self.again.insert(tree.to_owned());
            return;
        }
        let (events, tree) = (self.events.clone(), tree.to_owned());
        std::thread::spawn(move || {
            let outcome = check(&tree);
            // When the server has ended, nobody wants to know.
            let _ = events.send(Event::Checked { tree, outcome });
        });
    }

    /// The evaluation of a recipe tree has ended. Whether its result holds for the files as they are now.
    pub fn ended(&mut self, tree: &Path) -> bool {
        self.running.remove(tree);
        let again = self.again.remove(tree);
        if again {
            self.request(tree);
        }
        !again
    }
}

/// What `recipe check` finds. Modules are taken as they lie in the tree: an editor fetches nothing.
fn check(tree: &Path) -> Result<Evaluated, Failure> {
    let mut evaluated = Evaluator::new(Program::this(), false).evaluate(tree, &Selection::Check)?;
    let wrong = patches(&evaluated, tree);
    evaluated.problems.extend(wrong);
    Ok(evaluated)
}
