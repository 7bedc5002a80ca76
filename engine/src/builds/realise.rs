//! Realising recipes, and making roots for their outputs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use stele_builder::realise::{Gate, Options, Purpose, Realisations, Request, Substituter};
use stele_builder::sandbox::Limits;
use stele_recipes::recipe::RecipeName;
use stele_store::model::{BlobId, Digest, RootName};
use stele_store::{Origins, Outputs, Presence, Progress, Store, Target};

use super::{Built, Event, Goal, Order, Realised};
use crate::agreement::PolicyGate;
use crate::engine::Engine;
use crate::failure::{Failure, Kind};
use crate::keep::BUILD_PREFIX;
use crate::recipes::{Selection, planned};
use crate::reference::from_wire;
use crate::service::Sink;

/// The maximum size of a log in bytes; a build that writes more is killed.
const MAX_LOG: u64 = 256 << 20;
/// Processes and threads of a build: fewer than the 4096 of the sandbox profile, at which a fork only fails.
const MAX_PROCESSES: u64 = 3840;

/// Realises `goals` of the recipe tree at `tree`, or all recipes when the list is empty.
///
/// # Errors
/// When a recipe is invalid, there is no plan, or the request is cancelled.
pub fn build(
    engine: &Engine,
    tree: &Path,
    goals: &[RecipeName],
    order: &Order,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Built, Failure> {
    let (builder, store): (_, &Store) = (engine.builder()?, engine.store());
    let (mut planned, recipes) = match order.rebuild {
        true => planned::plan_again(engine, Origins::Own, tree, goals)
            .map(|(planned, it)| (Arc::new(planned), Some(it)))?,
        false => planned::plan_for_build(engine, tree, goals)?,
    };
    if planned.build.is_empty() && !order.rebuild {
        return kept(store, order, planned.there.clone());
    }
    let others = others(engine, order, progress)?;
    // Substituters are asked before any source is fetched: what they have needs no sources.
    let asked = !order.rebuild && !others.is_empty();
    if !asked && let Some(fetch) = Built::to_fetch(&planned) {
        return Ok(fetch);
    }
    let recipes = match recipes {
        Some(recipes) => recipes,
        None => engine.evaluator().evaluate(tree, &Selection::of(goals))?.by_name(),
    };
    let all: Vec<_> = recipes.by_name.keys().cloned().collect();
    let goals = if goals.is_empty() { &all } else { goals };
    let purpose = if order.rebuild { Purpose::Rebuild } else { Purpose::Build };
    let options = options(order, purpose);
    let gate = PolicyGate::of_order(store, order)?;
    let gate = gate.as_ref().map(|gate| gate as &dyn Gate);
    let request = Request {
        tree,
        recipes: &recipes,
        goals,
        options,
        substituters: &others,
        builder: builder_of(order, &others),
        gate,
    };
    let telling = Telling::new(sink);
    let tell = |event| telling.tell(event);
    let failed = |error| crate::failure::builds::failure(&error, tree);
    if asked {
        let there = builder.take_ahead(&request, progress, &tell).map_err(failed)?;
        if goals.iter().all(|goal| there.goals.iter().any(|(name, _)| name == goal)) {
            return kept(store, order, there.goals.iter().map(goal).collect());
        }
        planned = Arc::new(planned::of(store, Origins::Any, tree, &recipes, (goals, &[]))?);
        if let Some(fetch) = Built::to_fetch(&planned) {
            return Ok(fetch);
        }
    }
    // Protected from garbage collection until the roots keep it.
    let realised = builder.realise(&request, progress, &tell).map_err(failed)?;
    let built = built(&realised, tree);
    let Built { goals, .. } = kept(store, order, built.goals)?;
    Ok(Built { goals, ..built })
}

/// The realised goals, with roots if the order asks for them.
fn kept(store: &Store, order: &Order, goals: Vec<Goal>) -> Result<Built, Failure> {
    if !order.no_root {
        keep_all(store, &goals)?;
    }
    Ok(Built { goals, ..Built::default() })
}

/// The result of a build request, as it is answered.
pub(super) fn built(realised: &Realisations, tree: &Path) -> Built {
    Built {
        goals: realised.goals.iter().map(goal).collect(),
        failed: realised
            .failed
            .iter()
            .map(|(_, error)| crate::failure::builds::failure(error, tree))
            .collect(),
        skipped: realised.skipped.iter().map(ToString::to_string).collect(),
        fetch: Vec::new(),
    }
}

fn goal((name, outputs): &(RecipeName, Outputs)) -> Goal {
    Goal { name: name.to_string(), outputs: outputs.0.clone() }
}

/// Sends the events of several threads to the client.
pub(super) struct Telling<'a>(Mutex<&'a mut dyn Sink>);

