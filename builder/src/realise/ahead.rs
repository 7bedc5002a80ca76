//! Takes what other stores have before any source is fetched: from the goals downwards, so that inputs of a
//! substituted recipe are not even examined.
//!
//! A recipe's action depends on trees that would first have to be unpacked or merged. Another store has
//! recorded their digests, too. To find outputs that is good enough, and it is forgotten with the request: of a
//! substituted recipe only its outputs are recorded, by its derivation and by its action, with their origin.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use stele_recipes::plan::{self, Answers, Known, Memo, OutputTrees, State};
use stele_recipes::recipe::RecipeName;
use stele_store::model::{BlobId, Digest, Sha256, Tree, TreeId, TreeSource};
use stele_store::{Origin, Origins, Outputs, Progress, ReadError};

use super::action::Work;
use super::holding::Holding;
use super::substitute::{Gate, Query, take};
use super::{
    Builder, Event, Failed, How, OfStore, Realisations, Request, SourceError, SubstituteError, Substituter,
};
use crate::profile;

/// The answers of other stores, each question asked once.
struct Others<'a> {
    all: &'a [Box<dyn Substituter>],
    said: RefCell<HashMap<Digest, Option<OutputTrees>>>,
    gate: Option<&'a dyn Gate>,
    progress: &'a Progress,
}

impl Others<'_> {
    /// The first that has an answer. One that does not answer counts as having none: that is reported when
    /// something is to be taken from it.
    fn first<T>(&self, ask: impl Fn(&dyn Substituter) -> Option<T>) -> Option<T> {
        let mut all = self.all.iter().filter(|other| !other.is_gone());
        all.find_map(|other| self.progress.check().ok().and_then(|()| ask(&**other)))
    }
}

impl Answers for Others<'_> {
    fn realised(&self, of: &Digest) -> Option<OutputTrees> {
        if let Some(said) = self.said.borrow().get(of) {
            return said.clone();
        }
        // What a source unpacks to, and a root merges to, decides which action a recipe is: with a policy, that is not
        // one store's word either.
        let accepted = |outputs: &Outputs, other: &dyn Substituter| {
            self.gate.is_none_or(|gate| gate.accept(of, outputs, other, self.progress).is_ok())
        };
        let ask = |other: &dyn Substituter| {
            other.remembered(of, self.progress).ok().flatten().filter(|outputs| accepted(outputs, other))
        };
        let said = self.first(ask).map(|outputs| outputs.0);
        self.said.borrow_mut().insert(*of, said.clone());
        said
    }

    fn source(&self, sha256: &Sha256) -> Option<(BlobId, u64)> {
        self.first(|other| other.source(sha256, self.progress).ok().flatten())
    }
}

/// What this store knows, together with other stores.
struct Together<'a> {
    own: OfStore<'a>,
    others: Others<'a>,
}

impl TreeSource for Together<'_> {
    type Error = ReadError;

    fn tree(&self, id: &TreeId) -> Result<Tree, ReadError> {
        self.own.tree(id)
    }
}

impl Known for Together<'_> {
    fn realised(&self, of: &Digest) -> Result<Option<OutputTrees>, ReadError> {
        self.own.realised(of)
    }

    fn reported(&self, of: &Digest) -> Result<Option<OutputTrees>, ReadError> {
        self.own.reported(of)
    }

    fn substituters(&self) -> Option<&dyn Answers> {
        Some(&self.others)
    }

    fn has_tree(&self, tree: &TreeId) -> Result<bool, ReadError> {
        self.own.has_tree(tree)
    }

    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, ReadError> {
        self.own.source(sha256)
    }

    fn memo(&self, recipe: &RecipeName) -> Result<Option<Memo>, ReadError> {
        self.own.memo(recipe)
    }
}

