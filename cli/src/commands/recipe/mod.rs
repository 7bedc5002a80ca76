//! `recipe`: show, check, begin and format recipes. Only modules need a store.

mod add_debian;
mod check;
mod fmt;
mod lsp;
mod modules;
mod new;
mod show;
mod update;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::args::Global;
use crate::recipe_tree::{RecipeTreeArg, evaluate, find};
use crate::render;
use stele::Untrusted;
use stele::failure::Failure;
use stele::recipes::Selection;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// List all recipes: name, version, description
    Ls(Ls),
    /// Show a recipe's full definition
    Show(show::Show),
    /// Evaluate all recipes, read their patches, and report every problem
    Check(check::Check),
    /// Begin a package: write its first recipe.star
    New(new::New),
    /// Print `debian_binary(…)` for packages of Debian and all that they need
    AddDebian(add_debian::AddDebian),
    /// List the modules that the recipe tree pins, fetching those that are missing
    Modules(modules::Modules),
    /// Find newer versions where recipes say how, and rewrite their pins
    Update(update::Update),
    /// Format Starlark files; print those that changed
    Fmt(fmt::Fmt),
    /// Serve an editor over stdin and stdout (Language Server Protocol)
    Lsp(lsp::Lsp),
}

/// `stele recipe ls`
#[derive(Args, Debug)]
pub struct Ls {
    #[command(flatten)]
    place: RecipeTreeArg,
}

/// Runs one of the `recipe` commands.
///
/// # Errors
/// The failure to show.
pub fn run(global: &Global, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Ls(ls) => ls.run(global).map(|()| ExitCode::SUCCESS),
        Command::Show(show) => show.run(global).map(|()| ExitCode::SUCCESS),
        Command::Check(check) => check.run(global),
        Command::AddDebian(args) => args.run(global).map(|()| ExitCode::SUCCESS),
        Command::New(new) => new.run(global).map(|()| ExitCode::SUCCESS),
        Command::Modules(modules) => modules.run(global).map(|()| ExitCode::SUCCESS),
        Command::Update(args) => args.run(global).map(|()| ExitCode::SUCCESS),
        Command::Fmt(fmt) => fmt.run(global),
        Command::Lsp(lsp) => lsp.run(),
    }
}

impl Ls {
    fn run(self, global: &Global) -> Result<(), Failure> {
        let evaluated = evaluate(&find(global, &self.place)?, &Selection::All)?;
        if global.json {
            let rows = evaluated.recipes.iter().map(|it| {
                serde_json::json!({
                    "name": it.name, "version": it.version, "description": it.about.description,
                    "license": it.about.license, "file": it.at.file,
                })
            });
            return render::json(&rows.collect::<Vec<_>>());
        }
        let names = evaluated.recipes.iter().map(|it| it.name.as_str().len()).max().unwrap_or(0);
        let versions = evaluated.recipes.iter().map(|it| it.version.as_str().len()).max().unwrap_or(0);
        let mut text = String::new();
        for recipe in &evaluated.recipes {
            let description = recipe.about.description.as_deref().unwrap_or_default();
            let description = Untrusted(description);
            let line = format!("{:names$}  {:versions$}  {description}", recipe.name, recipe.version);
            text.push_str(line.trim_end());
            text.push('\n');
        }
        render::out(text.as_bytes())
    }
}
