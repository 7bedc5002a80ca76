//! The process that evaluates recipes.
//!
//! Evaluation runs in its own process, because it cannot be bounded from within: one operation can allocate all memory,
//! and a deeply nested value overflows the stack. The process has limits of memory and time; when it dies, the only
//! result is an error.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};

use serde::{Deserialize, Serialize};
use stele_builder::program::{Program, Spares, Waits};
use stele_recipes::language::{self, Files, Follower, InMemoryFiles, OnDisk, Problem};
use stele_recipes::paths::TreePath;
use stele_recipes::plan::Graph;
use stele_recipes::recipe::RecipeName;
use stele_store::model::Node;

use super::{Evaluated, Selection, failure, trail};
use crate::failure::{Failure, Kind};
use crate::reference::{from_wire, to_wire};

/// The memory limit, in bytes of address space.
const MAX_MEMORY: u64 = 4 << 30;
/// The time limit, in seconds of processor time.
const MAX_SECONDS: u64 = 60;
/// The maximum size of an answer in bytes.
const MAX_ANSWER: u64 = 1 << 30;

/// What to evaluate.
#[derive(Serialize, Deserialize)]
struct EvaluationRequest {
    /// The recipe tree, escaped.
    tree: String,
    wanted: Selection,
    /// Whether stderr is a [`Trail`].
    followed: bool,
}

/// A recipe tree whose evaluation is followed.
struct Followed<'a>(&'a OnDisk);

impl Files for Followed<'_> {
    fn read(&self, path: &TreePath, max: usize) -> std::io::Result<Option<Vec<u8>>> {
        self.0.read(path, max)
    }

    fn node(&self, path: &TreePath) -> std::io::Result<Option<Node>> {
        self.0.node(path)
    }

    fn packages(&self) -> std::io::Result<Vec<String>> {
        self.0.packages()
    }

    fn follower(&self) -> Option<&Follower> {
        Some(&trail::note)
    }
}

/// Evaluates, in this process, the request on stdin, and writes the answer to stdout. Not a command for users.
///
/// # Errors
/// When there is no valid request, or the answer cannot be written.
pub fn evaluate() -> Result<(), Failure> {
    limit();
    // A panic's message is returned as a problem.
    std::panic::set_hook(Box::new(|_| {}));
    // Initialisation that is the same for every tree happens before a client waits for it.
    let _ = language::evaluate_all(&InMemoryFiles::default());
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).map_err(|e| Failure::io("no request to evaluate", &e))?;
    // The process that started this one in advance is gone.
    if text.is_empty() {
        return Ok(());
    }
    let EvaluationRequest { tree: path, wanted, followed } =
        serde_json::from_slice(&text).map_err(|e| Failure::io("no request to evaluate", &e.into()))?;
    let path = from_wire(&path)?;
    let tree = match OnDisk::open(&path) {
        Ok(tree) => tree,
        Err(error) => return answer(&no_tree(&error.to_string())),
    };
    let followed = followed.then_some(Followed(&tree));
    let files: &dyn Files = match &followed {
        Some(followed) => followed,
        None => &tree,
    };
    let mut modules = Vec::new();
    let evaluated = match &wanted {
        Selection::Modules => language::module_pins(files).map(|pins| {
            modules = pins;
            (language::Recipes::default(), Vec::new())
        }),
        Selection::Check => {
            let (recipes, errors) = language::check_all(files);
            Ok((recipes, errors))
        }
        Selection::All => language::evaluate_all(files).map(|recipes| (recipes, Vec::new())),
        Selection::Images(names) => {
            language::evaluate_images(files, names).map(|recipes| (recipes, Vec::new()))
        }
        Selection::Names(names) => language::evaluate(files, names).map(|recipes| (recipes, Vec::new())),
    };
    let (recipes, errors) = evaluated.unwrap_or_else(|error| (language::Recipes::default(), vec![error]));
    let stamps = tree.stamps();
    let problems = errors.iter().map(|error| Problem::new(error, &tree)).collect();
    let images = recipes.images.into_values().collect();
    let (recipes, printed) = (recipes.by_name.into_values().collect(), recipes.printed);
    answer(&Evaluated { recipes, images, modules, printed, problems, stamps })
}

/// Sets the limits. Failures are ignored: a lower limit may be set already.
fn limit() {
    let max = |max: u64| Rlimit { current: Some(max), maximum: Some(max) };
    let _ = setrlimit(Resource::As, max(MAX_MEMORY));
    let _ = setrlimit(Resource::Cpu, max(MAX_SECONDS));
    let _ = setrlimit(Resource::Core, max(0));
}

fn no_tree(message: &str) -> Evaluated {
    let problem = Problem {
        message: message.to_owned(),
        recipe: None,
        places: Vec::new(),
        called_from: Vec::new(),
        hint: Some("name the folder that holds `pkgs` with --recipes or STELE_RECIPES".to_owned()),
        not_found: true,
    };
    Evaluated { problems: vec![problem], ..Evaluated::default() }
}

fn answer(evaluated: &Evaluated) -> Result<(), Failure> {
    let failed = |e| Failure::io("the answer cannot be written", &e);
    let text = serde_json::to_vec(evaluated).map_err(|e| failed(e.into()))?;
    std::io::stdout().write_all(&text).map_err(failed)
}

