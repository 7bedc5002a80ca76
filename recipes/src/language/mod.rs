//! The language of recipes: Starlark, evaluated to data.
//!
//! Evaluation is a pure function of the files that [`Files`] returns: it has no clock, no environment and no network,
//! and the order in which folders are listed does not reach the result. It is bounded in steps, heap and depth; a
//! process limit has to stop what those limits cannot (one operation with a huge allocation).

mod context;
mod define;
mod depth;
pub mod editing;
mod error;
mod files;
mod format;
mod functions;
mod image_functions;
mod module_pins;
mod modules;
mod on_disk;
mod problem;
mod spans;
mod stamps;
#[cfg(test)]
mod tests;
mod values;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension};
use starlark::syntax::Dialect;

pub use define::about::is_debian_package;
pub use error::{ArgumentError, EvalError, Label, What};
pub use files::{Files, Follower, InMemoryFiles, MAX_STARLARK};
pub use format::format;
pub use module_pins::{MODULES, MODULES_STAR, ModulePin, module_pins};
pub use on_disk::{OnDisk, OnDiskError};
pub use problem::{Problem, Shown};
pub use stamps::Stamps;

use crate::paths::TreePath;
use crate::recipe::{ImageRecipe, Recipe, RecipeName};
use modules::{Modules, Parts};

/// Recipes by their names.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Recipes {
    /// The recipes, with all their dependencies.
    pub by_name: BTreeMap<RecipeName, Arc<Recipe>>,
    /// The images.
    pub images: BTreeMap<RecipeName, Arc<ImageRecipe>>,
    /// The files that were evaluated, from the top of the recipe tree.
    pub files: BTreeSet<String>,
    /// What they printed, each line after its file.
    pub printed: Vec<String>,
}

/// Evaluates the recipes `names` and their dependencies: the files that define them, and what those load.
///
/// # Errors
/// With the first error; which one that is depends only on the files.
pub fn evaluate(files: &dyn Files, names: &[RecipeName]) -> Result<Recipes, EvalError> {
    on_a_deep_stack(|| {
        let mut modules = Modules::new(files);
        let packages = OnceCell::new();
        for name in names {
            let folder = folder_of(name, &mut modules, files, &packages)?;
            modules.load_package(&folder)?;
            if !modules.recipes().iter().any(|recipe| recipe.name == *name) {
                return Err(no_recipe(name, modules.recipes().iter().map(|it| it.name.as_str())));
            }
        }
        gather(modules)
    })
}

/// Evaluates the images `names`, and their recipes.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_images(files: &dyn Files, names: &[RecipeName]) -> Result<Recipes, EvalError> {
    on_a_deep_stack(|| {
        let mut modules = Modules::new(files);
        let packages = OnceCell::new();
        for name in names {
            let known =
                |modules: &Modules<'_>| modules.images().iter().map(|it| it.name.clone()).collect::<Vec<_>>();
            let none = |known: Vec<RecipeName>| {
                let similar = similar(name, known.iter().map(RecipeName::as_str));
                EvalError::new(What::NoImage { name: name.as_str().to_owned(), similar }, Vec::new())
            };
            let Ok(folder) = folder_of(name, &mut modules, files, &packages) else {
                return Err(none(known(&modules)));
            };
            modules.load_package(&folder)?;
            if !modules.images().iter().any(|image| image.name == *name) {
                return Err(none(known(&modules)));
            }
        }
        gather(modules)
    })
}

/// Evaluates all recipes of a tree.
///
/// # Errors
/// With the first error, in the order of the folders' names.
pub fn evaluate_all(files: &dyn Files) -> Result<Recipes, EvalError> {
    on_a_deep_stack(|| {
        let mut modules = Modules::new(files);
        for package in packages(files)? {
            modules.load_package(&format!("pkgs/{package}"))?;
        }
        gather(modules)
    })
}

