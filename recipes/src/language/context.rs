//! The state of the language's functions while a file is evaluated, and their results.

// `ProvidesStaticType` can only be implemented by its derive, which writes an `unsafe impl`.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::sync::Arc;

use starlark::any::ProvidesStaticType;
use starlark::eval::Evaluator;

use super::error::{ArgumentError, EvalError, Label, What};
use super::files::Files;
use super::module_pins::{MODULES, ModulePin};
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
    /// The recipes defined so far.
    pub(super) recipes: RefCell<Vec<Arc<Recipe>>>,
    /// The images defined so far.
    pub(super) images: RefCell<Vec<Arc<ImageRecipe>>>,
    /// The file in which the running call of one of our functions is written: a library may call it.
    pub(super) caller: RefCell<Arc<str>>,
    /// The modules pinned so far.
    pub(super) pins: RefCell<Vec<ModulePin>>,
    /// Why one of our functions ended evaluation.
    pub(super) refused: RefCell<Option<EvalError>>,
}

/// An invalid argument, and the places related to it.
pub(super) struct Refused {
    pub(super) argument: &'static str,
    pub(super) why: Box<ArgumentError>,
    pub(super) also: Vec<Label>,
}

impl Refused {
    pub(super) fn new(argument: &'static str, why: impl Into<ArgumentError>) -> Self {
        Self { argument, why: Box::new(why.into()), also: Vec::new() }
    }

    /// Adds related places.
    pub(super) fn also(self, also: Vec<Label>) -> Self {
        Self { also, ..self }
    }
}

/// The path that `text` means, written in the file `caller` while `file` is evaluated, from the top of the recipe tree:
/// with `//` from the top of the tree or module that the caller belongs to, with `@NAME//` from the top of that module
/// and with `@//` from the top of the tree itself, else relative to the file. An empty or absolute text is returned
/// unchanged, which is not a valid path.
pub(super) fn from_top(file: &str, caller: &str, text: &str) -> String {
    match text.strip_prefix('@').and_then(|rest| rest.split_once("//")) {
        Some(("", path)) => return path.to_owned(),
        Some((name, path)) => return format!("{MODULES}/{name}/{path}"),
        None => {}
    }
    match (text.strip_prefix("//"), file.rsplit_once('/')) {
        (Some(path), _) => match module(caller) {
            Some((name, _)) => format!("{MODULES}/{name}/{path}"),
            None => path.to_owned(),
        },
        (None, Some((folder, _))) if !text.is_empty() && !text.starts_with('/') => format!("{folder}/{text}"),
        (None, _) => text.to_owned(),
    }
}

/// The module that a file belongs to, and its path from the top of that.
pub(super) fn module(file: &str) -> Option<(&str, &str)> {
    file.strip_prefix(MODULES)?.strip_prefix('/')?.split_once('/')
}

/// Starlark's view of an error that is kept in the [`Context`].
#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Recorded;

impl<'a> Context<'a> {
    /// The context of the running evaluation, in which one of our functions is called.
    pub(super) fn of<'b>(eval: &Evaluator<'_, 'b, '_>) -> &'b Context<'b> {
        let context = eval.extra.and_then(|extra| extra.downcast_ref::<Context<'_>>());
        let context = context.expect("every evaluation has one");
        let calls = eval.call_stack().frames;
        let caller = calls.last().and_then(|call| call.location.as_ref()).map(|at| at.filename().into());
        *context.caller.borrow_mut() = caller.unwrap_or_else(|| Arc::clone(&context.file));
        context
    }

    /// The span of the current call in this file: below a library's function, the call of that function.
    pub(super) fn call(&self, eval: &Evaluator<'_, '_, '_>) -> Span {
        let frames = eval.call_stack().frames;
        let spans = frames.iter().filter_map(|frame| frame.location.as_ref());
        let own = spans.clone().find(|span| span.filename() == &*self.file);
        own.or_else(|| spans.clone().next()).map_or_else(|| spans::whole(&self.file), spans::of)
    }

    /// The path that `text` means, from the top of the recipe tree.
    pub(super) fn path(&self, text: &str) -> Result<TreePath, TreePathError> {
        TreePath::parse(from_top(&self.file, &self.caller.borrow(), text).as_bytes())
    }

    /// Records why `function` was refused, and returns an error for Starlark.
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

    /// Records `error`, and returns one for Starlark.
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
