//! `build`

use std::fmt::Write as _;

use clap::Args;
use stele_recipes::plan::Change;

use super::context::Context;
use super::unexpected;
use crate::answers::Answer;
use crate::args::Global;
use crate::failure::{Failure, Kind};
use crate::recipes::planned::{Build as Step, Planned, Reason};
use crate::recipes::{Place, find, names};
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
    #[command(flatten)]
    place: Place,
}

impl Build {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, names) = (find(&self.place)?, names(&self.names)?);
        if !self.dry_run {
            return Err(Failure::new(Kind::Usage, "nothing can be built yet")
                .hint("--dry-run says what would be built, in which order, and why"));
        }
        let goals = names.iter().map(|name| name.as_str().to_owned()).collect();
        let request = Request::Plan { tree: to_wire(tree.as_os_str()), goals };
        let Answer::Plan(planned) = Context::new(global, false)?.ask(request)? else {
            return Err(unexpected());
        };
        if global.json {
            return render::json(&*planned);
        }
        // Writing to a string cannot fail.
        render::out(shown(&planned).unwrap_or_default().as_bytes())
    }
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

fn reason(step: &Step) -> String {
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