impl Builder {
    /// Takes what the substituters of a request have. The rest is left to [`Builder::realise`]. Returns the
    /// goals that are realised now.
    ///
    /// # Errors
    /// When there is no plan, this store fails, or the request is cancelled.
    pub fn take_ahead(
        &self,
        request: &Request<'_>,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Realisations, Failed> {
        let own = OfStore::new(&self.store, Origins::Any, request.tree, request.recipes)?;
        let (all, gate) = (request.substituters, request.gate);
        let others = Others { all, said: RefCell::default(), gate, progress };
        let known = Together { own, others };
        let plan = plan::plan(request.recipes, request.goals, profile::VERSION, &known)?;
        progress.check()?;
        for (from, recipe) in request.substituters.iter().zip(request.goals.iter().cycle()) {
            if from.is_gone() {
                let (from, why) = (from.name().to_owned(), "it does not answer".to_owned());
                tell(Event::Unsubstituted { recipe: recipe.clone(), from, why });
            }
        }
        let holding = Arc::new(self.holding());
        let mut wanted: Vec<usize> =
            request.goals.iter().filter_map(|goal| plan.graph.number(goal)).collect();
        let mut seen: HashSet<usize> = wanted.iter().copied().collect();
        let mut there = Realisations { holding: Some(Arc::clone(&holding)), ..Realisations::default() };
        while let Some(number) = wanted.pop() {
            let (step, recipe) = (&plan.steps[number], &plan.graph.recipes()[number]);
            let is_goal = request.goals.contains(&recipe.name);
            if step.state == State::Done {
                let outputs = step.outputs.iter().flatten().map(|(name, it)| (name.as_str().to_owned(), *it));
                let outputs = Outputs(outputs.collect());
                holding.keep_outputs(&outputs)?;
                there.goals.extend(is_goal.then(|| (recipe.name.clone(), outputs)));
                continue;
            }
            // Only outputs that a substituter claims to have are requested.
            if let (Some((id, action)), Some(_)) = (&step.claimed, &step.outputs) {
                let work = Work {
                    recipe: recipe.name.clone(),
                    id: *id,
                    action: action.clone(),
                    memo: Some(step.memo.clone()),
                    limits: request.options.limits.clone(),
                    keep_failed: false,
                    before: None,
                    variation: None,
                    notes: None,
                };
                if let Some((outputs, from)) = self.taken(request, &work, &holding, progress, tell)? {
                    let origin = Origin::Substituted { from: from.clone() };
                    let derivation = plan.derivation(number, profile::VERSION);
                    self.store.remember(&derivation, &outputs, origin).map_err(SourceError::from)?;
                    there.goals.extend(is_goal.then(|| (recipe.name.clone(), outputs.clone())));
                    tell(Event::Done { recipe: work.recipe, outputs, how: How::From(from) });
                    continue;
                }
            }
            wanted.extend(plan.graph.needs(number).iter().copied().filter(|need| seen.insert(*need)));
        }
        Ok(there)
    }

    /// The outputs of an action, from the first substituter that has them, and its name. One that has none is
    /// no failure: another is asked, or the recipe is built.
    pub(super) fn taken(
        &self,
        request: &Request<'_>,
        work: &Work,
        holding: &Holding,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Option<(Outputs, String)>, Failed> {
        for from in request.substituters.iter().filter(|from| !from.is_gone()) {
            if let Some(outputs) = self.taken_from(&**from, request, work, holding, progress, tell)? {
                return Ok(Some((outputs, from.name().to_owned())));
            }
        }
        Ok(None)
    }

    /// The same of one substituter.
    pub(super) fn taken_from(
        &self,
        from: &dyn Substituter,
        request: &Request<'_>,
        work: &Work,
        holding: &Holding,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Option<Outputs>, Failed> {
        let names: Vec<&str> = work.action.outputs.keys().map(String::as_str).collect();
        let own = self.store.realisation(&work.id.0, Origins::Own)?.map(|it| it.outputs);
        let gate = request.gate;
        let wanted = Query { of: &work.id.0, names: &names, own: own.as_ref(), holding, gate };
        let origin = Origin::Substituted { from: from.name().to_owned() };
        let keep = |outputs: &Outputs, log| work.keep(outputs, log, origin);
        match take(&self.store, from, &wanted, keep, progress) {
            Ok(taken) => Ok(taken),
            Err(SubstituteError::Cancelled(error)) => Err(error.into()),
            Err(SubstituteError::Read(error)) => Err(error.into()),
            Err(SubstituteError::Write(error)) => Err(error.into()),
            Err(error) => {
                progress.check()?;
                let (from, why) = (from.name().to_owned(), error.to_string());
                tell(Event::Unsubstituted { recipe: work.recipe.clone(), from, why });
                Ok(None)
            }
        }
    }
}
