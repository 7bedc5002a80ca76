//! A plan, while it is realised: what was not known when it was made is looked at again.

use super::{Known, Merged, Part, Plan, PlanError, Planning, State, merging};

impl Plan {
    /// Looks again at the recipe of that number, whose inputs have been built since: what action it is, and whether
    /// what comes of that is there already. Says so in its step.
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
        let mut planning = Planning { known, profile, steps, roots, graph: &self.graph };
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

    /// What the root of the recipe of that number is merged of; nothing when not all of that is known.
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
        let steps = self.steps.clone();
        let planning = Planning { known, profile, steps, roots: Vec::new(), graph: &self.graph };
        let inputs = recipe.inputs.iter().map(|it| planning.output(&it.recipe, &it.output)).collect();
        planning.parts(recipe, inputs)
    }

    /// Merges the root of the recipe of that number again: it is remembered, and was collected. With the text that it
    /// is remembered by; nothing when what it is made of is not there.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn merge_again<K: Known>(
        &mut self,
        number: usize,
        profile: u32,
        known: &K,
    ) -> Result<Option<Merged>, PlanError<K::Error>> {
        let recipe = &self.graph.recipes()[number];
        let steps = std::mem::take(&mut self.steps);
        let planning = Planning { known, profile, steps, roots: Vec::new(), graph: &self.graph };
        let inputs = recipe.inputs.iter().map(|it| planning.output(&it.recipe, &it.output)).collect();
        let merged = planning.parts(recipe, inputs).and_then(|parts| {
            let Some(parts) = parts else { return Ok(None) };
            let root = planning.merged(recipe, &parts)?;
            Ok(root.map(|root| (merging(&parts, &recipe.prefer), root)))
        });
        self.steps = planning.steps;
        merged
    }
}
