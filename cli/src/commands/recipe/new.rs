//! `recipe new`

use std::fs;
use std::io::Write;

use clap::Args;

use crate::args::Global;
use crate::recipe_tree::{RecipeTreeArg, locate};
use crate::render;
use stele::failure::{Failure, Kind};
use stele::recipes::name;

/// `stele recipe new`
#[derive(Args, Debug)]
pub struct New {
    /// The package's name
    name: String,
    /// Upstream's version
    #[arg(long, value_name = "VERSION", default_value = "1")]
    pkg_version: String,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl New {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, name) = (locate(&self.place)?, name(&self.name)?);
        let folder = tree.join("pkgs").join(name.as_str());
        let file = folder.join("recipe.star");
        let text = text(name.as_str(), &self.pkg_version);
        let write = || {
            fs::create_dir_all(&folder)?;
            fs::OpenOptions::new().write(true).create_new(true).open(&file)?.write_all(text.as_bytes())
        };
        write().map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Failure::new(Kind::Usage, format!("{} is there already", file.display()))
                    .hint(format!("`stele recipe show {name}` shows what it defines"))
            }
            _ => Failure::io(&format!("{} could not be written", file.display()), &e),
        })?;
        match global.json {
            true => render::json(&file),
            false => render::out(format!("{}\n", file.display()).as_bytes()),
        }
    }
}

/// A recipe that is right as it is, and does nothing of use yet.
fn text(name: &str, version: &str) -> String {
    let variable: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let variable =
        if variable.starts_with(|c: char| c.is_ascii_digit()) { format!("_{variable}") } else { variable };
    let version = version.replace(['"', '\\'], "");
    format!(
        "# docs/recipes.md has every argument, docs/packaging.md the way from here to a package.\n\
         {variable} = recipe(\n    \
             name = \"{name}\",\n    \
             version = \"{version}\",\n    \
             description = \"says nothing yet\",\n    \
             # `stele source prefetch ADDRESS` prints a source(…) for this list.\n    \
             sources = [],\n    \
             # Recipes whose outputs the build sees: a compiler, a shell.\n    \
             inputs = [],\n    \
             # What runs, without a shell; or `script = \"\"\"…\"\"\"` with one. All below /out is kept.\n    \
             steps = [[\"/usr/bin/true\"]],\n\
         )\n"
    )
}
