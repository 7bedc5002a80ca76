//! Files load files: each is evaluated once, after those that it loads.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use starlark::PrintHandler;
use starlark::codemap::FileSpanRef;
use starlark::environment::{FrozenModule, Globals, Module};
use starlark::eval::{BeforeStmtFunc, Evaluator, ReturnFileLoader};
use starlark::syntax::AstModule;
use starlark::values::FrozenHeapName;

use super::context::{Context, from_top, module};
use super::error::{EvalError, Label, What};
use super::files::{Files, MAX_STARLARK};
use super::module_pins::{MODULES_STAR, ModulePin};
use super::{depth, dialect, globals, module_pins, spans};
use crate::paths::TreePath;
use crate::recipe::{ImageRecipe, Recipe, Span};

/// Maximum number of steps of one file.
const MAX_STEPS: u64 = 10_000_000;
/// Maximum size in bytes of one file's values, as far as the evaluator counts them.
const MAX_HEAP: usize = 256 << 20;
/// Maximum number of lines that are printed.
const MAX_PRINTED: usize = 1000;
/// Maximum depth of calls.
const MAX_CALL_DEPTH: usize = 200;

/// The files that were loaded so far.
pub(super) struct Modules<'a> {
    files: &'a dyn Files,
    globals: Globals,
    states: HashMap<Arc<str>, State>,
    recipes: Vec<Arc<Recipe>>,
    images: Vec<Arc<ImageRecipe>>,
    pins: Vec<ModulePin>,
    /// The names of the tree's modules, once they were looked up.
    pinned: Option<Vec<String>>,
    /// What was printed.
    printed: Vec<String>,
}

/// What files came to.
pub(super) struct Parts {
    pub(super) recipes: Vec<Arc<Recipe>>,
    pub(super) images: Vec<Arc<ImageRecipe>>,
    pub(super) files: BTreeSet<String>,
    pub(super) printed: Vec<String>,
}

enum State {
    /// It waits for a file that it loads.
    Loading,
    Done(FrozenModule),
    /// It could not be evaluated, which was reported.
    Failed,
}

/// A file that waits for those that it loads.
struct Waiting {
    file: Arc<str>,
    module: AstModule,
    /// Its loads: as written, the file, and the location.
    loads: Vec<(String, Arc<str>, Span)>,
    /// The number of finished loads.
    done: usize,
}

/// The folder below `pkgs` of a `recipe.star`, of this tree or of a module.
pub(super) fn package(file: &str) -> Option<&str> {
    let file = module(file).map_or(file, |(_, path)| path);
    file.strip_prefix("pkgs/")?.strip_suffix("/recipe.star").filter(|name| !name.contains('/'))
}

impl<'a> Modules<'a> {
    pub(super) fn new(files: &'a dyn Files) -> Self {
        Self::with(files, globals())
    }

    /// Files that can use `globals`.
    pub(super) fn with(files: &'a dyn Files, globals: Globals) -> Self {
        let (states, printed) = (HashMap::new(), Vec::new());
        Self {
            files,
            globals,
            states,
            recipes: Vec::new(),
            images: Vec::new(),
            pins: Vec::new(),
            pinned: None,
            printed,
        }
    }

    /// The names of the modules that are pinned.
    pub(super) fn pinned(&mut self) -> Result<&[String], EvalError> {
        if self.pinned.is_none() {
            let pins = Self::with(self.files, module_pins::globals()).pins()?;
            self.pinned = Some(pins.iter().map(|pin| pin.name.to_string()).collect());
        }
        Ok(self.pinned.as_deref().unwrap_or_default())
    }

    /// The modules that `modules.star` pins; none without that file.
    pub(super) fn pins(mut self) -> Result<Vec<ModulePin>, EvalError> {
        let file: Arc<str> = MODULES_STAR.into();
        match self.load(&file) {
            Err(error) if matches!(&*error.what, What::NoFile { path } if path == MODULES_STAR) => {
                Ok(Vec::new())
            }
            outcome => outcome.map(|()| self.pins),
        }
    }

    /// The recipes defined so far.
    pub(super) fn recipes(&self) -> &[Arc<Recipe>] {
        &self.recipes
    }

    /// The images defined so far.
    pub(super) fn images(&self) -> &[Arc<ImageRecipe>] {
        &self.images
    }

    /// The recipes, the images, the files that were evaluated, and what they printed.
    pub(super) fn into_parts(self) -> Parts {
        let files = self.states.into_keys().map(|file| file.to_string()).collect();
        Parts { recipes: self.recipes, images: self.images, files, printed: self.printed }
    }

    /// Evaluates the `recipe.star` of a folder, given from the top of the tree, if that was not done yet.
    pub(super) fn load_package(&mut self, folder: &str) -> Result<(), EvalError> {
        let file: Arc<str> = format!("{folder}/recipe.star").into();
        self.load(&file)
    }

