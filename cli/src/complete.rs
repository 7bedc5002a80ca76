//! Completion in a shell: the shell runs this program, which answers from the command line's grammar, the recipe tree
//! and the store's list of roots. No daemon is asked, so nothing is slow and nothing is started.

use std::ffi::OsStr;
use std::fs;

use clap::{Command, CommandFactory};
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCompleter;

use crate::args::Cli;
use crate::recipe_tree::{RecipeTreeArg, locate};
use crate::where_store;
use stele::Program;
use stele::images::ROOT_PREFIX;
use stele::recipes::{Evaluator, Selection};
use stele_store::Layout;

/// The variable by which a shell asks, as of `clap_complete`.
pub const VARIABLE: &str = "COMPLETE";

/// What can stand for an argument.
#[derive(Clone, Copy, Debug)]
enum Names {
    Recipes,
    ImageRecipes,
    Roots,
    Images,
    Sources,
}

/// Which arguments are names: the command, the argument, and of what.
const ARGUMENTS: &[(&[&str], &str, Names)] = &[
    (&["build"], "names", Names::Recipes),
    (&["check"], "name", Names::Recipes),
    (&["explain"], "name", Names::Recipes),
    (&["report"], "names", Names::Recipes),
    (&["page"], "names", Names::Recipes),
    (&["info"], "name", Names::Recipes),
    (&["lineage"], "name", Names::Recipes),
    (&["log"], "name", Names::Recipes),
    (&["run"], "name", Names::Recipes),
    (&["shell"], "name", Names::Recipes),
    (&["trace"], "name", Names::Recipes),
    (&["graph"], "names", Names::Recipes),
    (&["why"], "name", Names::Recipes),
    (&["why"], "input", Names::Recipes),
    (&["recipe", "show"], "name", Names::Recipes),
    (&["recipe", "update"], "names", Names::Recipes),
    (&["source", "fetch"], "names", Names::Recipes),
    (&["source", "check"], "names", Names::Recipes),
    (&["source", "unpack"], "name", Names::Recipes),
    (&["source", "export"], "sources", Names::Sources),
    (&["image", "build"], "names", Names::ImageRecipes),
    (&["image", "inspect"], "image", Names::Images),
    (&["image", "tree"], "image", Names::Images),
    (&["image", "run"], "image", Names::Images),
    (&["image", "export"], "image", Names::Images),
    (&["image", "push"], "image", Names::Images),
    (&["image", "sbom"], "image", Names::Images),
    (&["image", "attach"], "image", Names::Images),
    (&["image", "referrers"], "image", Names::Images),
    (&["image", "detach"], "image", Names::Images),
    (&["image", "tag"], "image", Names::Images),
    (&["image", "rm"], "names", Names::Images),
    (&["image", "diff"], "first", Names::Images),
    (&["image", "diff"], "second", Names::Images),
    (&["approve"], "image", Names::Images),
    (&["evidence", "push"], "image", Names::Images),
    (&["attest"], "reference", Names::Roots),
    (&["audit"], "reference", Names::Roots),
    (&["verify"], "reference", Names::Roots),
    (&["evidence", "ls"], "reference", Names::Roots),
    (&["evidence", "export"], "reference", Names::Roots),
    (&["copy"], "references", Names::Roots),
    (&["bundle", "export"], "references", Names::Roots),
    (&["diff"], "before", Names::Roots),
    (&["diff"], "after", Names::Roots),
    (&["store", "root", "add"], "reference", Names::Roots),
    (&["undo"], "name", Names::Roots),
    (&["store", "ls"], "reference", Names::Roots),
    (&["store", "cat"], "reference", Names::Roots),
    (&["store", "tree"], "reference", Names::Roots),
    (&["store", "info"], "reference", Names::Roots),
    (&["store", "export"], "reference", Names::Roots),
    (&["store", "du"], "references", Names::Roots),
    (&["store", "root", "rm"], "name", Names::Roots),
];

