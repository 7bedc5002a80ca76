//! `recipe modules`

use crate::args::Global;
use crate::commands::source::fetch::How;
use crate::modules;
use crate::recipe_tree::{RecipeTreeArg, locate};
use crate::render;
use clap::Args;
use serde::Serialize;
use stele::failure::Failure;

/// `stele recipe modules`
#[derive(Args, Debug)]
pub struct Modules {
    /// Only list them: fetch nothing
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    place: RecipeTreeArg,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Module {
    name: String,
    sha256: String,
    file: String,
    /// Whether its files are in the recipe tree.
    there: bool,
}

impl Modules {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let tree = locate(&self.place)?;
        if !self.offline {
            modules::bring(global, &tree, &How::usual())?;
        }
        let modules: Vec<Module> = modules::pins(&tree)?
            .iter()
            .map(|pin| Module {
                name: pin.name.to_string(),
                sha256: pin.archive.source.sha256.to_string(),
                file: pin.archive.source.file.to_string(),
                there: modules::is_there(&tree, pin),
            })
            .collect();
        if global.json {
            return render::json(&modules);
        }
        let line = |it: &Module| {
            let missing = if it.there { "" } else { "  (not there)" };
            format!("{}  {}  {}{missing}\n", it.name, it.sha256, it.file)
        };
        render::out(modules.iter().map(line).collect::<String>().as_bytes())
    }
}
