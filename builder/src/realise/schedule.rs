//! What runs when: each recipe that has to be built, as soon as all that it needs is there.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use stele_recipes::action::Platform;
use stele_recipes::plan::{self, Part, Plan, State};
use stele_recipes::recipe::RecipeName;
use stele_store::model::TreeId;
use stele_store::{
    Holder, Keep, Origin, Origins, Outputs, Progress, ReadError, Realisation, Realised, Target,
};

use super::action::Work;
use super::ahead;
use super::shared::Seen;
use super::{Builder, Event, Failed, How, KEPT, OfStore, Purpose, Realisations, Request, lock, sources};
use crate::profile;

/// A recipe of which all that it is made of is there.
pub(super) struct Prepared {
    /// Its action.
    pub work: Work,
    /// What its root is merged of.
    pub parts: Vec<Part>,
}

/// A recipe's part of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Nothing has to be done for it.
    Idle,
    /// What it needs is not there yet.
    Waiting,
    /// It is being realised.
    Running,
    /// It is realised.
    Done,
    /// It was not, or something that it needs was not.
    Lost,
}

/// A request that is being done.
pub(super) struct Doing<'a> {
    builder: &'a Arc<Builder>,
    request: &'a Request<'a>,
    known: OfStore<'a>,
    plan: Mutex<Plan>,
    progress: &'a Progress,
    tell: &'a (dyn Fn(Event) + Sync),
    /// Kept until the request is done.
    held: Mutex<Vec<TreeId>>,
    /// What was to be prepared.
    prepared: Mutex<Option<Prepared>>,
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        for tree in lock(&self.held).drain(..) {
            self.builder.release(tree);
        }
    }
}

type Ended = (usize, Result<(), Arc<Failed>>);

impl Builder {
    /// Realises the goals of a request. What fails is in the answer; the builds that are under way are finished first.
    ///
    /// # Errors
    /// When there is no plan, or the request is cancelled.
    pub fn realise(
        self: &Arc<Self>,
        request: &Request<'_>,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Realisations, Failed> {
        self.doing(request, progress, tell)?.run()
    }

    pub(super) fn doing<'a>(
        self: &'a Arc<Self>,
        request: &'a Request<'_>,
        progress: &'a Progress,
        tell: &'a (dyn Fn(Event) + Sync),
    ) -> Result<Doing<'a>, Failed> {
        let known = OfStore::new(&self.store, request.tree, request.recipes)?;
        let again: &[RecipeName] = match request.options.purpose {
            Purpose::Build => &[],
            Purpose::Rebuild => request.goals,
            Purpose::Prepare => &request.goals[..1],
        };
        let plan = plan::plan_again(request.recipes, request.goals, again, profile::VERSION, &known)?;
        Ok(Doing {
            builder: self,
            request,
            known,
            plan: Mutex::new(plan),
            progress,
            tell,
            held: Mutex::default(),
            prepared: Mutex::default(),
        })
    }
}