/// Evaluates all recipes of a tree, and continues after an error: returns the valid recipes, and every error once.
pub fn check_all(files: &dyn Files) -> (Recipes, Vec<EvalError>) {
    let checked = on_a_deep_stack(|| {
        let mut errors = Vec::new();
        let mut modules = Modules::new(files);
        match packages(files) {
            Ok(packages) => {
                for package in packages {
                    errors.extend(modules.load_package(&format!("pkgs/{package}")).err());
                }
            }
            Err(error) => errors.push(error),
        }
        // Nothing reads it in a tree that loads nothing from modules.
        errors.extend(Modules::with(files, module_pins::globals()).pins().err());
        let mut found = BTreeSet::new();
        errors.retain(|error| {
            let at = error.labels.first().map(|label| label.span.to_string());
            found.insert((error.to_string(), at))
        });
        // A file that loads a failed one fails because of it, which adds nothing.
        errors.retain(|error| !matches!(*error.what, What::Earlier { .. }));
        match gather(modules) {
            Ok(recipes) => Ok((recipes, errors)),
            Err(error) => {
                errors.push(error);
                Ok((Recipes::default(), errors))
            }
        }
    });
    checked.unwrap_or_else(|error| (Recipes::default(), vec![error]))
}

/// The sorted folders of a recipe tree: their order on disk must not matter.
fn packages(files: &dyn Files) -> Result<Vec<String>, EvalError> {
    let mut packages = files.packages().map_err(|e| EvalError::new(What::Packages(e), Vec::new()))?;
    packages.sort_unstable();
    packages.dedup();
    Ok(packages)
}

/// The folder that defines a recipe of that name, from the top of the tree: the longest that is a prefix of it, in this
/// tree or else in a module.
fn folder_of(
    name: &RecipeName,
    modules: &mut Modules<'_>,
    files: &dyn Files,
    known: &OnceCell<Vec<String>>,
) -> Result<String, EvalError> {
    let packages = match known.get() {
        Some(packages) => packages,
        None => {
            let found = packages(files)?;
            known.get_or_init(|| found)
        }
    };
    let own = name.folders().find(|folder| packages.binary_search_by(|it| it.as_str().cmp(folder)).is_ok());
    if let Some(own) = own {
        return Ok(format!("pkgs/{own}"));
    }
    let there = |folder: &String| {
        let file = TreePath::parse(format!("{folder}/recipe.star").as_bytes()).ok();
        file.is_some_and(|file| matches!(files.read(&file, MAX_STARLARK), Ok(Some(_)) | Err(_)))
    };
    for module in modules.pinned()? {
        let below = |folder: &str| format!("{MODULES}/{module}/pkgs/{folder}");
        if let Some(found) = name.folders().map(below).find(there) {
            return Ok(found);
        }
    }
    Err(no_recipe(name, packages.iter().map(String::as_str)))
}

fn no_recipe<'a>(name: &RecipeName, known: impl Iterator<Item = &'a str>) -> EvalError {
    let similar = similar(name, known);
    EvalError::new(What::NoRecipe { name: name.as_str().to_owned(), similar }, Vec::new())
}

/// Those of `known` that the user may have meant by `name`.
fn similar<'a>(name: &RecipeName, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    // At most a third of the letters may differ, or it is another word.
    let max = name.as_str().len().div_ceil(3);
    let mut similar: Vec<_> = known
        .map(|it| (strsim::damerau_levenshtein(it, name.as_str()), it))
        .filter(|(distance, it)| *distance <= max || it.starts_with(&format!("{name}-")))
        .collect();
    similar.sort_unstable();
    similar.dedup();
    similar.into_iter().take(3).map(|(_, it)| format!("`{it}`")).collect()
}

