//! `build`

pub mod inputs;

use std::fmt::Write as _;

use clap::Args;
use stele_recipes::plan::Change;

use self::inputs::Inputs;
use super::context::Context;
use super::unexpected;
use crate::args::Global;
use crate::recipe_tree::find;
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::builds::{Built, Order};
use stele::failure::Failure;
use stele::recipes::names;
use stele::recipes::planned::{Build as Step, Planned, Reason};
use stele::reference::to_wire;

/// Build recipes: print the digest of each output
///
/// What a recipe is made of is built first, sources are fetched and checked, and what was built before is not built
/// again. Outputs stay for as long as a root `build-NAME` names them.
#[derive(Args, Debug)]
#[command(after_help = CODES)]
pub struct Build {
    /// Recipes; all of the tree when none is named
    names: Vec<String>,
    /// Only say what would be built, in which order, and why
    #[arg(long)]
    dry_run: bool,
    /// Build so many recipes at once [default: one for each processor]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Go on with what can be built when something fails
    #[arg(long, short)]
    keep_going: bool,
    /// Leave the folder of a build that fails, and say where it is
    #[arg(long)]
    keep_failed: bool,
    /// Build the named recipes again, and compare what comes of it with what is there
    #[arg(long, conflicts_with = "dry_run")]
    rebuild: bool,
    /// Let no root keep what is built: it goes with a collection after a day
    #[arg(long)]
    no_root: bool,
    #[command(flatten)]
    inputs: Inputs,
}

const CODES: &str = "\
On stdout: a line for each output, its digest, two spaces, and the recipe's name (NAME-OUTPUT for others than `out`).\n\
Exit codes: 0 all that was asked for is built; 1 a build failed, or could not be tried; 2 wrong usage, or a recipe is \
wrong; 3 there is no such recipe, or a source cannot be had; 4 something in the store is corrupt; 5 no space is left; \
130 cancelled: everything that was begun is gone, and what was finished stays.";

impl Build {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, goals) = (find(&self.inputs.place)?, names(&self.names)?);
        let named: Vec<String> = goals.iter().map(|name| name.as_str().to_owned()).collect();
        let mut context = Context::new(global, false)?;
        let wire = to_wire(tree.as_os_str());
        if self.dry_run {
            let Answer::Plan(planned) = context.ask(Request::Plan { tree: wire, goals: named })? else {
                return Err(unexpected());
            };
            return match global.json {
                true => render::json(&*planned),
                // Writing to a string cannot fail.
                false => render::out(shown(&planned).unwrap_or_default().as_bytes()),
            };
        }
        let request = Request::Build { tree: wire, goals: named, order: self.order()? };
        match self.inputs.ask(global, &tree, &goals, || context.ask(request.clone()))? {
            Answer::Built(built) => answer(global, built),
            _ => Err(unexpected()),
        }
    }

    fn order(&self) -> Result<Order, Failure> {
        Ok(Order {
            jobs: self.jobs.map(usize::from),
            keep_going: self.keep_going,
            keep_failed: self.keep_failed,
            rebuild: self.rebuild,
            no_root: self.no_root,
            ..self.inputs.order()?
        })
    }
}

/// Prints the goals that are realised; fails with why others are not.
pub(super) fn answer(global: &Global, built: Built) -> Result<(), Failure> {
    if global.json {
        render::json(&built)?;
    } else {
        let mut text = String::new();
        for goal in &built.goals {
            for (output, digest) in &goal.outputs {
                let label =
                    if output == "out" { goal.name.clone() } else { format!("{}-{output}", goal.name) };
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{digest}  {label}");
            }
        }
        render::out(text.as_bytes())?;
    }
    let Built { mut failed, skipped, .. } = built;
    let Some(last) = failed.pop() else { return Ok(()) };
    failed.iter().for_each(|failure| render::failure(failure, global.json));
    if !skipped.is_empty() && !global.json {
        render::note(&format!("not built, because of what failed: {}", skipped.join(", ")));
    }
    Err(last)
}

fn shown(planned: &Planned) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for fetch in &planned.fetch {
        writeln!(text, "fetch {} for {}", fetch.file, fetch.recipe)?;
    }
    for step in &planned.build {
        writeln!(text, "build {} {}: {}", step.name, step.version, reason(step))?;
        if let Reason::Changed { changes } = &step.why {
            for change in changes {
                writeln!(text, "  {}", changed(change))?;
            }
        }
    }
    let Planned { build, fetch, done, .. } = planned;
    let some = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match build.len() {
        0 => writeln!(text, "nothing to build; {} there", are(*done))?,
        count => writeln!(
            text,
            "{} to build, {} there, {} to fetch",
            some(count, "recipe"),
            are(*done),
            some(fetch.len(), "source")
        )?,
    }
    Ok(text)
}

fn are(count: usize) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}

/// Why a recipe has to be built, in words.
pub(super) fn reason(step: &Step) -> String {
    let mut text = match &step.why {
        Reason::Never => "it never was".to_owned(),
        Reason::Gone => "what came of it is gone".to_owned(),
        Reason::Unremembered => "something that it is made of is gone".to_owned(),
        Reason::Changed { .. } => "it is not made of the same any more".to_owned(),
    };
    if !step.unpack.is_empty() {
        text = format!("{text}; unpacks {}", step.unpack.join(", "));
    }
    if !step.after.is_empty() {
        let after = step.after.iter().map(|name| name.as_str()).collect::<Vec<_>>();
        text = format!("{text}; after {}", after.join(", "));
    }
    text
}

fn changed(change: &Change) -> String {
    let short = |digest: &str| match digest.len() {
        64.. => digest[..16].to_owned(),
        _ => digest.to_owned(),
    };
    match change {
        Change::Changed { what, from, to } => format!("{what}: {} is now {}", short(from), short(to)),
        Change::Added { what } => format!("{what}: new"),
        Change::Removed { what } => format!("{what}: not there any more"),
        Change::Pending { what } => format!("{what}: is built first, and may come out as it was"),
    }
}