    /// Evaluates `file` and all that it loads. A loop, since a chain of files may be longer than a stack.
    fn load(&mut self, file: &Arc<str>) -> Result<(), EvalError> {
        let mut waiting = Vec::new();
        let outcome = self.load_with(file, &mut waiting);
        if outcome.is_err() {
            for waiting in waiting {
                self.states.insert(waiting.file, State::Failed);
            }
            self.states.insert(Arc::clone(file), State::Failed);
        }
        outcome
    }

    fn load_with(&mut self, file: &Arc<str>, waiting: &mut Vec<Waiting>) -> Result<(), EvalError> {
        match self.states.get(file) {
            Some(State::Done(_)) => return Ok(()),
            Some(State::Failed) => return Err(earlier(file)),
            Some(State::Loading) | None => {}
        }
        let first = self.parse(file, None)?;
        waiting.push(first);
        while let Some(last) = waiting.last_mut() {
            let Some((_, next, at)) = last.loads.get(last.done).cloned() else {
                self.evaluate(last)?;
                waiting.pop();
                continue;
            };
            match self.states.get(&next) {
                Some(State::Done(_)) => last.done += 1,
                Some(State::Failed) => return Err(earlier(&next)),
                Some(State::Loading) => return Err(cycle(waiting, &next)),
                None => {
                    let next = self.parse(&next, Some(&at)).inspect_err(|_| {
                        self.states.insert(next, State::Failed);
                    })?;
                    waiting.push(next);
                }
            }
        }
        Ok(())
    }

    /// Reads and parses a file, which is `Loading` from then on.
    fn parse(&mut self, file: &Arc<str>, loaded_at: Option<&Span>) -> Result<Waiting, EvalError> {
        let labels = || loaded_at.map(|at| Label::new(at.clone(), "it is loaded here")).into_iter().collect();
        let no_file = || {
            let what = match module(file) {
                Some((name, path)) => What::NoModule { module: name.to_owned(), path: path.to_owned() },
                None => What::NoFile { path: file.to_string() },
            };
            EvalError::new(what, labels())
        };
        // What lies in the folder of modules and is not pinned is no module.
        if let Some((name, _)) = module(file)
            && !self.pinned()?.iter().any(|pinned| pinned == name)
        {
            return Err(no_file());
        }
        let path = TreePath::parse(file.as_bytes()).map_err(|_| no_file())?;
        let bytes = self
            .files
            .read(&path, MAX_STARLARK)
            .map_err(|source| EvalError::new(What::Read { path: file.to_string(), source }, labels()))?;
        let text = String::from_utf8(bytes.ok_or_else(no_file)?).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            EvalError::new(What::NotUtf8 { path: file.to_string(), at }, labels())
        })?;
        depth::check(file, &text)?;
        let module =
            AstModule::parse(file, text, &dialect()).map_err(|error| language_error(&error, file))?;
        let mut loads = Vec::new();
        for load in module.loads() {
            let at = spans::of(&load.span);
            let target = target(file, load.module_id).map_err(|why| {
                let what = What::LoadPath { text: load.module_id.to_owned(), why };
                EvalError::new(what, vec![Label::new(at.clone(), "")])
            })?;
            loads.push((load.module_id.to_owned(), target.into(), at));
        }
        self.states.insert(Arc::clone(file), State::Loading);
        Ok(Waiting { file: Arc::clone(file), module, loads, done: 0 })
    }

    /// Evaluates a file whose loads are all finished.
    fn evaluate(&mut self, waiting: &Waiting) -> Result<(), EvalError> {
        let Waiting { file, module: parsed, loads, .. } = waiting;
        let context = Context {
            files: self.files,
            file: Arc::clone(file),
            package: package(file).map(str::to_owned),
            recipes: RefCell::default(),
            images: RefCell::default(),
            caller: RefCell::new(Arc::clone(file)),
            pins: RefCell::default(),
            refused: RefCell::default(),
        };
        let printed = Printed { file: Arc::clone(file), lines: RefCell::default() };
        let loaded: HashMap<&str, &FrozenModule> = loads
            .iter()
            .filter_map(|(text, file, _)| match self.states.get(file) {
                Some(State::Done(module)) => Some((text.as_str(), module)),
                _ => None,
            })
            .collect();
        let loader = ReturnFileLoader { modules: &loaded };
        let globals = &self.globals;
        let follower = self.files.follower();
        let follow = |at: FileSpanRef<'_>, _: bool, _: &mut Evaluator<'_, '_, '_>| {
            if let Some(tell) = follower {
                tell(at.file.filename(), at.file.resolve_span(at.span).begin.line + 1);
            }
        };
        let outcome = Module::with_temp_heap(|module| {
            let mut eval = Evaluator::new(&module);
            eval.set_loader(&loader);
            eval.extra = Some(&context);
            eval.set_print_handler(&printed);
            if follower.is_some() {
                eval.before_stmt_for_dap(BeforeStmtFunc::Fn(&follow));
            }
            let limits = eval
                .set_max_tick_count(MAX_STEPS)
                .and_then(|()| eval.set_max_heap_size(MAX_HEAP))
                .and_then(|()| eval.set_max_callstack_size(MAX_CALL_DEPTH));
            limits.map_err(starlark::Error::new_other)?;
            let evaluated = eval.eval_module(parsed.clone(), globals).map(drop);
            // The evaluator has no other indication of a heap overflow.
            let heap = |error: &starlark::Error| {
                error.without_diagnostic().to_string().starts_with("Heap memory limit")
            };
            let limit = match &evaluated {
                Err(_) if eval.get_total_tick_count() >= MAX_STEPS => Some((MAX_STEPS, "steps")),
                Err(error) if heap(error) => Some((MAX_HEAP as u64, "bytes")),
                _ => None,
            };
            drop(eval);
            if let Some((max, what)) = limit {
                let error = evaluated.as_ref().err();
                let call = error.and_then(|it| it.call_stack().frames.last()?.location.as_ref());
                let at = error.and_then(starlark::Error::span).or(call);
                let at = at.map_or_else(
                    || Label::new(spans::whole(file), ""),
                    |at| Label::new(spans::of(at), "it stopped here"),
                );
                let what = What::Limit { file: file.to_string(), max, what };
                return Err(context.keep(EvalError::new(what, vec![at])));
            }
            evaluated?;
            let name = FrozenHeapName::User(Box::new(file.to_string()));
            module.freeze_named(name).map_err(starlark::Error::from)
        });
        self.printed.append(&mut printed.lines.take());
        self.printed.truncate(MAX_PRINTED);
        match (outcome, context.refused.take()) {
            (Ok(module), None) => {
                self.pins.append(&mut context.pins.take());
                let (recipes, images) = (context.recipes.take(), context.images.take());
                if context.package.is_some() && recipes.is_empty() && images.is_empty() {
                    let what = What::NoneDefined { file: file.to_string() };
                    return Err(EvalError::new(what, vec![Label::new(spans::whole(file), "")]));
                }
                self.recipes.extend(recipes);
                self.images.extend(images);
                self.states.insert(Arc::clone(file), State::Done(module));
                Ok(())
            }
            (_, Some(refused)) => Err(refused),
            (Err(error), None) => Err(language_error(&error, file)),
        }
    }
}

