//! The daemon's side of a build.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use stele_builder::realise::{Builder, Options, Request};
use stele_builder::sandbox::Limits;
use stele_recipes::recipe::RecipeName;
use stele_store::model::{RootName, TreeId};
use stele_store::{Outputs, Progress, Store, Target};

use super::event::digests;
use super::{Built, Event, Goal, Order};
use crate::failure::Failure;
use crate::recipes::{Wanted, evaluate};
use crate::service::Sink;

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
    let evaluated = evaluate(tree, &Wanted::of(goals))?;
    let recipes = evaluated.by_name();
    let all: Vec<_> = recipes.by_name.keys().cloned().collect();
    let goals = if goals.is_empty() { &all } else { goals };
    let request = Request { tree, recipes: &recipes, goals, options: options(order) };
    let sink = Mutex::new(sink);
    let tell = |event| {
        // Whoever does not listen any more is noticed by whoever watches the connection.
        let _ = sink.lock().unwrap_or_else(PoisonError::into_inner).event(&Event::from(event));
    };
    let realised = builder.realise(&request, progress, &tell);
    let realised = realised.map_err(|error| crate::hints::builds::failure(&error, tree))?;
    let mut built = Built::default();
    for (name, outputs) in &realised.goals {
        if !order.no_root {
            keep(store, name, outputs)?;
        }
        built.goals.push(Goal { name: name.to_string(), outputs: digests(outputs) });
    }
    built.failed =
        realised.failed.iter().map(|(_, error)| crate::hints::builds::failure(error, tree)).collect();
    built.skipped = realised.skipped.iter().map(ToString::to_string).collect();
    Ok(built)
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

/// A root for each output: `build-NAME`, and `build-NAME-OUTPUT` for all but the usual one.
fn keep(store: &Store, name: &RecipeName, outputs: &Outputs) -> Result<(), Failure> {
    for (output, tree) in &outputs.0 {
        if let Some(root) = root_name(name, output) {
            set(store, &root, *tree)?;
        }
    }
    Ok(())
}

/// The root that keeps an output. None for a name that is too long for one: the lease of the build keeps it for a day.
pub fn root_name(name: &RecipeName, output: &str) -> Option<RootName> {
    let suffix = if output == "out" { String::new() } else { format!("-{output}") };
    format!("{PREFIX}{name}{suffix}").parse().ok()
}

fn set(store: &Store, root: &RootName, tree: TreeId) -> Result<(), Failure> {
    let target = Target::Tree(tree);
    let roots = store.roots()?;
    // To write it again would change nothing but its date.
    if roots.iter().any(|it| it.name == *root && it.target == target) {
        return Ok(());
    }
    Ok(store.set_root(root, target)?)
}
