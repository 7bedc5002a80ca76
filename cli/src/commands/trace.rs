//! `trace`

use std::fmt::Write as _;

use clap::Args;
use indicatif::{HumanBytes, HumanCount};

use super::build::{self, inputs::Inputs};
use super::context::Context;
use super::unexpected;
use crate::args::Global;
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::builds::{Traced, TracedInput};
use stele::failure::Failure;
use stele::recipes::name;
use stele::reference::to_wire;

/// How many paths that were not found are shown without `--all`.
const MAX_MISSING: usize = 20;

/// Rebuild a recipe, and report which of its inputs it never opened, and which paths it did not find.
///
/// An input that is never opened can usually be dropped from the recipe; but the build may test for its existence, and
/// its output may change without it: rebuild without it and compare. A path that was not found shows what the build
/// would have used if it existed.
///
/// The kernel caches lookups, so how often something is used is unknown. A failed build is traced as well.
#[derive(Args, Debug)]
pub struct Trace {
    /// The recipe
    name: String,
    /// Show all inputs, and all paths that were not found
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    inputs: Inputs,
}

impl Trace {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, recipe) = (self.inputs.tree(global)?, name(&self.name)?);
        let mut context = Context::new(global, false)?;
        let request = Request::Trace {
            tree: to_wire(tree.as_os_str()),
            recipe: recipe.to_string(),
            order: self.inputs.order()?,
        };
        let goals = std::slice::from_ref(&recipe);
        match self.inputs.ask(global, &tree, goals, &mut context, &request)? {
            Answer::Traced(traced) => {
                match global.json {
                    true => render::json(&traced)?,
                    // Writing to a string cannot fail.
                    false => render::out(shown(&traced, self.all).unwrap_or_default().as_bytes())?,
                }
                traced.failed.map_or(Ok(()), Err)
            }
            Answer::Built(built) => build::answer(global, built),
            _ => Err(unexpected()),
        }
    }
}

fn shown(traced: &Traced, all: bool) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let Traced { recipe, inputs, missing, unnoted, compared, failed } = traced;
    let unused: Vec<&TracedInput> = inputs.iter().filter(|it| it.opened == 0 && it.files > 0).collect();
    let listed: Vec<&TracedInput> = if all { inputs.iter().collect() } else { unused.clone() };
    match (unused.len(), inputs.len()) {
        (_, 0) => writeln!(text, "{recipe} has no inputs")?,
        (0, _) => writeln!(text, "every input of {recipe} was opened")?,
        (count, of) => writeln!(text, "{count} of {of} inputs of {recipe} were never opened")?,
    }
    for it in listed {
        let (opened, files) = (HumanCount(it.opened as u64), HumanCount(it.files as u64));
        let bytes = HumanBytes(it.bytes);
        writeln!(text, "  {opened:>7} of {files:>7}  {bytes:>11}  {}, at {}", it.input, it.at)?;
    }
    let shown = if all { missing.len() } else { missing.len().min(MAX_MISSING) };
    match missing.len() {
        0 => writeln!(text, "every path was found")?,
        1 => writeln!(text, "1 path not found")?,
        count => writeln!(text, "{count} paths not found")?,
    }
    for path in &missing[..shown] {
        writeln!(text, "  {path}")?;
    }
    if shown < missing.len() {
        writeln!(text, "  and {} more: --all shows them", missing.len() - shown)?;
    }
    if *unnoted > 0 {
        writeln!(text, "{unnoted} more paths were looked for or listed, and not noted: there were too many")?;
    }
    if *compared && failed.is_none() {
        writeln!(text, "reproducible: same output")?;
    }
    Ok(text)
}
