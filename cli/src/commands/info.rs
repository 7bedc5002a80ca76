//! `info`

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use stele_recipes::lineage::{self, Opaque, Pin};
use stele_recipes::plan::Graph;
use stele_recipes::recipe::{Recipe, RecipeName};
use stele_store::model::TreeId;

use super::build::reason;
use super::context::Context;
use super::unexpected;
use crate::args::Global;
use crate::recipe_tree::{RecipeTreeArg, find, graph};
use crate::render;
use stele::answers::Answer;
use stele::builds::Goal;
use stele::failure::{Failure, Kind};
use stele::recipes::name;
use stele::recipes::planned::{Build, Reason};
use stele::reference::to_wire;
use stele::{Request, Untrusted};

/// `stele info NAME`
#[derive(Args, Debug)]
pub struct Info {
    /// The recipe's name
    name: String,
    /// List all opaque inputs, not only their size
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: RecipeTreeArg,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a RecipeName,
    version: &'a str,
    description: Option<&'a str>,
    license: Option<&'a str>,
    homepage: Option<&'a str>,
    file: String,
    sources: Vec<Source<'a>>,
    inputs: Vec<Input<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runtime: Vec<Input<'a>>,
    there: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<&'a BTreeMap<String, TreeId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a Reason>,
    opaque: OpaqueBytes<'a>,
}

#[derive(Serialize)]
struct Source<'a> {
    file: &'a str,
    sha256: String,
    size: Option<u64>,
    at: &'a str,
    opaque: bool,
}

#[derive(Serialize)]
struct Input<'a> {
    recipe: &'a RecipeName,
    output: &'a str,
    at: &'a str,
}

#[derive(Serialize)]
struct OpaqueBytes<'a> {
    bytes: u64,
    sources: Vec<OpaqueSource<'a>>,
}

#[derive(Serialize)]
struct OpaqueSource<'a> {
    file: &'a str,
    sha256: Option<String>,
    tree: Option<String>,
    size: u64,
    named_by: &'a [RecipeName],
}

impl Info {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, name) = (find(global, &self.place)?, name(&self.name)?);
        let graph = graph(&tree, std::slice::from_ref(&name))?;
        let missing = || Failure::new(Kind::NotFound, format!("there is no recipe `{name}`"));
        let number = graph.number(&name).ok_or_else(missing)?;
        let goals = vec![name.as_str().to_owned()];
        let request = Request::Plan { tree: to_wire(tree.as_os_str()), goals };
        let Answer::Plan(planned) = Context::new(global, false)?.ask(request)? else {
            return Err(unexpected());
        };
        let goal = planned.there.iter().find(|goal| goal.name == name.as_str());
        let step = planned.build.iter().find(|step| step.name == name);
        let opaque = lineage::opaque(&graph, number);
        if global.json {
            return render::json(&shown(&graph.recipes()[number], goal, step, &opaque));
        }
        // Writing to a string cannot fail.
        let text = self.text(&tree.display().to_string(), &graph, number, goal, step, &opaque);
        render::out(text.unwrap_or_default().as_bytes())
    }

    fn text(
        &self,
        tree: &str,
        graph: &Graph,
        number: usize,
        goal: Option<&Goal>,
        step: Option<&Build>,
        opaque: &[Opaque],
    ) -> Result<String, std::fmt::Error> {
        let recipe = &graph.recipes()[number];
        let mut text = format!("{} {}\n", recipe.name, recipe.version);
        let about = &recipe.about;
        for (what, value) in
            [("description", &about.description), ("license", &about.license), ("homepage", &about.homepage)]
        {
            if let Some(value) = value {
                writeln!(text, "  {what:12}{}", Untrusted(value))?;
            }
        }
        writeln!(text, "  {:12}{tree}/{}", "defined at", recipe.at)?;
        match step {
            None => writeln!(text, "  {:12}yes", "built")?,
            Some(step) => writeln!(text, "  {:12}no: {}", "built", reason(step))?,
        }
        for (output, digest) in goal.iter().flat_map(|it| &it.outputs) {
            writeln!(text, "  {:12}{digest}", format!("output {output}"))?;
        }
        for source in recipe.sources.iter().filter(|it| !it.opaque) {
            writeln!(text, "source {} at {}", source.source.file, source.place)?;
        }
        for local in &recipe.locals {
            writeln!(text, "local {} at {}", local.path, local.place)?;
        }
        for image in &recipe.images {
            writeln!(text, "image {} at {}", image.reference, image.place)?;
        }
        for input in &recipe.inputs {
            writeln!(text, "input {} (output {}) at {}", input.recipe, input.output, input.place)?;
        }
        for need in &recipe.runtime {
            writeln!(text, "runtime {} (output {}) at {}", need.recipe, need.output, need.place)?;
        }
        if opaque.is_empty() {
            writeln!(text, "opaque bytes: none")?;
            return Ok(text);
        }
        let count = opaque.len();
        writeln!(
            text,
            "opaque bytes: {} in {count} package{}",
            grouped(lineage::bytes(opaque)),
            if count == 1 { "" } else { "s" }
        )?;
        if self.all {
            let files = opaque.iter().map(|it| it.file.len()).max().unwrap_or(0);
            let sizes = opaque.iter().map(|it| grouped(it.size).len()).max().unwrap_or(0);
            for Opaque { file, pin, size, named_by } in opaque {
                let size = grouped(*size);
                writeln!(text, "  {pin}  {size:>sizes$}  {file:files$}  {}", list(named_by))?;
            }
        } else {
            let mut by: Vec<RecipeName> = opaque.iter().flat_map(|it| it.named_by.iter().cloned()).collect();
            by.sort_unstable();
            by.dedup();
            writeln!(text, "  named by {}; --all lists them", list(&by))?;
        }
        Ok(text)
    }
}

