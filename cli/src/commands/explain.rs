//! `explain`

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
use stele_builder::realise::{Cause, Explanation, RoundOutcome, Varied, Writer, command_line};

/// Explain why a recipe is not reproducible: which condition alone changes its output
///
/// It is built with nothing varied, then as `stele check` varies it, and then with fewer and fewer vectors until those
/// are left that change the output. What a check recorded is not built again. A recipe that is not built yet is built
/// first.
#[derive(Args, Debug)]
#[command(after_help = "\
Prints a line per build, the vectors that change the output, and the first paths that differ. With --json, prints \
events and the explanation, as docs/formats.md describes it.\n\
Exit codes: 0 nothing changes the output; 1 something does, or a build failed; others as for `stele build`.")]
pub struct Explain {
    /// The recipe
    name: String,
    #[command(flatten)]
    inputs: Inputs,
}

impl Explain {
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let recipe = name(&self.name)?;
        let mut context = Context::new(global, false)?;
        let tree = self.inputs.tree(global)?;
        let request = Request::Explain {
            tree: to_wire(tree.as_os_str()),
            recipe: recipe.to_string(),
            order: self.inputs.order()?,
        };
        let goals = std::slice::from_ref(&recipe);
        match self.inputs.ask(global, &tree, goals, &mut context, &request)? {
            Answer::Explained(explanation) => {
                match global.json {
                    true => render::json(&*explanation)?,
                    // Writing to a string cannot fail.
                    false => render::out(shown(&explanation).unwrap_or_default().as_bytes())?,
                }
                Ok(if explanation.cause == Cause::None { ExitCode::SUCCESS } else { ExitCode::from(1) })
            }
            Answer::Built(built) => build::answer(global, built).map(|()| ExitCode::from(1)),
            _ => Err(unexpected()),
        }
    }
}

fn shown(explanation: &Explanation) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for build in &explanation.builds {
        let result = match &build.outcome {
            RoundOutcome::Same {} => "same",
            RoundOutcome::Differs { .. } => "differs",
            RoundOutcome::Failed { .. } => "failed",
        };
        let took =
            build.seconds.map_or_else(|| "recorded by a check".to_owned(), |seconds| format!("{seconds} s"));
        let varied = match build.varied.as_slice() {
            [] => "nothing".to_owned(),
            varied => varied.iter().map(|it| it.vector.clone()).collect::<Vec<_>>().join(", "),
        };
        writeln!(text, "{result}, {took}: varied {varied}")?;
    }
    let recipe = &explanation.recipe;
    let values = |it: &Varied| format!("{} ({} to {})", it.vector, Untrusted(&it.from), Untrusted(&it.to));
    let vectors = explanation.vectors.iter().map(values).collect::<Vec<_>>().join(" and ");
    let alone = if explanation.vectors.len() == 1 { "alone changes it" } else { "together change it" };
    match explanation.cause {
        Cause::None => writeln!(text, "{recipe}: nothing that was varied changes it")?,
        Cause::LetThrough => writeln!(
            text,
            "{recipe}: it differs with nothing varied, so something that the sandbox lets through changes it: the \
             time, random numbers, the order of threads"
        )?,
        Cause::Vectors => writeln!(text, "{recipe}: {vectors} {alone}")?,
        Cause::Fails => writeln!(text, "{recipe}: it fails with {vectors}")?,
        Cause::Broken => writeln!(text, "{recipe}: it fails with nothing varied")?,
    }
    match explanation.shown().map(|it| &it.outcome) {
        Some(RoundOutcome::Differs { output, digest, paths, more }) => {
            for path in paths {
                let cause = path.cause.as_ref().map(|it| format!(", probably {it}")).unwrap_or_default();
                writeln!(text, "  {} {}{cause}", path.change, Untrusted(&path.path))?;
            }
            if *more > 0 {
                writeln!(text, "  and {more} more")?;
            }
            text += &written(&explanation.writers)?;
            if let Some(before) = explanation.outputs.get(output) {
                writeln!(text, "  `stele diff {before} {digest}` shows how output {output} differs")?;
            }
        }
        Some(RoundOutcome::Failed { error }) => writeln!(text, "  {}", Untrusted(error))?,
        Some(RoundOutcome::Same {}) | None => {}
    }
    Ok(text)
}

/// A line per process that wrote what differs, from the path back to where the difference came from.
fn written(writers: &[Writer]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut before: Option<&Option<String>> = None;
    for it in writers {
        let what = it.wrote.as_deref().unwrap_or("a pipe");
        let begin = match before {
            None => format!("  {} was written by", Untrusted(what)),
            Some(wrote) if *wrote == it.wrote => "    and by".to_owned(),
            Some(_) => format!("    from {}, written by", Untrusted(what)),
        };
        writeln!(text, "{begin} `{}` in {}", Untrusted(command_line(&it.argv)), Untrusted(&it.directory))?;
        before = Some(&it.wrote);
    }
    Ok(text)
}
