//! The process that evaluates recipes.
//!
//! A process of its own, because there are things that evaluation cannot be stopped from within: one operation can
//! allocate all memory, and a value that nests deeply enough ends the stack. That process may take so much memory and
//! time and no more; when it dies, an error is all that comes of it.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit, setrlimit};

use serde::{Deserialize, Serialize};
use stele_builder::program::{Spares, Waits, own_program};
use stele_recipes::language::{self, InMemoryFiles, OnDisk, Problem};

use super::{Evaluated, Wanted};
use crate::failure::{Failure, Kind};
use crate::reference::{from_wire, to_wire};

/// The most memory, in bytes of address space.
const MEMORY_MOST: u64 = 4 << 30;
/// The most time, in seconds of a processor.
const SECONDS_MOST: u64 = 60;
/// The most bytes of an answer.
const ANSWER_MOST: u64 = 1 << 30;

/// What is to be evaluated.
#[derive(Serialize, Deserialize)]
struct Ask {
    /// The recipe tree, escaped.
    tree: String,
    wanted: Wanted,
}

/// Evaluates, in this process, what stdin asks for, and writes the answer to stdout. Nobody types this command.
///
/// # Errors
/// When nothing was asked, or nobody takes the answer.
pub fn evaluate() -> Result<(), Failure> {
    limit();
    // What a panic has to say comes back as a problem.
    std::panic::set_hook(Box::new(|_| {}));
    // What takes the same time for every tree is done before anybody waits for it.
    let _ = language::evaluate_all(&InMemoryFiles::default());
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).map_err(|e| Failure::io("nothing is asked", &e))?;
    // Whoever started it for later has gone.
    if text.is_empty() {
        return Ok(());
    }
    let Ask { tree: path, wanted } =
        serde_json::from_slice(&text).map_err(|e| Failure::io("nothing is asked", &e.into()))?;
    let path = from_wire(&path)?;
    let tree = match OnDisk::open(&path) {
        Ok(tree) => tree,
        Err(error) => return answer(&no_tree(&error.to_string())),
    };
    let evaluated = match &wanted {
        Wanted::Check => {
            let (recipes, errors) = language::check_all(&tree);
            Ok((recipes, errors))
        }
        Wanted::All => language::evaluate_all(&tree).map(|recipes| (recipes, Vec::new())),
        Wanted::Images(names) => language::evaluate_images(&tree, names).map(|recipes| (recipes, Vec::new())),
        Wanted::Names(names) => language::evaluate(&tree, names).map(|recipes| (recipes, Vec::new())),
    };
    let (recipes, errors) = evaluated.unwrap_or_else(|error| (language::Recipes::default(), vec![error]));
    let stamps = tree.stamps();
    let problems = errors.iter().map(|error| Problem::new(error, &tree)).collect();
    let images = recipes.images.into_values().collect();
    answer(&Evaluated { recipes: recipes.by_name.into_values().collect(), images, problems, stamps })
}

/// What cannot be done is left: a lower limit may be set already.
fn limit() {
    let most = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    let _ = setrlimit(Resource::As, most(MEMORY_MOST));
    let _ = setrlimit(Resource::Cpu, most(SECONDS_MOST));
    let _ = setrlimit(Resource::Core, most(0));
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

/// Whether this process evaluates again and again, and had better have the next process wait already.
static OFTEN: AtomicBool = AtomicBool::new(false);
/// Those that wait.
static SPARES: LazyLock<Spares<Evaluator>> = LazyLock::new(Spares::default);

/// A process that evaluates what it is asked to.
struct Evaluator(Child);

impl Waits for Evaluator {
    fn start() -> std::io::Result<Self> {
        let mut command = own_program(&["evaluate"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map(Self)
    }

    fn waits(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// It is asked nothing.
    fn end(mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// From now on the next process is started before it is needed: to start one takes longer than most recipes do.
pub fn often() {
    OFTEN.store(true, Ordering::Relaxed);
}

/// Has such a process evaluate, and takes its answer.
pub(super) fn run(tree: &Path, wanted: &Wanted) -> Result<Evaluated, Failure> {
    let failed = |e: &std::io::Error| Failure::io("the process that evaluates recipes cannot be run", e);
    let ask = serde_json::to_vec(&Ask { tree: to_wire(tree.as_os_str()), wanted: wanted.clone() });
    let ask = ask.map_err(|e| failed(&e.into()))?;
    let Evaluator(mut child) = SPARES.take().map_err(|e| failed(&e))?;
    // One that dies before it has heard all says by its status why.
    let asked = child.stdin.take().map(|mut stdin| stdin.write_all(&ask));
    drop(asked);
    let mut text = Vec::new();
    let read = child.stdout.take().map(|stdout| stdout.take(ANSWER_MOST).read_to_end(&mut text));
    let status = child.wait().map_err(|e| failed(&e))?;
    if OFTEN.load(Ordering::Relaxed) {
        SPARES.refill();
    }
    if let Some(Err(error)) = read {
        return Err(failed(&error));
    }
    if !status.success() {
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => format!("was ended by signal {signal}"),
            (None, code) => format!("ended with status {}", code.unwrap_or(-1)),
        };
        return Err(Failure::new(Kind::Failed, format!("the evaluation of the recipes in {} {how}", tree.display()))
            .hint(
                "it may take 4 GiB of memory, 60 s of a processor and a stack of usual size: look for a loop, or a \
                 value, that grows without end; `stele recipe check` in a copy with half of the recipes says in which \
                 half",
            ));
    }
    serde_json::from_slice(&text).map_err(|e| failed(&e.into()))
}
