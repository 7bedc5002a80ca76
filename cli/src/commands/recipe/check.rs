//! `recipe check`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use stele_recipes::language::{Files as _, Label, OnDisk, Problem};
use stele_recipes::patch::{MAX_FILE, Patch};

use crate::args::Global;
use crate::recipe_tree::{RecipeTreeArg, evaluate, find};
use crate::render;
use stele::failure::Failure;
use stele::recipes::{Evaluated, Selection, failure};

/// `stele recipe check`
#[derive(Args, Debug)]
pub struct Check {
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl Check {
    /// Reports every problem; the exit code is 1 if there is any.
    pub fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let tree = find(global, &self.place)?;
        let mut evaluated = evaluate(&tree, &Selection::Check)?;
        let wrong = patches(&evaluated, &tree);
        evaluated.problems.extend(wrong);
        let Evaluated { recipes, problems, .. } = evaluated;
        if global.json {
            render::json(&serde_json::json!({ "recipes": recipes.len(), "problems": problems }))?;
        } else {
            for problem in &problems {
                render::failure(&failure(problem, &tree), false);
            }
            let right = match recipes.len() {
                1 => "1 recipe OK".to_owned(),
                count => format!("{count} recipes OK"),
            };
            let wrong = match problems.len() {
                0 => String::new(),
                1 => "; 1 error".to_owned(),
                count => format!("; {count} errors"),
            };
            render::out(format!("{right}{wrong}\n").as_bytes())?;
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Problems of the recipes' patches: a build would find them only after fetching the sources.
pub(super) fn patches(evaluated: &Evaluated, tree: &Path) -> Vec<Problem> {
    let Ok(files) = OnDisk::open(tree) else { return Vec::new() };
    let mut problems = Vec::new();
    for recipe in &evaluated.recipes {
        for source in &recipe.sources {
            for patch in source.unpack.iter().flat_map(|unpack| &unpack.patches) {
                // The evaluation has already reported files that cannot be read.
                let Ok(Some(bytes)) =
                    files.read(&patch.path, usize::try_from(MAX_FILE).unwrap_or(usize::MAX))
                else {
                    continue;
                };
                if let Err(error) = Patch::parse(&bytes) {
                    let labels = [Label { span: source.at.clone(), text: "used here".to_owned() }];
                    let message = format!("the patch {} cannot be used: {error}", patch.path);
                    problems.push(Problem::about(message, Some(recipe.name.to_string()), &labels, &files));
                }
            }
        }
    }
    problems
}
