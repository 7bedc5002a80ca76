//! `build`

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use stele_recipes::plan::Change;
use stele_recipes::recipe::RecipeName;

use super::context::Context;
use super::source::fetch::{self, How};
use super::unexpected;
use crate::answers::Answer;
use crate::args::Global;
use crate::builds::{Built, Goal, Order};
use crate::failure::{Failure, Kind};
use crate::recipes::planned::{Build as Step, Fetch, Planned, Reason};
use crate::recipes::{Place, find, graph, names};
use crate::reference::to_wire;
use crate::render;
use crate::service::Request;

/// `stele build`
#[derive(Args, Debug)]
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
    /// End a build that takes longer
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// End a build that uses more memory [default: three quarters of the machine's]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..1 << 40))]
    memory: Option<u64>,
    /// Let no root keep what is built: it goes with a collection after a day
    #[arg(long)]
    no_root: bool,
    /// Ask this store first: its folder, or its socket; what it says is believed. May be given several times
    #[arg(
        long = "substituter",
        value_name = "STORE",
        env = "STELE_SUBSTITUTERS",
        value_delimiter = ':',
        hide_env_values = true
    )]
    substituters: Vec<PathBuf>,
    /// Fetch nothing: say which sources are missing
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    place: Place,
}

impl Build {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, goals) = (find(&self.place)?, names(&self.names)?);
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
        answer(global, self.built(global, &mut context, &tree, &goals)?)
    }

    /// One that builds the inputs of something else: no root keeps them, for what they are inputs of has its own.
    pub(super) fn for_others(
        names: Vec<String>,
        jobs: Option<u16>,
        keep_failed: bool,
        substituters: Vec<PathBuf>,
        offline: bool,
        place: Place,
    ) -> Self {
        let (dry_run, keep_going, rebuild, timeout, memory, no_root) =
            (false, false, false, None, None, true);
        Self {
            names,
            dry_run,
            jobs,
            keep_going,
            keep_failed,
            rebuild,
            timeout,
            memory,
            no_root,
            substituters,
            offline,
            place,
        }
    }

    /// Builds, and prints nothing on stdout; fails when one of the goals does.
    pub(super) fn realise(&self, global: &Global, context: &mut Context) -> Result<Vec<Goal>, Failure> {
        let (tree, goals) = (find(&self.place)?, names(&self.names)?);
        let Built { goals, mut failed, .. } = self.built(global, context, &tree, &goals)?;
        let Some(last) = failed.pop() else { return Ok(goals) };
        failed.iter().for_each(|failure| render::failure(failure, global.json));
        Err(last)
    }

    /// What comes of the goals, after what is missing was fetched.
    fn built(
        &self,
        global: &Global,
        context: &mut Context,
        tree: &Path,
        goals: &[RecipeName],
    ) -> Result<Built, Failure> {
        let named = goals.iter().map(|name| name.as_str().to_owned()).collect();
        let request = Request::Build { tree: to_wire(tree.as_os_str()), goals: named, order: self.order()? };
        let mut ask = || match context.ask(request.clone())? {
            Answer::Built(built) => Ok(built),
            _ => Err(unexpected()),
        };
        let mut built = ask()?;
        if !built.fetch.is_empty() {
            self.fetch(global, tree, goals, &built.fetch)?;
            built = ask()?;
        }
        match built.fetch.first() {
            None => Ok(built),
            // Somebody has taken it away in between, or it was never kept.
            Some(fetch) => {
                Err(Failure::new(Kind::NotFound, format!("source {} is not in the store", fetch.file))
                    .hint("run it again: it is fetched anew"))
            }
        }
    }

    fn order(&self) -> Result<Order, Failure> {
        let absolute = |path: &PathBuf| {
            let path = std::path::absolute(path);
            path.map(|path| to_wire(path.as_os_str())).map_err(|e| Failure::io("a substituter's path", &e))
        };
        Ok(Order {
            jobs: self.jobs.map(usize::from),
            keep_going: self.keep_going,
            keep_failed: self.keep_failed,
            rebuild: self.rebuild,
            timeout: self.timeout,
            memory: self.memory.map(|mib| mib << 20),
            no_root: self.no_root,
            substituters: self.substituters.iter().map(absolute).collect::<Result<_, _>>()?,
        })
    }

    /// Fetches the sources that are missing.
    fn fetch(
        &self,
        global: &Global,
        tree: &Path,
        goals: &[RecipeName],
        missing: &[Fetch],
    ) -> Result<(), Failure> {
        let graph = graph(tree, goals)?;
        let sources = graph.recipes().iter().flat_map(|recipe| {
            recipe.sources.iter().map(|input| (Some(recipe.name.to_string()), input.source.clone()))
        });
        let mut missing: HashSet<&str> = missing.iter().map(|it| it.sha256.as_str()).collect();
        let wanted: Vec<_> =
            sources.filter(|(_, source)| missing.remove(source.sha256.to_string().as_str())).collect();
        let how = How { offline: self.offline, jobs: None, config: None };
        fetch::have(global, &how, &wanted)
    }
}

/// Prints the goals that are realised; fails with why others are not.
fn answer(global: &Global, built: Built) -> Result<(), Failure> {
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
