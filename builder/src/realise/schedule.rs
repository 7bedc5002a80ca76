//! The schedule: each recipe that has to be built starts as soon as all its inputs exist.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use stele_recipes::plan::{self, Part, Plan, State};
use stele_recipes::recipe::RecipeName;
use stele_store::{Outputs, Progress, ReadError};

use super::action::Work;
use super::caught::caught;
use super::{Builder, Event, Failed, Holding, OfStore, Purpose, Realisations, Request, lock};
use crate::profile;

/// How often a request is planned again because something was found damaged.
const MAX_REPAIRS: usize = 3;

/// A recipe whose inputs all exist.
pub(super) struct Prepared {
    /// Its action.
    pub work: Work,
    /// The parts that its root is merged from.
    pub parts: Vec<Part>,
}

/// The status of a recipe in a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    /// Nothing to do.
    Idle,
    /// Its inputs do not all exist yet.
    Waiting,
    /// It is being realised.
    Running,
    /// It is realised.
    Done,
    /// It failed, or something that it needs did.
    Lost,
}

/// A request in progress.
pub(super) struct Doing<'a> {
    pub(super) builder: &'a Arc<Builder>,
    pub(super) request: &'a Request<'a>,
    pub(super) known: OfStore<'a>,
    pub(super) plan: Mutex<Plan>,
    pub(super) progress: &'a Progress,
    pub(super) tell: &'a (dyn Fn(Event) + Sync),
    /// Held until the request is done.
    pub(super) holding: Arc<Holding>,
    /// The prepared recipe, on request.
    pub(super) prepared: Mutex<Option<Prepared>>,
}

type Ended = (usize, Result<(), Arc<Failed>>);

impl Builder {
    /// Realises the goals of a request. Failures are part of the answer; running builds finish first. When an
    /// input of a build turns out to be damaged, or is gone, that input is built again, and then the rest.
    ///
    /// # Errors
    /// When there is no plan, or the request is cancelled.
    pub fn realise(
        self: &Arc<Self>,
        request: &Request<'_>,
        progress: &Progress,
        tell: &(dyn Fn(Event) + Sync),
    ) -> Result<Realisations, Failed> {
        let mut realised = self.doing(request, progress, tell)?.run()?;
        for _ in 0..MAX_REPAIRS {
            // What was quarantined or collected meanwhile is gone.
            let is_again = |error: &Failed| matches!(error, Failed::Damaged { .. } | Failed::Gone { .. });
            if !realised.failed.iter().any(|(_, error)| is_again(error)) {
                break;
            }
            // Damaged content no longer counts as present: the new plan includes it.
            realised = self.doing(request, progress, tell)?.run()?;
        }
        Ok(realised)
    }