impl Doing<'_> {
    fn run(&self) -> Result<Realisations, Failed> {
        let goals = self.goals();
        let (needs, mut places) = {
            let plan = lock(&self.plan);
            let needs: Vec<Vec<usize>> =
                (0..plan.steps.len()).map(|number| plan.graph.needs(number).to_vec()).collect();
            let place = |number: usize| match plan.steps[number].state {
                State::Build(_) | State::Again => Place::Waiting,
                State::Done => Place::Done,
                State::Unneeded => Place::Idle,
            };
            let places: Vec<Place> = (0..plan.steps.len()).map(place).collect();
            (needs, places)
        };
        let prepared = usize::from(self.request.options.purpose == Purpose::Prepare);
        let builds = places.iter().filter(|place| **place == Place::Waiting).count() - prepared;
        (self.tell)(Event::Planned { builds });
        let done = places.iter().enumerate().filter(|(_, place)| **place == Place::Done);
        done.map(|(number, _)| number).try_for_each(|number| self.hold_outputs(number))?;
        let mut answer = Realisations::default();
        let (ended, wait) = channel();
        thread::scope(|scope| {
            let mut running = 0;
            loop {
                let stopped = self.progress.check().is_err()
                    || (!answer.failed.is_empty() && !self.request.options.keep_going);
                while !stopped && running < self.request.options.jobs {
                    let Some(number) = ready(&places, &needs) else { break };
                    places[number] = Place::Running;
                    running += 1;
                    let (ended, unbegun): (Sender<Ended>, _) = (ended.clone(), ended.clone());
                    let begun = thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, move || {
                        let outcome = self.one(number);
                        let _ = ended.send((number, outcome));
                    });
                    if let Err(source) = begun {
                        let path = self.request.tree.to_owned();
                        let failed = Arc::new(Failed::Folder { path, source });
                        let _ = unbegun.send((number, Err(failed)));
                    }
                }
                if running == 0 {
                    break;
                }
                let Some((number, outcome)) = next(&wait) else { continue };
                running -= 1;
                match outcome {
                    Ok(()) => places[number] = Place::Done,
                    Err(error) => {
                        places[number] = Place::Lost;
                        if !matches!(&*error, Failed::Cancelled(_)) {
                            let recipe = self.name(number);
                            (self.tell)(Event::Failed { recipe: recipe.clone(), why: error.to_string() });
                            answer.failed.push((recipe, error));
                        }
                        self.skip(number, &needs, &mut places, &mut answer.skipped);
                    }
                }
            }
        });
        self.progress.check()?;
        if !answer.failed.is_empty() {
            // Those that were never begun because something else failed are skipped, too.
            for number in (0..places.len()).filter(|number| places[*number] == Place::Waiting) {
                answer.skipped.push(self.name(number));
            }
        }
        for number in goals {
            if places[number] == Place::Done
                && let Some(outputs) = self.outputs(number)
            {
                answer.goals.push((self.name(number), outputs));
            }
        }
        Ok(answer)
    }

    /// The first goal, when all that it is made of is there, and nothing failed; and what came of the others.
    pub(super) fn prepare(&self) -> Result<(Option<Prepared>, Realisations), Failed> {
        let realised = self.run()?;
        let prepared = lock(&self.prepared).take().filter(|_| realised.failed.is_empty());
        Ok((prepared, realised))
    }

    fn goals(&self) -> Vec<usize> {
        let plan = lock(&self.plan);
        let mut seen = HashSet::new();
        let numbers = self.request.goals.iter().filter_map(|goal| plan.graph.number(goal));
        numbers.filter(|number| seen.insert(*number)).collect()
    }

    fn name(&self, number: usize) -> RecipeName {
        lock(&self.plan).graph.recipes()[number].name.clone()
    }

    fn outputs(&self, number: usize) -> Option<Outputs> {
        let plan = lock(&self.plan);
        let outputs = plan.steps[number].outputs.as_ref()?;
        Some(Outputs(outputs.iter().map(|(name, tree)| (name.as_str().to_owned(), *tree)).collect()))
    }

    pub(super) fn hold(&self, trees: impl IntoIterator<Item = TreeId>) -> Result<(), ReadError> {
        for tree in trees {
            self.builder.keep([tree])?;
            lock(&self.held).push(tree);
        }
        Ok(())
    }

    fn hold_outputs(&self, number: usize) -> Result<(), ReadError> {
        self.hold(self.outputs(number).unwrap_or_default().0.into_values())
    }

    /// What needs the recipe that was lost is lost, too.
    fn skip(&self, lost: usize, needs: &[Vec<usize>], places: &mut [Place], skipped: &mut Vec<RecipeName>) {
        let mut all = HashSet::from([lost]);
        for number in lost + 1..places.len() {
            if places[number] == Place::Waiting && needs[number].iter().any(|need| all.contains(need)) {
                places[number] = Place::Lost;
                all.insert(number);
                let recipe = self.name(number);
                (self.tell)(Event::Skipped { recipe: recipe.clone() });
                skipped.push(recipe);
            }
        }
    }

    /// Realises one recipe, of which all inputs are there.
    fn one(&self, number: usize) -> Result<(), Arc<Failed>> {
        let recipe = Arc::clone(&lock(&self.plan).graph.recipes()[number]);
        let until = Holder::Until(stele_store::now().saturating_add(KEPT));
        let (store, tree) = (&*self.builder.store, self.request.tree);
        for source in &recipe.sources {
            if source.unpack.is_some() {
                let file = source.source.file.to_string();
                (self.tell)(Event::Unpacks { recipe: recipe.name.clone(), file });
            }
            let made = sources::source(store, tree, &recipe.name, source, until, self.progress);
            if let (Target::Tree(tree), _) = made.map_err(|e| Arc::new(e.into()))? {
                self.hold([tree]).map_err(|e| Arc::new(e.into()))?;
            }
        }
        let images = sources::images(store, &recipe).map_err(|e| Arc::new(e.into()))?;
        self.hold(images).map_err(|e| Arc::new(e.into()))?;
        let imported = sources::locals(store, tree, &recipe, until, self.progress);
        imported.map_err(|e| Arc::new(e.into()))?;
        let work = self.work(number).map_err(Arc::new)?;
        let Some(work) = work else {
            let outputs = self.outputs(number).unwrap_or_default();
            self.hold_outputs(number).map_err(|e| Arc::new(e.into()))?;
            (self.tell)(Event::Done { recipe: recipe.name.clone(), outputs, how: How::Known });
            return Ok(());
        };
        if self.is_prepared(&recipe.name) {
            let parts = lock(&self.plan).parts(number, profile::VERSION, &self.known);
            let parts = parts.map_err(|e| Arc::new(e.into()))?.unwrap_or_default();
            *lock(&self.prepared) = Some(Prepared { work, parts });
            return Ok(());
        }
        let (id, steps) = (work.id, work.action.steps.len());
        let (outputs, how) = match self.substituted(&work).map_err(Arc::new)? {
            Some((outputs, from)) => (outputs, How::From(from)),
            None => {
                (self.tell)(Event::Waits { recipe: recipe.name.clone() });
                let built = self.builder.realise_action(work, self.progress, |seen| {
                    let recipe = recipe.name.clone();
                    (self.tell)(match seen {
                        Seen::Begun(log) => Event::Begins { recipe, action: id, steps, log },
                        Seen::Step(step) => Event::Step { recipe, step },
                    });
                })?;
                (built, How::Built)
            }
        };
        self.note(number, &outputs);
        self.hold_outputs(number).map_err(|e| Arc::new(e.into()))?;
        (self.tell)(Event::Done { recipe: recipe.name.clone(), outputs, how });
        Ok(())
    }

    /// The action of a recipe whose inputs are all there; nothing when what comes of it is known.
    fn work(&self, number: usize) -> Result<Option<Work>, Failed> {
        let mut plan = lock(&self.plan);
        plan.look_again(number, profile::VERSION, &self.known)?;
        // Not those of others: what one is made of that was taken from another store need not be here.
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
        let this = Platform::ALL.iter().find(|(name, _)| name.starts_with(std::env::consts::ARCH));
        if this.is_none_or(|(_, platform)| *platform != action.platform) {
            let this = this.map_or(std::env::consts::ARCH, |(name, _)| name);
            return Err(Failed::Platform { recipe, wanted: action.platform.name(), this });
        }
        if !self.builder.store.has_tree(&action.root)? {
            match plan.merge_again(number, profile::VERSION, &self.known)? {
                Some((request, root)) if root.tree == action.root => self.store_root(request, &root)?,
                _ => return Err(Failed::Gone { recipe }),
            }
        }
        self.hold([action.root])?;
        let before = if step.state == State::Again { self.realised(&id.0)? } else { None };
        let (limits, keep_failed) = (self.request.options.limits.clone(), self.request.options.keep_failed);
        Ok(Some(Work { recipe, id, action, memo: step.memo, limits, keep_failed, before }))
    }

    /// Whether this recipe is the one that is to be prepared.
    fn is_prepared(&self, recipe: &RecipeName) -> bool {
        self.request.options.purpose == Purpose::Prepare && self.request.goals.first() == Some(recipe)
    }

    /// What another store gives, and which. What was built here before is compared with itself alone.
    fn substituted(&self, work: &Work) -> Result<Option<(Outputs, String)>, Failed> {
        if work.before.is_some() {
            return Ok(None);
        }
        ahead::taken(self.builder, self.request, work, self.progress, self.tell)
    }

    fn realised(&self, of: &stele_store::model::Digest) -> Result<Option<Outputs>, Failed> {
        let outputs = self.builder.store.realisation(of, Origins::Any)?.map(|row| row.outputs);
        match outputs {
            Some(outputs) if self.builder.has_all(&outputs)? => Ok(Some(outputs)),
            _ => Ok(None),
        }
    }

    /// Stores a merged root, and remembers of what it was merged.
    fn store_root(&self, request: Vec<u8>, root: &plan::Root) -> Result<(), Failed> {
        let session = self.builder.store.session()?;
        for tree in &root.new {
            session.add_tree(tree)?;
        }
        let until = Holder::Until(stele_store::now().saturating_add(KEPT));
        let outputs = Outputs([(plan::MADE.to_owned(), root.tree)].into());
        let realisation = Realisation { outputs, log: None, origin: Origin::Built };
        let realised = Realised { of: Some((request, realisation)), ..Realised::default() };
        session.finish(&[Target::Tree(root.tree)], &Keep { lease: Some(until), realised, root: None })?;
        Ok(())
    }

    /// What came of a recipe, for those that need it.
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

/// The first recipe that waits and of which all needs are done. What is not needed is known well enough.
fn ready(places: &[Place], needs: &[Vec<usize>]) -> Option<usize> {
    (0..places.len()).find(|number| {
        places[*number] == Place::Waiting
            && needs[*number].iter().all(|need| matches!(places[*need], Place::Done | Place::Idle))
    })
}

fn next(wait: &Receiver<Ended>) -> Option<Ended> {
    wait.recv_timeout(Duration::from_secs(3600)).ok()
}
