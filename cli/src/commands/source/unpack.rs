//! `source unpack`

use clap::Args;

use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::unexpected;
use crate::recipe_tree::{RecipeTreeArg, find};
use crate::render;
use stele::Request;
use stele::answers::Answer;
use stele::failure::Failure;
use stele::recipes::name;
use stele::reference::to_wire;

/// `stele source unpack`
#[derive(Args, Debug)]
pub struct Unpack {
    /// The recipe
    name: String,
    /// Keep the unpacked trees for this many seconds; a root keeps them permanently
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    keep: u64,
    #[command(flatten)]
    place: RecipeTreeArg,
}

impl Unpack {
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let (tree, name) = (find(global, &self.place)?, name(&self.name)?);
        let request = Request::Unpack {
            tree: to_wire(tree.as_os_str()),
            recipe: name.as_str().to_owned(),
            keep_seconds: self.keep,
        };
        let Answer::Unpacked(unpacked) = Context::new(global, false)?.ask(request)? else {
            return Err(unexpected());
        };
        if global.json {
            return render::json(&unpacked);
        }
        let lines: String = unpacked.iter().map(|it| format!("{}  {}\n", it.digest, it.file)).collect();
        render::out(lines.as_bytes())
    }
}
