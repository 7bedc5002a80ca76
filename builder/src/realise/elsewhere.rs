//! Has another store run an action, and takes its outputs from there as from a substituter.

use stele_recipes::action::Action;
use stele_recipes::recipe::RecipeName;
use stele_store::{Outputs, Store};

use super::action::Work;
use super::schedule::Doing;
use super::{Event, Failed, How, Unavailable};
use crate::sandbox::Limits;

/// An action that another store is to run.
pub struct ElsewhereJob<'a> {
    /// This store, which has all that the action needs.
    pub store: &'a Store,
    /// The recipe, for messages.
    pub recipe: &'a RecipeName,
    /// The action.
    pub action: &'a Action,
    /// Its limits. Those of the other store count, too.
    pub limits: &'a Limits,
    /// Is told of each step that begins, counted from 1.
    pub stepped: &'a (dyn Fn(usize) + Sync),
}

/// Why another store did not run an action.
#[derive(Debug, thiserror::Error)]
pub enum ElsewhereError {
    /// It cannot, or does not answer: the action is run here.
    #[error("{0}")]
    Unavailable(Unavailable),
    /// It ran the action, which failed. It would fail here, too.
    #[error("{0}")]
    Failed(String),
}

impl Doing<'_> {
    /// Has the remote builder of the request run an action: its outputs. `None` when it could not, which is told.
    pub(super) fn built_elsewhere(&self, work: &Work) -> Result<Option<(Outputs, How)>, Failed> {
        let Some(at) = self.request.builder.filter(|it| !it.is_gone()) else { return Ok(None) };
        let recipe = &work.recipe;
        let steps = work.action.steps.len();
        (self.tell)(Event::Sends { recipe: recipe.clone(), steps, to: at.name().to_owned() });
        let stepped = |step| (self.tell)(Event::Step { recipe: recipe.clone(), step });
        let job = ElsewhereJob {
            store: &self.builder.store,
            recipe,
            action: &work.action,
            limits: &work.limits,
            stepped: &stepped,
        };
        let unsent = |why: String| {
            (self.tell)(Event::Unsent { recipe: recipe.clone(), at: at.name().to_owned(), why });
        };
        match at.run(&job, self.progress) {
            Ok(()) => {}
            Err(ElsewhereError::Failed(why)) => {
                return Err(Failed::Elsewhere { recipe: recipe.clone(), at: at.name().to_owned(), why });
            }
            Err(ElsewhereError::Unavailable(why)) => {
                self.progress.check()?;
                unsent(why.to_string());
                return Ok(None);
            }
        }
        let taken =
            self.builder.taken_from(at, self.request, work, &self.holding, self.progress, self.tell)?;
        if taken.is_none() {
            unsent("it says that it built it, and has no outputs of it that can be taken".to_owned());
        }
        Ok(taken.map(|outputs| (outputs, How::BuiltAt(at.name().to_owned()))))
    }
}
