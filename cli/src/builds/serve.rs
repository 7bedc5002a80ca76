//! The daemon's side of a build.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use stele_builder::realise::{Builder, Options, Request, Substituter};
use stele_builder::sandbox::Limits;
use stele_recipes::recipe::RecipeName;
use stele_store::model::{Digest, RootName, TreeId};
use stele_store::{CopyError, Progress, Store, Target};

use super::event::digests;
use super::substituter::Other;
use super::{Built, Event, Goal, Order, Realised};
use crate::failure::{Failure, Kind};
use crate::recipes::{Wanted, evaluate, planned};
use crate::reference::from_wire;
use crate::service::{Desk, Sink, lost_sink};

/// Bytes of a log after which a build is ended.
const LOG_MOST: u64 = 256 << 20;
/// Processes and threads of a build: fewer than the 4096 of the sandbox profile, which a fork bomb meets silently.
const PROCESSES_MOST: u64 = 3840;

/// What begins the name of a root that keeps what was built.
const PREFIX: &str = "build-";

/// Realises `goals`, or all recipes when there are none, of the recipe tree at `tree`.
///
/// # Errors
/// When a recipe is wrong, there is no plan, or the request is cancelled.
pub fn build(
    builder: &Arc<Builder>,
    store: &Store,
    tree: &Path,
    goals: &[RecipeName],
    order: &Order,
    sink: &mut dyn Sink,
    progress: &Progress,
) -> Result<Built, Failure> {
    let (planned, recipes) = planned::plan_for_build(store, tree, goals)?;
    if !planned.fetch.is_empty() {
        return Ok(Built { fetch: planned.fetch.clone(), ..Built::default() });
    }
    if planned.build.is_empty() && !order.rebuild {
        if !order.no_root {
            keep_all(store, &planned.there)?;
        }
        return Ok(Built { goals: planned.there.clone(), ..Built::default() });
    }
    let recipes = match recipes {
        Some(recipes) => recipes,
        None => evaluate(tree, &Wanted::of(goals))?.by_name(),
    };
    let all: Vec<_> = recipes.by_name.keys().cloned().collect();
    let goals = if goals.is_empty() { &all } else { goals };
    let substituters = substituters(order)?;
    let request =
        Request { tree, recipes: &recipes, goals, options: options(order), substituters: &substituters };
    let sink = Mutex::new(sink);
    let tell = |event| {
        // Whoever does not listen any more is noticed by whoever watches the connection.
        let _ = sink.lock().unwrap_or_else(PoisonError::into_inner).event(&Event::from(event));
    };
    let realised = builder.realise(&request, progress, &tell);
    let realised = realised.map_err(|error| crate::hints::builds::failure(&error, tree))?;
    let mut built = Built::default();
    for (name, outputs) in &realised.goals {
        built.goals.push(Goal { name: name.to_string(), outputs: digests(outputs) });
    }
    if !order.no_root {
        keep_all(store, &built.goals)?;
    }
    built.failed =
        realised.failed.iter().map(|(_, error)| crate::hints::builds::failure(error, tree)).collect();
    built.skipped = realised.skipped.iter().map(ToString::to_string).collect();
    Ok(built)
}

/// The other stores of an order. One that does not answer at all is a wrong order: a build that nobody wanted can take
/// hours.
fn substituters(order: &Order) -> Result<Vec<Box<dyn Substituter>>, Failure> {
    let connect = |path: &String| {
        let path = from_wire(path)?;
        let other = Other::connect(&path).map_err(|failure| Failure {
            message: format!("substituter {}: {}", path.display(), failure.message),
            ..failure
        })?;
        Ok(Box::new(other) as Box<dyn Substituter>)
    };
    order.substituters.iter().map(connect).collect()
}

/// What came of the action with that digest.
///
/// # Errors
/// When that is not known, or not there any more.
pub fn realised(store: &Store, of: &str) -> Result<Realised, Failure> {
    let unknown = || Failure::new(Kind::NotFound, format!("nothing is known of an action {of}"));
    let of: Digest = of.parse().map_err(|_| unknown())?;
    let outputs = store.realisation(&of)?.ok_or_else(unknown)?;
    for tree in outputs.0.values() {
        if !store.has_tree(tree)? {
            return Err(unknown());
        }
    }
    let log = store.log(&of)?.filter(|log| store.blob_info(log).is_ok());
    Ok(Realised { outputs: digests(&outputs), log: log.map(|log| log.to_string()) })
}

/// The log of a recipe's build that runs, or of its last one.
///
/// # Errors
/// When there was none, or nobody takes it.
pub fn log(
    desk: &Desk<'_>,
    recipe: &RecipeName,
    to: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<(), Failure> {
    if let Some(path) = desk.builder.and_then(|builder| builder.running_log(recipe)) {
        let bytes = std::fs::read(&path).map_err(|e| Failure::io("the log", &e))?;
        return to(&bytes).map_err(|e| lost_sink(&e));
    }
    let last = desk.store.last(recipe.as_str())?.ok_or_else(|| {
        Failure::new(Kind::NotFound, format!("no build of recipe `{recipe}` has left a log in this store"))
            .hint("`stele build` builds it; what another store gave has its log there")
    })?;
    let reader = desk.store.open_blob(&last.log)?;
    reader.verified(to).map_err(|e| match e {
        CopyError::Sink(e) => lost_sink(&e),
        CopyError::Read(e) => e.into(),
    })
}

fn options(order: &Order) -> Options {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Options {
        jobs: order.jobs.unwrap_or(processors).max(1),
        keep_going: order.keep_going,
        keep_failed: order.keep_failed,
        rebuild: order.rebuild,
        limits: Limits {
            seconds: order.timeout,
            memory: order.memory.unwrap_or_else(usual_memory),
            log: LOG_MOST,
            processes: PROCESSES_MOST,
        },
    }
}

/// Three quarters of the machine's.
fn usual_memory() -> u64 {
    let info = rustix::system::sysinfo();
    // The number is of the kernel's own word size.
    #[allow(clippy::useless_conversion)]
    let total = u64::from(info.totalram).saturating_mul(info.mem_unit.into());
    total / 4 * 3
}

/// A root for each output: `build-NAME`, and `build-NAME-OUTPUT` for all but the usual one. An output whose root
/// could have no such name, because it is too long, is kept for a day by the lease of its build.
fn keep_all(store: &Store, goals: &[Goal]) -> Result<(), Failure> {
    let there: HashMap<RootName, Target> =
        store.roots()?.into_iter().map(|root| (root.name, root.target)).collect();
    for goal in goals {
        for (output, digest) in &goal.outputs {
            let (Some(root), Ok(tree)) = (root_name(&goal.name, output), digest.parse::<TreeId>()) else {
                continue;
            };
            // To write it again would change nothing but its date.
            if there.get(&root) != Some(&Target::Tree(tree)) {
                store.set_root(&root, Target::Tree(tree))?;
            }
        }
    }
    Ok(())
}

fn root_name(recipe: &str, output: &str) -> Option<RootName> {
    let suffix = if output == "out" { String::new() } else { format!("-{output}") };
    format!("{PREFIX}{recipe}{suffix}").parse().ok()
}
