//! `recipe show`

use std::fmt::Write as _;

use clap::Args;

use stele_recipes::recipe::{Recipe, SourceInput};

use crate::args::Global;
use crate::recipe_tree::{RecipeTreeArg, evaluate, find};
use crate::render;
use stele::failure::{Failure, Kind};
use stele::recipes::{Selection, name};

/// `stele recipe show NAME`
#[derive(Args, Debug)]
pub struct Show {
    /// The recipe's name
    name: String,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl Show {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, name) = (find(global, &self.place)?, name(&self.name)?);
        let evaluated = evaluate(&tree, &Selection::Names(vec![name.clone()]))?;
        let recipe = evaluated.recipes.iter().find(|recipe| recipe.name == name);
        let recipe =
            recipe.ok_or_else(|| Failure::new(Kind::NotFound, format!("there is no recipe `{name}`")))?;
        if global.json {
            return render::json(recipe);
        }
        // Writing to a string cannot fail.
        let text = shown(recipe, &tree.display().to_string()).unwrap_or_default();
        render::out(text.as_bytes())
    }
}

fn shown(recipe: &Recipe, tree: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{} {}", recipe.name, recipe.version)?;
    let about = &recipe.about;
    for (what, value) in [
        ("description", &about.description),
        ("license", &about.license),
        ("homepage", &about.homepage),
        ("notes", &about.notes),
    ] {
        if let Some(value) = value {
            writeln!(text, "  {what:12}{}", value.trim().replace('\n', "\n              "))?;
        }
    }
    writeln!(text, "  {:12}{tree}/{}", "defined at", recipe.at)?;
    writeln!(text, "  {:12}{}", "platform", recipe.platform.name())?;
    writeln!(text, "  {:12}{}", "workdir", recipe.workdir)?;
    for source in &recipe.sources {
        write_source(&mut text, source)?;
    }
    for local in &recipe.locals {
        let decoded = if local.hex0 { ", decoded from hex0" } else { "" };
        writeln!(text, "local {} at {}{decoded}", local.path, local.place)?;
    }
    for image in &recipe.images {
        writeln!(text, "image {} at {}, rootfs {}", image.reference, image.place, image.rootfs)?;
    }
    for input in &recipe.inputs {
        writeln!(text, "input {} (output {}) at {}", input.recipe, input.output, input.place)?;
    }
    for need in &recipe.runtime {
        writeln!(text, "runtime {} (output {}) at {}", need.recipe, need.output, need.place)?;
    }
    for (place, origin) in &recipe.prefer {
        writeln!(text, "prefer {origin} at {place}")?;
    }
    for (name, value) in &recipe.env {
        writeln!(text, "env {name}={value:?}")?;
    }
    for (name, place) in &recipe.outputs {
        writeln!(text, "output {name} from {place}")?;
    }
    for (number, step) in recipe.steps.iter().enumerate() {
        writeln!(text, "step {}", number + 1)?;
        for argument in step {
            writeln!(text, "  {}", argument.trim_end().replace('\n', "\n  | "))?;
        }
    }
    Ok(text)
}

fn write_source(text: &mut String, input: &SourceInput) -> std::fmt::Result {
    let source = &input.source;
    writeln!(text, "source {} at {}", source.file, input.place)?;
    writeln!(text, "  sha256 {}", source.sha256)?;
    if let Some(sha512) = source.sha512 {
        writeln!(text, "  sha512 {sha512}")?;
    }
    if let Some(size) = source.size {
        writeln!(text, "  {size} bytes")?;
    }
    for mirror in &source.mirrors {
        writeln!(text, "  from {mirror}")?;
    }
    if let Some(signature) = &source.signature {
        writeln!(text, "  signed: {} by a key of {}", signature.source.file, signature.keys_file)?;
    }
    if input.opaque {
        writeln!(text, "  opaque: prebuilt")?;
    }
    if let Some(unpack) = &input.unpack {
        let subdir = unpack.subdir.as_ref().map(|it| format!(", then {it}")).unwrap_or_default();
        if let Some(inner) = &unpack.inner {
            writeln!(text, "  inner archive {inner}")?;
        }
        writeln!(text, "  unpacked with strip {}{subdir}", unpack.strip)?;
        for patch in &unpack.patches {
            writeln!(text, "  patched with {} (-p{})", patch.path, patch.strip)?;
        }
    }
    Ok(())
}
