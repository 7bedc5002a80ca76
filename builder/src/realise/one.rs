//! One recipe of a request: its inputs are prepared, and its action is realised.

use std::sync::Arc;

use stele_recipes::action::ActionId;
use stele_recipes::plan::{self, Plan, State};
use stele_recipes::recipe::RecipeName;
use stele_store::model::Digest;
use stele_store::{Holder, Keep, Origin, Origins, Outputs, Realisation, Realised, Target};

use super::action::{Work, require_this_machine};
use super::schedule::{Doing, Prepared};
use super::shared::BuildEvent;
use super::sources::Preparing;
use super::{Event, Failed, How, KEPT, Purpose, lock};
use crate::profile;

impl Doing<'_> {
    /// Realises a recipe whose inputs all exist.
    pub(super) fn one(&self, number: usize) -> Result<(), Arc<Failed>> {
        let recipe = self.name(number);
        let Some(work) = self.prepared(number)? else { return Ok(()) };
        let (id, steps) = (work.id, work.action.steps.len());
        let (outputs, how) = match self.given(&work)? {
            Some(given) => given,
            None => {
                (self.tell)(Event::Waits { recipe: recipe.clone() });
                let before = work.before.clone();
                let built = self.builder.realise_action(work, &self.holding, self.progress, |seen| {
                    let recipe = recipe.clone();
                    (self.tell)(match seen {
                        BuildEvent::Begun(log) => Event::Begins { recipe, action: id, steps, log },
                        BuildEvent::Step(step) => Event::Step { recipe, step },
                        BuildEvent::Joined(limits) => Event::Joins { recipe, limits },
                    });
                });
                if let (Err(error), Some(before)) = (&built, before)
                    && matches!(&**error, Failed::Differs(_))
                {
                    self.go_on_with(number, &id, before)?;
                }
                (built?, How::Built)
            }
        };
        self.note(number, &outputs);
        (self.tell)(Event::Done { recipe, outputs, how });
        Ok(())
    }

    /// Prepares all inputs of a recipe. Returns its action, if that has to be run.
    fn prepared(&self, number: usize) -> Result<Option<Work>, Failed> {
        let recipe = Arc::clone(&lock(&self.plan).graph.recipes()[number]);
        let preparing = Preparing {
            store: &self.builder.store,
            tree: self.request.tree,
            until: Holder::Until(stele_store::now().saturating_add(KEPT)),
            holding: Some(&self.holding),
            progress: self.progress,
        };
        for source in &recipe.sources {
            if source.unpack.is_some() {
                let file = source.source.file.to_string();
                (self.tell)(Event::Unpacks { recipe: recipe.name.clone(), file });
            }
            preparing.source(&recipe.name, source)?;
        }
        preparing.images(&recipe)?;
        preparing.locals(&recipe)?;
        let Some(work) = self.work(number)? else {
            let outputs = self.outputs(number).unwrap_or_default();
            self.hold_outputs(number)?;
            (self.tell)(Event::Done { recipe: recipe.name.clone(), outputs, how: How::Known });
            return Ok(None);
        };
        if self.is_prepared(&recipe.name) {
            let parts = lock(&self.plan).parts(number, profile::VERSION, &self.known)?.unwrap_or_default();
            *lock(&self.prepared) = Some(Prepared { work, parts });
            return Ok(None);
        }
        Ok(Some(work))
    }

    /// The action of a recipe whose inputs all exist; `None` when its outputs are known.
    fn work(&self, number: usize) -> Result<Option<Work>, Failed> {
        let mut plan = lock(&self.plan);
        plan.look_again(number, profile::VERSION, &self.known)?;
        // Not those of others: the inputs of a substituted recipe need not be in the store.
        let own = plan.steps[number].action.as_ref().map(|(_, action)| action.root);
        let (roots, others) =
            std::mem::take(&mut plan.roots).into_iter().partition(|it| Some(it.1.tree) == own);
        plan.roots = others;
        for (request, root) in roots {
            self.store_root(request, &root)?;
        }
        let step = plan.steps[number].clone();
        let recipe = plan.graph.recipes()[number].name.clone();
        if step.state == State::Done && !self.is_prepared(&recipe) {
            return Ok(None);
        }
        let Some((id, action)) = step.action.clone() else { return Err(Failed::Gone { recipe }) };
        require_this_machine(&recipe, &action)?;
        let root = Target::Tree(action.root);
        // Held first: what is found must not be collected afterwards.
        let held = self.holding.keep(root).is_ok();
        if !held || !self.builder.store.has_closure(root)? {
            match plan.merge_again(number, profile::VERSION, &self.known)? {
                Some((request, root)) if root.tree == action.root => self.store_root(request, &root)?,
                _ => return Err(Failed::Gone { recipe }),
            }
        }
        let before = self.before(&plan, number, &id)?;
        let (limits, keep_failed) = (self.request.options.limits.clone(), self.request.options.keep_failed);
        let memo = Some(step.memo);
        Ok(Some(Work { recipe, id, action, memo, limits, keep_failed, before, variation: None, notes: None }))
    }

    /// Whether this recipe is the one to prepare.
    fn is_prepared(&self, recipe: &RecipeName) -> bool {
        self.request.options.purpose == Purpose::Prepare && self.request.goals.first() == Some(recipe)
    }

    /// The outputs from another store, which has them or builds them. A build for comparison is run here.
    fn given(&self, work: &Work) -> Result<Option<(Outputs, How)>, Failed> {
        if work.before.is_some() || self.request.options.purpose == Purpose::Rebuild {
            return Ok(None);
        }
        let taken = self.builder.taken(self.request, work, &self.holding, self.progress, self.tell)?;
        match taken {
            Some((outputs, from)) => Ok(Some((outputs, How::From(from)))),
            None => self.built_elsewhere(work),
        }
    }

    /// What an action that is run again is compared with: its recorded outputs, of any origin. For a goal that
    /// is rebuilt also those that another store recorded for it under another action, after it had unpacked or
    /// merged something else.
    fn before(&self, plan: &Plan, number: usize, id: &ActionId) -> Result<Option<Realisation>, Failed> {
        let rebuilt = self.request.options.purpose == Purpose::Rebuild
            && self.request.goals.contains(&plan.graph.recipes()[number].name);
        if plan.steps[number].state != State::Again && !rebuilt {
            return Ok(None);
        }
        let store = &self.builder.store;
        match store.realisation(&id.0, Origins::Any)? {
            None if rebuilt => {
                let derivation = Digest::of(&plan.derivation(number, profile::VERSION));
                Ok(store.realisation(&derivation, Origins::Any)?)
            }
            known => Ok(known),
        }
    }

    /// The outputs that dependents use when a recipe came out differently than before: those that this store
    /// has recorded.
    fn go_on_with(&self, number: usize, id: &ActionId, before: Realisation) -> Result<(), Failed> {
        let own = self.builder.store.realisation(&id.0, Origins::Own)?;
        let outputs = own.unwrap_or(before).outputs;
        self.holding.keep_outputs(&outputs)?;
        self.note(number, &outputs);
        Ok(())
    }

    /// Stores a merged root, and records what it was merged from.
    fn store_root(&self, request: Vec<u8>, root: &plan::Root) -> Result<(), Failed> {
        let session = self.builder.store.session()?;
        for tree in &root.new {
            session.add_tree(tree)?;
        }
        let until = Holder::Until(stele_store::now().saturating_add(KEPT));
        let outputs = Outputs([(plan::MADE.to_owned(), root.tree)].into());
        let realisation = Realisation { outputs, log: None, origin: Origin::Built };
        let realised = Realised { of: Some((request, realisation)), ..Realised::default() };
        let target = Target::Tree(root.tree);
        self.holding.reserve(target);
        session.finish(&[target], &Keep { lease: Some(until), realised, ..Keep::default() })?;
        Ok(())
    }

    /// Notes the outputs of a recipe, for those that need it.
    fn note(&self, number: usize, outputs: &Outputs) {
        let mut plan = lock(&self.plan);
        let names: Vec<_> = plan.graph.recipes()[number].outputs.keys().cloned().collect();
        let made = names.into_iter().filter_map(|name| {
            let tree = *outputs.0.get(name.as_str())?;
            Some((name, tree))
        });
        plan.steps[number].outputs = Some(made.collect());
        plan.steps[number].state = State::Done;
    }
}
