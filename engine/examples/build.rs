//! Opens a store, builds a recipe, and lists the output: `build STORE RECIPES NAME`. The store is made where there is
//! none; RECIPES is a folder with `pkgs` in it.

use std::path::Path;
use std::process::ExitCode;

use stele::builds::Order;
use stele::{Api, Engine, Failure, Kind, Program, Quiet, Setup};

fn main() -> ExitCode {
    // The engine runs this very program again, to evaluate recipes and to supervise builds.
    if let Some(code) = stele::reexec::run_if_asked() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().collect();
    let [_, store, recipes, name] = arguments.as_slice() else {
        eprintln!("usage: build STORE RECIPES NAME");
        return ExitCode::from(2);
    };
    match build(Path::new(store), Path::new(recipes), name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.message);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn build(store: &Path, recipes: &Path, name: &str) -> Result<(), Failure> {
    let mut engine = Engine::open(store, Setup::new(Program::this()))?;
    let built = engine.build(recipes, &[name], &Order::default(), &mut Quiet)?;
    if let Some(failure) = built.failed.into_iter().next() {
        return Err(failure);
    }
    let missing = || Failure::new(Kind::Failed, "a source is missing: add it to the store first");
    let goal = built.goals.first().ok_or_else(missing)?;
    for (output, digest) in &goal.outputs {
        println!("{output} {digest}");
        for entry in engine.list(&digest.to_string())? {
            println!("  {} {}", entry.kind, entry.path);
        }
    }
    engine.close()
}
