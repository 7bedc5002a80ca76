//! The state of the language's functions while a file is evaluated, and their results.

// `ProvidesStaticType` can only be implemented by its derive, which writes an `unsafe impl`.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::sync::Arc;

use starlark::any::ProvidesStaticType;
use starlark::eval::Evaluator;

use super::error::{ArgumentError, EvalError, Label, What};
use super::files::Files;
use super::spans;
use crate::paths::{TreePath, TreePathError};
use crate::recipe::{ImageRecipe, Recipe, Span};

/// The state while one file is evaluated.
#[derive(ProvidesStaticType)]
pub(super) struct Context<'a> {
    pub(super) files: &'a dyn Files,
    /// The file, from the top of the recipe tree.
    pub(super) file: Arc<str>,
    /// The folder below `pkgs` whose recipes the file defines.
    pub(super) package: Option<String>,
    /// The recipes that it defined so far.
    pub(super) recipes: RefCell<Vec<Arc<Recipe>>>,
    /// The images that it defined so far.
    pub(super) images: RefCell<Vec<Arc<ImageRecipe>>>,
    /// Why evaluation was ended by one of our functions.
    pub(super) refused: RefCell<Option<EvalError>>,
}

/// An argument that will not do, and what else has to do with it.
pub(super) struct Refused {
    pub(super) argument: &'static str,
    pub(super) why: Box<ArgumentError>,
    pub(super) also: Vec<Label>,
}

impl Refused {
    pub(super) fn new(argument: &'static str, why: impl Into<ArgumentError>) -> Self {
        Self { argument, why: Box::new(why.into()), also: Vec::new() }
    }

    /// The same, with other places that have to do with it.
    pub(super) fn also(self, also: Vec<Label>) -> Self {
        Self { also, ..self }
    }
}

/// What `text` in `file` names, from the top of the recipe tree: with `//` it says so, else it lies beside the file. An
/// empty or absolute text stays what it is, which no path is.
pub(super) fn from_top(file: &str, text: &str) -> String {
    match (text.strip_prefix("//"), file.rsplit_once('/')) {
        (Some(path), _) => path.to_owned(),
        (None, Some((folder, _))) if !text.is_empty() && !text.starts_with('/') => format!("{folder}/{text}"),
        (None, _) => text.to_owned(),
    }
}

/// What Starlark sees of an error that is kept in the [`Context`].
#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Recorded;

impl<'a> Context<'a> {
    /// That of the running evaluation.
    pub(super) fn of<'b>(eval: &Evaluator<'_, 'b, '_>) -> &'b Context<'b> {
        eval.extra.and_then(|extra| extra.downcast_ref::<Context<'_>>()).expect("every evaluation has one")
    }

    /// The span of the call that runs, seen from this file: with a function of a library between, that function's call.
    pub(super) fn call(&self, eval: &Evaluator<'_, '_, '_>) -> Span {
        let frames = eval.call_stack().frames;
        let spans = frames.iter().filter_map(|frame| frame.location.as_ref());
        let own = spans.clone().find(|span| span.filename() == &*self.file);
        own.or_else(|| spans.clone().next()).map_or_else(|| spans::whole(&self.file), spans::of)
    }

    /// Takes `text` for a path of the recipe tree: from its top, or beside this file.
    pub(super) fn path(&self, text: &str) -> Result<TreePath, TreePathError> {
        TreePath::parse(from_top(&self.file, text).as_bytes())
    }

    /// Keeps why `function` was refused, and gives Starlark an error.
    pub(super) fn refuse(
        &self,
        eval: &Evaluator<'_, '_, '_>,
        function: &'static str,
        recipe: Option<&str>,
        refused: Refused,
    ) -> starlark::Error {
        let Refused { argument, why, also } = refused;
        let frames = eval.call_stack().frames;
        let mut calls = frames.iter().rev().filter_map(|frame| frame.location.as_ref());
        let at =
            calls.next().map_or_else(|| spans::whole(&self.file), |call| spans::of_argument(call, argument));
        let mut labels = vec![Label::new(at, "")];
        labels.extend(also);
        let mut error = EvalError::new(What::Argument { function, argument, why: *why }, labels);
        error.called_from = calls.map(spans::of).collect();
        error.recipe = recipe.map(str::to_owned);
        self.keep(error)
    }

    /// Keeps `error`, and gives Starlark one.
    pub(super) fn keep(&self, error: EvalError) -> starlark::Error {
        self.refused.borrow_mut().get_or_insert(error);
        starlark::Error::new_other(Recorded)
    }

    /// The package, for a function that needs one.
    pub(super) fn package(
        &self,
        eval: &Evaluator<'_, '_, '_>,
        function: &'static str,
    ) -> Result<&str, starlark::Error> {
        self.package.as_deref().ok_or_else(|| {
            let label = Label::new(self.call(eval), "");
            self.keep(EvalError::new(What::NoPackage { function, file: self.file.to_string() }, vec![label]))
        })
    }
}
