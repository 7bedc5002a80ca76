//! The process that evaluates recipes.
//!
//! A process of its own, because there are things that evaluation cannot be stopped from within: one operation can
//! allocate all memory, and a value that nests deeply enough ends the stack. That process may take so much memory and
//! time and no more; when it dies, an error is all that comes of it.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use rustix::process::{Resource, Rlimit, setrlimit};

use stele_recipes::language::{self, OnDisk, Problem};

use super::{Evaluated, Wanted, name};
use crate::failure::{Failure, Kind};

/// The most memory, in bytes of address space.
const MEMORY_MOST: u64 = 4 << 30;
/// The most time, in seconds of a processor.
const SECONDS_MOST: u64 = 60;
/// The most bytes of an answer.
const ANSWER_MOST: u64 = 1 << 30;

/// `stele evaluate`, which nobody types.
#[derive(Args, Debug)]
pub struct Evaluate {
    /// The recipe tree.
    tree: PathBuf,
    /// All recipes; with `--check`, every error.
    #[arg(long)]
    check: bool,
    /// The names are those of images.
    #[arg(long)]
    images: bool,
    /// What these need; all without.
    names: Vec<String>,
}

impl Evaluate {
    /// Evaluates, in this process, and writes the answer to stdout.
    pub fn run(self) -> Result<(), Failure> {
        limit();
        // What a panic has to say comes back as a problem.
        std::panic::set_hook(Box::new(|_| {}));
        let tree = match OnDisk::open(&self.tree) {
            Ok(tree) => tree,
            Err(error) => return answer(&no_tree(&error.to_string())),
        };
        let evaluated = if self.check {
            let (recipes, errors) = language::check_all(&tree);
            Ok((recipes, errors))
        } else if self.names.is_empty() {
            language::evaluate_all(&tree).map(|recipes| (recipes, Vec::new()))
        } else {
            let names = self.names.iter().map(|text| name(text)).collect::<Result<Vec<_>, _>>()?;
            let recipes = match self.images {
                true => language::evaluate_images(&tree, &names),
                false => language::evaluate(&tree, &names),
            };
            recipes.map(|recipes| (recipes, Vec::new()))
        };
        let (recipes, errors) = evaluated.unwrap_or_else(|error| (language::Recipes::default(), vec![error]));
        let stamps = tree.stamps();
        let problems = errors.iter().map(|error| Problem::new(error, &tree)).collect();
        let images = recipes.images.into_values().collect();
        answer(&Evaluated { recipes: recipes.by_name.into_values().collect(), images, problems, stamps })
    }
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

/// Starts that process, and takes its answer.
pub(super) fn run(tree: &Path, wanted: &Wanted) -> Result<Evaluated, Failure> {
    let failed = |e: &std::io::Error| Failure::io("the process that evaluates recipes cannot be run", e);
    let mut command = Command::new("/proc/self/exe");
    command.arg("evaluate").arg(tree);
    match wanted {
        Wanted::All => {}
        Wanted::Check => drop(command.arg("--check")),
        Wanted::Images(names) => {
            command.arg("--images").arg("--").args(names.iter().map(|name| name.as_str()));
        }
        Wanted::Names(names) => drop(command.arg("--").args(names.iter().map(|name| name.as_str()))),
    }
    // Nothing of this machine reaches it but the files.
    command.env_clear().current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| failed(&e))?;
    let mut text = Vec::new();
    let read = child.stdout.take().map(|stdout| stdout.take(ANSWER_MOST).read_to_end(&mut text));
    let status = child.wait().map_err(|e| failed(&e))?;
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
