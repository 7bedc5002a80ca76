//! A plan, while it is realised: what was unknown when it was made is resolved again.

use super::resolve::inputs;
use super::{Known, Merged, Part, Plan, PlanError, Planning, State, derivations, merging};

impl Plan {
    /// Resolves the recipe of that number again, whose inputs have been built since: its action, and whether its
    /// outputs exist already. Updates its step.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn look_again<K: Known>(
        &mut self,
        number: usize,
        profile: u32,
        known: &K,
    ) -> Result<(), PlanError<K::Error>> {
        let (steps, roots) = (std::mem::take(&mut self.steps), std::mem::take(&mut self.roots));
        let mut planning = Planning { steps, roots, ..Planning::new(known, profile, &self.graph) };
        let looked = planning.resolve(number).and_then(|mut step| {
            let before = &planning.steps[number];
            step.state = before.state.clone();
            (step.fetch, step.unpack) = (before.fetch.clone(), before.unpack.clone());
            planning.steps[number] = step;
            if planning.steps[number].state != State::Again && planning.is_there(number)? {
                planning.steps[number].state = State::Done;
            }
            Ok(())
        });
        (self.steps, self.roots) = (planning.steps, planning.roots);
        looked
    }

    /// The parts of the root of the recipe of that number; `None` when not all of them are known.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn parts<K: Known>(
        &self,
        number: usize,
        profile: u32,
        known: &K,
    ) -> Result<Option<Vec<Part>>, PlanError<K::Error>> {
        let recipe = &self.graph.recipes()[number];
        let inputs = inputs(&self.graph, &self.steps, recipe);
        Planning::new(known, profile, &self.graph).parts(recipe, &inputs, None)
    }

    /// Merges the root of the recipe of that number again, after it was garbage-collected. Returns it with its request
    /// text; `None` when one of its parts is missing.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn merge_again<K: Known>(
        &self,
        number: usize,
        profile: u32,
        known: &K,
    ) -> Result<Option<Merged>, PlanError<K::Error>> {
        let recipe = &self.graph.recipes()[number];
        let Some(parts) = self.parts(number, profile, known)? else { return Ok(None) };
        let root = Planning::new(known, profile, &self.graph).merged(recipe, &parts)?;
        Ok(root.map(|root| (merging(&parts, &recipe.prefer), root)))
    }

    /// The canonical text of the derivation of the recipe of that number: it, and all its dependencies, as written.
    pub fn derivation(&self, number: usize, profile: u32) -> Vec<u8> {
        derivations::text(&self.graph, number, profile)
    }
}