    pub(super) fn doing<'a>(
        self: &'a Arc<Self>,
        request: &'a Request<'_>,
        progress: &'a Progress,
        tell: &'a (dyn Fn(Event) + Sync),
    ) -> Result<Doing<'a>, Failed> {
        let origins = request.options.purpose.origins();
        let known = OfStore::new(&self.store, origins, request.tree, request.recipes)?;
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
            holding: Arc::new(self.holding()),
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
                State::Build(_) | State::Again => Status::Waiting,
                State::Done => Status::Done,
                State::Unneeded => Status::Idle,
            };
            let places: Vec<Status> = (0..plan.steps.len()).map(place).collect();
            (needs, places)
        };
        let prepared = usize::from(self.request.options.purpose == Purpose::Prepare);
        let builds = places.iter().filter(|place| **place == Status::Waiting).count() - prepared;
        let realised = places.iter().filter(|place| **place == Status::Done).count();
        (self.tell)(Event::Planned { builds, realised });
        let done = places.iter().enumerate().filter(|(_, place)| **place == Status::Done);
        done.map(|(number, _)| number).try_for_each(|number| self.hold_outputs(number))?;
        let holding = Some(Arc::clone(&self.holding));
        let mut answer = Realisations { holding, ..Realisations::default() };
        let (ended, wait) = channel();
        thread::scope(|scope| {
            let mut running = 0;
            loop {
                // An output that differs is still usable, and says nothing about the others.
                let stops = |error: &Failed| !matches!(error, Failed::Differs(_));
                let stopped = self.progress.check().is_err()
                    || (answer.failed.iter().any(|(_, error)| stops(error))
                        && !self.request.options.keep_going);
                while !stopped && running < self.request.options.jobs {
                    let Some(number) = ready(&places, &needs) else { break };
                    places[number] = Status::Running;
                    running += 1;
                    let (ended, unbegun): (Sender<Ended>, _) = (ended.clone(), ended.clone());
                    let begun = thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, move || {
                        let outcome = caught(&self.name(number), || self.one(number));
                        let _ = ended.send((number, outcome));
                    });
                    if let Err(source) = begun {
                        let _ = unbegun.send((number, Err(Arc::new(Failed::Thread { source }))));
                    }
                }
                if running == 0 {
                    break;
                }
                let Some((number, outcome)) = next(&wait) else { continue };
                running -= 1;
                match outcome {
                    Ok(()) => places[number] = Status::Done,
                    Err(error) if matches!(&*error, Failed::Differs(_)) => {
                        places[number] = Status::Done;
                        let recipe = self.name(number);
                        (self.tell)(Event::Failed { recipe: recipe.clone(), why: error.to_string() });
                        answer.failed.push((recipe, error));
                    }
                    Err(error) => {
                        places[number] = Status::Lost;
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
            // Recipes that were never started because another failed are skipped, too.
            for number in (0..places.len()).filter(|number| places[*number] == Status::Waiting) {
                answer.skipped.push(self.name(number));
            }
        }
        for number in goals {
            let name = self.name(number);
            if places[number] == Status::Done
                && answer.failed.iter().all(|(failed, _)| *failed != name)
                && let Some(outputs) = self.outputs(number)
            {
                answer.goals.push((name, outputs));
            }
        }
        Ok(answer)
    }

    /// The first goal, when its inputs exist and nothing failed; and the results of the others.
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

    pub(super) fn name(&self, number: usize) -> RecipeName {
        lock(&self.plan).graph.recipes()[number].name.clone()
    }

    pub(super) fn outputs(&self, number: usize) -> Option<Outputs> {
        let plan = lock(&self.plan);
        let outputs = plan.steps[number].outputs.as_ref()?;
        Some(Outputs(outputs.iter().map(|(name, tree)| (name.as_str().to_owned(), *tree)).collect()))
    }

    pub(super) fn hold_outputs(&self, number: usize) -> Result<(), ReadError> {
        self.holding.keep_outputs(&self.outputs(number).unwrap_or_default())
    }

    /// Skips what needs the lost recipe.
    fn skip(&self, lost: usize, needs: &[Vec<usize>], places: &mut [Status], skipped: &mut Vec<RecipeName>) {
        let mut all = HashSet::from([lost]);
        for number in lost + 1..places.len() {
            if places[number] == Status::Waiting && needs[number].iter().any(|need| all.contains(need)) {
                places[number] = Status::Lost;
                all.insert(number);
                let recipe = self.name(number);
                (self.tell)(Event::Skipped { recipe: recipe.clone() });
                skipped.push(recipe);
            }
        }
    }
}

/// The first waiting recipe whose needs are all done. Recipes that need no building count as done.
fn ready(places: &[Status], needs: &[Vec<usize>]) -> Option<usize> {
    (0..places.len()).find(|number| {
        places[*number] == Status::Waiting
            && needs[*number].iter().all(|need| matches!(places[*need], Status::Done | Status::Idle))
    })
}

fn next(wait: &Receiver<Ended>) -> Option<Ended> {
    wait.recv_timeout(Duration::from_secs(3600)).ok()
}