/// The command line's grammar, with what can stand for its arguments.
pub fn grammar() -> Command {
    ARGUMENTS
        .iter()
        .fold(Cli::command(), |command, (path, argument, names)| with(command, path, argument, *names))
}

fn with(command: Command, path: &[&str], argument: &str, names: Names) -> Command {
    match path.split_first() {
        Some((first, rest)) => command.mut_subcommand(first, |inner| with(inner, rest, argument, names)),
        // Not `mut_arg`: that moves a positional argument behind the others.
        None => command.mut_args(|it| match it.get_id() == argument {
            true => it.add(ArgValueCompleter::new(move |typed: &OsStr| candidates(names, typed))),
            false => it,
        }),
    }
}

/// Those that begin with what was typed. Without a tree or a store there are none.
fn candidates(names: Names, typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let mut found: Vec<(String, Option<String>)> = match names {
        Names::Recipes | Names::ImageRecipes => recipes(names).unwrap_or_default(),
        Names::Roots => roots("").unwrap_or_default(),
        Names::Images => roots(ROOT_PREFIX).unwrap_or_default(),
        Names::Sources => roots("source-").unwrap_or_default(),
    };
    found.retain(|(name, _)| name.starts_with(typed));
    found.sort_unstable();
    found.dedup();
    found
        .into_iter()
        .map(|(name, about)| CompletionCandidate::new(name).help(about.map(Into::into)))
        .collect()
}

fn recipes(names: Names) -> Option<Vec<(String, Option<String>)>> {
    let tree = locate(&RecipeTreeArg { recipes: std::env::var_os("STELE_RECIPES").map(Into::into) }).ok()?;
    // What is right is offered, whatever else is wrong in the tree.
    let found = Evaluator::new(Program::this(), false).evaluate(&tree, &Selection::Check).ok()?;
    Some(match names {
        Names::ImageRecipes => found.images.iter().map(|it| (it.name.to_string(), None)).collect(),
        _ => found.recipes.iter().map(|it| (it.name.to_string(), it.about.description.clone())).collect(),
    })
}

/// The roots with this prefix, without it, from the list beside the database.
fn roots(prefix: &str) -> Option<Vec<(String, Option<String>)>> {
    let store = where_store::find(std::env::var_os("STELE_STORE").map(Into::into)).ok()?;
    let text = fs::read_to_string(Layout::new(store).roots()).ok()?;
    // docs/formats.md, "roots": kind, digest, time, name.
    let name = |line: &str| Some(line.split(' ').nth(3)?.strip_prefix(prefix)?.to_owned());
    Some(text.lines().skip(1).filter_map(name).map(|name| (name, None)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positional arguments called `name` that are new, or something else.
    const OTHERS: &[&[&str]] = &[&["recipe", "new"], &["image", "tag"], &["store", "root", "add"]];

    fn positionals(command: &Command, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
        for argument in command.get_positionals() {
            found.push((path.clone(), argument.get_id().to_string()));
        }
        for inner in command.get_subcommands() {
            path.push(inner.get_name().to_owned());
            positionals(inner, path, found);
            path.pop();
        }
    }

    #[test]
    fn every_name_on_the_command_line_is_completed() {
        let mut found = Vec::new();
        positionals(&Cli::command(), &mut Vec::new(), &mut found);
        for (path, argument, _) in ARGUMENTS {
            let is_it = |(other, id): &(Vec<String>, String)| other == path && id == argument;
            assert!(found.iter().any(is_it), "{path:?} has no {argument}: {found:?}");
        }
        grammar().debug_assert();
        let names = ["name", "names", "image", "reference", "references", "before", "after", "input"];
        let missing: Vec<_> = found
            .iter()
            .filter(|(path, id)| {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                names.contains(&id.as_str())
                    && !OTHERS.contains(&path.as_slice())
                    && !ARGUMENTS.iter().any(|(known, argument, _)| *known == path && argument == id)
            })
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