/// The helper that calls [`evaluate`].
pub const EVALUATE: &str = "evaluate";

/// Evaluates recipe trees, each time in a new process.
pub struct Evaluator {
    spares: Spares<Process>,
    /// Whether the next process is started before it is needed.
    keep_spares: bool,
}

/// A process that evaluates one request.
struct Process(Child);

impl Waits for Process {
    fn start(program: &Program) -> std::io::Result<Self> {
        let mut command = program.helper(EVALUATE);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map(Self)
    }

    fn waits(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Ends the process without a request.
    fn end(mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Evaluator {
    /// An evaluator whose processes are helpers of `program`. With `keep_spares` the next ones are started in advance:
    /// starting one takes longer than evaluating most recipes.
    pub fn new(program: Program, keep_spares: bool) -> Self {
        Self { spares: Spares::new(program), keep_spares }
    }

    /// The graph of these recipes of a recipe tree, or of all recipes when the list is empty.
    ///
    /// # Errors
    /// As of [`Evaluator::evaluate`].
    pub fn graph(&self, tree: &Path, names: &[RecipeName]) -> Result<Graph, Failure> {
        let recipes = self.evaluate(tree, &Selection::of(names))?.by_name();
        let all: Vec<_> = recipes.by_name.keys().cloned().collect();
        let graph = Graph::of(&recipes, if names.is_empty() { &all } else { names });
        graph.map_err(|e| Failure::new(Kind::NotFound, e.to_string()))
    }

    /// Evaluates; a problem is a failure.
    ///
    /// # Errors
    /// With the first problem, or when evaluation did not finish.
    pub fn evaluate(&self, tree: &Path, wanted: &Selection) -> Result<Evaluated, Failure> {
        let evaluated = self.run(tree, wanted)?;
        match evaluated.problems.first() {
            Some(problem) if *wanted != Selection::Check => Err(failure(problem, tree)),
            _ => Ok(evaluated),
        }
    }

    /// Evaluates in a process.
    fn run(&self, tree: &Path, wanted: &Selection) -> Result<Evaluated, Failure> {
        let process = self.spares.take().map_err(|e| not_run(&e))?;
        let outcome = ask(process, tree, wanted, false)?;
        if self.keep_spares {
            self.spares.refill();
        }
        let status = match outcome {
            Answer::Evaluated(evaluated) => return Ok(evaluated),
            Answer::Died(status) => status,
        };
        // It is deterministic: followed, another process dies at the same statement.
        let (place, words) = self.follow(tree, wanted).unwrap_or_default();
        let mut how = match (status.signal(), status.code()) {
            (Some(signal), _) => format!("was killed by signal {signal}"),
            (None, code) => format!("ended with status {}", code.unwrap_or(-1)),
        };
        if let Some(place) = place {
            how.push_str(&format!(" at {place}"));
        }
        if let Some((_, meaning)) = DEATHS.iter().find(|(sign, _)| words.contains(sign)) {
            how.push_str(&format!(": {meaning}"));
        }
        let message = format!("the evaluation of the recipes in {} {how}", tree.display());
        Err(Failure::new(Kind::Failed, message).hint(
            "the limits are 4 GiB of memory, 60 s of processor time and the usual stack: look for an endless loop, or \
             a value that grows without end",
        ))
    }

    /// Evaluates once more, followed: the place of the last statement, and the last words of the process.
    fn follow(&self, tree: &Path, wanted: &Selection) -> Option<(Option<String>, String)> {
        let trail = trail::new().ok()?;
        let stderr = trail.try_clone().ok()?;
        let mut command = self.spares.program().helper(EVALUATE);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().ok()?;
        match ask(Process(child), tree, wanted, true) {
            Ok(Answer::Died(_)) => Some(trail::read(&trail)),
            _ => None,
        }
    }
}

/// What a process that dies says (Rust's standard library), and what that means.
const DEATHS: &[(&str, &str)] = &[
    ("overflowed its stack", "a value is nested so deeply that the stack overflowed"),
    ("memory allocation of", "there was no more memory"),
];

/// What a process gives.
enum Answer {
    Evaluated(Evaluated),
    Died(ExitStatus),
}

fn not_run(error: &std::io::Error) -> Failure {
    Failure::io("the process that evaluates recipes cannot be run", error)
}

/// Sends a request to a process, and receives its answer.
fn ask(process: Process, tree: &Path, wanted: &Selection, followed: bool) -> Result<Answer, Failure> {
    let Process(mut child) = process;
    let ask = EvaluationRequest { tree: to_wire(tree.as_os_str()), wanted: wanted.clone(), followed };
    let ask = serde_json::to_vec(&ask).map_err(|e| not_run(&e.into()))?;
    // The exit status tells why a process died before it read the whole request.
    let asked = child.stdin.take().map(|mut stdin| stdin.write_all(&ask));
    drop(asked);
    let mut text = Vec::new();
    let read = child.stdout.take().map(|stdout| stdout.take(MAX_ANSWER).read_to_end(&mut text));
    let status = child.wait().map_err(|e| not_run(&e))?;
    if let Some(Err(error)) = read {
        return Err(not_run(&error));
    }
    if !status.success() {
        return Ok(Answer::Died(status));
    }
    serde_json::from_slice(&text).map(Answer::Evaluated).map_err(|e| not_run(&e.into()))
}
