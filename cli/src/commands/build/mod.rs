//! `build`

pub mod inputs;
mod out_link;
mod watch;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use stele_recipes::plan::Change;

use self::inputs::Inputs;
use self::watch::Watch;
use super::context::Context;
use super::unexpected;
use crate::args::Global;
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::builds::{Built, Order};
use stele::failure::{Failure, Kind};
use stele::recipes::names;
use stele::recipes::planned::{Build as Step, Planned, Reason};
use stele::reference::to_wire;

/// Build recipes: print the digest of each output
///
/// Dependencies are built first, sources are fetched and checked, and what is already built is not rebuilt. Outputs
/// stay for as long as a root `build-NAME` keeps them.
#[derive(Args, Debug)]
#[command(after_help = CODES)]
pub struct Build {
    /// Recipes; all of the tree when none is named
    names: Vec<String>,
    /// Only show what would be built, in which order, and why
    #[arg(long)]
    dry_run: bool,
    /// Maximum number of parallel builds [default: number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Keep going after a failure
    #[arg(long, short)]
    keep_going: bool,
    /// Keep the build directory on failure, and report where it is
    #[arg(long)]
    keep_failed: bool,
    /// Rebuild the named recipes and check that the outputs are identical
    #[arg(long, conflicts_with = "dry_run")]
    rebuild: bool,
    /// Make no root for the outputs: they may be garbage-collected after a day
    #[arg(long)]
    no_root: bool,
    /// Link PATH to the output in a mount of the store; with several outputs, PATH-NAME to each
    #[arg(long, value_name = "PATH", conflicts_with = "dry_run")]
    out_link: Option<PathBuf>,
    /// Write when each recipe was built, and for how long: a page, or, if FILE ends with .json, a trace for browsers
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    timeline: Option<PathBuf>,
    /// Build again whenever the recipe tree changes, until interrupted
    #[arg(long, conflicts_with = "dry_run")]
    watch: bool,
    #[command(flatten)]
    inputs: Inputs,
}

const CODES: &str = "\
Stdout has a line for each output: digest, two spaces, recipe name (NAME-OUTPUT for outputs other than `out`).\n\
Exit codes: 0 every goal is built; 1 a build failed, or could not be started; 2 wrong usage, or an invalid recipe; \
3 no such recipe, or a source cannot be fetched; 4 something in the store is corrupt, or a source is not what is \
pinned; 5 disk full; 130 cancelled: \
unfinished builds are discarded, finished ones stay.";

impl Build {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, goals) = (self.inputs.tree(global)?, names(&self.names)?);
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
        // Before hours of work, not after.
        let mount = self.out_link.as_ref().map(|_| out_link::mounted(global)).transpose()?;
        let once = |context: &mut Context| -> Result<(), Failure> {
            if self.timeline.is_some() {
                context.terminal.record();
            }
            let built = self.inputs.build(global, &tree, &goals, context, &request);
            self.write_timeline(context)?;
            let built = built?;
            if let (Some(mount), Some(link)) = (&mount, &self.out_link) {
                out_link::link_all(mount, link, &built)?;
            }
            answer(global, built)
        };
        if !self.watch {
            return once(&mut context);
        }
        let unwatched = |e: &std::io::Error| Failure::io(&format!("{} cannot be watched", tree.display()), e);
        let written = self.timeline.iter().chain(&self.out_link);
        let watch = Watch::new(&tree, written).map_err(|e| unwatched(&e))?;
        loop {
            match once(&mut context) {
                Err(failure) if failure.kind == Kind::Cancelled => return Err(failure),
                Err(failure) => render::failure(&failure, global.json),
                Ok(()) => {}
            }
            context.terminal.narrate(&format!("waiting for a change in {}", tree.display()));
            watch.wait().map_err(|e| match e.kind() {
                // Ctrl-C, which the client of the daemon has a handler for.
                std::io::ErrorKind::Interrupted => Failure::new(Kind::Cancelled, ""),
                _ => unwatched(&e),
            })?;
            // Its progress and its summary begin anew.
            context = Context::new(global, true)?;
            while let Err(failure) = self.inputs.tree(global) {
                render::failure(&failure, global.json);
                watch.wait().map_err(|e| unwatched(&e))?;
            }
        }
    }

    fn write_timeline(&self, context: &Context) -> Result<(), Failure> {
        let (Some(file), Some(timeline)) = (&self.timeline, context.terminal.timeline()) else {
            return Ok(());
        };
        let goals = if self.names.is_empty() { "all recipes".to_owned() } else { self.names.join(", ") };
        let text = match file.extension().is_some_and(|it| it == "json") {
            true => timeline.trace(),
            false => timeline.page(&format!("The build of {goals}")),
        };
        std::fs::write(file, text)
            .map_err(|e| Failure::io(&format!("{} could not be written", file.display()), &e))
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

/// The name of an output, for people.
pub(super) fn label(recipe: &str, output: &str) -> String {
    if output == "out" { recipe.to_owned() } else { format!("{recipe}-{output}") }
}

/// Prints the outputs of the realised goals; fails with the reason why others are not realised.
pub(super) fn answer(global: &Global, built: Built) -> Result<(), Failure> {
    if global.json {
        render::json(&built)?;
    } else {
        let mut text = String::new();
        for goal in &built.goals {
            for (output, digest) in &goal.outputs {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{digest}  {}", label(&goal.name, output));
            }
        }
        render::out(text.as_bytes())?;
    }
    let Built { mut failed, skipped, .. } = built;
    let Some(last) = failed.pop() else { return Ok(()) };
    failed.iter().for_each(|failure| render::failure(failure, global.json));
    if !skipped.is_empty() && !global.json {
        render::note(&format!("not built, because a dependency failed: {}", skipped.join(", ")));
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
        0 => writeln!(text, "nothing to build; {} built", are(*done))?,
        count => writeln!(
            text,
            "{} to build, {} built, {} to fetch",
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
        Reason::Never => "never built".to_owned(),
        Reason::Gone => "its output was garbage-collected".to_owned(),
        Reason::Unremembered => "one of its inputs was garbage-collected".to_owned(),
        Reason::Changed { .. } => "its inputs changed".to_owned(),
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
        Change::Removed { what } => format!("{what}: removed"),
        Change::Pending { what } => format!("{what}: is built first, and may turn out unchanged"),
    }
}
