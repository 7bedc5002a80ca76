//! Runs an action that another store sent, with all that it needs.

use std::sync::Arc;

use stele_recipes::action::Action;
use stele_recipes::recipe::RecipeName;
use stele_store::{Origins, Outputs, Progress, Target};

use super::action::{Work, require_this_machine};
use super::shared::BuildEvent;
use super::{Builder, Event, Failed, Holding};
use crate::profile;
use crate::sandbox::Limits;

/// The outputs of an action that another store sent.
pub struct Performed {
    /// The outputs.
    pub outputs: Outputs,
    /// Whether they were there already.
    pub known: bool,
    /// Protects the outputs from the collector.
    pub holding: Holding,
}

impl Builder {
    /// Runs an action, unless its outputs are known and there. `recipe` is what the other store calls it; nothing is
    /// recorded here by that name.
    ///
    /// # Errors
    /// When what it needs is not in this store, it is not for this machine, or it fails.
    pub fn perform(
        self: &Arc<Self>,
        recipe: &RecipeName,
        action: Action,
        limits: Limits,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Performed, Arc<Failed>> {
        let holding = self.holding();
        let work = match self.to_perform(recipe, action, limits, &holding)? {
            Ok(work) => work,
            Err(outputs) => return Ok(Performed { outputs, known: true, holding }),
        };
        let outputs = self.realise_action(work, &holding, progress, |seen| {
            if let BuildEvent::Step(step) = seen {
                tell(Event::Step { recipe: recipe.clone(), step });
            }
        })?;
        Ok(Performed { outputs, known: false, holding })
    }

    /// The work of an action, or its outputs if they are there.
    fn to_perform(
        &self,
        recipe: &RecipeName,
        action: Action,
        limits: Limits,
        holding: &Holding,
    ) -> Result<Result<Work, Outputs>, Failed> {
        let recipe = recipe.clone();
        if action.profile != profile::VERSION {
            return Err(Failed::Profile { recipe, wanted: action.profile, this: profile::VERSION });
        }
        require_this_machine(&recipe, &action)?;
        let Ok(id) = action.id() else { return Err(Failed::Gone { recipe }) };
        // What another store said of this action is not passed on.
        if let Some(known) = self.store.realisation(&id.0, Origins::Own)?
            && holding.keep_outputs(&known.outputs).is_ok()
            && self.has_all(&known.outputs)?
        {
            return Ok(Err(known.outputs));
        }
        let root = Target::Tree(action.root);
        // Held first: what is found must not be collected afterwards.
        if holding.keep(root).is_err() || !self.store.has_closure(root)? {
            return Err(Failed::Gone { recipe });
        }
        let (keep_failed, before, variation, notes) = (false, None, None, None);
        Ok(Ok(Work { recipe, id, action, memo: None, limits, keep_failed, before, variation, notes }))
    }
}