/// What a file prints.
struct Printed {
    file: Arc<str>,
    lines: RefCell<Vec<String>>,
}

impl PrintHandler for Printed {
    fn println(&self, text: &str) -> starlark::Result<()> {
        let mut lines = self.lines.borrow_mut();
        if lines.len() < MAX_PRINTED {
            lines.push(format!("{}: {text}", self.file));
        }
        Ok(())
    }
}

/// An error of Starlark itself.
pub(super) fn language_error(error: &starlark::Error, file: &Arc<str>) -> EvalError {
    let text = error.without_diagnostic().to_string();
    // For an argument of a wrong type, or one too many, the evaluator reports its name, and only the span of the call.
    let name = |begin: &str| text.strip_prefix(begin).and_then(|rest| rest.split('`').next());
    let extra = name("Found `").filter(|_| text.contains("extra named parameter"));
    let span = match (error.span(), name("Type of parameter `"), extra) {
        (Some(call), Some(argument), _) => spans::of_argument(call, argument),
        (Some(call), None, Some(extra)) => spans::of_named_argument(call, extra),
        (Some(span), None, None) => spans::of(span),
        (None, ..) => spans::whole(file),
    };
    let mut calls: Vec<Span> = error
        .call_stack()
        .frames
        .iter()
        .rev()
        .filter_map(|frame| frame.location.as_ref())
        .map(spans::of)
        .collect();
    calls.retain(|call| *call != span);
    let mut failed = EvalError::new(What::Language(text), vec![Label::new(span, "")]);
    failed.called_from = calls;
    failed
}

fn earlier(file: &str) -> EvalError {
    EvalError::new(What::Earlier { file: file.to_owned() }, Vec::new())
}

/// The file that `text` names in a `load` in `file`.
pub(super) fn target(file: &str, text: &str) -> Result<String, &'static str> {
    if text.starts_with('/') && !text.starts_with("//") {
        return Err("a path from the top of the tree begins with two slashes");
    }
    let path = from_top(file, file, text);
    if !path.ends_with(".star") {
        return Err("only files whose name ends with .star can be loaded");
    }
    match TreePath::parse(path.as_bytes()) {
        Ok(_) => Ok(path),
        Err(_) => Err("not a path: a component is empty, `.` or `..`"),
    }
}

/// The error of a circle: `next`, which is to be loaded, is waiting itself.
fn cycle(waiting: &[Waiting], next: &Arc<str>) -> EvalError {
    let begin = waiting.iter().position(|it| it.file == *next).unwrap_or(0);
    let circle = &waiting[begin..];
    let mut files: Vec<String> = circle.iter().map(|it| it.file.to_string()).collect();
    files.push(next.to_string());
    let labels = circle.iter().rev().filter_map(|it| {
        let (_, target, at) = it.loads.get(it.done)?;
        Some(Label::new(at.clone(), format!("loads {target}")))
    });
    EvalError::new(What::LoadCycle { files }, labels.collect())
}
