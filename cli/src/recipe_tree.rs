//! Finds the recipe tree, and evaluates it in a child process of this command.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::args::Global;
use crate::commands::source::fetch::How;
use crate::modules;
use crate::render;
use stele::Program;
use stele::failure::{Failure, Kind};
use stele::recipes::{Evaluated, Evaluator, Selection};
use stele_recipes::plan::Graph;
use stele_recipes::recipe::RecipeName;

/// `--recipes DIR`
#[derive(Args, Debug, Clone)]
pub struct RecipeTreeArg {
    /// The recipe tree: a folder with `pkgs` in it [default: the nearest one upwards from the current directory, or
    /// `recipes` in one of those directories]
    #[arg(long, env = "STELE_RECIPES", value_name = "DIR", hide_env_values = true)]
    pub recipes: Option<PathBuf>,
}

/// The chosen recipe tree, as an absolute path, with the modules that it pins.
///
/// # Errors
/// When there is none, or a module cannot be had.
pub fn find(global: &Global, place: &RecipeTreeArg) -> Result<PathBuf, Failure> {
    find_with(global, place, &How::usual())
}

/// As [`find`], with modules fetched as `how` says.
///
/// # Errors
/// As [`find`].
pub fn find_with(global: &Global, place: &RecipeTreeArg, how: &How) -> Result<PathBuf, Failure> {
    let tree = locate(place)?;
    modules::bring(global, &tree, how)?;
    Ok(tree)
}

/// The chosen recipe tree, as an absolute path.
///
/// # Errors
/// When there is none.
pub fn locate(place: &RecipeTreeArg) -> Result<PathBuf, Failure> {
    if let Some(given) = &place.recipes
        && given.is_absolute()
    {
        return Ok(given.clone());
    }
    let here =
        std::env::current_dir().map_err(|e| Failure::io("the working directory cannot be determined", &e))?;
    if let Some(given) = &place.recipes {
        return Ok(here.join(given));
    }
    let is_tree = |path: &Path| path.join("pkgs").is_dir();
    let both = |folder: &Path| [folder.to_owned(), folder.join("recipes")];
    here.ancestors().flat_map(both).find(|path| is_tree(path)).ok_or_else(|| {
        Failure::new(
            Kind::NotFound,
            format!("no recipe tree in {} or any parent directory", here.display()),
        )
        .hint(
            "go to a folder with `pkgs` or `recipes/pkgs` in it, or name one with --recipes or STELE_RECIPES",
        )
    })
}

/// Evaluates a recipe tree; a problem is a failure.
///
/// # Errors
/// As of [`Evaluator::evaluate`].
pub fn evaluate(tree: &Path, wanted: &Selection) -> Result<Evaluated, Failure> {
    let evaluated = Evaluator::new(Program::this(), false).evaluate(tree, wanted)?;
    evaluated.printed.iter().for_each(|line| render::tell(line));
    Ok(evaluated)
}

/// The graph of these recipes of a recipe tree, or of all recipes when the list is empty.
///
/// # Errors
/// As of [`Evaluator::graph`].
pub fn graph(tree: &Path, names: &[RecipeName]) -> Result<Graph, Failure> {
    Evaluator::new(Program::this(), false).graph(tree, names)
}
