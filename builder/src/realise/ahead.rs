//! What other stores have is taken before any source is fetched: from the goals downwards, so that what is only needed
//! to build something that is taken is not even looked at.
//!
//! Which action a recipe is depends on trees that would first have to be unpacked or merged. Another store remembers
//! what came of that, too; it is believed as in all that it says (docs/threat-model.md), and none of it is remembered
//! here but what explains the outputs that were taken.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use stele_recipes::plan::{self, Known, Memo, Plan, State};
use stele_recipes::recipe::RecipeName;
use stele_store::model::{BlobId, Digest, Sha256, Tree, TreeId, TreeSource};
use stele_store::{Origin, Origins, Outputs, Progress, ReadError};

use super::action::Work;
use super::{
    Builder, Event, Failed, How, OfStore, Request, SourceError, SubstituteError, Substituter, substitute,
};
use crate::profile;

type Trees = BTreeMap<String, TreeId>;

/// What this store knows, or else what others say.
struct Together<'a> {
    own: OfStore<'a>,
    others: &'a [Box<dyn Substituter>],
    /// What was asked already.
    said: RefCell<HashMap<Digest, Option<Trees>>>,
}

impl TreeSource for Together<'_> {
    type Error = ReadError;

    fn tree(&self, id: &TreeId) -> Result<Tree, ReadError> {
        self.own.tree(id)
    }
}

impl Known for Together<'_> {
    fn realised(&self, of: &Digest) -> Result<Option<Trees>, ReadError> {
        if let Some(known) = self.own.realised(of)? {
            return Ok(Some(known));
        }
        if let Some(said) = self.said.borrow().get(of) {
            return Ok(said.clone());
        }
        // One that does not answer says nothing: it is told of when something is to be taken from it.
        let said = self.others.iter().find_map(|other| other.remembered(of).ok().flatten());
        let said = said.map(|outputs| outputs.0);
        self.said.borrow_mut().insert(*of, said.clone());
        Ok(said)
    }

    fn has_tree(&self, tree: &TreeId) -> Result<bool, ReadError> {
        self.own.has_tree(tree)
    }

    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, ReadError> {
        match self.own.source(sha256)? {
            Some(known) => Ok(Some(known)),
            None => Ok(self.others.iter().find_map(|other| other.source(sha256).ok().flatten())),
        }
    }

    fn memo(&self, recipe: &RecipeName) -> Result<Option<Memo>, ReadError> {
        self.own.memo(recipe)
    }
}

impl Builder {
    /// Takes what the substituters of a request have. What they have not is left to [`Builder::realise`]. The goals
    /// that are there now.
    ///
    /// # Errors
    /// When there is no plan, this store fails, or the request is cancelled.
    pub fn take_ahead(
        &self,
        request: &Request<'_>,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Vec<(RecipeName, Outputs)>, Failed> {
        let own = OfStore::new(&self.store, request.tree, request.recipes)?;
        let known = Together { own, others: request.substituters, said: RefCell::default() };
        let plan = plan::plan(request.recipes, request.goals, profile::VERSION, &known)?;
        let mut wanted: Vec<usize> =
            request.goals.iter().filter_map(|goal| plan.graph.number(goal)).collect();
        let mut seen: HashSet<usize> = wanted.iter().copied().collect();
        let mut explained = HashSet::new();
        let mut there = Vec::new();
        while let Some(number) = wanted.pop() {
            let (step, recipe) = (&plan.steps[number], &plan.graph.recipes()[number]);
            let is_goal = request.goals.contains(&recipe.name);
            if step.state == State::Done {
                let outputs = step.outputs.iter().flatten().map(|(name, it)| (name.as_str().to_owned(), *it));
                there.extend(is_goal.then(|| (recipe.name.clone(), Outputs(outputs.collect()))));
                continue;
            }
            // Only what somebody says something came of is asked for.
            if let (Some((id, action)), Some(_)) = (&step.action, &step.outputs) {
                let work = Work {
                    recipe: recipe.name.clone(),
                    id: *id,
                    action: action.clone(),
                    memo: step.memo.clone(),
                    limits: request.options.limits.clone(),
                    keep_failed: false,
                    before: None,
                };
                if let Some((outputs, from)) = taken(self, request, &work, progress, tell)? {
                    self.explain(&plan, number, &known, &from, &mut explained)?;
                    there.extend(is_goal.then(|| (recipe.name.clone(), outputs.clone())));
                    tell(Event::Done { recipe: work.recipe, outputs, how: How::From(from) });
                    continue;
                }
            }
            wanted.extend(plan.graph.needs(number).iter().copied().filter(|need| seen.insert(*need)));
        }
        Ok(there)
    }

    /// Remembers which action that recipe is, and so those that it needs: by that the next plan knows, without asking
    /// anybody, that it is there.
    fn explain(
        &self,
        plan: &Plan,
        number: usize,
        known: &Together<'_>,
        from: &str,
        explained: &mut HashSet<usize>,
    ) -> Result<(), Failed> {
        let mut stack = vec![number];
        while let Some(number) = stack.pop() {
            let (step, recipe) = (&plan.steps[number], &plan.graph.recipes()[number]);
            let Some((id, action)) = &step.action else { continue };
            if !explained.insert(number) {
                continue;
            }
            for text in recipe.sources.iter().filter_map(plan::unpacking) {
                let made = known.realised(&Digest::of(&text))?;
                self.remember(&text, made, from)?;
            }
            if let Some(parts) = plan.parts(number, profile::VERSION, known)? {
                let root = Trees::from([(plan::MADE.to_owned(), action.root)]);
                self.remember(&plan::merging(&parts, &recipe.prefer), Some(root), from)?;
            }
            let made = known.realised(&id.0)?;
            // An action was encoded when its digest was made.
            self.remember(&action.encode().unwrap_or_default(), made, from)?;
            stack.extend(plan.graph.needs(number));
        }
        Ok(())
    }

    /// Remembers what came of what has this text, if this store does not know.
    fn remember(&self, text: &[u8], made: Option<Trees>, from: &str) -> Result<(), Failed> {
        let Some(made) = made else { return Ok(()) };
        if self.store.realisation(&Digest::of(text), Origins::Any)?.is_none() {
            let origin = Origin::Substituted { from: from.to_owned() };
            self.store.remember(text, &Outputs(made), origin).map_err(SourceError::from)?;
        }
        Ok(())
    }
}

/// What came of an action, from the first of the substituters that gives it, and from which. That one does not is no
/// failure: another is asked, or it is built.
pub(super) fn taken(
    builder: &Builder,
    request: &Request<'_>,
    work: &Work,
    progress: &Progress,
    tell: &(dyn Fn(Event) + Sync),
) -> Result<Option<(Outputs, String)>, Failed> {
    let names: Vec<&str> = work.action.outputs.keys().map(String::as_str).collect();
    for from in request.substituters {
        let origin = Origin::Substituted { from: from.name().to_owned() };
        let keep = |outputs: &Outputs, log| work.keep(outputs, log, origin);
        match substitute::take(&builder.store, &**from, &work.id.0, &names, keep, progress) {
            Ok(Some(outputs)) => return Ok(Some((outputs, from.name().to_owned()))),
            Ok(None) => {}
            Err(SubstituteError::Cancelled(error)) => return Err(error.into()),
            Err(SubstituteError::Read(error)) => return Err(error.into()),
            Err(SubstituteError::Write(error)) => return Err(error.into()),
            Err(error) => tell(Event::Unsubstituted {
                recipe: work.recipe.clone(),
                from: from.name().to_owned(),
                why: error.to_string(),
            }),
        }
    }
    Ok(None)
}