/// All results, by name. A name of two recipes is an error.
fn gather(modules: Modules<'_>) -> Result<Recipes, EvalError> {
    let Parts { recipes: defined, images: drawn, files, printed } = modules.into_parts();
    let packages: BTreeSet<String> =
        files.iter().filter_map(|file| modules::package(file)).map(str::to_owned).collect();
    let mut by_name: BTreeMap<RecipeName, Arc<Recipe>> = BTreeMap::new();
    for recipe in defined {
        if let Some(first) = by_name.get(&recipe.name) {
            let labels = vec![
                Label::new(recipe.at.clone(), "this is the second"),
                Label::new(first.at.clone(), "this is the first"),
            ];
            return Err(EvalError::new(What::TwoRecipes { name: recipe.name.clone() }, labels));
        }
        let found = modules::package(&recipe.at.file).unwrap_or_default().to_owned();
        if let Some(wanted) = recipe.name.folders().find(|folder| packages.contains(*folder))
            && wanted != found
        {
            let labels = vec![Label::new(recipe.at.clone(), "")];
            let (name, wanted) = (recipe.name.clone(), wanted.to_owned());
            return Err(EvalError::new(What::OtherFolder { name, found, wanted }, labels));
        }
        by_name.insert(recipe.name.clone(), recipe);
    }
    let mut images: BTreeMap<RecipeName, Arc<ImageRecipe>> = BTreeMap::new();
    for image in drawn {
        if let Some(first) = images.get(&image.name) {
            let labels = vec![
                Label::new(image.at.clone(), "this is the second"),
                Label::new(first.at.clone(), "this is the first"),
            ];
            return Err(EvalError::new(What::TwoImages { name: image.name.clone() }, labels));
        }
        let image = if image.images.iter().any(|parts| parts.closure) {
            let mut image = ImageRecipe::clone(&image);
            image.images.iter_mut().filter(|parts| parts.closure).for_each(|parts| parts.close(&by_name));
            Arc::new(image)
        } else {
            image
        };
        images.insert(image.name.clone(), image);
    }
    Ok(Recipes { by_name, images, files, printed })
}

/// The dialect: the standard, with keyword-only parameters, types, f-strings, and `if` and `for` at the top.
fn dialect() -> Dialect {
    Dialect {
        enable_keyword_only_arguments: true,
        enable_types: starlark::syntax::DialectTypes::Enable,
        enable_load_reexport: false,
        enable_top_level_stmt: true,
        enable_f_strings: true,
        ..Dialect::Standard
    }
}

/// What every file can use: the standard, `struct`, and our functions.
fn globals() -> Globals {
    let mut builder = GlobalsBuilder::extended_by(&[
        LibraryExtension::StructType,
        LibraryExtension::SetType,
        LibraryExtension::Map,
        LibraryExtension::Filter,
        LibraryExtension::Typing,
        LibraryExtension::Print,
    ]);
    functions::functions(&mut builder);
    image_functions::functions(&mut builder);
    builder.build()
}

/// The documentation of the functions of recipes, each with its text in Markdown, in a fixed order.
pub fn reference() -> Vec<(String, String)> {
    let globals = GlobalsBuilder::new()
        .with(functions::functions)
        .with(image_functions::functions)
        .with(module_pins::functions)
        .build();
    let docs = globals.documentation();
    let wanted = [
        "recipe",
        "source",
        "debian_binary",
        "foreign_image",
        "local",
        "hex0",
        "input",
        "image",
        "image_index",
        "module",
    ];
    wanted
        .iter()
        .filter_map(|name| {
            let item = docs.members.get(*name)?;
            Some(((*name).to_owned(), starlark::docs::markdown::render_doc_item_no_link(name, item)))
        })
        .collect()
}

/// The parser and compiler walk expressions recursively, and what [`depth`] admits needs more than a usual stack. A
/// panic of the evaluator is an error like any other: earlier results are dropped with it.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, EvalError> + Send) -> Result<T, EvalError> {
    const STACK: usize = 128 << 20;
    std::thread::scope(|scope| {
        let gave_up = |why: String| EvalError::new(What::Evaluator(why), Vec::new());
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        thread.map_err(|e| gave_up(format!("no thread can be started: {e}")))?.join().unwrap_or_else(
            |panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                Err(gave_up(text.or(panic.downcast_ref().copied()).unwrap_or("no reason given").to_owned()))
            },
        )
    })
}
