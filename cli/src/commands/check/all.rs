//! `check --all`

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::shown;
use crate::args::Global;
use crate::commands::build::inputs::Inputs;
use crate::commands::context::Context;
use crate::commands::unexpected;
use crate::recipe_tree::graph;
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::failure::{Failure, Kind};
use stele::reference::to_wire;

/// What all checks gave.
#[derive(Default, Serialize)]
struct Summary {
    reproducible: Vec<String>,
    differing: Vec<String>,
    failed: Vec<String>,
    skipped: Vec<String>,
}

/// Checks all recipes of a tree, and goes on after failures.
pub(super) fn run(inputs: &Inputs, tree: &Path, rounds: u32, global: &Global) -> Result<ExitCode, Failure> {
    let graph = graph(tree, &[])?;
    let mut context = Context::new(global, false)?;
    let mut summary = Summary::default();
    let order = inputs.order()?;
    for recipe in graph.recipes() {
        let name = recipe.name.to_string();
        if recipe.about.irreproducible {
            summary.skipped.push(name);
            continue;
        }
        let request = Request::Check {
            tree: to_wire(tree.as_os_str()),
            recipe: name.clone(),
            order: order.clone(),
            rounds,
        };
        let goals = std::slice::from_ref(&recipe.name);
        match inputs.ask(global, tree, goals, &mut context, &request) {
            Ok(Answer::Checked(record)) => {
                match global.json {
                    true => render::json(&*record)?,
                    // Writing to a string cannot fail.
                    false => render::out(shown(&record).unwrap_or_default().as_bytes())?,
                }
                let list =
                    if record.reproducible { &mut summary.reproducible } else { &mut summary.differing };
                list.push(name);
            }
            Ok(Answer::Built(built)) => {
                built.failed.iter().for_each(|failure| render::failure(failure, global.json));
                summary.failed.push(name);
            }
            Ok(_) => return Err(unexpected()),
            // These concern every recipe.
            Err(failure) if matches!(failure.kind, Kind::Cancelled | Kind::NoSpace | Kind::Usage) => {
                return Err(failure);
            }
            Err(failure) => {
                render::failure(&failure, global.json);
                summary.failed.push(name);
            }
        }
    }
    match global.json {
        true => render::json(&summary)?,
        false => render::out(summary.shown().as_bytes())?,
    }
    let all_same = summary.differing.is_empty() && summary.failed.is_empty();
    Ok(if all_same { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Summary {
    fn shown(&self) -> String {
        let line = |what: &str, names: &[String]| match names {
            [] => String::new(),
            names => format!("{} {what}: {}\n", names.len(), names.join(", ")),
        };
        [
            line("reproducible", &self.reproducible),
            line("not reproducible", &self.differing),
            line("not checked, because a build failed", &self.failed),
            line("skipped, since their recipes say that they differ", &self.skipped),
        ]
        .concat()
    }
}