fn shown<'a>(
    recipe: &'a Recipe,
    goal: Option<&'a Goal>,
    step: Option<&'a Build>,
    opaque: &'a [Opaque],
) -> Shown<'a> {
    let source = |it: &'a stele_recipes::recipe::SourceInput| Source {
        file: it.source.file.as_str(),
        sha256: it.source.sha256.to_string(),
        size: it.source.size,
        at: it.place.as_str(),
        opaque: it.opaque,
    };
    let input = |it: &'a stele_recipes::recipe::RecipeInput| Input {
        recipe: &it.recipe,
        output: it.output.as_str(),
        at: it.place.as_str(),
    };
    let opaque_source = |it: &'a Opaque| OpaqueSource {
        file: &it.file,
        sha256: matches!(it.pin, Pin::Sha256(_)).then(|| it.pin.to_string()),
        tree: matches!(it.pin, Pin::Tree(_)).then(|| it.pin.to_string()),
        size: it.size,
        named_by: &it.named_by,
    };
    Shown {
        name: &recipe.name,
        version: recipe.version.as_str(),
        description: recipe.about.description.as_deref(),
        license: recipe.about.license.as_deref(),
        homepage: recipe.about.homepage.as_deref(),
        file: recipe.at.file.to_string(),
        sources: recipe.sources.iter().map(source).collect(),
        inputs: recipe.inputs.iter().map(input).collect(),
        runtime: recipe.runtime.iter().map(input).collect(),
        there: goal.is_some(),
        outputs: goal.map(|it| &it.outputs),
        why: step.map(|it| &it.why),
        opaque: OpaqueBytes {
            bytes: lineage::bytes(opaque),
            sources: opaque.iter().map(opaque_source).collect(),
        },
    }
}

fn list(names: &[RecipeName]) -> String {
    names.iter().map(RecipeName::as_str).collect::<Vec<_>>().join(", ")
}

/// A number with a comma between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        let numbers = [0, 999, 1000, 999_999, 1_000_000, 62_000_001];
        let texts = numbers.map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "999,999", "1,000,000", "62,000,001"]);
    }
}
