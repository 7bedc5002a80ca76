//! A plan, while it is realised: what was not known when it was made is looked at again.

use super::{Known, Merged, Part, Plan, PlanError, Planning, State, inputs, merging};

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
        let inputs = inputs(&self.graph, &self.steps, recipe);
        self.alone(profile, known).parts(recipe, inputs)
    }

    /// Merges the root of the recipe of that number again: it is remembered, and was collected. With the text that it
    /// is remembered by; nothing when what it is made of is not there.
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
        let root = self.alone(profile, known).merged(recipe, &parts)?;
        Ok(root.map(|root| (merging(&parts, &recipe.prefer), root)))
    }

    /// For what is asked of `known` alone, and not of other steps.
    fn alone<'a, K: Known>(&'a self, profile: u32, known: &'a K) -> Planning<'a, K> {
        Planning { known, profile, steps: Vec::new(), roots: Vec::new(), graph: &self.graph }
    }
}
