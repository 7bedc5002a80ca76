//! `report`

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::unexpected;
use crate::args::Global;
use crate::recipe_tree::{RecipeTreeArg, find, graph};
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::builds::report_page;
use stele::failure::Failure;
use stele::recipes::names;

/// Write a page about the reproducibility of recipes: what their last checks and explanations found
///
/// The page is one file, DIR/index.html, which needs no network and runs no script. Nothing is built: `stele check`
/// and `stele explain` find out, and the store keeps what they found.
#[derive(Args, Debug)]
#[command(
    after_help = "Prints the path of the page. With --json, prints what is on it, as docs/formats.md describes."
)]
pub struct Report {
    /// The folder to write to
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Recipes
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// All recipes of the tree
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl Report {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let recipes = match self.all {
            true => {
                let graph = graph(&find(global, &self.place)?, &[])?;
                graph.recipes().iter().map(|it| it.name.to_string()).collect()
            }
            false => names(&self.names)?.iter().map(ToString::to_string).collect(),
        };
        let mut context = Context::new(global, true)?;
        let Answer::Reported(reported) = context.ask(Request::Report { recipes })? else {
            return Err(unexpected());
        };
        let page = self.folder.join("index.html");
        let named = page.display();
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&page, report_page(&reported, env!("CARGO_PKG_VERSION"))))
            .map_err(|e| Failure::io(&format!("{named} could not be written"), &e))?;
        match global.json {
            true => render::json(&reported),
            false => render::out(format!("{named}\n").as_bytes()),
        }
    }
}
