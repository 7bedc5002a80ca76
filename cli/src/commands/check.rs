//! `check`

mod all;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::build::{self, inputs::Inputs};
use super::context::Context;
use super::unexpected;
use crate::args::Global;
use crate::render;
use stele::answers::Answer;
use stele::failure::Failure;
use stele::recipes::name;
use stele::reference::to_wire;
use stele::{Request, Untrusted};
use stele_builder::realise::{CheckRecord, RoundOutcome};

/// Check that a recipe is reproducible: rebuild it several times under varied conditions, and compare
///
/// The first round varies what the sandbox does not control, as another builder would; further rounds also what it
/// fixes: the umask, the time zone, the locale, the number of processors, the order of directories and more. A recipe
/// that is not built yet is built first.
#[derive(Args, Debug)]
#[command(after_help = "\
Prints a line per round, and with --all at the end which recipes are reproducible. With --json, prints events and the \
record, as docs/formats.md describes; the store keeps it.\n\
Exit codes: 0 every round gave the same outputs; 1 one did not, or a build failed; others as for `stele build`.")]
pub struct Check {
    /// The recipe
    #[arg(required_unless_present = "all")]
    name: Option<String>,
    /// Check all recipes of the tree but those that say that they differ, and go on after failures
    #[arg(long, conflicts_with_all = ["name", "last"])]
    all: bool,
    /// How many times to rebuild it
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Show the record of the last check, and build nothing
    #[arg(long, conflicts_with = "rounds")]
    last: bool,
    #[command(flatten)]
    inputs: Inputs,
}

impl Check {
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let Some(recipe) = &self.name else {
            return all::run(&self.inputs, &self.inputs.tree(global)?, self.rounds, global);
        };
        let recipe = name(recipe)?;
        let mut context = Context::new(global, self.last)?;
        let answer = if self.last {
            context.ask(Request::LastCheck { recipe: recipe.to_string() })?
        } else {
            let tree = self.inputs.tree(global)?;
            let request = Request::Check {
                tree: to_wire(tree.as_os_str()),
                recipe: recipe.to_string(),
                order: self.inputs.order()?,
                rounds: self.rounds,
            };
            let goals = std::slice::from_ref(&recipe);
            self.inputs.ask(global, &tree, goals, &mut context, &request)?
        };
        match answer {
            Answer::Checked(record) => {
                match global.json {
                    true => render::json(&*record)?,
                    // Writing to a string cannot fail.
                    false => render::out(shown(&record).unwrap_or_default().as_bytes())?,
                }
                Ok(if record.reproducible { ExitCode::SUCCESS } else { ExitCode::from(1) })
            }
            Answer::Built(built) => build::answer(global, built).map(|()| ExitCode::from(1)),
            _ => Err(unexpected()),
        }
    }
}

fn shown(record: &CheckRecord) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for round in &record.rounds {
        let result = match &round.outcome {
            RoundOutcome::Same {} => "same",
            RoundOutcome::Differs { .. } => "differs",
            RoundOutcome::Failed { .. } => "failed",
        };
        writeln!(text, "round {}: {result}, {} s", round.round, round.seconds)?;
        let varied: Vec<String> = round.varied.iter().map(|it| it.vector.clone()).collect();
        writeln!(text, "  varied: {}", varied.join(", "))?;
        match &round.outcome {
            RoundOutcome::Same {} => {}
            RoundOutcome::Failed { error } => writeln!(text, "  {}", Untrusted(error))?,
            RoundOutcome::Differs { output, digest, paths, more } => {
                for path in paths {
                    let cause = path.cause.as_ref().map(|it| format!(", probably {it}")).unwrap_or_default();
                    writeln!(text, "  {} {}{cause}", path.change, Untrusted(&path.path))?;
                }
                if *more > 0 {
                    writeln!(text, "  and {more} more")?;
                }
                if let Some(before) = record.outputs.get(output) {
                    writeln!(text, "  `stele diff {before} {digest}` shows how output {output} differs")?;
                }
            }
        }
    }
    let verdict = if record.reproducible { "reproducible" } else { "not reproducible" };
    writeln!(text, "{} is {verdict}", record.recipe)?;
    Ok(text)
}
