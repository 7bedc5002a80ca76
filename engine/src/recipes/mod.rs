//! Evaluated recipes: the evaluating process, its answers, and the format of its errors.

mod evaluator;
mod excerpt;
mod trail;

pub mod generated;
pub mod planned;
pub mod unpacked;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use stele_recipes::language::{ModulePin, Problem, Recipes, Stamps};
use stele_recipes::recipe::{ImageRecipe, Recipe, RecipeName};

use crate::failure::{Failure, Kind};

pub use evaluator::{EVALUATE, Evaluator, evaluate};
pub use excerpt::excerpt;
pub use planned::Plans;

/// The result of evaluating a recipe tree.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Evaluated {
    /// The recipes.
    pub recipes: Vec<Arc<Recipe>>,
    /// The images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Arc<ImageRecipe>>,
    /// The modules of the recipe tree, when those are wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<ModulePin>,
    /// What the files printed, each line after its file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub printed: Vec<String>,
    /// The problems.
    pub problems: Vec<Problem>,
    /// The state of every file that was read.
    pub stamps: Stamps,
}

impl Evaluated {
    /// The recipes by their names.
    pub fn by_name(&self) -> Recipes {
        let by_name = self.recipes.iter().map(|recipe| (recipe.name.clone(), Arc::clone(recipe)));
        Recipes { by_name: by_name.collect(), ..Recipes::default() }
    }
}

/// The part of a recipe tree to evaluate.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Selection {
    /// All recipes, up to the first error.
    All,
    /// All recipes, with every error.
    Check,
    /// These images and their dependencies.
    Images(Vec<RecipeName>),
    /// No recipes, but the modules that the tree pins.
    Modules,
    /// These recipes and their dependencies.
    Names(Vec<RecipeName>),
}

impl Selection {
    /// These recipes and their dependencies; everything when the list is empty.
    pub fn of(names: &[RecipeName]) -> Self {
        if names.is_empty() { Self::All } else { Self::Names(names.to_vec()) }
    }
}

/// A problem as a failure.
pub fn failure(problem: &Problem, tree: &Path) -> Failure {
    let kind = if problem.not_found { Kind::NotFound } else { Kind::Failed };
    let mut failure = Failure::new(kind, excerpt(problem, tree));
    let usual = || "`stele recipe check` lists all problems of the recipes".to_owned();
    failure.hint = problem.hint.clone().or_else(|| Some(usual()));
    failure
}

/// Parses the names of a command line.
///
/// # Errors
/// When one cannot be the name of a recipe.
pub fn names(texts: &[String]) -> Result<Vec<RecipeName>, Failure> {
    texts.iter().map(|text| name(text)).collect()
}

/// Parses one name.
///
/// # Errors
/// When it cannot be the name of a recipe.
pub fn name(text: &str) -> Result<RecipeName, Failure> {
    RecipeName::new(text)
        .map_err(|e| Failure::new(Kind::Usage, format!("`{text}` cannot be the name of a recipe: {e}")))
}