impl<'a> Telling<'a> {
    pub(super) fn new(sink: &'a mut dyn Sink) -> Self {
        Self(Mutex::new(sink))
    }

    /// The connection watcher detects a disconnected client.
    pub(super) fn tell(&self, event: stele_builder::realise::Event) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).event(&Event::from(event));
    }
}

/// The other stores of an order: its substituters, and last its remote builder. One that cannot be reached is an error:
/// an unintended local build can take hours.
pub(super) fn others(
    engine: &Engine,
    order: &Order,
    progress: &Progress,
) -> Result<Vec<Box<dyn Substituter>>, Failure> {
    let connect = |what: &'static str| {
        move |path: &String| {
            let path = from_wire(path)?;
            engine.peers().connect(&path, progress).map_err(|failure| Failure {
                message: format!("{what} {}: {}", path.display(), failure.message),
                ..failure
            })
        }
    };
    let substituters = order.substituters.iter().map(connect("substituter"));
    substituters.chain(order.builder.iter().map(connect("remote builder"))).collect()
}

/// The remote builder of an order, among its [`others`].
pub(super) fn builder_of<'a>(
    order: &Order,
    others: &'a [Box<dyn Substituter>],
) -> Option<&'a dyn Substituter> {
    order.builder.as_ref().and(others.last()).map(|it| &**it)
}

/// The outputs of the action with that digest, or of an unpacking or a merge.
///
/// # Errors
/// When it is unknown.
pub fn realised(store: &Store, of: &Digest) -> Result<Realised, Failure> {
    let unknown = || Failure::new(Kind::NotFound, format!("there is no action {of}"));
    let realisation = store.realisation(of, Origins::Any)?.ok_or_else(unknown)?;
    let mut gone = false;
    for tree in realisation.outputs.0.values() {
        gone |= !store.has_closure(Target::Tree(*tree))?;
    }
    let is_there = |log: &BlobId| store.presence(Target::Blob(*log)).is_ok_and(Presence::is_sound);
    let log = realisation.log.filter(is_there);
    Ok(Realised { outputs: realisation.outputs.0, log, gone })
}

pub(super) fn options(order: &Order, purpose: Purpose) -> Options {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Options {
        jobs: order.jobs.unwrap_or(processors).max(1),
        keep_going: order.keep_going,
        keep_failed: order.keep_failed,
        purpose,
        limits: limits(order.timeout, order.memory),
    }
}

/// The limits of a build, given its time in seconds and its memory in bytes.
pub(super) fn limits(seconds: Option<u64>, memory: Option<u64>) -> Limits {
    Limits { seconds, memory: memory.unwrap_or_else(usual_memory), log: MAX_LOG, processes: MAX_PROCESSES }
}

/// Three quarters of the machine's memory.
fn usual_memory() -> u64 {
    let info = rustix::system::sysinfo();
    // The type of the number is the kernel's word size.
    #[allow(clippy::useless_conversion)]
    let total = u64::from(info.totalram).saturating_mul(info.mem_unit.into());
    total / 4 * 3
}

/// Makes a root for each output: `build-NAME`, and `build-NAME-OUTPUT` for outputs other than `out`. An output whose
/// root name would be too long is kept for a day by the lease of its build.
fn keep_all(store: &Store, goals: &[Goal]) -> Result<(), Failure> {
    let there: HashMap<RootName, Target> =
        store.roots()?.into_iter().map(|root| (root.name, root.target)).collect();
    for goal in goals {
        for (output, &tree) in &goal.outputs {
            let Some(root) = root_name(&goal.name, output) else { continue };
            // Rewriting it would change only its date.
            if there.get(&root) != Some(&Target::Tree(tree)) {
                store.set_root(&root, Target::Tree(tree))?;
            }
        }
    }
    Ok(())
}

fn root_name(recipe: &str, output: &str) -> Option<RootName> {
    let suffix = if output == "out" { String::new() } else { format!("-{output}") };
    format!("{BUILD_PREFIX}{recipe}{suffix}").parse().ok()
}
